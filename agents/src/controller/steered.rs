//! A weighting whose weights are multiplied by `exp(l_k)`.

use burn::tensor::{Tensor, TensorData};

use super::features::BlockState;
use crate::progress::Progress;
use crate::weighting::{LossWeighting, Signal, TaskGradients, WeightingInput, Weights};

/// l, one per task.
pub type LogWeights = Vec<f64>;

/// How a training is divided for a controller, and what it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blocks {
    /// Blocks of the planned steps.
    pub n: u32,
    /// Share of the training rows that is left out, to measure on.
    pub control_share: f64,
}

impl Blocks {
    /// Whether step `step` (from 1) of `planned` ends a block.
    pub fn end_at(&self, step: u64, planned: u64) -> bool {
        let block = |step: u64| step * u64::from(self.n) / planned.max(1);
        block(step) > block(step - 1)
    }
}

/// The weights of `base` times `exp(l_k)`.
pub struct Steered {
    base: Box<dyn LossWeighting>,
    /// l
    pub log_weights: LogWeights,
}

impl Steered {
    /// l = 0: the base's weights as they are.
    pub fn new(base: Box<dyn LossWeighting>, n_tasks: usize) -> Self {
        Self { base, log_weights: vec![0.0; n_tasks] }
    }

    /// Changes l by `bound` times the action, whose mean is 0, each kept within ±`limit`.
    pub fn act(&mut self, action: &[f32], bound: f64, limit: f64) {
        for (log_weight, action) in self.log_weights.iter_mut().zip(action) {
            *log_weight = (*log_weight + bound * f64::from(*action)).clamp(-limit, limit);
        }
    }

    /// The same once more, to go on from here twice; nothing where the base cannot be copied.
    pub fn duplicate(&self) -> Option<Self> {
        Some(Self { base: self.base.copy()?, log_weights: self.log_weights.clone() })
    }

    fn factors(&self) -> impl Iterator<Item = f64> {
        self.log_weights.iter().map(|log_weight| log_weight.exp())
    }

    fn steer(&self, weights: Weights) -> Weights {
        match weights {
            Weights::PerTask(weights) => Weights::PerTask(
                weights.into_iter().zip(self.factors()).map(|(weight, factor)| weight * factor).collect(),
            ),
            Weights::PerRow(weights) => {
                let factors: Vec<f32> = self.factors().map(|factor| factor as f32).collect();
                let shape = [1, factors.len()];
                let factors = Tensor::<2>::from_data(TensorData::new(factors, shape), &weights.device());
                Weights::PerRow(weights * factors)
            }
        }
    }
}

impl LossWeighting for Steered {
    fn signal(&self) -> Signal {
        self.base.signal()
    }

    fn weighs_rows(&self) -> bool {
        self.base.weighs_rows()
    }

    fn row_weights(&mut self, input: &WeightingInput) -> Option<Tensor<2>> {
        self.base.row_weights(input)
    }

    fn asks_critics(&self) -> bool {
        self.base.asks_critics()
    }

    fn adjust(&mut self, losses: &[f64], gradients: &mut TaskGradients) {
        self.base.adjust(losses, gradients);
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let weights = self.base.weights(input);
        self.steer(weights)
    }

    fn equal(&self, input: &WeightingInput) -> Weights {
        self.steer(self.base.equal(input))
    }

    fn needs_update(&self) -> bool {
        self.base.needs_update()
    }

    fn update(&mut self, mean_losses: &[f64]) {
        self.base.update(mean_losses);
    }

    fn end_epoch(&mut self, mean_losses: &[f64]) {
        self.base.end_epoch(mean_losses);
    }

    fn begin_step(&mut self, progress: Progress) {
        self.base.begin_step(progress);
    }

    fn end_block(&mut self, state: &BlockState) {
        self.base.end_block(state);
    }

    fn copy(&self) -> Option<Box<dyn LossWeighting>> {
        Some(Box::new(self.duplicate()?))
    }
}
