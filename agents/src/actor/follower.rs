//! Polyak averages of an actor's parameters: its target network, and the average that is evaluated in its place.

use burn::module::Module;
use burn::tensor::Tensor;

use super::Network;
use super::course::{AverageState, Renamed, TableState};
use crate::backbone::Backbone;
use crate::embedding::{EmbeddingTable, TargetTable};
use crate::input::{StateBatch, StateEncoder};
use crate::parameter::{self, NamedTensors};
use crate::pass::Pass;
use crate::progress::Progress;

/// Parameters that follow an actor's: `average ← τ · online + (1 − τ) · average` at every update.
#[derive(Clone)]
pub(super) struct Follower {
    /// One per view; lazy and exact.
    tables: Vec<TargetTable>,
    /// Outside autodiff.
    network: Network,
    tau: f64,
}

/// All that follow an actor.
#[derive(Clone, Default)]
pub(super) struct Followers {
    /// π̃ of TD targets.
    pub(super) target: Option<Follower>,
    /// The exponential average of the training.
    pub(super) average: Option<Follower>,
}

impl Followers {
    /// Gives their parameters other ids: they have those of what they follow.
    pub(super) fn rename(&mut self, ids: &[u64]) {
        for follower in [&mut self.target, &mut self.average].into_iter().flatten() {
            follower.network = follower.network.clone().map(&mut Renamed::to(ids));
        }
    }

    /// Must be called before `rows` of the online table of a view change.
    pub(super) fn before_write(&mut self, view: usize, online: &EmbeddingTable, rows: &[u32]) {
        for follower in [&mut self.target, &mut self.average].into_iter().flatten() {
            follower.tables[view].before_write(online, rows);
        }
    }
}

impl Follower {
    /// One that equals these parameters.
    pub(super) fn new(encoder: &StateEncoder, network: &Network, tau: f64) -> Self {
        let tables = encoder.views.iter().map(|view| TargetTable::new(&view.table, tau)).collect();
        Self { tables, network: network.valid(), tau }
    }

    /// See [`Backbone::after_step`].
    pub(super) fn after_step(&mut self, progress: Progress) {
        self.network.backbone.after_step(progress);
    }

    pub(super) fn update(&mut self, network: &Network) {
        self.tables.iter_mut().for_each(TargetTable::soft_update);
        self.network = parameter::soft_update(self.network.clone(), network, self.tau);
    }

    /// Its probabilities in evaluation mode, `[batch, task]`.
    pub(super) fn predict(&mut self, encoder: &StateEncoder, states: &StateBatch) -> Tensor<2> {
        let lookup = encoder.indices(states);
        let views = encoder.views.iter().zip(&mut self.tables);
        let fields = views
            .map(|(view, table)| encoder.tensor(table.read(&view.table, &lookup), states.n_rows))
            .collect();
        self.network.clone().for_prediction().forward(fields, states, &mut Pass::evaluation()).probabilities
    }

    pub(super) fn state(&self) -> AverageState {
        let mut network = NamedTensors::new();
        parameter::collect(&self.network, "network", &mut network);
        let of_table = |table: &TargetTable| TableState {
            weights: table.table().weights().to_vec(),
            clock: table.clock(),
            row_clocks: table.row_clocks().to_vec(),
        };
        AverageState { network, tables: self.tables.iter().map(of_table).collect() }
    }

    /// The same as it was when it gave `state`; the reason where that is of another size.
    pub(super) fn restored(mut self, state: AverageState) -> Result<Self, String> {
        let AverageState { network, tables } = state;
        self.network =
            parameter::restore(self.network, "network", &network).map_err(|error| error.to_string())?;
        if tables.len() != self.tables.len() {
            return Err(format!("there are {} views, and the state has {}", self.tables.len(), tables.len()));
        }
        for (table, TableState { weights, clock, row_clocks }) in self.tables.iter_mut().zip(tables) {
            let fits = weights.len() == table.table().n_parameters()
                && row_clocks.len() == table.row_clocks().len()
                && row_clocks.iter().all(|row_clock| *row_clock <= clock);
            if !fits {
                return Err("a table of the average has another size, or a clock that is ahead".into());
            }
            table.load(&weights, clock, row_clocks);
        }
        Ok(self)
    }

    /// Gives its values to `encoder` and `network`, which are those it follows. O(vocabulary).
    pub(super) fn copy_into(&self, encoder: &mut StateEncoder, network: Network) -> Network {
        for (view, table) in encoder.views.iter_mut().zip(&self.tables) {
            let mut table = table.clone();
            table.catch_up_all(&view.table);
            view.table.weights_mut().copy_from_slice(table.table().weights());
        }
        let mut values = NamedTensors::new();
        parameter::collect(&self.network, "network", &mut values);
        parameter::restore(network, "network", &values)
            .expect("a follower has the parameters of what it follows")
    }
}
