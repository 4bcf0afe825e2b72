//! Where the splits meet, and what each of them then holds.

use arrow_cast::parse::string_to_timestamp_nanos;
use arrow_schema::DataType;
use rmtl_envs::Split;

use crate::IngestError;
use crate::dataset_file::{DatasetFile, SplitRule, TimePoint};
use crate::rows::Rows;

/// How a canonical row gets its split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boundaries {
    /// By its time.
    Times { validation_from: i64, test_from: i64 },
    /// By its split column.
    Marked,
}

impl Boundaries {
    pub(crate) fn split(self, time: i64, mark: Option<u8>) -> Split {
        let index = match self {
            Self::Times { validation_from, test_from } => {
                u8::from(time >= validation_from) + u8::from(time >= test_from)
            }
            Self::Marked => mark.expect("rules that mark rows have a split column"),
        };
        Split::ALL[usize::from(index)]
    }
}

/// Boundaries the dataset file states; none if the log's times decide.
pub(crate) fn stated(file: &DatasetFile, time: &DataType) -> Result<Option<Boundaries>, IngestError> {
    let at = |key: &str, point: &TimePoint| match point {
        TimePoint::Number(time) => Ok(*time),
        TimePoint::Text(text) if time.is_temporal() => match string_to_timestamp_nanos(text) {
            Ok(nanoseconds) => Ok(nanoseconds.div_euclid(1_000_000)),
            Err(_) => Err(file.setting(key, "a date or date and time such as 2022-05-01T12:00:00", text)),
        },
        TimePoint::Text(text) => {
            let expected = format!("a number in the unit of column `{}`, whose type is {time}", file.time);
            Err(file.setting(key, expected, format!("\"{text}\"")))
        }
    };
    match &file.split {
        SplitRule::TimeRatio { .. } => Ok(None),
        SplitRule::Column { .. } | SplitRule::Random { .. } => Ok(Some(Boundaries::Marked)),
        SplitRule::TimeBoundary { validation_from, test_from } => {
            let (validation, test) =
                (at("split.validation_from", validation_from)?, at("split.test_from", test_from)?);
            if validation >= test {
                let found = format!("{test}, not later than validation_from = {validation}");
                return Err(file.setting("split.test_from", "a later time than `validation_from`", found));
            }
            Ok(Some(Boundaries::Times { validation_from: validation, test_from: test }))
        }
    }
}

/// The changes of time nearest to the wanted shares of `n_rows` rows: exact counts, and equal times stay together.
pub(crate) fn by_ratio(rows: &dyn Rows, ratios: &[f64; 3], n_rows: u64) -> Result<Boundaries, IngestError> {
    let sum: f64 = ratios.iter().sum();
    let wanted = |share: f64| (n_rows as f64 * (share / sum)).round() as u64;
    let mut validation = Search::new(wanted(ratios[0]));
    let mut test = Search::new(wanted(ratios[0] + ratios[1]));
    let (mut last, mut before) = (None, 0);
    rows.times(&mut |time| {
        if last != Some(time) {
            validation.offer(time, before);
            test.offer(time, before);
        }
        last = Some(time);
        before += 1;
    })?;
    // Where time never changes, everything is training, and the other splits are reported as empty.
    let end = last.map_or(0, |time| time.saturating_add(1));
    let at = |search: Search| search.nearest.map_or(end, |(time, _)| time);
    Ok(Boundaries::Times { validation_from: at(validation), test_from: at(test) })
}

/// The change of time with the number of rows before it nearest to the wanted one; the earlier of two.
struct Search {
    wanted: u64,
    /// A time, and how many rows its boundary is off.
    nearest: Option<(i64, u64)>,
}

impl Search {
    fn new(wanted: u64) -> Self {
        Self { wanted, nearest: None }
    }

    fn offer(&mut self, time: i64, rows_before: u64) {
        let distance = rows_before.abs_diff(self.wanted);
        // A boundary before the first row would leave a split empty whatever the ratio.
        if rows_before > 0 && self.nearest.is_none_or(|(_, least)| distance < least) {
            self.nearest = Some((time, distance));
        }
    }
}

/// Rows of each split, and the positives of each task among them, `[split][task]`.
#[derive(Debug)]
pub(crate) struct SplitCounts {
    pub(crate) rows: [u64; 3],
    pub(crate) positives: [Vec<u64>; 3],
}

impl SplitCounts {
    /// Positives by task of the splits together.
    pub(crate) fn of_all_splits(&self) -> Vec<u64> {
        let tasks = 0..self.positives[0].len();
        tasks.map(|task| self.positives.iter().map(|positives| positives[task]).sum()).collect()
    }
}

/// A split without rows and a task without positives to learn from end the preparation before its longest steps.
pub(crate) fn check(
    file: &DatasetFile,
    boundaries: Boundaries,
    counts: &SplitCounts,
) -> Result<(), IngestError> {
    if let Some(split) = Split::ALL.into_iter().find(|&split| counts.rows[split as usize] == 0) {
        let [train, validation, test] = counts.rows;
        let meeting = match boundaries {
            Boundaries::Times { validation_from, test_from } => {
                format!(" (validation from time {validation_from}, test from time {test_from})")
            }
            Boundaries::Marked => String::new(),
        };
        let rule = format!("expected rows in all three, found {train}, {validation} and {test}{meeting}");
        return Err(IngestError::EmptySplit { split: split.name(), rule });
    }
    let [rows, ..] = counts.rows;
    match counts.positives[Split::Train as usize].iter().position(|&positives| positives == 0) {
        Some(task) => {
            let (task, column) = (file.tasks[task].name.clone(), file.tasks[task].label.clone());
            Err(IngestError::NoPositives { task, column, rows })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn search(wanted: u64, changes: &[(i64, u64)]) -> Option<i64> {
        let mut search = Search::new(wanted);
        for &(time, before) in changes {
            search.offer(time, before);
        }
        search.nearest.map(|(time, _)| time)
    }

    #[test]
    fn the_boundary_is_the_nearest_change_of_time() {
        // Ten rows at times 1 1 1 1 1 1 1 2 3 4: six wanted before the boundary, seven possible.
        let changes = [(1, 0), (2, 7), (3, 8), (4, 9)];
        assert_eq!(search(6, &changes), Some(2));
        assert_eq!(search(8, &changes), Some(3));
        // Never before the first row, even where that is nearest.
        assert_eq!(search(1, &changes), Some(2));
        assert_eq!(search(1, &changes[..1]), None);
    }

    proptest! {
        #[test]
        fn no_other_change_of_time_is_nearer(mut times in vec(0i64..20, 2..60), wanted in 0u64..60) {
            times.sort_unstable();
            let before = |time: i64| times.iter().filter(|&&other| other < time).count() as u64;
            let changes: Vec<(i64, u64)> = times.iter().map(|&time| (time, before(time))).collect();
            let possible = changes.iter().filter(|(_, before)| *before > 0);
            let least = possible.map(|(_, before)| before.abs_diff(wanted)).min();
            let found = search(wanted, &changes);
            prop_assert_eq!(found.map(|time| before(time).abs_diff(wanted)), least);
        }
    }

    #[test]
    fn times_at_a_boundary_belong_to_the_later_split() {
        let boundaries = Boundaries::Times { validation_from: 10, test_from: 20 };
        let splits = [9, 10, 19, 20].map(|time| boundaries.split(time, None));
        assert_eq!(splits, [Split::Train, Split::Validation, Split::Validation, Split::Test]);
    }
}
