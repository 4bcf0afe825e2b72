//! Do predicted probabilities mean what they say?

use serde::{Deserialize, Serialize};

use super::ranking::Ranking;
use super::sum::{count_positives, sum};

/// Bins of the calibration error.
pub const N_CALIBRATION_BINS: u64 = 10;

/// Rows of neighbouring predictions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Rows in the bin, at least 1.
    pub rows: u64,
    /// Positives among them.
    pub positives: u64,
    /// Sum of their predictions.
    pub predicted: f64,
}

impl CalibrationBin {
    /// Mean prediction of the bin.
    pub fn mean_prediction(&self) -> f64 {
        self.predicted / self.rows as f64
    }

    /// Share of positives in the bin.
    pub fn positive_rate(&self) -> f64 {
        self.positives as f64 / self.rows as f64
    }
}

/// PCOC, predicted over observed: `Σ p / Σ y`, 1 when predictions are right on average. `None` without
/// positives or when a prediction is NaN.
///
/// # Shapes
/// - labels, predictions: `[row]`
pub fn pcoc(labels: &[u8], predictions: &[f32]) -> Option<f64> {
    assert_eq!(labels.len(), predictions.len(), "one prediction per label");
    let ratio = sum(predictions) / count_positives(labels) as f64;
    ratio.is_finite().then_some(ratio)
}

/// Rows in ascending order of prediction, cut into at most [`N_CALIBRATION_BINS`] bins of (nearly) equal
/// size; for a reliability diagram. Empty when there are no rows or a prediction is NaN.
///
/// Equal size and not equal width: conversion rates of 1 % would leave nine of ten equal-width bins empty.
/// Equal predictions always share a bin, so the bins do not depend on the order of the rows.
pub fn calibration_bins(labels: &[u8], predictions: &[f32]) -> Vec<CalibrationBin> {
    Ranking::of(labels, predictions).map(|ranking| bins_of(&ranking)).unwrap_or_default()
}

/// Expected calibration error: `Σ_b n_b / n · |mean prediction − share of positives|` over
/// [`calibration_bins`]. `None` without rows or when a prediction is NaN.
///
/// # Shapes
/// - labels, predictions: `[row]`
pub fn calibration_error(labels: &[u8], predictions: &[f32]) -> Option<f64> {
    calibration_error_of(&Ranking::of(labels, predictions)?)
}

pub(super) fn calibration_error_of(ranking: &Ranking) -> Option<f64> {
    let distance: f64 = bins_of(ranking).iter().map(|bin| (bin.predicted - bin.positives as f64).abs()).sum();
    let error = distance / ranking.n_rows() as f64;
    error.is_finite().then_some(error)
}

pub(super) fn bins_of(ranking: &Ranking) -> Vec<CalibrationBin> {
    let n_rows = ranking.n_rows();
    let mut bins = Vec::new();
    let mut bin = CalibrationBin::default();
    let (mut seen, mut quantile) = (0, 1);
    for tie in ranking.ties() {
        let rows = tie.positives + tie.negatives;
        bin.rows += rows;
        bin.positives += tie.positives;
        bin.predicted += rows as f64 * f64::from(tie.prediction);
        seen += rows;
        // A bin ends with the tie that reaches the next tenth of the rows; one tie may reach several.
        let reached = seen * N_CALIBRATION_BINS / n_rows;
        if reached >= quantile {
            quantile = reached + 1;
            bins.push(std::mem::take(&mut bin));
        }
    }
    bins
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pcoc_by_hand() {
        assert_eq!(pcoc(&[1, 0, 0, 1], &[0.5, 0.25, 0.25, 0.5]), Some(0.75));
        assert_eq!(pcoc(&[0, 0], &[0.5, 0.25]), None);
        assert_eq!(pcoc(&[], &[]), None);
        assert_eq!(pcoc(&[1, 0], &[0.5, f32::NAN]), None);
    }

    #[test]
    fn calibration_error_by_hand() {
        // Four rows make four bins of one: |.25−0| + |.5−1| + |.75−1| + |1−1| = 1, over 4 rows.
        assert_eq!(calibration_error(&[0, 1, 1, 1], &[0.25, 0.5, 0.75, 1.0]), Some(0.25));
    }

    #[test]
    fn twenty_rows_make_ten_bins_of_two() {
        let predictions: Vec<f32> = (0..20).map(|row| row as f32 / 32.0).collect();
        let labels: Vec<u8> = (0..20).map(|row| row % 2).collect();
        let bins = calibration_bins(&labels, &predictions);
        assert_eq!(bins.len(), 10);
        assert!(bins.iter().all(|bin| bin.rows == 2 && bin.positives == 1));
        assert_eq!(bins[3], CalibrationBin { rows: 2, positives: 1, predicted: 13.0 / 32.0 });
        assert_eq!((bins[3].mean_prediction(), bins[3].positive_rate()), (6.5 / 32.0, 0.5));
        // Σ |2·mean − 1| / 20 with 2·mean = (4b + 1) / 32
        let expected = (0..10).map(|b| (f64::from(4 * b + 1) / 32.0 - 1.0).abs()).sum::<f64>() / 20.0;
        assert_eq!(calibration_error(&labels, &predictions), Some(expected));
    }

    #[test]
    fn a_constant_makes_one_bin() {
        assert_eq!(
            calibration_bins(&[1, 0, 0, 0], &[0.5; 4]),
            [CalibrationBin { rows: 4, positives: 1, predicted: 2.0 }]
        );
        assert_eq!(calibration_error(&[1, 0, 0, 0], &[0.25; 4]), Some(0.0));
    }

    #[test]
    fn undefined_without_rows_or_with_nan() {
        assert_eq!(calibration_error(&[], &[]), None);
        assert_eq!(calibration_error(&[1], &[f32::NAN]), None);
        assert!(calibration_bins(&[1], &[f32::NAN]).is_empty());
    }

    proptest! {
        #[test]
        fn bins_hold_every_row_once_and_ignore_the_order_of_rows(
            rows in prop::collection::vec((0_u8..2, 0_u8..30), 1..200),
            rotation in 0_usize..200,
        ) {
            let bins_of = |rows: &[(u8, u8)]| {
                let labels: Vec<u8> = rows.iter().map(|row| row.0).collect();
                let predictions: Vec<f32> = rows.iter().map(|row| f32::from(row.1) / 32.0).collect();
                calibration_bins(&labels, &predictions)
            };
            let bins = bins_of(&rows);
            prop_assert!(bins.len() <= N_CALIBRATION_BINS as usize);
            prop_assert_eq!(bins.iter().map(|bin| bin.rows).sum::<u64>(), rows.len() as u64);
            prop_assert!(bins.is_sorted_by(|a, b| a.mean_prediction() < b.mean_prediction()));
            let mut rotated = rows.clone();
            rotated.rotate_left(rotation % rows.len());
            prop_assert_eq!(bins_of(&rotated), bins);
        }
    }
}
