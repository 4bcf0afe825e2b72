//! One set of critics with its encoder, target network and optimisers; twins are two of them.

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use rmtl_envs::Schema;

use super::{CriticConfig, CriticNetwork};
use crate::embedding::TargetTable;
use crate::footprint::NetworkFootprint;
use crate::input::{EncoderConfig, NumericEncoding, NumericField, StateBatch, StateEncoder, n_fields};
use crate::parameter::{self, NamedTensors, ParameterError, gradient_norm, scalar};
use crate::pass::Pass;
use crate::replay::Transitions;
use crate::stream::{Stream, Streams};

/// The dense parameters of the critics.
#[derive(Module, Debug)]
struct Network {
    numeric: NumericField,
    critics: CriticNetwork,
}

impl Network {
    /// Untrained, over fields of `encoder`.
    fn new(
        config: &CriticConfig,
        schema: &Schema,
        encoder: &EncoderConfig,
        mean_returns: &[f32],
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let (numeric, dim) = (encoder.numeric, encoder.dim);
        let size = [n_fields(schema, numeric), dim];
        Self {
            numeric: NumericField::new(&numeric.schema(schema), dim, stream, device),
            critics: CriticNetwork::new(config, size, mean_returns, stream, device),
        }
    }

    fn forward(
        &self,
        fields: Tensor<3>,
        states: &StateBatch,
        actions: Tensor<2>,
        pass: &mut Pass<'_>,
    ) -> Tensor<2> {
        let fields = self.numeric.append(fields, self.numeric.input(states).as_ref());
        self.critics.forward(fields, actions, pass)
    }
}

impl CriticConfig {
    /// The encoder of the critics' own beside an actor's fields of `dim`.
    pub fn encoder(&self, numeric: NumericEncoding, logarithms: &[String], dim: usize) -> EncoderConfig {
        let logarithms = logarithms.to_vec();
        EncoderConfig {
            dim: self.dim.unwrap_or(dim),
            numeric,
            logarithms,
            optimizer: self.embedding_optimizer,
        }
    }

    /// What the network of one twin will take, over fields of `encoder`; the settings must have been checked.
    pub fn network_footprint(
        &self,
        schema: &Schema,
        encoder: &EncoderConfig,
        device: &Device,
    ) -> NetworkFootprint {
        let mut stream = Streams::new(0).named("init/critic");
        let mean_returns = vec![0.0; schema.n_tasks()];
        NetworkFootprint::of(|| Network::new(self, schema, encoder, &mean_returns, &mut stream, device))
    }
}

#[derive(Clone)]
pub(super) struct Twin {
    encoder: StateEncoder,
    network: Network,
    target_table: TargetTable,
    /// Outside autodiff: targets are never differentiated.
    target_network: Network,
    optimizer: ModuleOptimizer,
}

/// What happened to one twin in one update.
pub(super) struct TwinStep {
    /// `Σ_k mean_i u_i δ_ik²`
    pub(super) loss: f64,
    /// Q(s, a) before the update, `[batch, task]` without a graph.
    pub(super) q: Tensor<2>,
    pub(super) dense_gradient_norm: Option<f64>,
    pub(super) embedding_gradient_norm: f64,
}

/// Q of one set of critics as it is now.
pub(super) struct MemberValues<'a> {
    encoder: &'a StateEncoder,
    /// Outside autodiff.
    network: Network,
}

impl MemberValues<'_> {
    /// See [`Values::at`](super::Values::at).
    pub(super) fn at(&self, states: &StateBatch, actions: Tensor<2>) -> Tensor<2> {
        let fields = self.encoder.fields(states).remove(0);
        self.network.forward(fields, states, actions, &mut Pass::evaluation())
    }
}

