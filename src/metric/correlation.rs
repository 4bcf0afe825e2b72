//! Pearson correlation.

use std::iter::zip;

/// Values whose spread is at most this share of the largest one, some eight steps of `f32`, are constant.
const ROUNDING: f64 = 1e-6;

/// Pearson correlation, `Σ (a − ā)(b − b̄) / √(Σ (a − ā)² Σ (b − b̄)²)`.
///
/// `None` below two values, when a value is not finite, and when either side is constant up to the rounding
/// of `f32` (a spread of at most one millionth of its largest value): that correlation would be noise.
pub fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "one b per a");
    let (side_a, side_b) = (Side::of(a)?, Side::of(b)?);
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (&a, &b) in zip(a, b) {
        let (a, b) = (side_a.deviation(a), side_b.deviation(b));
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    // Either square sum is at least ½, the smallest and the largest value being 1 apart.
    Some((ab / (aa * bb).sqrt()).clamp(-1.0, 1.0))
}

/// Maps the values of one side to `[0, 1]`, so that no square of theirs overflows or vanishes.
struct Side {
    smallest: f64,
    spread: f64,
    mean: f64,
}

impl Side {
    /// `None` for a constant, for no values, and when one is not finite: the mean is then NaN.
    fn of(values: &[f64]) -> Option<Self> {
        let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let spread = largest - smallest;
        if spread <= ROUNDING * largest.abs() {
            return None;
        }
        let side = Self { smallest, spread, mean: 0.0 };
        let mean = mean(values.iter().map(|&value| side.deviation(value)))?;
        Some(Self { mean, ..side })
    }

    fn deviation(&self, value: f64) -> f64 {
        (value - self.smallest) / self.spread - self.mean
    }
}

/// A mean in the making.
#[derive(Clone, Copy, Default)]
pub(super) struct Mean {
    total: f64,
    n: u64,
}

impl Mean {
    pub(super) fn add(&mut self, value: f64) {
        self.total += value;
        self.n += 1;
    }

    pub(super) fn value(self) -> Option<f64> {
        let mean = self.total / self.n as f64;
        mean.is_finite().then_some(mean)
    }
}

/// The mean of values; `None` without any, and where it is not finite.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut mean = Mean::default();
    values.for_each(|value| mean.add(value));
    mean.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_by_hand_and_far_from_zero() {
        assert_eq!(correlation(&[1.0, 2.0, 3.0], &[-2.0, -4.0, -6.0]), Some(-1.0));
        assert_eq!(correlation(&[1.0, 2.0, 3.0], &[1.0, 0.0, 1.0]), Some(0.0));
        // Deviations −2, −1, 0, 3 and −1, 1, −1, 1: 4 / √(14 · 4).
        let (a, b) = ([0.0, 1.0, 2.0, 5.0], [0.0, 2.0, 0.0, 2.0]);
        for scale in [1.0, 1e-150, 1e300] {
            let far = a.map(|a| scale * (a + 1e6));
            let value = correlation(&far, &b).expect("defined");
            assert!((value - 4.0 / 56_f64.sqrt()).abs() < 1e-9, "{value}, scaled by {scale}");
        }
    }

    #[test]
    fn a_constant_correlates_with_nothing() {
        let ramp: Vec<f64> = (0..1000).map(f64::from).collect();
        let around = |step: f64| -> Vec<f64> { (0..1000).map(|i| 1.0 + step * f64::from(i % 3)).collect() };
        for constant in [
            vec![f64::from(0.1_f32); 1000],
            vec![-0.7; 1000],
            vec![0.0; 1000],
            around(f64::from(f32::EPSILON)),
        ] {
            assert_eq!((correlation(&constant, &ramp), correlation(&ramp, &constant)), (None, None));
        }
        assert!(correlation(&around(1e-5), &ramp).is_some());
        assert_eq!((correlation(&[1.0], &[2.0]), correlation(&[], &[])), (None, None));
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(correlation(&[1.0, 2.0, wrong], &[1.0, 3.0, 2.0]), None);
            assert_eq!(correlation(&[1.0, 2.0, 3.0], &[wrong; 3]), None);
        }
    }
}
