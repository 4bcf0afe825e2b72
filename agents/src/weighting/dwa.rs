//! Dynamic weight average (Liu et al., [*End-to-End Multi-Task Learning with
//! Attention*](https://arxiv.org/abs/1803.10704), CVPR 2019): tasks whose loss falls slowly count more.
//!
//! `w = K · softmax(r / T)`, `r_k` = mean loss of the last epoch over that of the epoch before; 1 in the first two
//! epochs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LEAST_LOSS, LossWeighting, Settings, WeightingInput, Weights, check_positive, softmax};
use crate::stream::Stream;

/// `[weighting.dwa]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Temperature T; the larger, the more alike the weights.
    pub temperature: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { temperature: 2.0 }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        check_positive("temperature", self.temperature)
    }

    fn init(&self, n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Dwa { temperature: self.temperature, last: None, weights: vec![1.0; n_tasks] })
    }
}

struct Dwa {
    temperature: f64,
    /// Mean losses of the last epoch.
    last: Option<Vec<f64>>,
    weights: Vec<f64>,
}

impl LossWeighting for Dwa {
    remembers!(last, weights);

    fn weights(&mut self, _input: &WeightingInput) -> Weights {
        Weights::PerTask(self.weights.clone())
    }

    fn end_epoch(&mut self, mean_losses: &[f64]) {
        if let Some(before) = self.last.replace(mean_losses.to_vec()) {
            let ratios = mean_losses.iter().zip(before).map(|(now, before)| now / before.max(LEAST_LOSS));
            let scaled: Vec<f64> = ratios.map(|ratio| ratio / self.temperature).collect();
            self.weights = softmax(&scaled).iter().map(|w| w * mean_losses.len() as f64).collect();
        }
    }
}
