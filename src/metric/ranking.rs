//! Rows in the order of their predictions, the common ground of AUC and calibration bins.

use rayon::slice::ParallelSliceMut;

/// Predictions of positives and of negatives, each in ascending order.
///
/// Sorting the two classes apart as integer keys makes the sort unstable and parallel, yet its result is
/// unique: equal keys cannot be told apart.
#[derive(Default)]
pub(super) struct Ranking {
    positives: Vec<u32>,
    negatives: Vec<u32>,
}

/// Rows that share one prediction.
pub(super) struct Tie {
    pub(super) prediction: f32,
    pub(super) positives: u64,
    pub(super) negatives: u64,
}

impl Ranking {
    /// Ranks the rows; `None` when a prediction is NaN, which has no place in an order.
    pub(super) fn of(labels: &[u8], predictions: &[f32]) -> Option<Self> {
        let mut ranking = Self::default();
        ranking.refill(labels, predictions).then_some(ranking)
    }

    /// Replaces the ranked rows, keeping the allocations; `false` when a prediction is NaN.
    pub(super) fn refill(&mut self, labels: &[u8], predictions: &[f32]) -> bool {
        assert_eq!(labels.len(), predictions.len(), "one prediction per label");
        self.positives.clear();
        self.negatives.clear();
        for (&label, &prediction) in labels.iter().zip(predictions) {
            if prediction.is_nan() {
                return false;
            }
            let class = if label == 0 { &mut self.negatives } else { &mut self.positives };
            class.push(ascending_key(prediction));
        }
        self.positives.par_sort_unstable();
        self.negatives.par_sort_unstable();
        true
    }

    pub(super) fn n_rows(&self) -> u64 {
        (self.positives.len() + self.negatives.len()) as u64
    }

    /// Exact AUC with ties averaged: `(#{p > n} + ½ #{p = n}) / (P · N)` over pairs of a positive and a
    /// negative. `None` when either class is missing.
    pub(super) fn auc(&self) -> Option<f64> {
        let (positives, negatives) = (self.positives.len() as u64, self.negatives.len() as u64);
        if positives == 0 || negatives == 0 {
            return None;
        }
        // Twice the number of won pairs, an integer: at most 2 · 2³¹ · 2³¹ for the 2³² rows of a split.
        let mut doubled_wins = 0_u64;
        let mut negatives_below = 0_u64;
        for tie in self.ties() {
            doubled_wins += tie.positives * (2 * negatives_below + tie.negatives);
            negatives_below += tie.negatives;
        }
        Some(doubled_wins as f64 / (2.0 * positives as f64 * negatives as f64))
    }

    /// Groups of equal predictions, ascending.
    pub(super) fn ties(&self) -> impl Iterator<Item = Tie> {
        let (mut positives, mut negatives) = (self.positives.as_slice(), self.negatives.as_slice());
        std::iter::from_fn(move || {
            let key = match (positives.first(), negatives.first()) {
                (None, None) => return None,
                (Some(&key), None) | (None, Some(&key)) => key,
                (Some(&positive), Some(&negative)) => positive.min(negative),
            };
            Some(Tie {
                prediction: from_ascending_key(key),
                positives: take_equal(&mut positives, key),
                negatives: take_equal(&mut negatives, key),
            })
        })
    }
}

/// Removes the leading elements equal to `key` and counts them.
fn take_equal(sorted: &mut &[u32], key: u32) -> u64 {
    let n = sorted.iter().take_while(|&&other| other == key).count();
    *sorted = &sorted[n..];
    n as u64
}

const SIGN: u32 = 1 << 31;

/// Maps floats to integers of the same order; −0 and +0 become one key.
fn ascending_key(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

fn from_ascending_key(key: u32) -> f32 {
    f32::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_order_and_come_back() {
        let ascending = [f32::NEG_INFINITY, -1.5, -1e-40, 0.0, 1e-40, 0.3, 1.0, f32::INFINITY];
        let keys: Vec<u32> = ascending.iter().map(|&value| ascending_key(value)).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        let back: Vec<f32> = keys.iter().map(|&key| from_ascending_key(key)).collect();
        assert_eq!(back, ascending);
        assert_eq!(ascending_key(-0.0), ascending_key(0.0));
    }

    #[test]
    fn ties_come_in_order_with_both_classes_counted() {
        let ranking = Ranking::of(&[1, 0, 0, 1, 0], &[0.5, 0.5, 0.1, 0.5, 0.9]).expect("no NaN");
        let ties: Vec<_> = ranking.ties().map(|tie| (tie.prediction, tie.positives, tie.negatives)).collect();
        assert_eq!(ties, [(0.1, 0, 1), (0.5, 2, 1), (0.9, 0, 1)]);
        assert_eq!(ranking.n_rows(), 5);
    }

    #[test]
    fn nan_has_no_rank() {
        assert!(Ranking::of(&[1, 0], &[0.5, f32::NAN]).is_none());
    }
}
