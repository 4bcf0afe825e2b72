//! Uncertainty weighting (Kendall et al., [*Multi-Task Learning Using Uncertainty to Weigh
//! Losses*](https://arxiv.org/abs/1705.07115), CVPR 2018): a learned log variance s per task.
//!
//! The loss is `Σ_k L_k e^{−s_k} / 2 + s_k / 2`, so `w_k = e^{−s_k} / 2` and s follows `(1 − L_k e^{−s_k}) / 2` by
//! Adam.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::adam::Adam;
use super::{LossWeighting, Settings, WeightingInput, Weights, check_positive};
use crate::stream::Stream;

/// `[weighting.uw]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// s at the first step.
    pub initial: f64,
    /// Learning rate of s.
    pub learning_rate: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { initial: -0.5, learning_rate: 1e-3 }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        if !(-20.0..=20.0).contains(&self.initial) {
            return Err(format!("`initial` must be a number from -20 to 20; found {}", self.initial));
        }
        check_positive("learning_rate", self.learning_rate)
    }

    fn init(&self, n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        let adam = Adam::new(n_tasks, self.learning_rate);
        Box::new(Uw { log_variances: vec![self.initial; n_tasks], adam })
    }
}

struct Uw {
    log_variances: Vec<f64>,
    adam: Adam,
}

impl LossWeighting for Uw {
    remembers!(log_variances, adam);

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let losses = input.mean_losses();
        let weights: Vec<f64> = self.log_variances.iter().map(|s| (-s).exp() / 2.0).collect();
        let gradient = losses.iter().zip(&weights).map(|(loss, weight)| 0.5 - loss * weight);
        self.adam.step(&mut self.log_variances, gradient);
        Weights::PerTask(weights)
    }
}
