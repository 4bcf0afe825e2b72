//! What an actor is besides its parameters: how far its training has come, and what its optimisers remember. With both and
//! its parameters, an actor in another process goes on as this one would.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Bytes, Tensor};

use super::Actor;
use crate::embedding::SparseOptimizerState;
use crate::parameter::NamedTensors;

/// How far the training of an actor has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// Steps since it was untrained.
    pub n_steps: u64,
    /// Those that its first training takes at most, see [`Actor::plan`].
    pub planned_steps: Option<u64>,
}

/// What an actor's optimisers remember between steps.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimizerState {
    /// Of the tables: for every view its optimiser, and those of further losses.
    pub tables: Vec<Vec<SparseOptimizerState>>,
    /// Of the dense parameters, burn's record of every optimiser.
    pub dense: Vec<Vec<u8>>,
    /// By what numbers the records call the parameters, in the order of the network. burn draws them anew for every network.
    pub ids: Vec<u64>,
}

/// An actor's average, see [`Actor::with_average`].
#[derive(Clone, Debug, PartialEq)]
pub struct AverageState {
    /// Its dense parameters.
    pub network: NamedTensors,
    /// Its tables, view by view.
    pub tables: Vec<TableState>,
}

/// A table that follows another lazily, see [`TargetTable`](crate::embedding::TargetTable).
#[derive(Clone, Debug, PartialEq)]
pub struct TableState {
    /// `[rows, dim]`, each row as it was when it last caught up.
    pub weights: Vec<f32>,
    /// Updates so far.
    pub clock: u32,
    /// `[rows]`: those that a row has seen.
    pub row_clocks: Vec<u32>,
}

/// Of what another network or optimiser remembers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state of the optimisers cannot be taken over: {0}")]
pub struct StateError(String);

impl Actor {
    /// How far its training has come.
    pub fn course(&self) -> Course {
        Course { n_steps: self.n_steps, planned_steps: self.planned_steps }
    }

    /// The same parameters as far in a training as `course` says.
    pub fn at(self, Course { n_steps, planned_steps }: Course) -> Self {
        Self { n_steps, planned_steps, ..self }
    }

    /// What its optimisers remember. Gradients of batches that have made no step yet are no part of it, see
    /// [`OptimizerConfig::accumulate`](crate::parameter::OptimizerConfig::accumulate).
    ///
    /// # Errors
    /// burn cannot write its record.
    pub fn optimizer_state(&self) -> Result<OptimizerState, StateError> {
        let mut ids = Ids(Vec::new());
        self.network.visit(&mut ids);
        let dense = self.optimizers.records().map_err(StateError)?;
        Ok(OptimizerState { tables: self.encoder.optimizer_states(), dense, ids: ids.0 })
    }

    /// The same parameters with optimisers that remember what those did whose `state` it is.
    ///
    /// # Errors
    /// They are of other parameters or other methods.
    pub fn with_optimizer_state(mut self, state: OptimizerState) -> Result<Self, StateError> {
        let OptimizerState { tables, dense, ids } = state;
        let mut found = Ids(Vec::new());
        self.network.visit(&mut found);
        if found.0.len() != ids.len() {
            let (expected, found) = (found.0.len(), ids.len());
            return Err(StateError(format!("it is of {found} parameters, and the network has {expected}")));
        }
        self.encoder.load_optimizer_states(tables).map_err(StateError)?;
        self.followers.rename(&ids);
        self.network = self.network.map(&mut Renamed::to(&ids));
        self.optimizers.load(dense.into_iter().map(Bytes::from_bytes_vec).collect()).map_err(StateError)?;
        Ok(self)
    }
}

impl Actor {
    /// Whether gradients of batches that have made no step yet wait for more, so that parameters and optimisers are not all it is.
    pub fn is_collecting(&self) -> bool {
        !self.collected.is_empty()
    }

    /// Its average as it is, rows that have not caught up included; nothing where it has none.
    pub fn average_state(&self) -> Option<AverageState> {
        let average = self.followers.average.as_ref()?;
        Some(average.state())
    }

    /// The same with its average, which it must have, as it was when it gave `state`.
    ///
    /// # Errors
    /// It has none, or one of another size.
    pub fn with_average_state(mut self, state: AverageState) -> Result<Self, StateError> {
        let average =
            self.followers.average.take().ok_or_else(|| StateError("there is no average".into()))?;
        self.followers.average = Some(average.restored(state).map_err(StateError)?);
        Ok(self)
    }
}

/// The ids of a network's parameters, in its order.
struct Ids(Vec<u64>);

impl ModuleVisitor for Ids {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.id.val());
    }
}

/// Gives a network's parameters other ids, in its order.
pub(super) struct Renamed<'a>(std::slice::Iter<'a, u64>);

impl<'a> Renamed<'a> {
    /// These.
    pub(super) fn to(ids: &'a [u64]) -> Self {
        Self(ids.iter())
    }
}

impl ModuleMapper for Renamed<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.0.next() {
            Some(&id) => {
                let (_, value, mapper) = param.consume();
                Param::from_mapped_value(ParamId::from(id), value, mapper)
            }
            None => param,
        }
    }
}
