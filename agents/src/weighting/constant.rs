//! Constant weights, one per task.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LossWeighting, Settings, WeightingInput, Weights, check_list};
use crate::stream::Stream;

/// `[weighting.constant]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// The weights, one per task.
    pub weights: Vec<f64>,
}

impl Settings for Config {
    fn check_tasks(&self, n_tasks: usize) -> Result<(), String> {
        check_list("weights", &self.weights, n_tasks)
    }

    fn is_silent(&self) -> bool {
        self.weights.iter().all(|&weight| weight == 0.0)
    }

    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Constant(self.weights.clone()))
    }
}

struct Constant(Vec<f64>);

impl LossWeighting for Constant {
    remembers!();

    fn weights(&mut self, _input: &WeightingInput) -> Weights {
        Weights::PerTask(self.0.clone())
    }

    fn copy(&self) -> Option<Box<dyn LossWeighting>> {
        Some(Box::new(Self(self.0.clone())))
    }
}
