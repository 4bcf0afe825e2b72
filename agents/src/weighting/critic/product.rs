//! Weights of rows times weights of tasks.

use burn::tensor::Tensor;
use serde_json::{Value, json};

use super::Critic;
use crate::controller::{BlockState, Blocks, Policy};
use crate::progress::Progress;
use crate::weighting::{LossWeighting, Signal, TaskGradients, WeightingInput, Weights};

/// The critics' weights of rows, times another weighting's of tasks.
pub(super) struct Product {
    pub(super) rows: Critic,
    pub(super) tasks: Box<dyn LossWeighting>,
}

impl LossWeighting for Product {
    fn signal(&self) -> Signal {
        self.tasks.signal()
    }

    fn weighs_rows(&self) -> bool {
        true
    }

    fn row_weights(&mut self, input: &WeightingInput) -> Option<Tensor<2>> {
        Some(self.rows.of_rows(input))
    }

    fn adjust(&mut self, losses: &[f64], gradients: &mut TaskGradients) {
        self.tasks.adjust(losses, gradients);
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        self.tasks.weights(input)
    }

    fn equal(&self, input: &WeightingInput) -> Weights {
        self.tasks.equal(input)
    }

    fn needs_update(&self) -> bool {
        self.tasks.needs_update()
    }

    fn update(&mut self, mean_losses: &[f64]) {
        self.tasks.update(mean_losses);
    }

    fn end_epoch(&mut self, mean_losses: &[f64]) {
        self.tasks.end_epoch(mean_losses);
    }

    fn begin_step(&mut self, progress: Progress) {
        self.tasks.begin_step(progress);
    }

    fn blocks(&self) -> Option<Blocks> {
        self.tasks.blocks()
    }

    fn end_block(&mut self, state: &BlockState) {
        self.tasks.end_block(state);
    }

    fn take_policy(&mut self, policy: Policy) {
        self.tasks.take_policy(policy);
    }

    fn state(&self) -> Option<Value> {
        Some(json!([self.rows.state()?, self.tasks.state()?]))
    }

    fn restore(&mut self, state: Value) -> serde_json::Result<()> {
        let [rows, tasks] = serde_json::from_value(state)?;
        self.rows.restore(rows)?;
        self.tasks.restore(tasks)
    }
}
