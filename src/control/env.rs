//! A training as an environment: an episode is a training of an actor, a step a block of updates.

use rand::seq::SliceRandom;
use rmtl_agents::actor::{Actor, ActorConfig};
use rmtl_agents::controller::{Blocks, FEATURES, Features, LogWeights, Steered};
use rmtl_agents::loss::Losses;
use rmtl_agents::parameter::NamedTensors;
use rmtl_agents::pass::Pass;
use rmtl_agents::progress::Progress;
use rmtl_agents::stream::{Stream, Streams};
use rmtl_agents::weighting::{LossWeighting, WeightBounds, WeightingConfig};
use rmtl_envs::{BlockEnvironment, BlockStep, Row};

use super::objective::{Objective, RewardOf, Value};
use crate::config::FitConfig;
use crate::error::{Diverged, Error, Learner, Result};
use crate::log::tags::Phase;
use crate::phase::Critics;
use crate::phase::batches::Batches;
use crate::phase::bind_losses;
use crate::phase::control::{ControlSlice, MeanLosses};
use crate::phase::row_counts::RowCounts;
use crate::run::Run;
use crate::streams::{PRETRAIN, WEIGHTING};

/// Pretraining as the run file says it, but for its early stop: all epochs, whatever validation would say, which is not
/// looked at. With log weights of 0 it is the training that `fit` does on the same rows.
pub struct ControlEnv<'r, 'a> {
    run: &'r Run<'a>,
    config: FitConfig,
    actor: ActorConfig,
    losses: Losses,
    batches: Batches<'a>,
    slice: ControlSlice,
    rows: Vec<Row>,
    base: WeightingConfig,
    blocks: Blocks,
    bound: f64,
    limit: f64,
    objective: Objective,
    weights: Vec<f64>,
    rewards: RewardOf,
    training: Training,
    work: Work,
}

/// How a training is acted on.
#[derive(Clone, Debug, PartialEq)]
pub struct Steering {
    /// The weighting whose weights are multiplied.
    pub base: String,
    /// Blocks, and the share that is measured on.
    pub blocks: Blocks,
    /// Largest change of a log weight in a block.
    pub bound: f64,
    /// Largest log weight by size.
    pub limit: f64,
    /// What is paid.
    pub objective: Objective,
    /// The tasks' weights in the objective; none = all alike.
    pub weights: Vec<f64>,
    /// Whom.
    pub rewards: RewardOf,
}

/// Work done, counted so that it does not depend on the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Work {
    /// Updates of an actor, those of branches that were left included.
    pub steps: u64,
    /// What measuring cost, in updates: a prediction of a batch counts a third of one, a task's gradient one.
    pub measuring: f64,
}

/// Everything that what follows depends on.
struct Training {
    actor: Actor,
    order: Vec<Row>,
    shuffle: Stream,
    masks: Stream,
    /// Steps done.
    step: u64,
    weighting: Steered,
    features: Features,
    state: Vec<f32>,
    value: Value,
}

impl Clone for Training {
    fn clone(&self) -> Self {
        Self {
            actor: self.actor.clone(),
            order: self.order.clone(),
            shuffle: self.shuffle.clone(),
            masks: self.masks.clone(),
            step: self.step,
            weighting: self.weighting.duplicate().expect("checked where the environment is made"),
            features: self.features.clone(),
            state: self.state.clone(),
            value: self.value.clone(),
        }
    }
}

/// Where a [`ControlEnv`] is: actor, optimisers, batches and streams.
pub struct Snapshot(Training);

