//! DDPG (Lillicrap et al., ICLR 2016) and TD3 (Fujimoto et al., ICML 2018) over blocks of a training.

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::features::FEATURES;
use super::memory::{BlockBatch, BlockMemory, BlockTransition};
use super::network::{TaskNetwork, centred, centred_on_host};
use super::policy::{Policy, PolicySettings, act};
use crate::parameter::{host, scalar, soft_update};
use crate::stream::{Stream, Streams};

/// Which agent learns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentKind {
    /// One critic, no smoothing, the policy moves at every update.
    Ddpg,
    /// Two critics, smoothed targets, the policy moves at every second update.
    #[default]
    Td3,
}

/// Settings of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AgentConfig {
    /// Units of the hidden layers of policy and critics.
    pub hidden: Vec<usize>,
    /// Learning rate of the policy (Adam).
    pub learning_rate: f64,
    /// Learning rate of the critics (Adam).
    pub critic_learning_rate: f64,
    /// Discount per block. At 1 the rewards of an episode add up to what the whole training gained.
    pub gamma: f64,
    /// τ of the soft updates `θ̃ ← τ θ + (1 − τ) θ̃`.
    pub tau: f64,
    /// Transitions of an update.
    pub batch_size: usize,
    /// Updates for every transition seen.
    pub updates: u32,
    /// Transitions kept.
    pub capacity: usize,
    /// Transitions with random actions before the policy acts and learns.
    pub warmup: usize,
    /// Standard deviation of the noise on the policy's actions, which are in [−1, 1].
    pub exploration: f64,
    /// Standard deviation of the noise on the actions of targets (TD3 alone).
    pub smoothing: f64,
    /// Largest such noise.
    pub smoothing_clip: f64,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            hidden: vec![32, 32],
            learning_rate: 1e-3,
            critic_learning_rate: 2e-3,
            gamma: 0.99,
            tau: 0.01,
            batch_size: 64,
            updates: 4,
            capacity: 100_000,
            warmup: 64,
            exploration: 0.3,
            smoothing: 0.2,
            smoothing_clip: 0.5,
        }
    }
}

/// Room for the transitions is taken at once.
const MOST_CAPACITY: usize = 1_000_000;

impl AgentConfig {
    /// Why these settings cannot work, in words for their author.
    pub fn check(&self) -> Result<(), String> {
        for (key, value) in [("batch_size", self.batch_size), ("capacity", self.capacity)] {
            if value == 0 {
                return Err(format!("`agent.{key}` must be at least 1; found 0"));
            }
        }
        if self.hidden.contains(&0) {
            return Err("`agent.hidden` needs a unit at least in every layer; found 0".into());
        }
        if self.capacity > MOST_CAPACITY {
            return Err(format!("`agent.capacity` must be at most {MOST_CAPACITY}; found {}", self.capacity));
        }
        if self.warmup > self.capacity {
            return Err(format!(
                "`agent.warmup` must be at most `agent.capacity`, or nothing is ever learnt; found {} and {}",
                self.warmup, self.capacity
            ));
        }
        for (key, value) in
            [("learning_rate", self.learning_rate), ("critic_learning_rate", self.critic_learning_rate)]
        {
            if !(value > 0.0 && value <= 1.0) {
                return Err(format!("`agent.{key}` must be a number above 0, at most 1; found {value}"));
            }
        }
        for (key, value) in [("gamma", self.gamma), ("tau", self.tau)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(format!("`agent.{key}` must be a number from 0 to 1; found {value}"));
            }
        }
        let noises = [
            ("exploration", self.exploration),
            ("smoothing", self.smoothing),
            ("smoothing_clip", self.smoothing_clip),
        ];
        match noises.into_iter().find(|(_, value)| !(0.0..=10.0).contains(value)) {
            Some((key, value)) => Err(format!("`agent.{key}` must be a number from 0 to 10; found {value}")),
            None => Ok(()),
        }
    }
}

