//! Metrics of tasks whose label is a number.

use rmtl_envs::NumberScale;
use serde::{Deserialize, Serialize};

/// What a prediction of a number is worth. `None` is "undefined on these rows".
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NumberMetrics {
    /// Share of the pairs of rows with different labels that the predictions rank as the labels do, ties counting ½ (XAUC: Zhan et
    /// al., KDD 2022): what AUC is for labels of 0 and 1.
    pub xauc: Option<f64>,
    /// Root of the mean squared error, in the label's unit.
    pub rmse: Option<f64>,
    /// Mean absolute error, in the label's unit.
    pub mae: Option<f64>,
    /// Squared error over that of the training rows' mean on the same rows: 1 is predicting that mean. Undefined where all
    /// labels are that mean.
    pub nmse: Option<f64>,
}

/// Of predictions and targets as shares of the cap.
pub fn number_metrics(targets: &[f32], predictions: &[f32], scale: &NumberScale) -> NumberMetrics {
    let n = targets.len();
    if n == 0 {
        return NumberMetrics::default();
    }
    let errors = || targets.iter().zip(predictions).map(|(y, p)| scale.cap * (f64::from(*p) - f64::from(*y)));
    let mse = errors().map(|error| error * error).sum::<f64>() / n as f64;
    let of_mean =
        targets.iter().map(|y| (scale.cap * f64::from(*y) - scale.mean).powi(2)).sum::<f64>() / n as f64;
    NumberMetrics {
        xauc: xauc(targets, predictions),
        rmse: Some(mse.sqrt()),
        mae: Some(errors().map(f64::abs).sum::<f64>() / n as f64),
        nmse: (of_mean > 0.0).then(|| mse / of_mean),
    }
}

/// The share of pairs with different labels that are ranked right; undefined where all labels are the same.
pub fn xauc(labels: &[f32], predictions: &[f32]) -> Option<f64> {
    let mut rows: Vec<(f32, f32)> = labels.iter().copied().zip(predictions.iter().copied()).collect();
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    // Ranks of the predictions, equal ones alike.
    let mut ranked: Vec<f32> = predictions.to_vec();
    ranked.sort_unstable_by(f32::total_cmp);
    ranked.dedup();
    let rank = |prediction: f32| ranked.partition_point(|value| value.total_cmp(&prediction).is_lt());
    let mut seen = Counts::new(ranked.len());
    let (mut right, mut pairs, mut n_seen) = (0.0, 0.0, 0u64);
    for group in rows.chunk_by(|a, b| a.0 == b.0) {
        for &(_, prediction) in group {
            let (below, equal) = seen.below_and_at(rank(prediction));
            right += below as f64 + 0.5 * equal as f64;
            pairs += n_seen as f64;
        }
        group.iter().for_each(|&(_, prediction)| seen.add(rank(prediction)));
        n_seen += group.len() as u64;
    }
    (pairs > 0.0).then(|| right / pairs)
}

/// How often each rank was seen: a binary indexed tree (Fenwick 1994).
struct Counts {
    sums: Vec<u64>,
}

impl Counts {
    fn new(n: usize) -> Self {
        Self { sums: vec![0; n + 1] }
    }

    fn add(&mut self, rank: usize) {
        let mut index = rank + 1;
        while index < self.sums.len() {
            self.sums[index] += 1;
            index += index & index.wrapping_neg();
        }
    }

    /// Of the ranks below `end`.
    fn sum(&self, end: usize) -> u64 {
        let (mut index, mut sum) = (end, 0);
        while index > 0 {
            sum += self.sums[index];
            index &= index - 1;
        }
        sum
    }

    fn below_and_at(&self, rank: usize) -> (u64, u64) {
        let below = self.sum(rank);
        (below, self.sum(rank + 1) - below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn errors_by_hand() {
        // 30 for 15 s and 6 for 12 s, of at most 60 s.
        let scale = NumberScale { cap: 60.0, mean: 12.0, standard_deviation: 20.0 };
        let found = number_metrics(&[0.25, 0.2], &[0.5, 0.1], &scale);
        assert!((found.rmse.unwrap() - ((225.0_f64 + 36.0) / 2.0).sqrt()).abs() < 1e-5);
        assert!((found.mae.unwrap() - 10.5).abs() < 1e-5);
        // A mean of 12 s is 3 and 0 s off.
        assert!((found.nmse.unwrap() - 130.5 / 4.5).abs() < 1e-4);
        assert_eq!(found.xauc, Some(1.0));
        assert_eq!(number_metrics(&[], &[], &scale), NumberMetrics::default());
    }

    #[test]
    fn pairs_by_hand() {
        // Labels 0 < 1 < 2: of the pairs (0, 1), (0, 2), (1, 2) one is right, one wrong, one a tie.
        assert_eq!(xauc(&[0.0, 1.0, 2.0], &[0.5, 0.2, 0.5]), Some(1.5 / 3.0));
        assert_eq!(xauc(&[1.0, 1.0], &[0.1, 0.9]), None);
    }

    proptest! {
        #[test]
        fn as_all_pairs_say(rows in prop::collection::vec((0u8..5, 0u8..5), 0..40)) {
            let [labels, predictions]: [Vec<f32>; 2] =
                [rows.iter().map(|row| f32::from(row.0)).collect(), rows.iter().map(|row| f32::from(row.1)).collect()];
            let (mut right, mut pairs) = (0.0, 0.0);
            for a in 0..rows.len() {
                for b in 0..rows.len() {
                    if labels[a] < labels[b] {
                        pairs += 1.0;
                        right += match predictions[a].total_cmp(&predictions[b]) {
                            std::cmp::Ordering::Less => 1.0,
                            std::cmp::Ordering::Equal => 0.5,
                            std::cmp::Ordering::Greater => 0.0,
                        };
                    }
                }
            }
            let expected = (pairs > 0.0).then(|| right / pairs);
            prop_assert_eq!(xauc(&labels, &predictions).is_some(), expected.is_some());
            if let (Some(found), Some(expected)) = (xauc(&labels, &predictions), expected) {
                prop_assert!((found - expected).abs() < 1e-9);
            }
            // With labels of 0 and 1 it is the AUC.
            let binary: Vec<u8> = rows.iter().map(|row| row.0 % 2).collect();
            let as_numbers: Vec<f32> = binary.iter().map(|&label| f32::from(label)).collect();
            let (of_pairs, of_ranks) = (xauc(&as_numbers, &predictions), crate::metric::auc(&binary, &predictions));
            prop_assert_eq!(of_pairs.is_some(), of_ranks.is_some());
            prop_assert!((of_pairs.unwrap_or(0.0) - of_ranks.unwrap_or(0.0)).abs() < 1e-9);
        }
    }
}
