//! Smooth Tchebycheff scalarisation (Lin et al., [*Smooth Tchebycheff Scalarization for Multi-Objective
//! Optimization*](https://arxiv.org/abs/2402.19078), ICML 2024): the task with the largest loss relative to its nadir
//! counts most.
//!
//! In the first epochs the loss is `Σ_k ln L_k`; the mean losses of the last of them are the nadir n. From then on it
//! is `K · μ · ln Σ_k (L_k / n_k)^{1/μ}`, so `w_k = K · softmax(ln(L / n) / μ)_k / L_k`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LEAST_LOSS, LossWeighting, Settings, WeightingInput, Weights, check_positive, softmax};
use crate::stream::Stream;

/// `[weighting.stch]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// μ; the smaller, the closer to the worst task alone.
    pub mu: f64,
    /// Epochs before the nadir is known. Mind the early stop: with too many the rest never comes.
    pub warmup_epochs: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { mu: 1.0, warmup_epochs: 1 }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        check_positive("mu", self.mu)?;
        if self.warmup_epochs > 0 {
            return Ok(());
        }
        Err("`warmup_epochs` must be at least 1, for the nadir is their last epoch's mean loss; found 0"
            .into())
    }

    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Stch { mu: self.mu, warmup_left: self.warmup_epochs, nadir: None })
    }
}

struct Stch {
    mu: f64,
    warmup_left: u32,
    nadir: Option<Vec<f64>>,
}

impl LossWeighting for Stch {
    remembers!(warmup_left, nadir);

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let losses: Vec<f64> = input.mean_losses().iter().map(|loss| loss.max(LEAST_LOSS)).collect();
        let Some(nadir) = &self.nadir else {
            return Weights::PerTask(losses.iter().map(|loss| 1.0 / loss).collect());
        };
        let scaled: Vec<f64> = losses
            .iter()
            .zip(nadir)
            .map(|(loss, nadir)| (loss / nadir.max(LEAST_LOSS)).ln() / self.mu)
            .collect();
        let shares = softmax(&scaled);
        let n_tasks = losses.len() as f64;
        Weights::PerTask(shares.iter().zip(&losses).map(|(share, loss)| n_tasks * share / loss).collect())
    }

    fn end_epoch(&mut self, mean_losses: &[f64]) {
        self.warmup_left = self.warmup_left.saturating_sub(1);
        if self.warmup_left == 0 && self.nadir.is_none() {
            self.nadir = Some(mean_losses.to_vec());
        }
    }
}
