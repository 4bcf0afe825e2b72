//! SDMGrad (Xiao et al., *Direction-oriented Multi-objective Learning*, NeurIPS 2023): MGDA's direction, drawn
//! towards the mean gradient, by a few steps of descent on the weights instead of a solver.
//!
//! With `g_0` the mean gradient, u descends on `½ ‖Σ u_k g_k + λ g_0‖²` over `u ≥ 0, Σ u = 1`: every step does
//! `steps` times `u ← Π(u − η (M u + λ M e / K) / s)`, M the Gram matrix, s the squared mean of the gradients'
//! lengths (as in the authors' code) and Π the projection onto the simplex; u is kept from step to step. The
//! direction is `(Σ u_k g_k + λ g_0) / (1 + λ)`, so `w_k = (u_k + λ / K) / (1 + λ)`, which sum to 1.
//! Departures: the paper draws independent batches for the two factors of M and for the direction, which makes u's
//! slopes unbiased; a step has one batch here, so this is the paper's deterministic variant on it, and tasks with
//! noisy gradients get less weight. No momentum (the authors' code has 0.5, with η = 10).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quadratic::project_to_simplex;
use super::{LossWeighting, Settings, Signal, WeightingInput, Weights, check_positive};
use crate::stream::Stream;

/// `[weighting.sdmgrad]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// λ: 0 is MGDA, a large one the mean gradient.
    pub lambda: f64,
    /// η
    pub learning_rate: f64,
    /// Updates of u in every training step.
    pub steps: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { lambda: 0.3, learning_rate: 0.1, steps: 20 }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        if !(0.0..=1e6).contains(&self.lambda) {
            return Err(format!("`lambda` must be a number from 0 to 1e6; found {}", self.lambda));
        }
        if !(1..=10_000).contains(&self.steps) {
            return Err(format!("`steps` must be a number from 1 to 10000; found {}", self.steps));
        }
        check_positive("learning_rate", self.learning_rate)
    }

    fn init(&self, n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(SdmGrad { config: self.clone(), shares: vec![1.0 / n_tasks as f64; n_tasks] })
    }
}

struct SdmGrad {
    config: Config,
    /// u
    shares: Vec<f64>,
}

impl LossWeighting for SdmGrad {
    remembers!(shares);

    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let gram = input.gram();
        let Config { lambda, learning_rate, steps } = self.config;
        let n = gram.n() as f64;
        let mean_length = (0..gram.n()).map(|k| gram.norm(k)).sum::<f64>() / n;
        let rate = learning_rate / mean_length.powi(2);
        let with_mean =
            |shares: &[f64]| -> Vec<f64> { shares.iter().map(|share| share + lambda / n).collect() };
        for _ in 0..steps {
            let slopes = gram.times(&with_mean(&self.shares));
            let moved: Vec<f64> =
                self.shares.iter().zip(slopes).map(|(share, slope)| share - rate * slope).collect();
            self.shares = project_to_simplex(&moved, 1.0);
        }
        Weights::PerTask(with_mean(&self.shares).iter().map(|weight| weight / (1.0 + lambda)).collect())
    }
}
