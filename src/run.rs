//! What every phase of a run works with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use indexmap::IndexMap;
use rmtl_agents::critic::RewardScale;
use rmtl_agents::input::BatchReader;
use rmtl_agents::parameter::NamedTensors;
use rmtl_agents::stream::Streams;
use rmtl_agents::weighting::{LossWeighting, WeightingConfig};
use rmtl_envs::{Dataset, Rewards, Schema, Split};

use crate::config::{Criterion, RunFile};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::log::Logger;
use crate::log::tags::{self, Phase};
use crate::memory;
use crate::monitor::WeightsByTask;
use crate::observer::Observer;
use crate::output::folder::RunFolder;
use crate::output::milestone::{self, LogPosition, Milestone};
use crate::output::policy_file;
use crate::output::report::PhaseTiming;
use crate::streams;

/// A run: its settings, its data, and where its numbers go.
pub struct Run<'a> {
    /// The resolved run file.
    pub config: &'a RunFile,
    /// The prepared log.
    pub dataset: &'a Dataset,
    /// Where tensors live.
    pub device: Device,
    /// Its random streams.
    pub streams: Streams,
    /// Its folder.
    pub folder: &'a RunFolder,
    /// Where curves go.
    pub logger: Logger,
    /// Who is told how it goes.
    pub observer: Arc<dyn Observer>,
    /// Ctrl-C.
    pub interrupt: Interrupt,
    /// Time per finished phase.
    pub timings: Vec<(Phase, PhaseTiming)>,
    /// Loss weights of the finished trainings, by phase.
    pub weights: IndexMap<String, WeightsByTask>,
    /// What a reader of the report must know.
    pub warnings: Vec<String>,
    /// The best parameters of a training that could not go on.
    pub last_good: Option<NamedTensors>,
    /// What has been finished.
    pub(crate) milestone: Milestone,
    /// Checkpoints of it so far.
    pub(crate) n_checkpoints: u64,
    /// When there was the last one.
    pub(crate) last_checkpoint: Instant,
}