/// What an update found, means over its batch.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentUpdate {
    /// Mean squared TD error, summed over the critics.
    pub critic_loss: f64,
    /// Mean |TD error| of the first critic, `[task]`.
    pub td_errors: Vec<f64>,
    /// Mean value of the actions taken, by the first critic, `[task]`.
    pub q: Vec<f64>,
}

/// A network with its optimiser and its target.
struct Learner {
    online: TaskNetwork,
    /// Outside autodiff.
    target: TaskNetwork,
    optimizer: ModuleOptimizer,
    learning_rate: f64,
}

impl Learner {
    fn new(online: TaskNetwork, learning_rate: f64) -> Self {
        let optimizer = AdamConfig::new().with_epsilon(1e-8).init();
        Self { target: online.valid(), online, optimizer, learning_rate }
    }

    fn descend(&mut self, loss: Tensor<1>) {
        let gradients = GradientsParams::from_grads(loss.backward(), &self.online);
        self.online = self.optimizer.step(self.learning_rate, self.online.clone(), gradients);
    }

    fn follow(&mut self, tau: f64) {
        self.target = soft_update(self.target.clone(), &self.online, tau);
    }
}

/// Policy, critics, and the transitions they learn from.
pub struct Agent {
    kind: AgentKind,
    config: AgentConfig,
    n_tasks: usize,
    policy: Learner,
    critics: Vec<Learner>,
    memory: BlockMemory,
    n_updates: u64,
    noise: Stream,
    draws: Stream,
    device: Device,
}

impl Agent {
    /// One that has seen nothing, for environments of so many tasks.
    pub fn new(kind: AgentKind, config: AgentConfig, n_tasks: usize, streams: &Streams) -> Self {
        let device = Device::default().autodiff();
        let (n_features, hidden) = (FEATURES.len(), &config.hidden);
        let mut stream = streams.named("init/policy");
        let policy = TaskNetwork::policy(n_features, hidden, &mut stream, &device);
        let mut stream = streams.named("init/critic");
        let n_critics = if kind == AgentKind::Td3 { 2 } else { 1 };
        let critic = |_| {
            let critic = TaskNetwork::critic(n_features, hidden, &mut stream, &device);
            Learner::new(critic, config.critic_learning_rate)
        };
        Self {
            kind,
            n_tasks,
            policy: Learner::new(policy, config.learning_rate),
            critics: (0..n_critics).map(critic).collect(),
            memory: BlockMemory::new(config.capacity, n_tasks, n_features),
            n_updates: 0,
            noise: streams.named("noise"),
            draws: streams.named("replay"),
            device: device.inner(),
            config,
        }
    }

    /// The action in a state with exploration, `amount` times the configured noise: random ones while too little was seen.
    pub fn explore(&mut self, state: &[f32], amount: f32) -> Vec<f32> {
        if self.memory.len() < self.config.warmup {
            return self.random();
        }
        let deviation = amount * self.config.exploration as f32;
        let mut action = act(&self.policy.online.valid(), state, FEATURES.len());
        for value in &mut action {
            let draw: f32 = StandardNormal.sample(&mut self.noise);
            *value = (*value + deviation * draw).clamp(-1.0, 1.0);
        }
        centred_on_host(&action)
    }

    /// Tasks of its environments.
    pub fn n_tasks(&self) -> usize {
        self.n_tasks
    }

    /// Any action.
    pub fn random(&mut self) -> Vec<f32> {
        let action: Vec<f32> = (0..self.n_tasks).map(|_| self.noise.random::<f32>() * 2.0 - 1.0).collect();
        centred_on_host(&action)
    }

    /// Keeps what happened in a block.
    ///
    /// # Shapes
    /// - state, next: `[task, feature]`
    /// - action, rewards: `[task]`
    pub fn remember(
        &mut self,
        state: &[f32],
        action: &[f32],
        rewards: &[f32],
        next: &[f32],
        terminated: bool,
    ) {
        self.memory.push(&BlockTransition { state, action, rewards, next, terminated });
    }

