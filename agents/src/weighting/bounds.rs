//! Bounds on the weights of any weighting: `[weights]` of a run file.
//!
//! First `normalize`, with w̄ the means over the batch: `batch_mean` divides a task's weights by their mean, so that
//! they distinguish rows and leave the balance between tasks as it is; `task_mean` divides them by the running mean of
//! that mean over the batches so far, so that a batch whose rows weigh more than others still does; `task_sum` multiplies all weights by
//! `K / Σ_k w̄_k`, so that they balance tasks and leave the size of the loss as it is. A mean that is not above 0 is no
//! divisor, and `batch_mean` (and, where it never changes, `task_mean`) makes every weight 1 where a weighting does not distinguish rows. Then `clip` keeps each
//! weight within its two numbers.

use burn::tensor::{Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::controller::{BlockState, Blocks, Policy};
use crate::progress::Progress;

use super::{LossWeighting, Signal, TaskGradients, WeightingInput, Weights};
use crate::parameter::host;

/// Means nearer to 0 than this are not divided by.
const LEAST_MEAN: f64 = 1e-6;

/// `[weights]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct WeightBounds {
    /// What the weights' mean is to be.
    pub normalize: Normalize,
    /// Smallest and largest weight; absent = no limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<[f64; 2]>,
}

/// What the weights' mean is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalize {
    /// Whatever the weighting says.
    #[default]
    None,
    /// 1 for every task, in every batch.
    BatchMean,
    /// 1 for every task over the last few hundred batches.
    TaskMean,
    /// 1 for all tasks together.
    TaskSum,
}

impl WeightBounds {
    /// Why these bounds cannot work, in words for the author of the run file.
    pub fn check(&self) -> Result<(), String> {
        match self.clip {
            Some([least, most]) if !(0.0 <= least && least <= most && most <= 1e6) => Err(format!(
                "`clip` is the smallest and the largest weight, from 0 to 1e6; found [{least}, {most}]"
            )),
            Some([_, 0.0]) => Err(
                "`clip` makes every weight 0, so nothing would be learnt; its second number must be above 0"
                    .into(),
            ),
            _ => Ok(()),
        }
    }

    /// `weighting` within these bounds.
    pub fn around(self, weighting: Box<dyn LossWeighting>) -> Box<dyn LossWeighting> {
        if self == Self::default() {
            return weighting;
        }
        Box::new(Bounded { weighting, bounds: self, means: RunningMeans::default() })
    }

    fn apply(self, weights: Tensor<2>, means: &mut RunningMeans) -> Tensor<2> {
        let weights = match self.normalize {
            Normalize::None => weights,
            Normalize::BatchMean => weights.clone() / divisor(weights.mean_dim(0)),
            Normalize::TaskMean => weights.clone() / divisor(means.with(weights.mean_dim(0))),
            Normalize::TaskSum => weights.clone() / divisor(weights.mean().unsqueeze()),
        };
        match self.clip {
            Some([least, most]) => weights.clamp(least, most),
            None => weights,
        }
    }
}

/// A mean to divide by; 1 where it is not above 0.
pub(super) fn divisor(mean: Tensor<2>) -> Tensor<2> {
    let unusable = mean.clone().lower_elem(LEAST_MEAN);
    mean.mask_fill(unusable, 1.0)
}

/// Share of the running means that is left after a batch.
const MEMORY: f32 = 0.99;

/// Every task's mean weight over the batches so far, those long ago counting less.
#[derive(Clone, Default, Serialize, Deserialize)]
struct RunningMeans {
    batches: f32,
    /// By task; empty before the first batch.
    sums: Vec<f32>,
}

impl RunningMeans {
    /// Takes in the means `[1, task]` of a batch; gives the running ones.
    fn with(&mut self, of_batch: Tensor<2>) -> Tensor<2> {
        let device = of_batch.device();
        let means = host(of_batch);
        self.sums.resize(means.len(), 0.0);
        self.batches = MEMORY * self.batches + 1.0;
        self.sums.iter_mut().zip(means).for_each(|(sum, mean)| *sum = MEMORY * *sum + mean);
        let means: Vec<f32> = self.sums.iter().map(|sum| sum / self.batches).collect();
        let shape = [1, means.len()];
        Tensor::from_data(TensorData::new(means, shape), &device)
    }
}

struct Bounded {
    weighting: Box<dyn LossWeighting>,
    bounds: WeightBounds,
    means: RunningMeans,
}

impl LossWeighting for Bounded {
    fn signal(&self) -> Signal {
        self.weighting.signal()
    }

    fn adjust(&mut self, losses: &[f64], gradients: &mut TaskGradients) {
        self.weighting.adjust(losses, gradients);
    }

    fn weighs_rows(&self) -> bool {
        self.weighting.weighs_rows()
    }

    fn asks_critics(&self) -> bool {
        self.weighting.asks_critics()
    }

    fn row_weights(&mut self, input: &WeightingInput) -> Option<Tensor<2>> {
        let weights = self.weighting.row_weights(input)?;
        Some(self.bounds.apply(weights, &mut self.means))
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let weights = self.weighting.weights(input);
        // Of a product the factor of the rows is bounded.
        if self.weighs_rows() {
            return weights;
        }
        Weights::PerRow(self.bounds.apply(input.of_rows(weights), &mut self.means))
    }

    fn equal(&self, input: &WeightingInput) -> Weights {
        let weights = self.weighting.equal(input);
        if self.weighs_rows() {
            return weights;
        }
        // A step that says nothing leaves the running means as they are.
        Weights::PerRow(self.bounds.apply(input.of_rows(weights), &mut self.means.clone()))
    }

    fn needs_update(&self) -> bool {
        self.weighting.needs_update()
    }

    fn update(&mut self, mean_losses: &[f64]) {
        self.weighting.update(mean_losses);
    }

    fn end_epoch(&mut self, mean_losses: &[f64]) {
        self.weighting.end_epoch(mean_losses);
    }

    fn begin_step(&mut self, progress: Progress) {
        self.weighting.begin_step(progress);
    }

    fn blocks(&self) -> Option<Blocks> {
        self.weighting.blocks()
    }

    fn end_block(&mut self, state: &BlockState) {
        self.weighting.end_block(state);
    }

    fn take_policy(&mut self, policy: Policy) {
        self.weighting.take_policy(policy);
    }

    fn state(&self) -> Option<Value> {
        Some(json!([self.weighting.state()?, serde_json::to_value(&self.means).ok()?]))
    }

    fn restore(&mut self, state: Value) -> serde_json::Result<()> {
        let [weighting, means] = serde_json::from_value(state)?;
        self.means = serde_json::from_value(means)?;
        self.weighting.restore(weighting)
    }

    fn copy(&self) -> Option<Box<dyn LossWeighting>> {
        let weighting = self.weighting.copy()?;
        Some(Box::new(Self { weighting, bounds: self.bounds, means: self.means.clone() }))
    }
}

#[cfg(test)]
mod tests;
