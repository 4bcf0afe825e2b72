//! MoDo (Chen et al., *Three-Way Trade-Off in Multi-Objective Learning*, NeurIPS 2023): MGDA's weights, followed by
//! one step of descent per batch.
//!
//! `w ← Π(w − γ (M w + ρ w))`, M the Gram matrix and Π the projection onto `w ≥ 0, Σ w = 1`; the step takes the new
//! w. The term with ρ, which draws the weights together, is that of the authors' code.
//! Departure: the paper's M is `G_1ᵀ G_2` of two independent batches, so that its slopes are unbiased, and a third
//! batch makes the step. A step has one batch here, which is all three: tasks with noisy gradients get less weight
//! than the paper gives them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quadratic::project_to_simplex;
use super::{LossWeighting, Settings, Signal, WeightingInput, Weights, check_positive};
use crate::stream::Stream;

/// `[weighting.modo]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// γ. It multiplies squared lengths of gradients: the shorter they are, the slower w moves.
    pub learning_rate: f64,
    /// ρ
    pub decay: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { learning_rate: 1e-3, decay: 0.1 }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        if !(0.0..=1e6).contains(&self.decay) {
            return Err(format!("`decay` must be a number from 0 to 1e6; found {}", self.decay));
        }
        check_positive("learning_rate", self.learning_rate)
    }

    fn init(&self, n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(MoDo { config: self.clone(), weights: vec![1.0 / n_tasks as f64; n_tasks] })
    }
}

struct MoDo {
    config: Config,
    weights: Vec<f64>,
}

impl LossWeighting for MoDo {
    remembers!(weights);

    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let Config { learning_rate, decay } = self.config;
        let slopes = input.gram().times(&self.weights);
        let moved = self.weights.iter().zip(slopes).map(|(w, slope)| w - learning_rate * (slope + decay * w));
        self.weights = project_to_simplex(&moved.collect::<Vec<_>>(), 1.0);
        Weights::PerTask(self.weights.clone())
    }
}
