//! TD learning of the critics with target networks.

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use rmtl_envs::Schema;

use super::{CriticConfig, CriticNetwork};
use crate::actor::scalar;
use crate::batch::StateBatch;
use crate::encoder::{EncoderConfig, StateEncoder, host, n_fields};
use crate::numeric::NumericField;
use crate::optimizer::gradient_norm;
use crate::pass::Pass;
use crate::state::TargetTable;
use crate::stream::Streams;
use crate::target;
use crate::transition::Transitions;
use crate::weights::{self, NamedTensors, WeightsError};

/// A Q within this of zero counts as dead: it gives a weight of 1 whatever the row.
pub const DEAD_Q: f32 = 1e-4;

/// The dense parameters of the critics.
#[derive(Module, Debug)]
struct Network {
    numeric: NumericField,
    critics: CriticNetwork,
}

impl Network {
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

/// Q_k(s, a_k) of every task with its encoder, target networks and optimisers. A clone is a full snapshot.
#[derive(Clone)]
pub struct Critic {
    config: CriticConfig,
    encoder: StateEncoder,
    network: Network,
    target_table: TargetTable,
    /// Outside autodiff: targets are never differentiated.
    target_network: Network,
    optimizer: ModuleOptimizer,
    n_soft_updates: u64,
}

/// What happened to one task's critic in one update.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskCriticStep {
    /// mean δ²
    pub loss: f64,
    /// mean δ, δ = y − Q
    pub td_error: f64,
    /// mean |δ|
    pub td_error_absolute: f64,
    /// mean Q(s, a)
    pub q: f64,
    /// mean r
    pub reward: f64,
    /// Share of rows with |Q| < [`DEAD_Q`].
    pub dead_share: f64,
}

/// What happened in one update of the critics.
#[derive(Clone, Debug, PartialEq)]
pub struct CriticStep {
    /// Σ_k mean δ_k²
    pub loss: f64,
    /// Task by task.
    pub tasks: Vec<TaskCriticStep>,
    /// δ, `[batch, task]` row-major.
    pub td_errors: Vec<f32>,
    /// Euclidean norm of the dense gradients; when asked for.
    pub dense_gradient_norm: Option<f64>,
    /// Euclidean norm of the table's gradient.
    pub embedding_gradient_norm: f64,
}

impl Critic {
    /// Untrained critics that start near `mean_returns` (one per task), their targets equal to them.
    ///
    /// Parameters come from the stream `init/critic`; the table is a copy of `actor_encoder`'s first view where the
    /// dimensions agree.
    pub fn new(
        config: &CriticConfig,
        schema: &Schema,
        actor_encoder: &StateEncoder,
        mean_returns: &[f32],
        streams: &Streams,
        device: &Device,
    ) -> Self {
        let device = device.clone().autodiff();
        let actor_table = &actor_encoder.views[0].table;
        let dim = config.dim.unwrap_or(actor_table.dim());
        let numeric = actor_encoder.numeric;
        let mut stream = streams.named("init/critic");
        let encoder_config = EncoderConfig { dim, numeric, optimizer: config.embedding_optimizer };
        let mut encoder = StateEncoder::new(schema, &encoder_config, 1, &mut stream, &device);
        let table = &mut encoder.views[0].table;
        if table.dim() == actor_table.dim() {
            table.weights_mut().copy_from_slice(actor_table.weights());
        }
        let network = Network {
            numeric: NumericField::new(&numeric.schema(schema), dim, &mut stream, &device),
            critics: CriticNetwork::new(
                config,
                [n_fields(schema, numeric), dim],
                mean_returns,
                &mut stream,
                &device,
            ),
        };
        Self {
            config: config.clone(),
            target_table: TargetTable::new(&encoder.views[0].table, config.tau),
            target_network: network.valid(),
            encoder,
            network,
            optimizer: AdamConfig::new().with_epsilon(1e-8).init(),
            n_soft_updates: 0,
        }
    }

    /// Q_k(s, a_k) in evaluation mode, outside any graph.
    ///
    /// # Shapes
    /// - actions, output: `[batch, task]`
    pub fn q_values(&self, states: &StateBatch, actions: Tensor<2>) -> Tensor<2> {
        let fields = self.encoder.fields(states).remove(0);
        self.network.valid().forward(fields, states, actions, &mut Pass::evaluation())
    }

