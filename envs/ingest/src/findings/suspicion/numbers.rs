//! What a numeric column tells of a label.

use super::outcome::Training;
use super::rank::auc;
use super::sample::Sample;
use super::{Evidence, MIN_OUTCOMES, TELLING_AUC};

/// A missing number stands at the mean, which is 0 after standardisation.
const MISSING: f32 = 0.0;

/// A numeric field beside a task's label.
pub(super) struct Numbers {
    field: usize,
    task: usize,
    /// By label.
    outcomes: [Outcome; 2],
}

/// The values on the rows of one label.
#[derive(Clone, Copy)]
struct Outcome {
    rows: u64,
    missing: u64,
    least: f32,
    most: f32,
}

impl Numbers {
    /// Counts all rows; `has_missing` says whether a value at the mean is a missing one.
    pub(super) fn count(training: &Training<'_>, field: usize, task: usize, has_missing: bool) -> Self {
        let none = Outcome { rows: 0, missing: 0, least: f32::INFINITY, most: f32::NEG_INFINITY };
        let mut outcomes = [none; 2];
        for row in training.table.rows() {
            let value = training.table.numeric(row)[field];
            let outcome = &mut outcomes[usize::from(training.outcome(row, task))];
            outcome.rows += 1;
            outcome.missing += u64::from(has_missing && value == MISSING);
            outcome.least = outcome.least.min(value);
            outcome.most = outcome.most.max(value);
        }
        Self { field, task, outcomes }
    }

    pub(super) fn evidence(&self, training: &Training<'_>, sample: &Sample) -> Option<Evidence> {
        let [zeros, ones] = &self.outcomes;
        if zeros.rows.min(ones.rows) < MIN_OUTCOMES {
            return None;
        }
        if let Some(label) = missing_where([(zeros.missing, zeros.rows), (ones.missing, ones.rows)]) {
            return Some(Evidence::MissingWhere(label));
        }
        if zeros.least == zeros.most && ones.least == ones.most && zeros.least != ones.least {
            return Some(Evidence::Copy);
        }
        // The AUC of an indicator: one half and half the difference of its shares.
        let missing = 0.5 + 0.5 * (zeros.share_missing() - ones.share_missing()).abs();
        if missing >= TELLING_AUC {
            return Some(Evidence::Missing { auc: missing });
        }
        let value =
            |&(row, _): &_| (training.table.numeric(row)[self.field], training.outcome(row, self.task));
        let mut rows: Vec<(f32, u8)> = sample.rows.iter().map(value).collect();
        let ones = rows.iter().map(|row| u64::from(row.1)).sum::<u64>();
        if ones.min(rows.len() as u64 - ones) < MIN_OUTCOMES {
            return None;
        }
        let auc = auc(&mut rows).map(|auc| auc.max(1.0 - auc))?;
        (auc >= TELLING_AUC).then_some(Evidence::Value { auc })
    }
}

impl Outcome {
    fn share_missing(&self) -> f64 {
        self.missing as f64 / self.rows as f64
    }
}

/// The label on all of whose rows a value is missing, if it is missing on no other; from (missing, rows) by label.
pub(super) fn missing_where([zeros, ones]: [(u64, u64); 2]) -> Option<u8> {
    match (zeros, ones) {
        ((missing, rows), (0, _)) if missing == rows => Some(0),
        ((0, _), (missing, rows)) if missing == rows => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::missing_where;

    #[test]
    fn missing_on_all_rows_of_one_label_and_no_other() {
        assert_eq!(missing_where([(7, 7), (0, 3)]), Some(0));
        assert_eq!(missing_where([(0, 7), (3, 3)]), Some(1));
        for other in [[(0, 7), (0, 3)], [(7, 7), (1, 3)], [(6, 7), (0, 3)], [(7, 7), (3, 3)]] {
            assert_eq!(missing_where(other), None, "{other:?}");
        }
    }
}
