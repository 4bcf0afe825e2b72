//! The extra terms of a run.

use std::sync::Arc;

use burn::tensor::Tensor;

use super::{AgentInput, AtFloor, LossInput, LossTerm, TaskFacts};
use crate::backbone::Predictions;

/// The terms of a run, bound to its tasks.
pub struct Losses {
    pub(super) names: Vec<&'static str>,
    pub(super) terms: Vec<Arc<dyn LossTerm>>,
    pub(super) tasks: TaskFacts,
}

impl Losses {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Those that act without critics.
    pub fn without_agent(self) -> Self {
        let terms = self.names.into_iter().zip(self.terms).filter(|(_, term)| !term.is_of_agent());
        let (names, terms) = terms.unzip();
        Self { names, terms, tasks: self.tasks }
    }

    /// Whether [`Losses::values`] needs the agent's side.
    pub fn need_agent(&self) -> bool {
        self.terms.iter().any(|term| term.is_of_agent())
    }

    /// The loss of every row and task; see [`TaskLosses::of`](super::TaskLosses::of).
    pub fn of_tasks(
        &self,
        predictions: &Predictions,
        labels: &Tensor<2>,
        counts: Option<&Tensor<2>>,
    ) -> Tensor<2> {
        self.tasks.losses.of(predictions, &self.tasks.parents, labels, counts)
    }

    /// Every term's value and every auxiliary loss of the backbone, one element each, by name.
    pub fn values(
        &self,
        predictions: &Predictions,
        labels: &Tensor<2>,
        losses: &Tensor<2>,
        fields: &[Tensor<3>],
        agent: Option<&AgentInput>,
    ) -> Vec<(&'static str, Tensor<1>)> {
        let input = LossInput { predictions, labels, losses, fields, tasks: &self.tasks, agent };
        let terms = self.names.iter().zip(&self.terms).map(|(name, term)| (*name, term.value(&input)));
        terms.chain(predictions.auxiliary.iter().cloned()).collect()
    }

    /// What [`LossTerm::at_floor`] says of every term, by its name.
    pub fn at_floor(
        &self,
        predictions: &Predictions,
        labels: &Tensor<2>,
        losses: &Tensor<2>,
        fields: &[Tensor<3>],
    ) -> Vec<(&'static str, AtFloor)> {
        let input = LossInput { predictions, labels, losses, fields, tasks: &self.tasks, agent: None };
        let terms = self.names.iter().zip(&self.terms);
        terms.flat_map(|(name, term)| term.at_floor(&input).into_iter().map(|of| (*name, of))).collect()
    }
}
