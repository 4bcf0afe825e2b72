//! MoCo (Fernando et al., *Mitigating Gradient Bias in Multi-objective Learning: A Provably Convergent Approach*,
//! ICLR 2023): the tasks' gradients are tracked from batch to batch, and the weights follow slowly the shortest
//! combination of what is tracked.
//!
//! At step t (Algorithm 1), M the inner products of the y: `y_k ← y_k − β_t (y_k − g_k)`;
//! `w ← Π(w − γ_t (M + ρ I) w)`, Π the closest point of the simplex; the combined gradient is `Σ w_k y_k`.
//! `β_t = β / t^σ`, `γ_t = γ / t^σ'`. y starts at 0, w at 1/K.
//!
//! With `normalize`, g_k is first divided by its norm and multiplied by the task's loss, as the authors' code does (in
//! LibMTL), so that γ need not fit the gradients' size; without, Algorithm 1 is taken as it is written. Departures: y
//! is not projected onto a ball; rows of a table that are not in the batch keep their y, do not move along it and are
//! left out of M (the paper's y decays everywhere, which would cost a step over the whole table). The y take K times
//! the memory of the tables.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::entries::EntryState;
use super::quadratic::project_to_simplex;
use super::{LossWeighting, Settings, Signal, TaskGradients, WeightingInput, Weights, check_positive};
use crate::stream::Stream;

/// `[weighting.moco]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// β, the share of a gradient that is taken in at the first step.
    pub beta: f64,
    /// σ, the exponent of β's decay.
    pub beta_decay: f64,
    /// γ, the weights' learning rate at the first step.
    pub gamma: f64,
    /// σ', the exponent of γ's decay.
    pub gamma_decay: f64,
    /// ρ, how strongly the weights are pulled towards each other.
    pub rho: f64,
    /// Whether gradients are made as long as their tasks' losses are large.
    pub normalize: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { beta: 0.5, beta_decay: 0.5, gamma: 0.1, gamma_decay: 0.5, rho: 0.0, normalize: true }
    }
}

impl Settings for Config {
    fn numbers_per_parameter(&self, n_tasks: usize) -> usize {
        n_tasks
    }

    fn variants() -> Vec<Self> {
        vec![Self::default(), Self { normalize: false, ..Self::default() }]
    }

    fn check(&self) -> Result<(), String> {
        if !(self.beta > 0.0 && self.beta <= 1.0) {
            return Err(format!("`beta` is a share above 0, at most 1; found {}", self.beta));
        }
        check_positive("gamma", self.gamma)?;
        for (key, value) in
            [("beta_decay", self.beta_decay), ("gamma_decay", self.gamma_decay), ("rho", self.rho)]
        {
            if !(0.0..=1e6).contains(&value) {
                return Err(format!("`{key}` must be a number from 0 to 1e6; found {value}"));
            }
        }
        Ok(())
    }

    fn init(&self, n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        let w = vec![1.0 / n_tasks as f64; n_tasks];
        Box::new(MoCo { config: self.clone(), n_steps: 0, y: EntryState::default(), w })
    }
}

struct MoCo {
    config: Config,
    n_steps: u64,
    y: EntryState,
    w: Vec<f64>,
}

impl LossWeighting for MoCo {
    fn signal(&self) -> Signal {
        Signal::Entries
    }

    fn adjust(&mut self, losses: &[f64], gradients: &mut TaskGradients) {
        let n_tasks = losses.len();
        self.n_steps += 1;
        let t = self.n_steps as f64;
        if self.config.normalize {
            let gram = gradients.gram(n_tasks);
            let factors: Vec<f64> = losses.iter().enumerate().map(|(k, loss)| loss / gram.norm(k)).collect();
            gradients.scale(&factors);
        }
        let beta = (self.config.beta / t.powf(self.config.beta_decay)) as f32;
        self.y.update(gradients, |_, y, gradient| {
            *y += beta * (*gradient - *y);
            *gradient = *y;
        });
        let gamma = self.config.gamma / t.powf(self.config.gamma_decay);
        let slopes = gradients.gram(n_tasks).times(&self.w);
        let moved = |(w, slope): (&f64, f64)| w - gamma * (slope + self.config.rho * w);
        self.w = project_to_simplex(&self.w.iter().zip(slopes).map(moved).collect::<Vec<_>>(), 1.0);
    }

    fn weights(&mut self, _input: &WeightingInput) -> Weights {
        Weights::PerTask(self.w.clone())
    }
}
