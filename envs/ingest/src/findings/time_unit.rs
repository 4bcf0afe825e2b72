//! What integer times are counted in, as far as their size tells.

/// The unit of the times so far. Any numbers will do as times, but two units in one log put its rows out of order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimeUnit(Option<usize>);

/// Units since 1970, per second. Years from 1990 to 2100 differ in size from unit to unit.
const PER_SECOND: [i64; 4] = [1, 1_000, 1_000_000, 1_000_000_000];

/// Seconds from 1970 to 1990 and to 2100.
const YEARS: std::ops::Range<i64> = 631_152_000..4_102_444_800;

const EXPECTED: [&str; 4] = [
    "times in seconds since 1970, as in the rows before",
    "times in milliseconds since 1970, as in the rows before",
    "times in microseconds since 1970, as in the rows before",
    "times in nanoseconds since 1970, as in the rows before",
];

impl TimeUnit {
    /// What was expected in the place of `time`, if it seems to be counted in another unit than the first.
    pub(crate) fn other_than(&mut self, time: i64) -> Option<&'static str> {
        let unit = PER_SECOND.iter().position(|per_second| YEARS.contains(&time.div_euclid(*per_second)))?;
        let first = *self.0.get_or_insert(unit);
        (first != unit).then_some(EXPECTED[first])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_log_has_one_unit() {
        let mut unit = TimeUnit::default();
        assert_eq!(unit.other_than(17), None, "no time of a calendar");
        assert_eq!(unit.other_than(1_650_000_000), None);
        assert!(unit.other_than(1_650_000_000_000).unwrap().contains(" seconds"));
        assert_eq!(unit.other_than(1_650_000_001), None);
        let mut unit = TimeUnit::default();
        assert_eq!([1_650_000_000_000, 5].map(|time| unit.other_than(time)), [None, None]);
        assert!(unit.other_than(1_650_000_000).unwrap().contains(" milliseconds"));
        assert!(unit.other_than(1_650_000_000_000_000).is_some());
    }
}
