//! Area under the ROC curve.

use super::ranking::Ranking;

/// Parents are divided by at least this much, so that a prediction of 0 has a finite ratio.
const SMALLEST_PARENT: f64 = 1e-7;

/// Exact AUC: the probability that a positive row is predicted above a negative one, a tie counting one
/// half, `(#{p > n} + ½ #{p = n}) / (P · N)`. In O(n log n), the pairs counted in integers.
///
/// `None` when either class is missing or a prediction is NaN.
///
/// # Shapes
/// - labels, predictions: `[row]`
pub fn auc(labels: &[u8], predictions: &[f32]) -> Option<f64> {
    Ranking::of(labels, predictions)?.auc()
}

/// AUC of a task on the rows where the task before it happened: the CVR AUC of clicked rows.
///
/// Labels and predictions are of the whole chain ("clicked and bought"), so rows are ranked by the
/// conditional probability they imply, `prediction / parent_prediction`. For a backbone that multiplies
/// probabilities along the chain (ESMM) this is exactly its conversion tower's output.
///
/// # Shapes
/// - all four: `[row]`
pub fn conditional_auc(
    labels: &[u8],
    predictions: &[f32],
    parent_labels: &[u8],
    parent_predictions: &[f32],
) -> Option<f64> {
    assert_eq!(labels.len(), parent_labels.len(), "one parent label per label");
    assert_eq!(predictions.len(), parent_predictions.len(), "one parent prediction per prediction");
    let happened = || (0..labels.len()).filter(|&row| parent_labels[row] != 0);
    let conditional_labels: Vec<u8> = happened().map(|row| labels[row]).collect();
    let ratios: Vec<f32> = happened()
        .map(|row| {
            // Not `max`, which would replace a NaN.
            let parent = f64::from(parent_predictions[row]).clamp(SMALLEST_PARENT, f64::INFINITY);
            (f64::from(predictions[row]) / parent) as f32
        })
        .collect();
    auc(&conditional_labels, &ratios)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pairs_counted_by_hand() {
        // Positives .8, .4; negatives .5, .4, .1: .8 wins 3, .4 loses to .5, ties .4, beats .1 -> 4.5 of 6.
        assert_eq!(auc(&[1, 0, 1, 0, 0], &[0.8, 0.5, 0.4, 0.4, 0.1]), Some(0.75));
        assert_eq!(auc(&[0, 0, 1, 1], &[0.1, 0.2, 0.3, 0.4]), Some(1.0));
        assert_eq!(auc(&[1, 1, 0, 0], &[0.1, 0.2, 0.3, 0.4]), Some(0.0));
    }

    #[test]
    fn a_constant_prediction_is_worth_one_half() {
        assert_eq!(auc(&[1, 0, 0, 1, 0], &[0.3; 5]), Some(0.5));
    }

    #[test]
    fn undefined_for_one_class_no_rows_and_nan() {
        assert_eq!(auc(&[1, 1], &[0.2, 0.3]), None);
        assert_eq!(auc(&[0, 0], &[0.2, 0.3]), None);
        assert_eq!(auc(&[], &[]), None);
        assert_eq!(auc(&[0, 1], &[0.2, f32::NAN]), None);
    }

    #[test]
    fn conditional_on_the_parent_by_hand() {
        // Clicked rows 0, 2, 3 with ratios .5, .25, .75 and labels 1, 0, 0: one of two pairs is won.
        // Ranked by the chain's probability (.4, .2, .3) both would be.
        let value =
            conditional_auc(&[1, 0, 0, 0], &[0.4, 0.9, 0.2, 0.3], &[1, 0, 1, 1], &[0.8, 0.9, 0.8, 0.4]);
        assert_eq!(value, Some(0.5));
        assert_eq!(conditional_auc(&[1, 0], &[0.4, 0.2], &[1, 0], &[0.8, 0.8]), None);
        assert_eq!(conditional_auc(&[1, 0], &[0.4, 0.2], &[1, 1], &[f32::NAN, 0.8]), None);
    }

    #[test]
    fn a_parent_of_probability_zero_does_not_divide_by_it() {
        assert_eq!(conditional_auc(&[1, 0], &[0.4, 0.0], &[1, 1], &[0.8, 0.0]), Some(1.0));
    }

    /// The definition, pair by pair.
    fn auc_by_pairs(labels: &[u8], predictions: &[f32]) -> Option<f64> {
        let of = |class| labels.iter().zip(predictions).filter(move |(label, _)| **label == class);
        let pairs = || of(1).flat_map(|(_, &p)| of(0).map(move |(_, &n)| (p, n)));
        let score: f64 = pairs()
            .map(|(p, n)| {
                if p > n {
                    1.0
                } else if p == n {
                    0.5
                } else {
                    0.0
                }
            })
            .sum();
        let n_pairs = pairs().count();
        (n_pairs > 0).then(|| score / n_pairs as f64)
    }

    proptest! {
        #[test]
        fn equals_the_definition_with_many_ties(
            rows in prop::collection::vec((0_u8..2, -8_i8..8), 0..120),
        ) {
            let labels: Vec<u8> = rows.iter().map(|row| row.0).collect();
            let predictions: Vec<f32> = rows.iter().map(|row| f32::from(row.1) / 8.0).collect();
            prop_assert_eq!(auc(&labels, &predictions), auc_by_pairs(&labels, &predictions));
        }

        #[test]
        fn any_increasing_map_leaves_it_alone(
            rows in prop::collection::vec((0_u8..2, 0_u16..1000), 0..120),
        ) {
            let labels: Vec<u8> = rows.iter().map(|row| row.0).collect();
            let predictions: Vec<f32> = rows.iter().map(|row| f32::from(row.1)).collect();
            let mapped: Vec<f32> = predictions.iter().map(|p| 3.0 * p - 700.0).collect();
            prop_assert_eq!(auc(&labels, &predictions), auc(&labels, &mapped));
        }
    }
}