    /// `y_k = r_k + γ (1 − terminated) Q̃_k(s', π̃_k(s'))`, from the target network in evaluation mode.
    pub fn td_targets(&mut self, transitions: &Transitions) -> Tensor<2> {
        let next = &transitions.next_states;
        let table = &self.encoder.views[0].table;
        let fields = self.target_table.read(table, &self.encoder.indices(next));
        let fields = self.encoder.tensor(fields, next.n_rows);
        let actions = transitions.next_actions.clone();
        let q = self.target_network.forward(fields, next, actions, &mut Pass::evaluation());
        transitions.rewards.clone() + transitions.discounts.clone() * q
    }

    /// One update along `Σ_k mean (Q_k(s, a_k) − y_k)²`. Targets move with [`Critic::soft_update`].
    pub fn step(
        &mut self,
        transitions: &Transitions,
        pass: &mut Pass<'_>,
        with_gradient_norm: bool,
    ) -> CriticStep {
        let targets = self.td_targets(transitions);
        let leaves = self.encoder.leaves(&transitions.states);
        let fields = leaves.fields[0].clone();
        let q = self.network.forward(fields, &transitions.states, transitions.actions.clone(), pass);
        let loss = (q.clone() - targets.clone()).square().mean_dim(0).sum();
        let tasks_and_errors = measure(q.inner(), targets, transitions.rewards.clone());
        let loss_value = scalar(loss.clone());
        let mut gradients = loss.backward();
        let target_table = &mut self.target_table;
        let embedding_gradient_norm = self.encoder.step(
            &leaves,
            &mut gradients,
            self.config.embedding_learning_rate,
            |_, online, rows| target_table.before_write(online, rows),
        );
        let gradients = GradientsParams::from_grads(gradients, &self.network);
        let dense_gradient_norm = with_gradient_norm.then(|| gradient_norm(&self.network, &gradients));
        self.network = self.optimizer.step(self.config.learning_rate, self.network.clone(), gradients);
        let (tasks, td_errors) = tasks_and_errors;
        CriticStep { loss: loss_value, tasks, td_errors, dense_gradient_norm, embedding_gradient_norm }
    }

    /// `target ← τ · online + (1 − τ) · target`; the table's part is lazy and exact.
    pub fn soft_update(&mut self) {
        self.target_table.soft_update();
        let target = self.target_network.clone();
        self.target_network = target::soft_update(target, &self.network, self.config.tau);
        self.n_soft_updates += 1;
    }

    /// Soft updates so far.
    pub fn n_soft_updates(&self) -> u64 {
        self.n_soft_updates
    }

    /// Every online parameter by name.
    pub fn weights(&self) -> NamedTensors {
        let mut tensors = NamedTensors::new();
        self.encoder.collect("embedding", &mut tensors);
        weights::collect(&self.network, "network", &mut tensors);
        tensors
    }

    /// Takes over parameters saved with [`Critic::weights`]; targets equal them and the optimisers start afresh.
    pub fn load(mut self, tensors: &NamedTensors) -> Result<Self, WeightsError> {
        self.encoder.restore("embedding", tensors)?;
        self.encoder.reset_optimizers();
        self.network = weights::restore(self.network, "network", tensors)?;
        self.target_table = TargetTable::new(&self.encoder.views[0].table, self.config.tau);
        self.target_network = self.network.valid();
        self.optimizer = AdamConfig::new().with_epsilon(1e-8).init();
        Ok(self)
    }
}

/// The statistics of an update per task, and δ `[batch, task]`.
fn measure(q: Tensor<2>, targets: Tensor<2>, rewards: Tensor<2>) -> (Vec<TaskCriticStep>, Vec<f32>) {
    let n_tasks = q.dims()[1];
    let (q, targets, rewards) = (host(q), host(targets), host(rewards));
    let td_errors: Vec<f32> = targets.iter().zip(&q).map(|(y, q)| y - q).collect();
    let n_rows = (q.len() / n_tasks) as f64;
    let task = |k: usize| {
        let mean = |values: &[f32], of: fn(f64) -> f64| {
            values.iter().skip(k).step_by(n_tasks).map(|&value| of(f64::from(value))).sum::<f64>() / n_rows
        };
        TaskCriticStep {
            loss: mean(&td_errors, |error| error * error),
            td_error: mean(&td_errors, |error| error),
            td_error_absolute: mean(&td_errors, f64::abs),
            q: mean(&q, |q| q),
            reward: mean(&rewards, |reward| reward),
            dead_share: mean(&q, |q| f64::from(u8::from(q.abs() < f64::from(DEAD_Q)))),
        }
    };
    ((0..n_tasks).map(task).collect(), td_errors)
}
