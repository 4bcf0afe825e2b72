use super::*;
use crate::stream::Streams;
use crate::weighting::{Gram, Settings as _, mgda, weigh};
use burn::tensor::Device;

fn apply(normalize: Normalize, clip: Option<[f64; 2]>) -> Vec<f32> {
    let weights = Tensor::from_floats([[2.0, 1.0], [6.0, 3.0]], &Device::default());
    host(WeightBounds { normalize, clip }.apply(weights, &mut RunningMeans::default()))
}

#[test]
fn normalisation_by_hand() {
    assert_eq!(apply(Normalize::None, None), [2.0, 1.0, 6.0, 3.0]);
    // Means 4 and 2; both together 3.
    assert_eq!(apply(Normalize::BatchMean, None), [0.5, 0.5, 1.5, 1.5]);
    let expected = [2.0, 1.0, 6.0, 3.0].map(|weight: f32| weight / 3.0);
    for (found, expected) in apply(Normalize::TaskSum, None).into_iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
}

#[test]
fn a_step_that_says_nothing_of_balance_is_bounded_too() {
    let bounds = WeightBounds { clip: Some([2.0, 3.0]), ..WeightBounds::default() };
    let mgda = mgda::Config::default().init(2, Streams::new(1).named("weighting"));
    let input = WeightingInput {
        losses: Tensor::full([1, 2], 0.5, &Device::default()),
        q_values: None,
        gram: Some(Gram::new(2, vec![1.0, 0.0, 0.0, 0.0])),
    };
    let weights = weigh(bounds.around(mgda).as_mut(), &input);
    assert_eq!(host(input.of_rows(weights)), [2.0, 2.0]);
}

#[test]
fn clipping_comes_last() {
    assert_eq!(apply(Normalize::BatchMean, Some([0.75, 1.25])), [0.75, 0.75, 1.25, 1.25]);
    let bounds = |clip| WeightBounds { clip: Some(clip), ..Default::default() };
    assert!(bounds([0.5, 2.0]).check().is_ok());
    assert!(bounds([2.0, 0.5]).check().unwrap_err().contains("[2, 0.5]"));
    assert!(bounds([f64::NAN, 1.0]).check().is_err());
    assert!(bounds([0.0, 0.0]).check().unwrap_err().contains("every weight 0"));
}

#[test]
fn a_running_mean_keeps_what_distinguishes_batches() {
    let bounds = WeightBounds { normalize: Normalize::TaskMean, clip: None };
    let mut means = RunningMeans::default();
    let mut of = |weights: [[f32; 2]; 2]| {
        host(bounds.apply(Tensor::from_floats(weights, &Device::default()), &mut means))
    };
    // Means 4 and 2, as in the first batch with `batch_mean`.
    assert_eq!(of([[2.0, 1.0], [6.0, 3.0]]), [0.5, 0.5, 1.5, 1.5]);
    // Means 8 and 2: (0.99 · 4 + 8) / 1.99 and 2.
    let found = of([[8.0, 2.0], [8.0, 2.0]]);
    let expected = 8.0 * 1.99 / 11.96;
    assert!((found[0] - expected).abs() < 1e-5 && (found[1] - 1.0).abs() < 1e-6, "{found:?}");
}
