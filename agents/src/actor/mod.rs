//! The actor: a state encoder, an interaction of its fields, a backbone, and their optimisers.

mod course;
mod entries;
mod follower;
mod gradients;
mod step;
mod target;
mod task_gradients;
mod unweighted;
mod update;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rmtl_envs::Schema;

use crate::backbone::{AnyBackbone, Backbone, BackboneConfig, Input, Predictions, ViewRole};
use crate::footprint::NetworkFootprint;
use crate::input::{EncoderConfig, NumericField, StateBatch, StateEncoder};
use crate::interaction::{Interaction, InteractionConfig};
use crate::parameter::moments::{DenseOptimizers, Moments};
use crate::parameter::{self, LearningRates, NamedTensors, OptimizerConfig, ParameterError, host};
use crate::pass::Pass;
use crate::progress::Annealed;
use crate::stream::{Stream, Streams};

pub use course::{AverageState, Course, OptimizerState, StateError, TableState};
use follower::Followers;
pub use step::{ActorBatch, ActorStep};
pub use target::{OnlinePolicy, TargetPolicy};
use update::Collected;

/// What an actor is built from.
#[derive(Clone, Debug, PartialEq)]
pub struct ActorConfig {
    /// The backbone and its settings.
    pub backbone: BackboneConfig,
    /// The state encoder.
    pub encoder: EncoderConfig,
    /// What fields do with one another before the backbone sees them.
    pub interaction: InteractionConfig,
    /// The optimiser of the dense parameters, and the tables' learning rate.
    pub optimizer: OptimizerConfig,
    /// See [`Input::base_rates`].
    pub base_rates: Option<Vec<f64>>,
}

impl ActorConfig {
    /// What the backbone is built for.
    pub fn input(&self, schema: &Schema) -> Input {
        self.interaction.seen(self.fields(schema))
    }

    /// The same of the fields before they meet.
    pub fn fields(&self, schema: &Schema) -> Input {
        Input::new(&self.encoder.numeric.schema(schema), self.encoder.dim, self.base_rates.clone())
    }

    /// What its network will take; the settings must have been checked.
    pub fn network_footprint(&self, schema: &Schema, device: &Device) -> NetworkFootprint {
        let streams = Streams::new(0);
        NetworkFootprint::of(|| {
            Network::new(self, schema, &mut streams.named("init/encoder"), &streams, device)
        })
    }
}

/// The dense parameters of an actor.
#[derive(Module, Debug)]
struct Network {
    /// One per view.
    numeric: Vec<NumericField>,
    /// One per view.
    interaction: Vec<Interaction>,
    backbone: AnyBackbone,
}

impl Network {
    /// Untrained; the projections go on with `stream`, which the tables were drawn from.
    fn new(
        config: &ActorConfig,
        schema: &Schema,
        stream: &mut Stream,
        streams: &Streams,
        device: &Device,
    ) -> Self {
        let n_views = config.backbone.views(schema.n_tasks()).len();
        let encoded = config.encoder.numeric.schema(schema);
        let projection = |_| NumericField::new(&encoded, config.encoder.dim, stream, device);
        let numeric = (0..n_views).map(projection).collect();
        let mut stream = streams.named("init/interaction");
        let width = config.fields(schema).width();
        let interaction = (0..n_views).map(|_| config.interaction.init(width, &mut stream, device)).collect();
        let input = config.input(schema);
        let backbone = config.backbone.init(&input, &mut streams.named("init/backbone"), device);
        Self { numeric, interaction, backbone }
    }

    /// See [`Backbone::for_prediction`].
    fn for_prediction(self) -> Self {
        Self { backbone: self.backbone.for_prediction(), ..self }
    }

    fn predict(&self, encoder: &StateEncoder, states: &StateBatch) -> Tensor<2> {
        self.forward(encoder.fields(states), states, &mut Pass::evaluation()).probabilities
    }

    fn forward(&self, fields: Vec<Tensor<3>>, states: &StateBatch, pass: &mut Pass<'_>) -> Predictions {
        let numeric = self.numeric[0].input(states);
        let views: Vec<_> = fields
            .into_iter()
            .zip(self.numeric.iter().zip(&self.interaction))
            .map(|(fields, (field, interaction))| interaction.forward(field.append(fields, numeric.as_ref())))
            .collect();
        self.backbone.forward(&views, pass)
    }
}

/// What has a probability per task for a state, however it was trained.
pub trait Predict {
    /// π(s): probabilities in evaluation mode, outside any graph.
    ///
    /// # Shapes
    /// - output: `[batch, task]`
    fn predict(&self, states: &StateBatch) -> Tensor<2>;
}

impl Predict for Actor {
    fn predict(&self, states: &StateBatch) -> Tensor<2> {
        self.network.valid().for_prediction().predict(&self.encoder, states)
    }
}

