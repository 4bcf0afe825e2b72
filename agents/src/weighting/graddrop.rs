//! GradDrop (Chen et al., *Just Pick a Sign: Optimizing Deep Multitask Models with Gradient Sign Dropout*, NeurIPS
//! 2020): where the tasks' gradients disagree about an entry's sign, one sign is drawn and the others are dropped.
//!
//! Per entry of the shared parameters (Algorithm 1), with the sign purity `P = ½ (1 + Σ_k g_k / Σ_k |g_k|)` and one
//! draw `U ~ uniform(0, 1)`: the positive g_k are kept if `U < P`, the negative ones otherwise, and what is dropped
//! keeps the share `leak`. The combined gradient is the sum. The weights are 1.
//!
//! Departures: entries are those of the parameters, summed over the batch as they are, not those of an activation;
//! `f` is the identity; one leak for all tasks.

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LossWeighting, Settings, Signal, TaskGradients, WeightingInput, Weights};
use crate::stream::Stream;

/// `[weighting.graddrop]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Share of a dropped gradient that is kept; 1 drops nothing.
    pub leak: f64,
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        if (0.0..=1.0).contains(&self.leak) {
            return Ok(());
        }
        Err(format!("`leak` is a share in [0, 1]; found {}", self.leak))
    }

    fn init(&self, _n_tasks: usize, stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(GradDrop { leak: self.leak as f32, stream })
    }
}

struct GradDrop {
    leak: f32,
    stream: Stream,
}

impl LossWeighting for GradDrop {
    remembers!(stream);

    fn signal(&self) -> Signal {
        Signal::Entries
    }

    fn adjust(&mut self, _losses: &[f64], gradients: &mut TaskGradients) {
        for parameter in &mut gradients.parameters {
            for entry in 0..parameter.rows.len() * parameter.width {
                let of_tasks = parameter.tasks.iter().map(|values| f64::from(values[entry]));
                let (sum, size) =
                    of_tasks.fold((0.0, 0.0), |(sum, size), value| (sum + value, size + value.abs()));
                // Drawn where nothing can be dropped, too: a draw's entry does not depend on the gradients.
                let draw: f64 = self.stream.random();
                let keeps_positive = draw * 2.0 * size < size + sum;
                for value in parameter.tasks.iter_mut().map(|values| &mut values[entry]) {
                    if (*value > 0.0) != keeps_positive {
                        *value *= self.leak;
                    }
                }
            }
        }
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        Weights::PerTask(vec![1.0; input.n_tasks()])
    }
}
