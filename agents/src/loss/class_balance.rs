//! Class balance: positives count more where they are rare.
//!
//! `Σ_k mean_i (c_k − 1) y_ik BCE_ik` with `c_k = min(((1 − r_k) / r_k)^s, max_weight)`, r_k the share of positives among
//! the rows that task k is trained on, as much as they count: those of a local task alone, and of thinned negatives those
//! that are kept. Added to the task losses it makes a positive count c_k and a negative 1 (`pos_weight` of the usual
//! weighted cross-entropy); with s = 1 both classes weigh the same. It is negative where positives are the majority. The
//! loss weighting does not act on it. Predictions become larger than the observed rates: mind `pcoc`.

use burn::tensor::{Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LossInput, LossTerm, Setting};

/// `[losses.class_balance]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Exponent s: 0 changes nothing, 1 balances the classes.
    pub strength: f64,
    /// Largest weight of a positive.
    pub max_weight: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { strength: 1.0, max_weight: 20.0 }
    }
}

impl Config {
    /// c of a task; 1 for one without positives or negatives.
    fn positive_weight(&self, rate: f64) -> f64 {
        if rate <= 0.0 || rate >= 1.0 {
            return 1.0;
        }
        ((1.0 - rate) / rate).powf(self.strength).min(self.max_weight)
    }
}

impl LossTerm for Config {
    fn value(&self, input: &LossInput<'_>) -> Tensor<1> {
        let rates = &input.tasks.positive_rates;
        let extra: Vec<f32> = rates.iter().map(|&rate| self.positive_weight(rate) as f32 - 1.0).collect();
        let extra = TensorData::new(extra, [1, rates.len()]);
        let extra = Tensor::<2>::from_data(extra, &input.labels.device());
        (input.losses.clone() * input.labels.clone() * extra).mean_dim(0).sum()
    }

    fn check(&self, _setting: &Setting<'_>) -> Result<(), String> {
        if !(0.0..=10.0).contains(&self.strength) {
            return Err(format!("`strength` must be a number from 0 to 10; found {}", self.strength));
        }
        if (1.0..=1e6).contains(&self.max_weight) {
            return Ok(());
        }
        Err(format!("`max_weight` must be a number from 1 to 1e6; found {}", self.max_weight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::Predictions;
    use crate::loss::TaskFacts;
    use burn::tensor::Device;

    fn value(config: &Config, positive_rates: [f64; 2]) -> f32 {
        let device = Device::default();
        let predictions = Predictions::from(Tensor::from_floats([[0.5, 0.25], [0.5, 0.25]], &device));
        let labels = Tensor::from_floats([[1.0, 1.0], [0.0, 1.0]], &device);
        let tasks = TaskFacts {
            losses: Default::default(),
            parents: vec![None, Some(0)],
            positive_rates: positive_rates.into(),
        };
        let losses = crate::loss::task_bce(predictions.probabilities.clone(), &labels);
        let input = LossInput {
            predictions: &predictions,
            labels: &labels,
            losses: &losses,
            fields: &[],
            tasks: &tasks,
            agent: None,
        };
        config.value(&input).into_scalar()
    }

    #[test]
    fn two_tasks_by_hand() {
        // c = 4 and 1.5: 3 · ln 2 / 2 + 0.5 · ln 4
        let found = value(&Config::default(), [0.2, 0.4]);
        assert!((found - (1.5 * 2.0_f32.ln() + 0.5 * 4.0_f32.ln())).abs() < 1e-5, "{found}");
    }

    #[test]
    fn balanced_classes_and_strength_zero_change_nothing_and_weights_are_bounded() {
        assert_eq!(value(&Config::default(), [0.5, 0.5]), 0.0);
        assert_eq!(value(&Config { strength: 0.0, ..Config::default() }, [0.01, 0.9]), 0.0);
        assert_eq!(Config::default().positive_weight(1e-6), 20.0);
        assert_eq!(Config::default().positive_weight(0.0), 1.0);
    }
}
