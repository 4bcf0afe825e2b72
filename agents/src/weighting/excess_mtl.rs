//! ExcessMTL (He et al., *Robust Multi-Task Learning with Excess Risks*, ICML 2024): tasks far from the best they can
//! do count more; a noisy task's loss is high, its excess over the least possible loss need not be.
//!
//! Per task, `h ← h + g²` entry by entry; the excess risk is estimated as `E_k = gᵀ diag(h + ε)^{−1/2} g` (equations
//! 6 and 7) over that of the first step; `w_k ← w_k e^{η E_k}` (equation 9), scaled to sum to K. As the authors' code
//! does, the first step has weights 1, and only the second moves them.
//!
//! Departures: E is divided by that of the first step, not by its mean over the first epochs (appendix C.1); weights
//! sum to K instead of 1, as in the authors' code. The h of a table are kept by row, which is exact, as a row that is
//! not in the batch has no gradient: K times the memory of the tables.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::entries::EntryState;
use super::{
    LossWeighting, Settings, Signal, TaskGradients, WeightingInput, Weights, check_positive, softmax,
};
use crate::stream::Stream;

/// `[weighting.excess_mtl]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// η, the weights' learning rate.
    pub learning_rate: f64,
    /// ε, the authors' 1e-7: entries with `g² ≪ ε` count in proportion to g², larger ones to |g|.
    pub epsilon: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { learning_rate: 0.01, epsilon: 1e-7 }
    }
}

impl Settings for Config {
    fn numbers_per_parameter(&self, n_tasks: usize) -> usize {
        n_tasks
    }

    fn check(&self) -> Result<(), String> {
        check_positive("learning_rate", self.learning_rate)?;
        check_positive("epsilon", self.epsilon)
    }

    fn init(&self, n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(ExcessMtl {
            config: self.clone(),
            squares: EntryState::default(),
            first: vec![None; n_tasks],
            logits: vec![0.0; n_tasks],
        })
    }
}

struct ExcessMtl {
    config: Config,
    /// h
    squares: EntryState,
    /// E of the first step that has a gradient.
    first: Vec<Option<f64>>,
    /// `ln w`, but for a constant.
    logits: Vec<f64>,
}

/// A first excess below this share of the largest is not divided by.
const LEAST_FIRST: f64 = 1e-6;

impl LossWeighting for ExcessMtl {
    fn signal(&self) -> Signal {
        Signal::Entries
    }

    fn adjust(&mut self, losses: &[f64], gradients: &mut TaskGradients) {
        let Config { learning_rate, epsilon } = self.config;
        let mut excess = vec![0.0; losses.len()];
        self.squares.update(gradients, |task, h, gradient| {
            *h += *gradient * *gradient;
            excess[task] += f64::from(*gradient * *gradient) / (f64::from(*h) + epsilon).sqrt();
        });
        // A first step in which a task has next to no gradient is no measure of what it can still gain.
        let largest = excess.iter().copied().fold(0.0, f64::max);
        for ((logit, first), excess) in self.logits.iter_mut().zip(&mut self.first).zip(excess) {
            match *first {
                Some(first) => *logit += learning_rate * excess / first,
                None => *first = Some(excess).filter(|excess| *excess > LEAST_FIRST * largest),
            }
        }
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let n_tasks = input.n_tasks() as f64;
        Weights::PerTask(softmax(&self.logits).into_iter().map(|share| n_tasks * share).collect())
    }
}
