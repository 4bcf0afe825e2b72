//! What a weighting does in a training, and who asks it.

use burn::tensor::Tensor;
use serde::de::Error as _;
use serde_json::Value;

use super::{Gram, Signal, TaskGradients, WeightingInput, Weights};
use crate::controller::{BlockState, Blocks, Policy};
use crate::progress::Progress;

/// Weighs tasks, or rows and tasks. Asked by [`weigh`].
pub trait LossWeighting: Send {
    /// What must be computed for it.
    fn signal(&self) -> Signal {
        Signal::default()
    }

    /// With [`Signal::Entries`]: changes the tasks' gradients on what they share, given their mean losses. The
    /// weights, which are taken next, act on what it leaves.
    fn adjust(&mut self, _losses: &[f64], _gradients: &mut TaskGradients) {}

    /// The weights of a batch.
    fn weights(&mut self, input: &WeightingInput) -> Weights;

    /// Whether it weighs rows, too: [`LossWeighting::row_weights`] is asked first then.
    fn weighs_rows(&self) -> bool {
        false
    }

    /// Weights of rows that multiply the losses before the tasks' gradients are taken, `[batch, task]`, from the critics'
    /// values. The input's losses are without them.
    fn row_weights(&mut self, _input: &WeightingInput) -> Option<Tensor<2>> {
        None
    }

    /// Whether the critics' values must be there.
    fn asks_critics(&self) -> bool {
        self.signal() == Signal::QValues || self.weighs_rows()
    }

    /// The weights of a batch whose gradients say nothing about the tasks' balance, as [`weigh`] finds.
    fn equal(&self, input: &WeightingInput) -> Weights {
        Weights::PerTask(vec![1.0; input.n_tasks()])
    }

    /// Whether it learns from the batch's losses after the step, by [`LossWeighting::update`].
    fn needs_update(&self) -> bool {
        false
    }

    /// Takes in every task's mean loss on the batch it has just weighed, after the step.
    fn update(&mut self, _mean_losses: &[f64]) {}

    /// Takes in every task's mean loss over the rows of the epoch that ends, each as it was when its batch was weighed.
    fn end_epoch(&mut self, _mean_losses: &[f64]) {}

    /// Hears which step of how many in this training is next.
    fn begin_step(&mut self, _progress: Progress) {}

    /// How the training is divided and what must be measured for [`LossWeighting::end_block`]; nothing by default.
    fn blocks(&self) -> Option<Blocks> {
        None
    }

    /// Takes in what was measured where a block ends, and once before the first step.
    fn end_block(&mut self, _state: &BlockState) {}

    /// Takes over the policy that [`Settings::policy`](super::Settings::policy) names, before the first step.
    fn take_policy(&mut self, _policy: Policy) {}

    /// What it remembers between steps, to go on in another process; nothing where it does not tell, and then a training beside
    /// it that was stopped begins again.
    fn state(&self) -> Option<Value> {
        None
    }

    /// Takes over what [`LossWeighting::state`] of one with the same settings gave.
    ///
    /// # Errors
    /// It is of another weighting.
    fn restore(&mut self, _state: Value) -> serde_json::Result<()> {
        Err(serde_json::Error::custom("this weighting takes over no state"))
    }

    /// The same once more, to go on from here twice; nothing where that cannot be.
    fn copy(&self) -> Option<Box<dyn LossWeighting>> {
        None
    }
}

/// The weights of a batch. Where a task has no gradient on the shared parameters, which says nothing about their
/// balance, `weighting` is not asked and tasks count alike.
pub fn weigh(weighting: &mut dyn LossWeighting, input: &WeightingInput) -> Weights {
    match input.gram.as_ref().is_some_and(Gram::is_degenerate) {
        true => weighting.equal(input),
        false => weighting.weights(input),
    }
}

/// The same times the weights of rows, `[batch, task]`; for a weighting that asks for no gradients.
pub fn weigh_rows_and_tasks(weighting: &mut dyn LossWeighting, input: &WeightingInput) -> Tensor<2> {
    let rows = weighting.row_weights(input);
    times_rows(rows, input.of_rows(weigh(weighting, input)))
}

/// `weights`, times those of rows where there are any.
pub(crate) fn times_rows(rows: Option<Tensor<2>>, weights: Tensor<2>) -> Tensor<2> {
    match rows {
        Some(rows) => rows * weights,
        None => weights,
    }
}
