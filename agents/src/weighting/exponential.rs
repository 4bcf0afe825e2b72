//! Exponentially decaying weights, a baseline of the [RMTL](https://arxiv.org/abs/2302.03328) paper:
//! `ω_k(t) = ω_k(0) · γ′ᵗ`, t the training steps so far.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LossWeighting, Settings, WeightingInput, Weights, check_list};
use crate::stream::Stream;

/// `[weighting.exponential]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// ω(0), one per task; absent = 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial: Option<Vec<f64>>,
    /// γ′
    pub decay: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { initial: None, decay: 0.999 }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        if 0.0 < self.decay && self.decay <= 1.0 {
            return Ok(());
        }
        Err(format!("`decay` is a number in (0, 1]; found {}", self.decay))
    }

    fn check_tasks(&self, n_tasks: usize) -> Result<(), String> {
        self.initial.as_ref().map_or(Ok(()), |initial| check_list("initial", initial, n_tasks))
    }

    fn is_silent(&self) -> bool {
        self.initial.as_ref().is_some_and(|initial| initial.iter().all(|&weight| weight == 0.0))
    }

    fn init(&self, n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        let weights = self.initial.clone().unwrap_or_else(|| vec![1.0; n_tasks]);
        Box::new(Exponential { weights, decay: self.decay })
    }
}

struct Exponential {
    weights: Vec<f64>,
    decay: f64,
}

impl LossWeighting for Exponential {
    remembers!(weights);

    fn weights(&mut self, _input: &WeightingInput) -> Weights {
        let now = self.weights.clone();
        self.weights.iter_mut().for_each(|weight| *weight *= self.decay);
        Weights::PerTask(now)
    }
}
