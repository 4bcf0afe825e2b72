//! Equal weights: the baseline of every comparison.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LossWeighting, Settings, WeightingInput, Weights};
use crate::stream::Stream;

/// `[weighting.equal]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table of settings, such as {}")]
pub struct Config {}

impl Settings for Config {
    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Equal)
    }
}

/// `w = 1`.
#[derive(Debug)]
pub struct Equal;

impl LossWeighting for Equal {
    remembers!();

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        Weights::PerTask(vec![1.0; input.n_tasks()])
    }

    fn copy(&self) -> Option<Box<dyn LossWeighting>> {
        Some(Box::new(Equal))
    }
}
