//! The tasks' gradients, looked at without a step.

use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::Actor;
use super::task_gradients::gram;
use super::update::Gradients;
use crate::input::StateBatch;
use crate::loss::Losses;
use crate::pass::Pass;
use crate::weighting::Gram;

impl Actor {
    /// Inner products of the tasks' gradients on what they share, of the unweighted losses on these rows in evaluation mode;
    /// all 0 where they share nothing. Nothing moves and nothing is drawn.
    ///
    /// # Shapes
    /// - labels: `[batch, task]`
    pub fn gram(&mut self, states: &StateBatch, labels: &Tensor<2>, losses: &Losses) -> Gram {
        let n_tasks = labels.dims()[1];
        let mut of_task = |task: usize| {
            let leaves = self.encoder.leaves(states);
            let predictions = self.network.forward(leaves.fields.clone(), states, &mut Pass::evaluation());
            let of_rows = losses.of_tasks(&predictions, labels, None).narrow(1, task, 1);
            let mut graph = of_rows.mean().backward();
            let sparse = self.encoder.gradients(&leaves, &mut graph);
            Gradients { dense: GradientsParams::from_grads(graph, &self.network), sparse }
        };
        let gradients: Vec<Gradients> = (0..n_tasks).map(&mut of_task).collect();
        gram(&self.network, &gradients, &self.shared())
    }
}
