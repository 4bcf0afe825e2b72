//! Soft optimal uncertainty weighting (Kirchdorfer et al., *Analytical Uncertainty-Based Loss Weighting in Multi-Task
//! Learning*, GCPR 2024): the uncertainties that [`super::uw`] learns, in closed form.
//!
//! `L_k / σ_k + ln σ_k` is smallest at `σ_k = L_k`, which weighs task k `1 / L_k`; these weights go through a softmax
//! with a temperature: `w = softmax(1 / (T L))`. They sum to 1. The paper tunes T for every data set, so the default
//! is ours.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LEAST_LOSS, LossWeighting, Settings, WeightingInput, Weights, check_positive, softmax};
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

impl LossWeighting for UwSo {
    remembers!();

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        Weights::PerTask(weights_of(self.0, &input.mean_losses()))
    }
}

/// A task without a row that counts has loss 0, which says nothing of how certain it is: it gets no weight.
fn weights_of(temperature: f64, losses: &[f64]) -> Vec<f64> {
    let counts = |loss: f64| loss > LEAST_LOSS;
    if !losses.iter().any(|&loss| counts(loss)) {
        return vec![1.0 / losses.len() as f64; losses.len()];
    }
    let inverse = |&loss: &f64| if counts(loss) { 1.0 / (temperature * loss) } else { f64::NEG_INFINITY };
    softmax(&losses.iter().map(inverse).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_without_a_row_that_counts_takes_no_weight_from_the_others() {
        let weights = weights_of(1.0, &[0.5, 0.5, 0.0]);
        assert_eq!(weights, [0.5, 0.5, 0.0]);
        assert_eq!(weights_of(1.0, &[0.0, 0.0]), [0.5, 0.5]);
    }
}
