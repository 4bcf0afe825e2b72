//! MGDA (Sener & Koltun, [*Multi-Task Learning as Multi-Objective Optimization*](https://arxiv.org/abs/1810.04650),
//! NeurIPS 2018): the shortest combination of the tasks' gradients, `min ‖Σ w_k g_k‖` over `w ≥ 0, Σ w = 1`. Where it
//! is zero, no direction decreases every task's loss.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quadratic::shortest_on_simplex;
use super::{LossWeighting, Settings, Signal, WeightingInput, Weights};
use crate::stream::Stream;

/// `[weighting.mgda]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table of settings, such as {}")]
pub struct Config {}

impl Settings for Config {
    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Mgda)
    }
}

struct Mgda;

impl LossWeighting for Mgda {
    remembers!();

    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        Weights::PerTask(shortest_on_simplex(input.gram()))
    }

    fn copy(&self) -> Option<Box<dyn LossWeighting>> {
        Some(Box::new(Mgda))
    }
}