    /// The configured updates for a transition; what the last of them found, none while too little was seen.
    pub fn learn(&mut self) -> Option<AgentUpdate> {
        if self.memory.len() < self.config.warmup.max(1) {
            return None;
        }
        (0..self.config.updates).map(|_| self.update()).last()
    }

    /// The policy as it is, for use with these settings.
    pub fn policy(&self, blocks: u32, bound: f64, limit: f64) -> Policy {
        let settings = PolicySettings::new(self.config.hidden.clone(), blocks, bound, limit);
        Policy::new(settings, self.policy.online.clone())
    }

    fn update(&mut self) -> AgentUpdate {
        let batch = self.memory.sample(self.config.batch_size, &mut self.draws);
        let targets = self.targets(&batch);
        let states = self.states(batch.states);
        let actions = self.by_task(batch.actions);
        let mut critic_loss = 0.0;
        let mut of_first = None;
        for critic in &mut self.critics {
            let q = critic.online.value(states.clone().autodiff(), actions.clone().autodiff());
            let errors = q.clone() - targets.clone().autodiff();
            let loss = errors.clone().square().mean();
            critic_loss += scalar(loss.clone());
            critic.descend(loss);
            of_first.get_or_insert_with(|| (q.inner(), errors.inner()));
        }
        self.n_updates += 1;
        let every = if self.kind == AgentKind::Td3 { 2 } else { 1 };
        if self.n_updates.is_multiple_of(every) {
            let critic = self.critics[0].online.valid();
            let graph = self.policy.online.act(states.clone().autodiff());
            // The critic is outside autodiff: the gradient flows through the actions alone.
            let q = critic.value(states.autodiff(), centred(graph));
            self.policy.descend(-q.mean());
            let tau = self.config.tau;
            self.policy.follow(tau);
            self.critics.iter_mut().for_each(|critic| critic.follow(tau));
        }
        let (q, errors) = of_first.expect("there is a critic");
        let means = |values: Tensor<2>| host(values.mean_dim(0)).into_iter().map(f64::from).collect();
        AgentUpdate { critic_loss, td_errors: means(errors.abs()), q: means(q) }
    }

    /// `r + γ min_j Q̃_j(s′, π̃(s′) + ε)`, `[batch, task]`; r alone where the episode is over.
    fn targets(&mut self, batch: &BlockBatch) -> Tensor<2> {
        let next = self.states(batch.next.clone());
        let mut actions = self.policy.target.act(next.clone());
        if self.kind == AgentKind::Td3 {
            let (deviation, clip) = (self.config.smoothing as f32, self.config.smoothing_clip as f32);
            let draw = |_| {
                let draw: f32 = StandardNormal.sample(&mut self.noise);
                (deviation * draw).clamp(-clip, clip)
            };
            let noise: Vec<f32> = (0..batch.actions.len()).map(draw).collect();
            actions = (actions + self.by_task(noise)).clamp(-1.0, 1.0);
        }
        let actions = centred(actions);
        let values = self.critics.iter().map(|critic| critic.target.value(next.clone(), actions.clone()));
        let least = values.reduce(|a, b| a.min_pair(b)).expect("there is a critic");
        let n = batch.continues.len();
        let continues = TensorData::new(batch.continues.clone(), [n, 1]);
        let continues = Tensor::<2>::from_data(continues, &self.device).expand([n, self.n_tasks]);
        self.by_task(batch.rewards.clone()) + least * continues * self.config.gamma
    }

    fn states(&self, values: Vec<f32>) -> Tensor<3> {
        let n_features = FEATURES.len();
        let shape = [values.len() / (self.n_tasks * n_features), self.n_tasks, n_features];
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }

    fn by_task(&self, values: Vec<f32>) -> Tensor<2> {
        let shape = [values.len() / self.n_tasks, self.n_tasks];
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
}