/// A policy π: state → probability per task, and what trains it. A clone is a full snapshot, optimisers included.
#[derive(Clone)]
pub struct Actor {
    encoder: StateEncoder,
    /// Whose every view of the encoder is.
    views: Vec<ViewRole>,
    network: Network,
    optimizers: DenseOptimizers,
    config: OptimizerConfig,
    followers: Followers,
    collected: Collected,
    has_frozen_tables: bool,
    /// Since it was untrained.
    n_steps: u64,
    /// Of its first training.
    planned_steps: Option<u64>,
}

impl Actor {
    /// An untrained actor. Its parameters come from the streams `init/encoder`, `init/interaction` and `init/backbone`.
    pub fn new(config: &ActorConfig, schema: &Schema, streams: &Streams, device: &Device) -> Self {
        let device = device.clone().autodiff();
        let views = config.backbone.views(schema.n_tasks());
        let mut stream = streams.named("init/encoder");
        let mut encoder = StateEncoder::new(schema, &config.encoder, views.len(), &mut stream, &device);
        let network = Network::new(config, schema, &mut stream, streams, &device);
        let n_tasks = schema.n_tasks();
        if config.optimizer.moments == Moments::PerTask {
            encoder.add_optimizers(n_tasks - 1, |view| views[view] == ViewRole::Shared);
        }
        let optimizers = DenseOptimizers::new(&config.optimizer, n_tasks);
        Self {
            encoder,
            views,
            network,
            optimizers,
            config: config.optimizer,
            followers: Followers::default(),
            collected: Collected::default(),
            has_frozen_tables: false,
            n_steps: 0,
            planned_steps: None,
        }
    }

    /// The steps that a training which now begins takes at most. Those of the actor's first one set the pace of what its
    /// backbone anneals; one that goes on from another goes on with its annealing. Without any nothing is annealed.
    pub fn plan(&mut self, steps: u64) {
        self.planned_steps.get_or_insert(steps);
    }

    /// What its backbone anneals, by name, with its value now.
    pub fn annealed(&self) -> Vec<Annealed> {
        self.network.backbone.annealed()
    }

    /// Whether all it anneals is final.
    pub fn is_annealed(&self) -> bool {
        self.annealed().iter().all(|annealed| annealed.is_final)
    }

    /// What its backbone shows of itself for states, a name and a value per row.
    pub fn diagnostics(&self, states: &StateBatch) -> Vec<(&'static str, Vec<f32>)> {
        let fields = self.encoder.fields(states);
        let predictions = self.network.valid().forward(fields, states, &mut Pass::evaluation());
        predictions.diagnostics.into_iter().map(|(name, values)| (name, host(values))).collect()
    }

    /// The learning rates of the updates that follow.
    pub fn set_learning_rates(&mut self, rates: LearningRates) {
        self.config.learning_rate = rates.dense;
        self.config.embedding_learning_rate = rates.embedding;
    }

    /// The same parameters with fresh optimisers.
    pub fn with_fresh_optimizers(mut self) -> Self {
        self.optimizers = DenseOptimizers::new(&self.config, self.optimizers.n_tasks());
        self.collected = Collected::default();
        self.encoder.reset_optimizers();
        self
    }

    /// The same, whose embedding tables no update moves any more.
    pub fn with_frozen_tables(self) -> Self {
        Self { has_frozen_tables: true, ..self }
    }

    /// Parameters outside the tables.
    pub fn n_dense_parameters(&self) -> usize {
        parameter::n_parameters(&self.network)
    }

    /// Parameters in the tables.
    pub fn n_embedding_parameters(&self) -> usize {
        self.encoder.n_parameters()
    }

    /// Its state encoder.
    pub fn encoder(&self) -> &StateEncoder {
        &self.encoder
    }

    /// Every parameter by name: `embedding.<view>` and the network's paths.
    pub fn weights(&self) -> NamedTensors {
        let mut tensors = NamedTensors::new();
        self.encoder.collect("embedding", &mut tensors);
        parameter::collect(&self.network, "network", &mut tensors);
        tensors
    }

    /// Takes over parameters saved with [`Actor::weights`], and with them how far what its backbone anneals had come; the
    /// optimisers start afresh, steps are counted and planned anew, and what followed it is dropped.
    pub fn load(mut self, tensors: &NamedTensors) -> Result<Self, ParameterError> {
        self.encoder.restore("embedding", tensors)?;
        self.network = parameter::restore(self.network, "network", tensors)?;
        self.followers = Followers::default();
        (self.n_steps, self.planned_steps) = (0, None);
        Ok(self.with_fresh_optimizers())
    }
}

#[cfg(test)]
mod tests;
