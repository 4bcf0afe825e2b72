//! GradCraft (Bai et al., *Elevating Multi-task Recommendations through Holistic Gradient Crafting*, KDD 2024):
//! gradients are made longer towards the longest, then every one is freed of all its conflicts at once.
//!
//! With the moving means of the lengths `m_k ← β m_k + (1 − β) ‖g_k‖`: `g̃_k = (τ · max_j m_j / m_k + 1 − τ) g_k`.
//! With `S_i` the tasks whose `⟨g̃_i, g̃_j⟩ < 0`: `ĝ_i = g̃_i + Σ_{j ∈ S_i} x_j g̃_j`, x such that
//! `⟨ĝ_i, g̃_j⟩ = ε ‖g̃_i‖ ‖g̃_j‖` for all j of `S_i` (the shortest x where these gradients are linearly dependent).
//! The combined gradient is `Σ ĝ_i`; the authors' code takes the mean, for losses that are sums over the tasks
//! elsewhere. Departure: lengths and conflicts are those on all shared parameters together, as for every
//! gradient-based weighting here; in the authors' code those on all parameters, the tasks' own included.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quadratic::solve_symmetric;
use super::{Gram, LossWeighting, Settings, Signal, WeightingInput, Weights};
use crate::stream::Stream;

/// `[weighting.gradcraft]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// τ: 0 leaves the lengths, 1 makes all as long as the longest.
    pub tau: f64,
    /// β of the moving means; 0 takes the batch's lengths, as the authors' code does.
    pub beta: f64,
    /// ε: the cosine that is left of a conflict.
    pub epsilon: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { tau: 1.0, beta: 0.0, epsilon: 1e-8 }
    }
}

impl Settings for Config {
    fn variants() -> Vec<Self> {
        vec![Self::default(), Self { tau: 0.5, beta: 0.9, epsilon: 0.1 }]
    }

    fn check(&self) -> Result<(), String> {
        for (key, value) in [("tau", self.tau), ("epsilon", self.epsilon)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(format!("`{key}` is a number from 0 to 1; found {value}"));
            }
        }
        if (0.0..1.0).contains(&self.beta) {
            return Ok(());
        }
        Err(format!("`beta` is a share in [0, 1); found {}", self.beta))
    }

    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(GradCraft { config: self.clone(), lengths: None })
    }
}

struct GradCraft {
    config: Config,
    /// m, from the first batch's on.
    lengths: Option<Vec<f64>>,
}

impl LossWeighting for GradCraft {
    remembers!(lengths);

    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let gram = input.gram();
        let Config { tau, beta, epsilon } = self.config;
        let n = gram.n();
        let now: Vec<f64> = (0..n).map(|k| gram.norm(k)).collect();
        let lengths = self.lengths.get_or_insert_with(|| now.clone());
        lengths.iter_mut().zip(&now).for_each(|(mean, now)| *mean = beta * *mean + (1.0 - beta) * now);
        let longest = lengths.iter().copied().fold(0.0, f64::max);
        let scales: Vec<f64> = lengths.iter().map(|length| tau * longest / length + 1.0 - tau).collect();
        let mut weights = scales.clone();
        // Cosines do not depend on the scales.
        let cosine = |i: usize, j: usize| gram.at(i, j) / (now[i] * now[j]);
        for (i, scale) in scales.iter().enumerate() {
            let opposed: Vec<usize> = (0..n).filter(|&j| j != i && cosine(i, j) < 0.0).collect();
            let cosines = opposed.iter().flat_map(|&j| opposed.iter().map(move |&k| cosine(j, k))).collect();
            let lack: Vec<f64> = opposed.iter().map(|&j| epsilon - cosine(i, j)).collect();
            // In units of ‖g̃_i‖ along each `g_j`.
            let added = solve_symmetric(&Gram::new(opposed.len(), cosines), &lack);
            for (&j, added) in opposed.iter().zip(added) {
                weights[j] += added * scale * now[i] / now[j];
            }
        }
        Weights::PerTask(weights)
    }
}
