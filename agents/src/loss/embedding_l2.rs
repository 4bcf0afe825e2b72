//! L2 on the embeddings of the batch.
//!
//! `λ · Σ_views mean_i Σ_f ‖e_if‖²`, e_if the embedding of field f in row i (the mean of a multi-valued field's values;
//! the projection of numeric columns is no embedding). Only rows that occur are drawn towards zero, each as often as it
//! occurs: idle table rows stay fixed, as lazy optimisers and lazy targets need.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LossInput, LossTerm, Setting, check_strength, sum};

/// `[losses.embedding_l2]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Strength λ.
    pub strength: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { strength: 1e-4 }
    }
}

impl LossTerm for Config {
    fn value(&self, input: &LossInput<'_>) -> Tensor<1> {
        let squares = input.fields.iter().map(|fields| {
            let n_rows = fields.dims()[0] as f64;
            fields.clone().square().sum() / n_rows
        });
        sum(squares, input.labels) * self.strength
    }

    fn check(&self, _setting: &Setting<'_>) -> Result<(), String> {
        check_strength("strength", self.strength)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::Predictions;
    use crate::loss::TaskFacts;
    use burn::tensor::Device;

    #[test]
    fn two_views_by_hand() {
        let device = Device::default();
        let predictions = Predictions::from(Tensor::zeros([2, 1], &device));
        let labels = Tensor::zeros([2, 1], &device);
        let tasks = TaskFacts { losses: Default::default(), parents: vec![None], positive_rates: vec![0.5] };
        // Squared lengths 5 and 4 in the first view, 1 and 0 in the second.
        let fields = [[[[1.0, 2.0]], [[0.0, -2.0]]], [[[0.0, 1.0]], [[0.0, 0.0]]]]
            .map(|view: [[[f32; 2]; 1]; 2]| Tensor::<3>::from_floats(view, &device));
        let losses = labels.clone();
        let input = LossInput {
            predictions: &predictions,
            labels: &labels,
            losses: &losses,
            fields: &fields,
            tasks: &tasks,
            agent: None,
        };
        let found: f32 = Config { strength: 0.1 }.value(&input).into_scalar();
        assert!((found - 0.1 * (4.5 + 0.5)).abs() < 1e-6, "{found}");
    }
}
