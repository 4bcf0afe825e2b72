//! Geometric loss strategy (Chennupati et al., [*MultiNet++*](https://arxiv.org/abs/1904.08492), CVPR Workshops 2019):
//! the loss is the geometric mean `G = (Π L)^{1/K}`, so `w_k = G / (K · L_k)`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LEAST_LOSS, LossWeighting, Settings, WeightingInput, Weights};
use crate::stream::Stream;

/// `[weighting.gls]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table of settings, such as {}")]
pub struct Config {}

impl Settings for Config {
    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Gls)
    }
}

struct Gls;

impl LossWeighting for Gls {
    remembers!();

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let losses = input.mean_losses();
        let n_tasks = losses.len() as f64;
        let logs = losses.iter().map(|loss| loss.max(LEAST_LOSS).ln());
        let mean = (logs.sum::<f64>() / n_tasks).exp();
        Weights::PerTask(losses.iter().map(|loss| mean / (n_tasks * loss.max(LEAST_LOSS))).collect())
    }

    fn copy(&self) -> Option<Box<dyn LossWeighting>> {
        Some(Box::new(Gls))
    }
}