impl Twin {
    /// Untrained, the target equal to the online network. The table is a copy of `actor_encoder`'s first view where the
    /// dimensions agree.
    pub(super) fn new(
        config: &CriticConfig,
        schema: &Schema,
        actor_encoder: &StateEncoder,
        mean_returns: &[f32],
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let actor_table = &actor_encoder.views[0].table;
        let encoder_config =
            config.encoder(actor_encoder.numeric, &actor_encoder.logarithms, actor_table.dim());
        let mut encoder = StateEncoder::new(schema, &encoder_config, 1, stream, device);
        let table = &mut encoder.views[0].table;
        if table.dim() == actor_table.dim() {
            table.weights_mut().copy_from_slice(actor_table.weights());
        }
        let network = Network::new(config, schema, &encoder_config, mean_returns, stream, device);
        Self {
            target_table: TargetTable::new(&encoder.views[0].table, config.tau),
            target_network: network.valid(),
            encoder,
            network,
            optimizer: optimizer(),
        }
    }

    /// Q as it is now.
    pub(super) fn values(&self) -> MemberValues<'_> {
        MemberValues { encoder: &self.encoder, network: self.network.valid() }
    }

    /// Q̃(s, a) of the target network in evaluation mode.
    pub(super) fn target_q_values(&mut self, states: &StateBatch, actions: Tensor<2>) -> Tensor<2> {
        let table = &self.encoder.views[0].table;
        let fields = self.target_table.read(table, &self.encoder.indices(states));
        let fields = self.encoder.tensor(fields, states.n_rows);
        self.target_network.forward(fields, states, actions, &mut Pass::evaluation())
    }

    #[cfg(test)]
    pub(super) fn table(&self) -> &crate::embedding::EmbeddingTable {
        &self.encoder.views[0].table
    }

    pub(super) fn step(
        &mut self,
        config: &CriticConfig,
        transitions: &Transitions,
        (targets, importance): (Tensor<2>, Option<Tensor<2>>),
        pass: &mut Pass<'_>,
        with_gradient_norm: bool,
    ) -> TwinStep {
        let leaves = self.encoder.leaves(&transitions.states);
        let fields = leaves.fields[0].clone();
        let q = self.network.forward(fields, &transitions.states, transitions.actions.clone(), pass);
        let squares = (q.clone() - targets).square();
        let squares = match importance {
            Some(importance) => squares * importance,
            None => squares,
        };
        let loss = squares.mean_dim(0).sum();
        let loss_value = scalar(loss.clone());
        let mut gradients = loss.backward();
        let target_table = &mut self.target_table;
        let embedding_gradient_norm =
            self.encoder.step(&leaves, &mut gradients, config.embedding_learning_rate, |_, online, rows| {
                target_table.before_write(online, rows);
            });
        let gradients = GradientsParams::from_grads(gradients, &self.network);
        let dense_gradient_norm = with_gradient_norm.then(|| gradient_norm(&self.network, &[&gradients]));
        self.network = self.optimizer.step(config.learning_rate, self.network.clone(), gradients);
        TwinStep { loss: loss_value, q: q.inner(), dense_gradient_norm, embedding_gradient_norm }
    }

    pub(super) fn soft_update(&mut self, tau: f64) {
        self.target_table.soft_update();
        self.target_network = parameter::soft_update(self.target_network.clone(), &self.network, tau);
    }

    pub(super) fn collect(&self, prefix: &str, into: &mut NamedTensors) {
        self.encoder.collect(&format!("{prefix}embedding"), into);
        parameter::collect(&self.network, &format!("{prefix}network"), into);
    }

    /// Takes over parameters; targets equal them and the optimisers start afresh.
    pub(super) fn load(
        mut self,
        prefix: &str,
        tau: f64,
        from: &NamedTensors,
    ) -> Result<Self, ParameterError> {
        self.encoder.restore(&format!("{prefix}embedding"), from)?;
        self.encoder.reset_optimizers();
        self.network = parameter::restore(self.network, &format!("{prefix}network"), from)?;
        self.target_table = TargetTable::new(&self.encoder.views[0].table, tau);
        self.target_network = self.network.valid();
        self.optimizer = optimizer();
        Ok(self)
    }
}

fn optimizer() -> ModuleOptimizer {
    AdamConfig::new().with_epsilon(1e-8).init()
}
