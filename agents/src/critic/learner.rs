//! TD learning of the critics with target networks.

use burn::tensor::{Device, Tensor};
use rmtl_envs::Schema;

use super::CriticConfig;
use super::twin::Twin;
use super::values::{Values, out_of_fold, rows_where};
use crate::input::{StateBatch, StateEncoder};
use crate::parameter::{NamedTensors, ParameterError, host};
use crate::pass::Pass;
use crate::replay::Transitions;
use crate::stream::Streams;

/// A Q within this of zero counts as dead: it gives a weight of 1 whatever the row.
pub const DEAD_Q: f32 = 1e-4;

/// Q_k(s, a_k) of every task with its encoder, target networks and optimisers. A clone is a full snapshot.
///
/// With `twins` everything is there twice, the second set from initial parameters of its own. Targets are the smaller of
/// the two target critics'; whoever asks for Q gets the first one's (TD3: Fujimoto et al., ICML 2018).
///
/// With `folds` everything is there once per fold. Those of a fold learn from the rows of all others, towards targets of
/// their own, and are asked about its rows alone: Q of a row never comes from its reward. All start at the mean return
/// of all rows, and may start from tables of an actor that knows the labels.
#[derive(Clone)]
pub struct Critic {
    config: CriticConfig,
    /// Fold by fold, the critics and their twins.
    pub(super) twins: Vec<Twin>,
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
    /// What is minimised: Σ_k mean u δ_k², over the twins too; u is 1 where draws are uniform.
    pub loss: f64,
    /// Task by task, u left out; of the first of twins.
    pub tasks: Vec<TaskCriticStep>,
    /// δ, `[batch, task]` row-major; of the first of twins.
    pub td_errors: Vec<f32>,
    /// Q(s, a) before the update, `[batch, task]` row-major; of the first of twins.
    pub q_values: Vec<f32>,
    /// Euclidean norm of the dense gradients; when asked for.
    pub dense_gradient_norm: Option<f64>,
    /// Euclidean norm of the table's gradient.
    pub embedding_gradient_norm: f64,
}

impl CriticStep {
    /// `Σ_k mean δ_k²`, whatever the importance weights; of the first of twins.
    pub fn td_loss(&self) -> f64 {
        self.tasks.iter().map(|task| task.loss).sum()
    }
}

impl Critic {
    /// Untrained critics that start near `mean_returns` (one per task), their targets equal to them.
    ///
    /// Parameters come from the streams `init/critic` and `init/critic_twin`, those of folds after the first with
    /// `_fold<n>` behind; tables are copies of `actor_encoder`'s first view where the dimensions agree.
    pub fn new(
        config: &CriticConfig,
        schema: &Schema,
        actor_encoder: &StateEncoder,
        mean_returns: &[f32],
        streams: &Streams,
        device: &Device,
    ) -> Self {
        let device = device.clone().autodiff();
        let names: &[&str] =
            if config.twins { &["init/critic", "init/critic_twin"] } else { &["init/critic"] };
        let twin = |name: String| {
            Twin::new(config, schema, actor_encoder, mean_returns, &mut streams.named(&name), &device)
        };
        let in_fold = |fold: u32, name: &str| match fold {
            0 => name.to_owned(),
            fold => format!("{name}_fold{fold}"),
        };
        let all = (0..config.folds).flat_map(|fold| names.iter().map(move |name| in_fold(fold, name)));
        Self { config: config.clone(), twins: all.map(twin).collect(), n_soft_updates: 0 }
    }

    /// Critics and twins of a fold.
    fn n_twins(&self) -> usize {
        1 + usize::from(self.config.twins)
    }

