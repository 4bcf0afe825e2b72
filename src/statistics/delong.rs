//! Two AUCs on the same rows: DeLong, DeLong and Clarke-Pearson (Biometrics 1988), by the midranks of Sun and Xu (2014).
//!
//! Rows are taken as independent, which rows of one session are not: where sessions are long, the interval of
//! [`resample`](super::resample) is the honest one.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::LEVEL;

/// The difference of two AUCs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AucDifference {
    /// AUC of what is tried minus that of the base.
    pub difference: f64,
    /// Its standard error.
    pub error: f64,
    /// Its interval at [`LEVEL`].
    pub interval: [f64; 2],
    /// Two-sided p.
    pub p: f64,
}

/// Nothing where a class has fewer than two rows or a prediction is NaN.
///
/// # Shapes
/// - all three: `[row]`
pub fn delong(labels: &[u8], tried: &[f32], base: &[f32]) -> Option<AucDifference> {
    let [one, other] = [Components::of(labels, tried)?, Components::of(labels, base)?];
    let difference = one.auc - other.auc;
    let variance = variance_of_difference(&one.positives, &other.positives)
        + variance_of_difference(&one.negatives, &other.negatives);
    let error = variance.max(0.0).sqrt();
    let normal = Normal::standard();
    let half = normal.inverse_cdf((1.0 + LEVEL) / 2.0) * error;
    let p = if error > 0.0 {
        2.0 * (1.0 - normal.cdf((difference / error).abs()))
    } else {
        f64::from(u8::from(difference == 0.0))
    };
    Some(AucDifference { difference, error, interval: [difference - half, difference + half], p })
}

/// What every positive and every negative row says of the AUC.
struct Components {
    auc: f64,
    /// Share of the negatives that a positive row is above, ties one half.
    positives: Vec<f64>,
    /// Share of the positives that are above a negative row.
    negatives: Vec<f64>,
}

impl Components {
    fn of(labels: &[u8], predictions: &[f32]) -> Option<Self> {
        if predictions.iter().any(|prediction| prediction.is_nan()) {
            return None;
        }
        let of_class = |is_positive: bool| -> Vec<usize> {
            (0..labels.len()).filter(|&row| (labels[row] != 0) == is_positive).collect()
        };
        let (positive, negative) = (of_class(true), of_class(false));
        if positive.len() < 2 || negative.len() < 2 {
            return None;
        }
        let all: Vec<usize> = (0..labels.len()).collect();
        let within_all = midranks(&all, predictions);
        let (n_positive, n_negative) = (positive.len() as f64, negative.len() as f64);
        let own = |rows: &[usize]| midranks(rows, predictions);
        let positives: Vec<f64> = positive
            .iter()
            .zip(own(&positive))
            .map(|(&row, within)| (within_all[row] - within) / n_negative)
            .collect();
        let negatives = negative
            .iter()
            .zip(own(&negative))
            .map(|(&row, within)| 1.0 - (within_all[row] - within) / n_positive)
            .collect();
        Some(Self { auc: positives.iter().sum::<f64>() / n_positive, positives, negatives })
    }
}

/// The rank of every one of `rows` among them, from 1; equal predictions share the mean of theirs. In the order of `rows`.
fn midranks(rows: &[usize], predictions: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let of = |index: usize| predictions[rows[index]];
    order.sort_by(|&a, &b| of(a).total_cmp(&of(b)));
    let mut ranks = vec![0.0; rows.len()];
    let mut start = 0;
    while start < order.len() {
        let end = start + order[start..].iter().take_while(|&&index| of(index) == of(order[start])).count();
        order[start..end].iter().for_each(|&index| ranks[index] = (start + 1 + end) as f64 / 2.0);
        start = end;
    }
    ranks
}

/// The variance of the mean of `a − b`.
fn variance_of_difference(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let differences = || a.iter().zip(b).map(|(a, b)| a - b);
    let mean = differences().sum::<f64>() / n;
    differences().map(|difference| (difference - mean).powi(2)).sum::<f64>() / (n - 1.0) / n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::auc;

    #[test]
    fn components_by_hand() {
        // Positives .9, .4; negatives .5, .1: .9 above both, .4 above one.
        let labels = [1, 1, 0, 0];
        let tried = [0.9, 0.4, 0.5, 0.1];
        let components = Components::of(&labels, &tried).unwrap();
        assert_eq!((components.positives, components.negatives), (vec![1.0, 0.5], vec![0.5, 1.0]));
        // Against a base that separates them: differences 0, −.5 on both sides; variance of each mean .125 / 2.
        let found = delong(&labels, &tried, &[0.9, 0.8, 0.2, 0.1]).unwrap();
        assert!((found.difference + 0.25).abs() < 1e-12);
        assert!((found.error - 0.125_f64.sqrt()).abs() < 1e-12, "{}", found.error);
    }

    #[test]
    fn the_difference_is_that_of_the_exact_aucs_and_ties_count_half() {
        let labels = [1, 0, 1, 0, 0, 1];
        let (a, b) = ([0.8, 0.5, 0.4, 0.4, 0.1, 0.4], [0.1, 0.5, 0.5, 0.4, 0.1, 0.4]);
        let found = delong(&labels, &a, &b).unwrap();
        assert!((found.difference - (auc(&labels, &a).unwrap() - auc(&labels, &b).unwrap())).abs() < 1e-12);
    }

    #[test]
    fn the_same_predictions_do_not_differ_and_one_class_says_nothing() {
        let found = delong(&[1, 1, 0, 0], &[0.9, 0.4, 0.5, 0.1], &[0.9, 0.4, 0.5, 0.1]).unwrap();
        assert_eq!((found.difference, found.p), (0.0, 1.0));
        assert_eq!(delong(&[1, 1, 1], &[0.1, 0.2, 0.3], &[0.1, 0.2, 0.3]), None);
        assert_eq!(delong(&[1, 1, 0, 0], &[f32::NAN, 0.2, 0.3, 0.4], &[0.1; 4]), None);
    }
}
