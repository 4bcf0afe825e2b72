//! MultiBalance (He et al., *Multi-Objective Gradient Balancing in Industrial-Scale Multi-Task Recommendation
//! System*, 2024, arXiv 2411.11871): the shortest combination of gradients that moving means of their lengths have
//! made comparable.
//!
//! With `m_k ← β m_k + (1 − β) ‖g_k‖`, from the first batch's on, λ is where `‖Σ λ_k g_k / m_k‖` is smallest over
//! `λ ≥ 0, Σ λ = 1`, and `w_k` is `λ_k / m_k`, scaled to sum to K. The means and not the batch's lengths: a batch in
//! which a task's gradient is long by chance weighs it no less.
//! Departures: the paper takes the gradients with respect to the shared representation, which costs it no pass per
//! task; here they are those on the shared parameters, as for every gradient-based weighting, at the price of one
//! pass per task. Written from the paper's description, with no code of the authors' to compare with; that λ is exact
//! and that weights sum to K is ours.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quadratic::shortest_on_simplex;
use super::{Gram, LossWeighting, Settings, Signal, WeightingInput, Weights};
use crate::stream::Stream;

/// `[weighting.multibalance]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// β of the moving means.
    pub beta: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { beta: 0.9 }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        if (0.0..1.0).contains(&self.beta) {
            return Ok(());
        }
        Err(format!("`beta` is a share in [0, 1); found {}", self.beta))
    }

    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(MultiBalance { beta: self.beta, lengths: None })
    }
}

struct MultiBalance {
    beta: f64,
    /// m
    lengths: Option<Vec<f64>>,
}

impl LossWeighting for MultiBalance {
    remembers!(lengths);

    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let gram = input.gram();
        let n = gram.n();
        let now: Vec<f64> = (0..n).map(|k| gram.norm(k)).collect();
        let lengths = self.lengths.get_or_insert_with(|| now.clone());
        lengths
            .iter_mut()
            .zip(&now)
            .for_each(|(mean, now)| *mean = self.beta * *mean + (1.0 - self.beta) * now);
        let scaled = |index: usize| gram.at(index / n, index % n) / (lengths[index / n] * lengths[index % n]);
        let scaled = Gram::new(n, (0..n * n).map(scaled).collect());
        let shares = shortest_on_simplex(&scaled);
        let weights: Vec<f64> = shares.iter().zip(lengths).map(|(share, length)| share / *length).collect();
        let sum: f64 = weights.iter().sum();
        Weights::PerTask(weights.iter().map(|weight| weight * n as f64 / sum).collect())
    }
}