impl<'a> Run<'a> {
    /// The schema of the log.
    pub fn schema(&self) -> &'a Schema {
        &self.dataset.manifest.schema
    }

    /// A reader of one split.
    pub fn reader(&self, split: Split) -> BatchReader<'a> {
        BatchReader::new(self.dataset.split(split), &self.dataset.manifest.schema, &self.device)
    }

    /// Where the ids of a row hold the session's key, if it is a categorical feature.
    pub fn key_slot(&self) -> Option<usize> {
        let schema = self.schema();
        let field =
            schema.categorical.iter().position(|field| field.name == self.dataset.manifest.session.key)?;
        Some(schema.slots(field).start)
    }

    /// A weighting at its first step, with its policy, within the bounds of the run file.
    ///
    /// # Errors
    /// The file of its policy cannot be read, or holds none.
    pub fn weighting(&self, config: &WeightingConfig) -> Result<Box<dyn LossWeighting>> {
        let mut weighting = config.init(self.schema().n_tasks(), self.streams.named(streams::WEIGHTING));
        if let Some(path) = config.policy() {
            weighting.take_policy(policy_file::read(path)?);
        }
        Ok(self.config.weights.around(weighting))
    }

    /// What actions are paid, in the units of the run file.
    pub fn rewards(&self) -> Rewards {
        let rewards = self.config.rewards(self.schema());
        match self.config.critic.reward_scale {
            RewardScale::Loss => rewards,
            RewardScale::BaseEntropy => {
                let of_mean = rewards.of_mean(&self.dataset.train);
                rewards.in_units_of(of_mean)
            }
        }
    }

    /// What the early stop looks at.
    pub fn criterion(&self) -> Criterion {
        let tasks: Vec<&str> = self.schema().tasks.iter().map(|task| task.name.as_str()).collect();
        let validation = self.dataset.manifest.summary(Split::Validation);
        let has_auc: Vec<bool> = self
            .schema()
            .tasks
            .iter()
            .zip(&validation.positives)
            .enumerate()
            .map(|(index, (task, &positives))| match task.number {
                Some(_) => self.varies(index),
                None => positives > 0 && positives < validation.rows,
            })
            .collect();
        self.config.early_stop.criterion(&tasks, &has_auc)
    }

    /// Whether the numbers of a task differ on the validation split, so that rows can be ranked.
    fn varies(&self, task: usize) -> bool {
        let table = self.dataset.split(Split::Validation);
        let mut targets = table.rows().map(|row| table.target(row, task));
        targets.next().is_some_and(|first| targets.any(|target| target != first))
    }

    /// Tells people now, and readers of the report later.
    pub fn warn(&mut self, message: String) {
        self.observer.warn(&message);
        self.warnings.push(message);
    }

    /// The same of what several phases find.
    pub fn warn_once(&mut self, message: String) {
        if !self.warnings.contains(&message) {
            self.warn(message);
        }
    }

    /// Leaves a checkpoint of what has been finished. One that cannot be written costs a message: the training goes on.
    pub(crate) fn checkpoint(&mut self) {
        self.logger.flush();
        match self.write_checkpoint() {
            Ok(()) => self.n_checkpoints += 1,
            Err(error) => self.no_checkpoint(&error),
        }
        self.last_checkpoint = Instant::now();
    }

    /// Tells that there is no checkpoint here, and waits with the next one.
    pub(crate) fn no_checkpoint(&mut self, error: &Error) {
        self.observer.warn(&format!("no checkpoint can be left here: {error}"));
        self.last_checkpoint = Instant::now();
    }

    /// Whether it is time for a checkpoint after `step` of an actor's training.
    pub(crate) fn is_checkpoint_due(&self, step: u64) -> bool {
        self.config.checkpoint.every.is_due(step, self.last_checkpoint.elapsed())
    }

    fn write_checkpoint(&mut self) -> Result<()> {
        let (folder, milestone) = (self.folder.path(), &mut self.milestone);
        let timings = self.timings.iter();
        milestone.timings = timings.map(|(phase, timing)| (phase.name().to_owned(), *timing)).collect();
        milestone.weights.clone_from(&self.weights);
        milestone.warnings.clone_from(&self.warnings);
        milestone.logs =
            LogPosition::all(folder).map_err(|error| Error::file("read the logs in", folder, error))?;
        milestone::write(folder, self.n_checkpoints, self.config.checkpoint.keep, milestone)
    }

    /// Whether this step (counted from 1) is logged.
    pub fn is_logged(&self, step: u64) -> bool {
        step == 1 || step.is_multiple_of(self.config.log.every)
    }

    /// Notes how long a phase took.
    pub fn finish_phase(&mut self, phase: Phase, clock: PhaseClock, steps: u64) {
        let seconds = clock.start.elapsed().as_secs_f64();
        let rows_per_second = clock.rows as f64 / seconds.max(1e-9);
        self.logger.scalar(&tags::seconds(phase), steps, seconds);
        self.logger.flush();
        memory::release_pages();
        self.timings
            .push((phase, PhaseTiming { seconds, steps, rows_per_second, peak_memory: memory::peak() }));
    }
}

/// Time and rows of a phase, and its speed since the last look.
#[derive(Debug)]
pub struct PhaseClock {
    start: Instant,
    rows: u64,
    last: Instant,
    last_rows: u64,
}

impl PhaseClock {
    /// Starts now.
    pub fn start() -> Self {
        let now = Instant::now();
        Self { start: now, rows: 0, last: now, last_rows: 0 }
    }

    /// One that has been going for so long, with so many rows.
    pub fn resumed(seconds: f64, rows: u64) -> Self {
        let now = Instant::now();
        let start = Duration::try_from_secs_f64(seconds).ok().and_then(|passed| now.checked_sub(passed));
        Self { start: start.unwrap_or(now), rows, last: now, last_rows: rows }
    }

    /// Seconds and rows so far.
    pub fn so_far(&self) -> (f64, u64) {
        (self.start.elapsed().as_secs_f64(), self.rows)
    }

    /// Counts rows.
    pub fn advance(&mut self, rows: usize) {
        self.rows += rows as u64;
    }

    /// Rows per second since the last call.
    pub fn speed(&mut self) -> f64 {
        let now = Instant::now();
        let speed = (self.rows - self.last_rows) as f64 / (now - self.last).as_secs_f64().max(1e-9);
        (self.last, self.last_rows) = (now, self.rows);
        speed
    }
}
