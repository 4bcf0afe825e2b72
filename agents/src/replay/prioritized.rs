//! Proportional prioritised replay: Schaul et al., *Prioritized Experience Replay*, ICLR 2016, section 3.3.
//!
//! Transition i is drawn with `P(i) = p_i / Σ p`, `p_i = (|δ_i| + ε)^α`, and its error counts
//! `u_i = (N · P(i))^{−β} / max_batch u` in the critics' loss, so that at β = 1 the expected gradient is that of uniform
//! draws. β rises from its start to 1 over the planned updates. A batch is drawn from as many equal stretches of Σ p.
//!
//! Choices where the paper is silent: `|δ_i|` is the mean of `|δ_ik|` over the tasks, one transition having one row; the
//! largest u is that of the batch. New transitions get the largest priority so far, as in the paper.

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sum_tree::SumTree;
use crate::stream::Stream;

/// `[replay.prioritized]`
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct PrioritizedConfig {
    /// How much the priorities count; 0 draws uniformly.
    pub alpha: f64,
    /// Where β starts; 1 corrects the draws in full from the beginning.
    pub beta: f64,
    /// Added to every |δ|, so that no transition is lost for good.
    pub epsilon: f64,
}

impl Default for PrioritizedConfig {
    fn default() -> Self {
        Self { alpha: 0.6, beta: 0.4, epsilon: 1e-3 }
    }
}

impl PrioritizedConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        for (key, value, range) in [
            ("alpha", self.alpha, 0.0..=10.0),
            ("beta", self.beta, 0.0..=1.0),
            ("epsilon", self.epsilon, 1e-9..=1e3),
        ] {
            if !range.contains(&value) {
                return Err(format!(
                    "`prioritized.{key}` must be a number from {} to {}; found {value}",
                    range.start(),
                    range.end()
                ));
            }
        }
        Ok(())
    }
}

/// The priorities of a ring, by slot: the number of the push modulo the capacity.
#[derive(Clone, Debug)]
pub(super) struct Priorities {
    config: PrioritizedConfig,
    tree: SumTree,
    capacity: usize,
    n_pushed: usize,
    /// Largest `p` so far.
    largest: f64,
}

impl Priorities {
    pub(super) fn new(config: PrioritizedConfig, capacity: usize) -> Self {
        Self { config, tree: SumTree::new(capacity), capacity, n_pushed: 0, largest: 1.0 }
    }

    /// A transition has entered the ring.
    pub(super) fn push(&mut self) {
        self.tree.set(self.n_pushed % self.capacity, self.largest);
        self.n_pushed += 1;
    }

    /// Draws slots with their importance weights; `progress` in [0, 1] is the share of the planned updates behind.
    pub(super) fn sample(
        &self,
        batch_size: usize,
        progress: f64,
        stream: &mut Stream,
        slots: &mut Vec<usize>,
        importance: &mut Vec<f32>,
    ) {
        let beta = self.config.beta + (1.0 - self.config.beta) * progress;
        let (sum, n) = (self.tree.sum(), self.n_pushed.min(self.capacity) as f64);
        let stretch = sum / batch_size as f64;
        let mut weights = Vec::with_capacity(batch_size);
        for index in 0..batch_size {
            let slot = self.tree.find((index as f64 + stream.random::<f64>()) * stretch);
            slots.push(slot);
            weights.push((n * self.tree.get(slot) / sum).powf(-beta));
        }
        let largest = weights.iter().copied().fold(0.0, f64::max);
        importance.extend(weights.iter().map(|weight| (weight / largest) as f32));
    }

    /// Hears the mean |δ| of what is in `slots`.
    pub(super) fn update(&mut self, slots: &[usize], errors: impl Iterator<Item = f64>) {
        for (&slot, error) in slots.iter().zip(errors) {
            let priority = (error + self.config.epsilon).powf(self.config.alpha);
            self.tree.set(slot, priority);
            self.largest = self.largest.max(priority);
        }
    }

    /// The place of a slot counted from the oldest transition.
    pub(super) fn index(&self, slot: usize) -> usize {
        let oldest = if self.n_pushed < self.capacity { 0 } else { self.n_pushed % self.capacity };
        (slot + self.capacity - oldest) % self.capacity
    }
}