impl<'r, 'a> ControlEnv<'r, 'a> {
    /// A training of `run`, at the beginning of the episode of its own seed.
    ///
    /// # Errors
    /// The run cannot be gone back in: it collects gradients over batches, or its base weighting keeps what cannot be copied. Or
    /// what is learnt would be used otherwise: the base asks critics, or the run file bounds weights.
    pub fn new(run: &'r Run<'a>, steering: &Steering) -> Result<Self> {
        let Steering { base, blocks, bound, limit, objective, weights, rewards } = steering.clone();
        let refused = |reason: String| Error::Usage(reason);
        let base = WeightingConfig::named(&base).map_err(|message| refused(format!("`base`: {message}")))?;
        let n_tasks = run.schema().n_tasks();
        base.check_tasks(n_tasks).map_err(|message| refused(format!("`base`: {message}")))?;
        if run.config.optimizer.accumulate > 1 {
            return Err(refused(
                "a controller is learnt with `optimizer.accumulate = 1`: gradients that are still collected \
                                could not be gone back to"
                    .into(),
            ));
        }
        if base.asks_critics() {
            return Err(refused(format!(
                "`{}` asks critics, and pretraining has none; choose a base such as `equal` or `imtl`",
                base.name()
            )));
        }
        if run.config.weights != WeightBounds::default() {
            return Err(refused(
                "`[weights]` would bound what the controller says where it is used, and nothing bounds it where it is learnt; \
                 remove the table"
                    .into(),
            ));
        }
        let (row_counts, mut rows) = RowCounts::of(run)?;
        let losses = bind_losses(run, &Critics::None, &row_counts);
        let batches = Batches::new(run, row_counts, None, None);
        let slice = ControlSlice::of(run, blocks.control_share)?;
        slice.leave_out(&mut rows);
        let steered = Steered::new(base.init(n_tasks, run.streams.named(WEIGHTING)), n_tasks);
        if steered.duplicate().is_none() {
            return Err(refused(format!(
                "`{}` keeps what it has seen and cannot be gone back in; choose a base such as `equal` or `imtl`",
                base.name()
            )));
        }
        let actor = run.config.untrained_actor(&run.dataset.manifest);
        let training = Training {
            actor: Actor::new(&actor, run.schema(), &run.streams, &run.device),
            order: Vec::new(),
            shuffle: run.streams.named(PRETRAIN),
            masks: run.streams.named(PRETRAIN),
            step: 0,
            weighting: steered,
            features: Features::new(blocks.n),
            state: Vec::new(),
            value: objective.value(&[], &weights),
        };
        let config = run.config.schedule.pretrain();
        let mut env = Self {
            run,
            config,
            actor,
            losses,
            batches,
            slice,
            rows,
            base,
            blocks,
            bound,
            limit,
            objective,
            weights,
            rewards,
            training,
            work: Work::default(),
        };
        if env.planned_steps() < u64::from(blocks.n) {
            return Err(Error::Usage(format!(
                "a training of {} steps has no {} blocks; train on more rows or in smaller batches",
                env.planned_steps(),
                blocks.n
            )));
        }
        env.reset(run.config.seed)?;
        env.work = Work::default();
        Ok(env)
    }

    /// Steps of a whole training.
    pub fn planned_steps(&self) -> u64 {
        u64::from(self.config.max_epochs) * self.n_batches() as u64
    }

    fn n_batches(&self) -> usize {
        self.rows.len().div_ceil(self.run.config.batch_size)
    }

    /// Work done so far, by all episodes.
    pub fn work(&self) -> Work {
        self.work
    }

    /// The same in whole trainings.
    pub fn trainings(&self) -> f64 {
        (self.work.steps as f64 + self.work.measuring) / self.planned_steps() as f64
    }

    /// What so many trainings cost, in whole ones, that have a beginning in common and are measured there and where every
    /// block ends.
    pub fn cost(&self, n: usize) -> f64 {
        let n_measured = 1.0 + n as f64 * f64::from(self.blocks.n);
        n as f64 + n_measured * self.measuring() / self.planned_steps() as f64
    }

    /// What measuring once costs, in updates.
    fn measuring(&self) -> f64 {
        let batches = |rows: usize| rows as f64 / self.run.config.batch_size as f64;
        let n_tasks = self.run.schema().n_tasks() as f64;
        batches(self.slice.n_rows()) / 3.0 + n_tasks * batches(self.slice.n_probed())
    }

    /// The objective on the control slice as it was measured last.
    pub fn objective(&self) -> f64 {
        self.training.value.objective
    }

    /// Every parameter of the actor by name.
    pub fn weights(&self) -> NamedTensors {
        self.training.actor.weights()
    }

    /// The log weights as they are.
    pub fn log_weights(&self) -> &LogWeights {
        &self.training.weighting.log_weights
    }

    /// Rows that it trains on and rows that it measures on.
    pub fn rows(&self) -> (usize, usize) {
        (self.rows.len(), self.slice.n_rows())
    }

