//! Where each split ends, and what is known by then.

use rmtl_envs::{SessionEnd, Split};

use crate::IngestError;
use crate::rows::Rows;
use crate::split::boundary::Boundaries;

/// The end of a split. A split's table is made from the split's own rows and this number: the log after it is not
/// looked at, so nothing in the table can tell what comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SplitEnd {
    /// A time.
    pub(crate) boundary: i64,
    /// Whether what happens at `boundary` still belongs to the split.
    pub(crate) inclusive: bool,
}

/// The ends of all splits: splits by time end where the next one begins, the last one and those by other rules with
/// the last of their own rows.
pub(crate) fn ends(rows: &dyn Rows, boundaries: Boundaries) -> Result<[SplitEnd; 3], IngestError> {
    let mut ends = [SplitEnd { boundary: 0, inclusive: true }; 3];
    for (split, end) in Split::ALL.into_iter().zip(&mut ends) {
        *end = match (boundaries, split) {
            (Boundaries::Times { validation_from, .. }, Split::Train) => SplitEnd::before(validation_from),
            (Boundaries::Times { test_from, .. }, Split::Validation) => SplitEnd::before(test_from),
            (Boundaries::Times { .. }, Split::Test) | (Boundaries::Marked, _) => {
                // Any end will do for a split without rows.
                let boundary = rows.last_time(boundaries, split)?.unwrap_or_default();
                SplitEnd { boundary, inclusive: true }
            }
        };
    }
    Ok(ends)
}

impl SplitEnd {
    fn before(boundary: i64) -> Self {
        Self { boundary, inclusive: false }
    }

    /// How a session ends whose last row in the split is at `last`: the pause after it is longer than `gap` whatever
    /// comes, or nobody knows.
    ///
    /// The same arithmetic holds for a row in the middle of a split that a pause longer than `gap` follows: the next
    /// row's time is not after the boundary, so `boundary − last` is at least the pause, and the session terminates.
    pub(crate) fn of_session(self, last: i64, gap: Option<i64>) -> SessionEnd {
        match gap {
            Some(gap) if self.boundary.saturating_sub(last) > gap => SessionEnd::Terminated,
            _ => SessionEnd::Cut,
        }
    }

    /// Whether `time` has not come yet.
    pub(crate) fn is_before(self, time: i64) -> bool {
        if self.inclusive { self.boundary < time } else { self.boundary <= time }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_session_terminates_only_if_the_gap_fits_before_the_boundary() {
        let end = SplitEnd::before(100);
        assert_eq!(end.of_session(89, Some(10)), SessionEnd::Terminated);
        assert_eq!(end.of_session(90, Some(10)), SessionEnd::Cut);
        assert_eq!(end.of_session(0, None), SessionEnd::Cut);
        assert_eq!(end.of_session(i64::MIN, Some(i64::MAX)), SessionEnd::Cut);
    }

    #[test]
    fn what_happens_at_a_boundary_is_known_only_where_the_split_includes_it() {
        assert_eq!([99, 100].map(|time| SplitEnd::before(100).is_before(time)), [false, true]);
        let inclusive = SplitEnd { boundary: 100, inclusive: true };
        assert_eq!([100, 101].map(|time| inclusive.is_before(time)), [false, true]);
    }

    proptest! {
        #[test]
        fn a_pause_within_a_split_and_its_end_never_contradict_each_other(
            mut times in prop::collection::vec(0i64..1000, 2..20), gap in 1i64..200, after in 0i64..50
        ) {
            times.sort_unstable();
            let end = SplitEnd { boundary: times[times.len() - 1] + after, inclusive: true };
            for pair in times.windows(2).filter(|pair| pair[1] - pair[0] > gap) {
                prop_assert_eq!(end.of_session(pair[0], Some(gap)), SessionEnd::Terminated);
            }
        }
    }
}