    /// Q as it is now, of the first of twins.
    pub fn values(&self) -> Values<'_> {
        Values::new(self.twins.iter().step_by(self.n_twins()).map(Twin::values).collect())
    }

    /// See [`Values::at`].
    pub fn q_values(&self, states: &StateBatch, actions: Tensor<2>) -> Tensor<2> {
        self.values().at(states, actions)
    }

    /// `y_k = r_k + γ (1 − terminated) min_j Q̃_kj(s', π̃_k(s'))` over the twins j, from the target networks in evaluation
    /// mode; with folds, of the critics that a row is not learnt by.
    pub fn td_targets(&mut self, transitions: &Transitions) -> Tensor<2> {
        let targets = self.targets_by_fold(transitions);
        across(targets, transitions)
    }

    fn targets_by_fold(&mut self, transitions: &Transitions) -> Vec<Tensor<2>> {
        let n_twins = self.n_twins();
        let next = &transitions.next_states;
        let of_fold = |twins: &mut [Twin]| {
            let values =
                twins.iter_mut().map(|twin| twin.target_q_values(next, transitions.next_actions.clone()));
            let q = values.reduce(Tensor::min_pair).expect("there is a critic");
            transitions.rewards.clone() + transitions.discounts.clone() * q
        };
        self.twins.chunks_mut(n_twins).map(of_fold).collect()
    }

    /// One update along `Σ_k mean_i u_i (Q_k(s_i, a_ik) − y_ik)²`, of both twins towards the same y. With folds the mean is
    /// over the rows that are not in the critics' own. Targets move with [`Critic::soft_update`].
    pub fn step(
        &mut self,
        transitions: &Transitions,
        pass: &mut Pass<'_>,
        with_gradient_norm: bool,
    ) -> CriticStep {
        let targets = self.targets_by_fold(transitions);
        let (config, n_twins) = (&self.config, self.n_twins());
        let mut steps = Vec::with_capacity(self.twins.len());
        for (fold, (twins, targets)) in self.twins.chunks_mut(n_twins).zip(&targets).enumerate() {
            let importance = importance_outside(fold, transitions);
            for twin in twins {
                let towards = (targets.clone(), importance.clone());
                steps.push(twin.step(config, transitions, towards, pass, with_gradient_norm));
            }
        }
        let q = across(steps.iter().step_by(n_twins).map(|step| step.q.clone()).collect(), transitions);
        let (tasks, td_errors, q_values) =
            measure(q, across(targets, transitions), transitions.rewards.clone());
        let norm = |squares: f64| squares.sqrt();
        CriticStep {
            loss: steps.iter().map(|step| step.loss).sum(),
            tasks,
            td_errors,
            q_values,
            dense_gradient_norm: steps
                .iter()
                .map(|step| step.dense_gradient_norm.map(|norm| norm.powi(2)))
                .sum::<Option<f64>>()
                .map(norm),
            embedding_gradient_norm: norm(
                steps.iter().map(|step| step.embedding_gradient_norm.powi(2)).sum(),
            ),
        }
    }

    /// `target ← τ · online + (1 − τ) · target`; the table's part is lazy and exact.
    pub fn soft_update(&mut self) {
        self.twins.iter_mut().for_each(|twin| twin.soft_update(self.config.tau));
        self.n_soft_updates += 1;
    }

    /// Soft updates so far.
    pub fn n_soft_updates(&self) -> u64 {
        self.n_soft_updates
    }

    /// Every online parameter by name.
    pub fn weights(&self) -> NamedTensors {
        let mut tensors = NamedTensors::new();
        let n_twins = self.n_twins();
        for (index, twin) in self.twins.iter().enumerate() {
            twin.collect(&prefix(index, n_twins), &mut tensors);
        }
        tensors
    }

    /// Takes over parameters saved with [`Critic::weights`]; targets equal them and the optimisers start afresh.
    pub fn load(mut self, tensors: &NamedTensors) -> Result<Self, ParameterError> {
        let (n_twins, tau) = (self.n_twins(), self.config.tau);
        let twins = self.twins.into_iter().enumerate();
        self.twins = twins
            .map(|(index, twin)| twin.load(&prefix(index, n_twins), tau, tensors))
            .collect::<Result<_, _>>()?;
        Ok(self)
    }
}

/// Of the parameters' names of the critics at `index`.
fn prefix(index: usize, n_twins: usize) -> String {
    let fold = match index / n_twins {
        0 => String::new(),
        fold => format!("fold{fold}."),
    };
    fold + ["", "twin."][index % n_twins]
}

/// Of every row what the critics say that do not learn from it.
fn across(mut of_folds: Vec<Tensor<2>>, transitions: &Transitions) -> Tensor<2> {
    match transitions.folds.is_empty() {
        true => of_folds.swap_remove(0),
        false => out_of_fold(of_folds.into_iter(), &transitions.folds),
    }
}

/// How much the rows count for the critics of `fold`: those in it nothing, the others so much more that the mean over the
/// batch is theirs.
fn importance_outside(fold: usize, transitions: &Transitions) -> Option<Tensor<2>> {
    let folds = &transitions.folds;
    if folds.is_empty() {
        return transitions.importance.clone();
    }
    let is_outside = |of: u8| usize::from(of) != fold;
    let n_outside = folds.iter().filter(|&&of| is_outside(of)).count().max(1);
    let counts = rows_where(folds, &transitions.rewards.device(), is_outside)
        * (folds.len() as f64 / n_outside as f64);
    Some(match &transitions.importance {
        Some(importance) => importance.clone() * counts,
        None => counts,
    })
}

/// The statistics of an update per task, and δ and Q `[batch, task]`.
fn measure(
    q: Tensor<2>,
    targets: Tensor<2>,
    rewards: Tensor<2>,
) -> (Vec<TaskCriticStep>, Vec<f32>, Vec<f32>) {
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
    let tasks = (0..n_tasks).map(task).collect();
    (tasks, td_errors, q)
}
