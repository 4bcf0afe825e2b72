//! FAMO (Liu et al., [*FAMO: Fast Adaptive Multitask Optimization*](https://arxiv.org/abs/2306.03792), NeurIPS 2023):
//! the log losses of all tasks are to fall at the same rate.
//!
//! With `z = softmax(ξ)`: `w_k = c · z_k / L_k`, `c = 1 / Σ_j z_j / L_j`. After the step, with the losses L′ of the
//! same batch, ξ follows `z ⊙ (δ − z·δ)`, `δ_k = ln L_k − ln L′_k`, by Adam with weight decay: a task whose loss fell
//! less gains weight. Costs one more forward pass a step, with the step's dropout masks. The paper's lower bounds of
//! the losses are 0.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::adam::Adam;
use super::{LEAST_LOSS, LossWeighting, Settings, WeightingInput, Weights, check_positive, softmax};
use crate::stream::Stream;

/// `[weighting.famo]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Learning rate of ξ.
    pub learning_rate: f64,
    /// Weight decay of ξ, which draws the weights together.
    pub weight_decay: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { learning_rate: 0.025, weight_decay: 1e-3 }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        if !(0.0..=1e6).contains(&self.weight_decay) {
            return Err(format!(
                "`weight_decay` must be a number from 0 to 1e6; found {}",
                self.weight_decay
            ));
        }
        check_positive("learning_rate", self.learning_rate)
    }

    fn init(&self, n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Famo {
            logits: vec![0.0; n_tasks],
            adam: Adam::new(n_tasks, self.learning_rate),
            weight_decay: self.weight_decay,
            losses: vec![1.0; n_tasks],
        })
    }
}

struct Famo {
    logits: Vec<f64>,
    adam: Adam,
    weight_decay: f64,
    /// Of the batch weighed last.
    losses: Vec<f64>,
}

impl LossWeighting for Famo {
    remembers!(logits, adam, losses);

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        self.losses = input.mean_losses().iter().map(|loss| loss.max(LEAST_LOSS)).collect();
        let ratios: Vec<f64> =
            softmax(&self.logits).iter().zip(&self.losses).map(|(z, loss)| z / loss).collect();
        let sum: f64 = ratios.iter().sum();
        Weights::PerTask(ratios.iter().map(|ratio| ratio / sum).collect())
    }

    fn needs_update(&self) -> bool {
        true
    }

    fn update(&mut self, mean_losses: &[f64]) {
        let z = softmax(&self.logits);
        let falls =
            self.losses.iter().zip(mean_losses).map(|(before, now)| before.ln() - now.max(LEAST_LOSS).ln());
        let falls: Vec<f64> = falls.collect();
        let mean: f64 = z.iter().zip(&falls).map(|(z, fall)| z * fall).sum();
        let decay = self.logits.iter().map(|logit| self.weight_decay * logit);
        let gradient: Vec<f64> =
            z.iter().zip(&falls).zip(decay).map(|((z, fall), decay)| z * (fall - mean) + decay).collect();
        self.adam.step(&mut self.logits, gradient);
    }
}
