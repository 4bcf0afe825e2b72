//! Cross entropy of predictions and labels.

use super::sum::{chunked_sum, count_positives};

/// Predictions are clipped to `[CLIP, 1 − CLIP]` before the logarithm, so that one confident mistake costs
/// `−ln 1e-7 ≈ 16.1` and never infinity.
pub const CLIP: f64 = 1e-7;

/// Logloss of one row, `−y ln p − (1 − y) ln(1 − p)` with `p` clipped by [`CLIP`].
pub fn row_logloss(label: u8, prediction: f32) -> f64 {
    let probability = f64::from(prediction).clamp(CLIP, 1.0 - CLIP);
    if label == 0 { -(-probability).ln_1p() } else { -probability.ln() }
}

/// Mean logloss in nats. `None` without rows or when a prediction is NaN.
///
/// # Shapes
/// - labels, predictions: `[row]`
pub fn logloss(labels: &[u8], predictions: &[f32]) -> Option<f64> {
    assert_eq!(labels.len(), predictions.len(), "one prediction per label");
    let total: f64 =
        chunked_sum(labels.len(), |rows| total_logloss(&labels[rows.clone()], &predictions[rows]));
    // 0 / 0 without rows, NaN with a NaN prediction: both undefined.
    let mean = total / labels.len() as f64;
    mean.is_finite().then_some(mean)
}

/// Sum of the rows' loglosses.
pub(super) fn total_logloss(labels: &[u8], predictions: &[f32]) -> f64 {
    labels.iter().zip(predictions).map(|(&label, &prediction)| row_logloss(label, prediction)).sum()
}

/// Normalised entropy: logloss divided by the logloss of the base rate,
/// `logloss / −(q ln q + (1 − q) ln(1 − q))` with `q` the share of positives; below 1 is better than
/// predicting `q` everywhere. `None` when either class is missing (the entropy is 0) or a prediction is NaN.
///
/// He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook", 2014, section 3.
pub fn normalized_entropy(labels: &[u8], predictions: &[f32]) -> Option<f64> {
    Some(logloss(labels, predictions)? / base_entropy(count_positives(labels), labels.len() as u64)?)
}

/// Entropy of the share of positives; `None` when either class is missing.
pub(super) fn base_entropy(positives: u64, rows: u64) -> Option<f64> {
    let base_rate = positives as f64 / rows as f64;
    let entropy = -(base_rate * base_rate.ln() + (1.0 - base_rate) * (-base_rate).ln_1p());
    (0 < positives && positives < rows).then_some(entropy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(actual: Option<f64>, expected: f64) {
        let actual = actual.expect("defined");
        assert!((actual - expected).abs() < 1e-7, "{actual} is not {expected}");
    }

    #[test]
    fn by_hand() {
        // (−ln ½ − ln(1 − ¼) − ln ⅛) / 3 = (0.693147 + 0.287682 + 2.079442) / 3
        assert_close(logloss(&[1, 0, 1], &[0.5, 0.25, 0.125]), 1.020_090_3);
    }

    #[test]
    fn a_confident_mistake_is_clipped() {
        assert_close(logloss(&[1], &[0.0]), 16.118_095_65);
        assert_close(logloss(&[0], &[1.0]), 16.118_095_65);
        assert_close(logloss(&[1, 0], &[1.0, 0.0]), 1e-7);
    }

    #[test]
    fn undefined_without_rows_or_with_nan() {
        assert_eq!(logloss(&[], &[]), None);
        assert_eq!(logloss(&[1, 0], &[0.5, f32::NAN]), None);
        assert_eq!(normalized_entropy(&[1, 0], &[0.5, f32::NAN]), None);
    }

    #[test]
    fn the_base_rate_itself_has_normalised_entropy_one() {
        assert_close(normalized_entropy(&[1, 0, 0, 0], &[0.25; 4]), 1.0);
        // ln 2 / (¼ ln 4 + ¾ ln 4/3) = 0.693147 / 0.562335
        assert_close(normalized_entropy(&[1, 0, 0, 0], &[0.5; 4]), 1.232_622_9);
    }

    #[test]
    fn normalised_entropy_is_undefined_for_one_class() {
        assert_eq!(normalized_entropy(&[1, 1], &[0.5, 0.5]), None);
        assert_eq!(normalized_entropy(&[0, 0], &[0.5, 0.5]), None);
        assert_eq!(normalized_entropy(&[], &[]), None);
    }
}
