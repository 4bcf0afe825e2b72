//! Soft optimal uncertainty weighting (Kirchdorfer et al., *Analytical Uncertainty-Based Loss Weighting in Multi-Task
//! Learning*, GCPR 2024): the uncertainties that [`super::uw`] learns, in closed form.
//!
//! `L_k / σ_k + ln σ_k` is smallest at `σ_k = L_k`, which weighs task k `1 / L_k`; these weights go through a softmax
//! with a temperature: `w = softmax(1 / (T L))`. They sum to 1. The paper tunes T for every data set, so the default
//! is ours.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Gram, LEAST_LOSS, LossWeighting, Settings, TaskWeighting, check_positive, softmax};
use crate::stream::Stream;

/// `[weighting.uw_so]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Temperature T; the larger, the more alike the weights. A rare task has a small loss, so a large 1 / L.
    pub temperature: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { temperature: 10.0 }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        check_positive("temperature", self.temperature)
    }

    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(UwSo(self.temperature))
    }
}

struct UwSo(f64);

impl TaskWeighting for UwSo {
    fn weights(&mut self, losses: &[f64], _gram: Option<&Gram>) -> Vec<f64> {
        let scaled: Vec<f64> = losses.iter().map(|loss| 1.0 / (self.0 * loss.max(LEAST_LOSS))).collect();
        softmax(&scaled)
    }
}
