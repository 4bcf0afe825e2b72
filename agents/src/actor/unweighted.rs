//! The gradient of the unweighted loss, for second moments that weights leave alone.

use burn::optim::GradientsParams;

use super::Actor;
use super::step::ActorBatch;
use super::update::Gradients;
use crate::loss::Losses;
use crate::pass::Pass;

impl Actor {
    /// The gradient of `Σ_k mean_i BCE_ik + Σ terms`, by a forward and a backward pass of its own: a graph serves one
    /// backward pass.
    pub(super) fn unweighted_gradients(
        &mut self,
        batch: &ActorBatch<'_>,
        extra: &Losses,
        pass: &mut Pass<'_>,
    ) -> Gradients {
        let leaves = self.encoder.leaves(batch.states);
        let predictions = self.network.forward(leaves.fields.clone(), batch.states, pass);
        let losses = extra.of_tasks(&predictions, &batch.labels, batch.counts.as_ref());
        let agent = batch.agent(extra, &predictions);
        let terms = extra.values(&predictions, &batch.labels, &losses, &leaves.fields, agent.as_ref());
        let total = terms.into_iter().fold(losses.mean_dim(0).sum(), |sum, (_, term)| sum + term);
        let mut graph = total.backward();
        let sparse = self.encoder.gradients(&leaves, &mut graph);
        Gradients { dense: GradientsParams::from_grads(graph, &self.network), sparse }
    }
}
