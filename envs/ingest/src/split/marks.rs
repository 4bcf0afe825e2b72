//! Splits that are known row by row, before anything about the whole log is.

use std::collections::HashMap;

use arrow_array::{StringArray, UInt8Array};
use rmtl_envs::Split;

use crate::dataset_file::SplitRule;

/// Gives a row its split, as a number.
pub(crate) enum SplitMarks {
    ByValue(HashMap<String, u8>),
    BySession { ratios: [f64; 3], seed: u64 },
}

impl SplitMarks {
    /// None for rules by time.
    pub(crate) fn new(rule: &SplitRule) -> Option<Self> {
        match rule {
            SplitRule::TimeRatio { .. } | SplitRule::TimeBoundary { .. } => None,
            SplitRule::Random { ratios, seed } => Some(Self::BySession { ratios: *ratios, seed: *seed }),
            SplitRule::Column { train, validation, test, .. } => {
                let lists = Split::ALL.iter().zip([train, validation, test]);
                let marks =
                    lists.flat_map(|(&split, values)| values.iter().map(move |v| (v.clone(), split as u8)));
                Some(Self::ByValue(marks.collect()))
            }
        }
    }

    /// The split of rows with `value` in the split column.
    pub(crate) fn of_value(&self, value: &str) -> Option<u8> {
        match self {
            Self::ByValue(marks) => marks.get(value).copied(),
            Self::BySession { .. } => None,
        }
    }

    /// The splits of rows of these sessions.
    pub(crate) fn of_sessions(&self, sessions: &StringArray) -> UInt8Array {
        let Self::BySession { ratios, seed } = self else {
            unreachable!("splits by a column are read from the column");
        };
        let mut last: Option<(&str, u8)> = None;
        let marks = sessions.iter().map(|session| {
            let session = session.unwrap_or_default();
            let mark = last
                .filter(|(known, _)| *known == session)
                .map_or_else(|| draw(*seed, session, ratios), |l| l.1);
            last = Some((session, mark));
            mark
        });
        UInt8Array::from_iter_values(marks)
    }
}

/// A session's split: its hash, as a number from 0 to 1, on the scale of the ratios.
fn draw(seed: u64, session: &str, ratios: &[f64; 3]) -> u8 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(session.as_bytes());
    let bytes = hasher.finalize().as_bytes()[..8].try_into().expect("a hash has 32 bytes");
    let point = u64::from_le_bytes(bytes) as f64 / 2f64.powi(64) * ratios.iter().sum::<f64>();
    u8::from(point >= ratios[0]) + u8::from(point >= ratios[0] + ratios[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_splits_keep_the_ratios_and_depend_on_the_seed() {
        let marks =
            |seed| (0..10_000).map(move |session: u32| draw(seed, &session.to_string(), &[6.0, 2.0, 2.0]));
        for (split, share) in [(0, 0.6), (1, 0.2), (2, 0.2)] {
            let found = marks(7).filter(|&mark| mark == split).count() as f64 / 10_000.0;
            // Five standard deviations of a share of 0.6 over 10,000 draws.
            assert!((found - share).abs() < 0.025, "split {split}: {found}");
        }
        assert!(marks(7).eq(marks(7)));
        assert!(marks(7).ne(marks(8)));
    }

    #[test]
    fn a_column_names_the_split() {
        let rule = SplitRule::Column {
            column: "day".into(),
            train: vec!["1".into(), "2".into()],
            validation: vec!["3".into()],
            test: vec!["4".into()],
        };
        let marks = SplitMarks::new(&rule).unwrap();
        assert_eq!(["2", "3", "4", "5"].map(|day| marks.of_value(day)), [Some(0), Some(1), Some(2), None]);
    }
}
