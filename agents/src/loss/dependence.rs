//! SDMTL dependence loss (APEM, eqs. 21 and 23), local variant.
//!
//! `Σ_{child} σ · mean ((f_parent − f_child) − (o_parent − o_child))²` with f the cumulative predictions and o the
//! cumulative labels. It is zero when every gap of the predictions equals the gap of the labels.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{LossInput, LossTerm, check_has_pairs, check_strength, column, pairs};

/// `[losses.dependence]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Strength σ, the same for every pair of dependent tasks.
    pub sigma: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { sigma: 1.0 }
    }
}

impl LossTerm for Config {
    fn value(&self, input: &LossInput<'_>) -> Tensor<1> {
        let f = &input.predictions.probabilities;
        let terms = pairs(input.parents).map(|(parent, child)| {
            let predicted = column(f, parent) - column(f, child);
            let observed = column(input.labels, parent) - column(input.labels, child);
            (predicted - observed).square().mean()
        });
        let total = terms.reduce(|a, b| a + b).expect("checked: at least one pair of dependent tasks");
        total * self.sigma
    }

    fn check(&self, parents: &[Option<usize>]) -> Result<(), String> {
        check_strength("sigma", self.sigma)?;
        check_has_pairs("dependence", parents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::Predictions;
    use burn::tensor::Device;

    fn value(probabilities: [[f32; 2]; 2], labels: [[f32; 2]; 2]) -> f32 {
        let device = Device::default();
        let predictions = Predictions { probabilities: Tensor::from_floats(probabilities, &device) };
        let labels = Tensor::from_floats(labels, &device);
        let input = LossInput { predictions: &predictions, labels: &labels, parents: &[None, Some(0)] };
        Config { sigma: 0.5 }.value(&input).into_scalar()
    }

    #[test]
    fn two_rows_by_hand() {
        // gaps 0.3 and 0.1 against 1 and 0: 0.5 · (0.49 + 0.01) / 2
        let found = value([[0.5, 0.2], [0.4, 0.3]], [[1.0, 0.0], [1.0, 1.0]]);
        assert!((found - 0.125).abs() < 1e-6, "{found}");
    }

    #[test]
    fn exact_predictions_of_a_deterministic_chain_cost_nothing() {
        assert_eq!(value([[1.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]]), 0.0);
    }

    #[test]
    fn independent_tasks_are_refused() {
        assert!(Config::default().check(&[None, None]).unwrap_err().contains("after"));
    }
}
