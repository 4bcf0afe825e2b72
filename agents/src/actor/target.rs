//! The actor's target network π̃, for schedules in which the actor moves while critics learn.

use burn::module::Module;
use burn::tensor::Tensor;
use rmtl_envs::Row;

use super::{Actor, Network};
use crate::batch::{BatchReader, StateBatch};
use crate::encoder::host;
use crate::pass::Pass;
use crate::state::{EmbeddingTable, TargetTable};
use crate::target;
use crate::transition::Policy;

/// Rows of one forward pass of a policy: n-step returns may ask for many.
const CHUNK: usize = 4096;

#[derive(Clone)]
pub(super) struct Target {
    /// One per view.
    tables: Vec<TargetTable>,
    /// Outside autodiff.
    network: Network,
    tau: f64,
}

impl Target {
    /// Must be called before `rows` of the online table of a view change.
    pub(super) fn before_write(
        target: &mut Option<Self>,
        view: usize,
        online: &EmbeddingTable,
        rows: &[u32],
    ) {
        if let Some(target) = target {
            target.tables[view].before_write(online, rows);
        }
    }
}

impl Actor {
    /// The same actor with a target network that equals it, and follows it at rate `tau` with every
    /// [`Actor::soft_update`].
    pub fn with_target(mut self, tau: f64) -> Self {
        let tables = self.encoder.views.iter().map(|view| TargetTable::new(&view.table, tau)).collect();
        self.target = Some(Target { tables, network: self.network.valid(), tau });
        self
    }

    /// A snapshot without the target, optimisers included.
    pub fn without_target(&self) -> Self {
        let Self { encoder, network, optimizer, config, .. } = self;
        Self {
            encoder: encoder.clone(),
            network: network.clone(),
            optimizer: optimizer.clone(),
            config: *config,
            target: None,
        }
    }

    /// `target ← τ · online + (1 − τ) · target`; the tables' part is lazy and exact.
    ///
    /// # Panics
    /// If it has no target.
    pub fn soft_update(&mut self) {
        let target = self.target.as_mut().expect("an actor with a target");
        target.tables.iter_mut().for_each(TargetTable::soft_update);
        target.network = target::soft_update(target.network.clone(), &self.network, target.tau);
    }

    /// π̃(s): probabilities of the target network in evaluation mode.
    ///
    /// # Shapes
    /// - output: `[batch, task]`
    ///
    /// # Panics
    /// If it has no target.
    pub fn predict_target(&mut self, states: &StateBatch) -> Tensor<2> {
        let target = self.target.as_mut().expect("an actor with a target");
        let lookup = self.encoder.indices(states);
        let views = self.encoder.views.iter().zip(&mut target.tables);
        let fields = views
            .map(|(view, table)| self.encoder.tensor(table.read(&view.table, &lookup), states.n_rows))
            .collect();
        target.network.forward(fields, states, &mut Pass::evaluation()).probabilities
    }
}

/// An actor as it is, as the policy that acts.
pub struct OnlinePolicy<'a>(pub &'a Actor);

impl Policy for OnlinePolicy<'_> {
    fn actions(&mut self, reader: &BatchReader<'_>, rows: &[Row]) -> Vec<f32> {
        rows.chunks(CHUNK).flat_map(|rows| host(self.0.predict(&reader.states(rows)))).collect()
    }
}

/// The target network of an actor, as the policy of TD targets.
pub struct TargetPolicy<'a>(pub &'a mut Actor);

impl Policy for TargetPolicy<'_> {
    fn actions(&mut self, reader: &BatchReader<'_>, rows: &[Row]) -> Vec<f32> {
        rows.chunks(CHUNK).flat_map(|rows| host(self.0.predict_target(&reader.states(rows)))).collect()
    }
}