    /// A whole training of this seed by a schedule of log weights, measured once, at its end. Gives the objective.
    ///
    /// # Errors
    /// The training diverges or is interrupted.
    pub fn run_schedule(&mut self, seed: u64, schedule: &[LogWeights]) -> Result<f64> {
        self.begin(seed);
        let planned = self.planned_steps();
        let n = schedule.len() as u64;
        while self.training.step < planned {
            let part = self.training.step * n / planned;
            self.training.weighting.log_weights.clone_from(&schedule[part as usize]);
            // The first step that belongs to the next part.
            let until = ((part + 1) * planned).div_ceil(n).min(planned);
            self.train(until)?;
        }
        self.measure(None)?;
        Ok(self.objective())
    }

    /// An untrained actor and the batches of this seed; nothing is measured.
    fn begin(&mut self, seed: u64) {
        let streams = Streams::new(seed);
        let n_tasks = self.run.schema().n_tasks();
        let mut actor = Actor::new(&self.actor, self.run.schema(), &streams, &self.run.device);
        actor.plan(self.planned_steps());
        if let Some(decay) = self.run.config.ema {
            actor = actor.with_average(decay);
        }
        self.training = Training {
            actor,
            order: self.rows.clone(),
            shuffle: streams.named(&format!("{PRETRAIN}/shuffle")),
            masks: streams.named(&format!("{PRETRAIN}/dropout")),
            step: 0,
            weighting: Steered::new(self.base.init(n_tasks, streams.named(WEIGHTING)), n_tasks),
            features: Features::new(self.blocks.n),
            state: Vec::new(),
            value: self.training.value.clone(),
        };
    }

    /// Trains on until so many steps are done; gives the mean losses.
    fn train(&mut self, until: u64) -> Result<MeanLosses> {
        let (planned, n_batches) = (self.planned_steps(), self.n_batches() as u64);
        let batch_size = self.run.config.batch_size;
        let mut means = MeanLosses::default();
        let Training { actor, order, shuffle, masks, step, weighting, .. } = &mut self.training;
        while *step < until {
            self.run.interrupt.check(Phase::Control, *step)?;
            let batch = (*step % n_batches) as usize;
            if batch == 0 {
                order.shuffle(shuffle);
            }
            let rows = &order[batch * batch_size..order.len().min((batch + 1) * batch_size)];
            *step += 1;
            actor.set_learning_rates(self.config.learning_rates(&self.run.config.optimizer, *step, planned));
            weighting.begin_step(Progress { step: *step, planned_steps: planned });
            let read = self.batches.read(rows);
            let done =
                actor.step(read.for_actor(None), weighting, &self.losses, &mut Pass::training(masks), false);
            Diverged::check(Learner::Actor, (Phase::Control, *step), done.loss)?;
            means.add(&done.task_losses, rows.len());
            self.work.steps += 1;
        }
        Ok(means)
    }

    fn measure(&mut self, trained: Option<&MeanLosses>) -> Result<()> {
        let progress = self.training.step as f64 / self.planned_steps() as f64;
        let training = &mut self.training;
        let (state, scores) =
            self.slice.measure(self.run, &mut training.actor, &self.losses, trained, progress)?;
        training.state = training.features.observe(state, &training.weighting.log_weights);
        training.value = self.objective.value(&scores.tasks, &self.weights);
        self.work.measuring += self.measuring();
        Ok(())
    }
}

impl BlockEnvironment for ControlEnv<'_, '_> {
    type Error = Error;
    type Snapshot = Snapshot;

    fn n_tasks(&self) -> usize {
        self.run.schema().n_tasks()
    }

    fn n_features(&self) -> usize {
        FEATURES.len()
    }

    fn n_steps(&self) -> u32 {
        self.blocks.n
    }

    fn reset(&mut self, seed: u64) -> Result<()> {
        self.begin(seed);
        self.measure(None)
    }

    fn state(&self) -> &[f32] {
        &self.training.state
    }

    fn step(&mut self, actions: &[f32]) -> Result<BlockStep> {
        let planned = self.planned_steps();
        assert!(self.training.step < planned, "the episode is over");
        self.training.weighting.act(actions, self.bound, self.limit);
        let ends = (self.training.step + 1..=planned).find(|&step| self.blocks.end_at(step, planned));
        let trained = self.train(ends.unwrap_or(planned))?;
        let before = self.training.value.clone();
        self.measure(Some(&trained))?;
        let rewards = self.rewards.rewards(&before, &self.training.value);
        Ok(BlockStep { rewards, terminated: self.training.step == planned })
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot(self.training.clone())
    }

    fn restore(&mut self, snapshot: &Snapshot) {
        self.training = snapshot.0.clone();
    }
}
