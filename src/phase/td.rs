//! TD learning of critics from a replay, whatever the schedule: draw, read, update, log, raise alarms.

use rmtl_agents::critic::{Critic, CriticConfig, CriticStep};
use rmtl_agents::input::{BatchReader, StateEncoder};
use rmtl_agents::pass::Pass;
use rmtl_agents::policy::{Explorer, Policy};
use rmtl_agents::replay::{Replay, TransitionBatch, TransitionRule};
use rmtl_agents::stream::Stream;
use rmtl_envs::Split;

use super::row_marks::TrainingMarks;
use crate::error::{Diverged, Learner, Result};
use crate::log::tags::{self, Part, Phase};
use crate::monitor::critic_health::CriticHealth;
use crate::run::Run;
use crate::streams::CRITICS;

/// Critics that learn, and what they learn from.
pub(super) struct TdLearner<'a> {
    pub(super) critic: Critic,
    pub(super) replay: Replay,
    pub(super) n_updates: u64,
    rule: TransitionRule,
    /// Draws actions anew, where the run file asks for it.
    redraws: Option<Explorer>,
    draws: Stream,
    masks: Stream,
    smoothing: Stream,
    reader: BatchReader<'a>,
    marks: TrainingMarks,
    sampled: TransitionBatch,
    batch_size: usize,
    pub(super) health: CriticHealth,
}

impl<'a> TdLearner<'a> {
    /// New critics over `replay`, beside an encoder whose tables they may copy. The TD loss is averaged over `window` updates.
    pub(super) fn new(
        run: &Run<'a>,
        encoder: &StateEncoder,
        replay: Replay,
        mean_returns: &[f32],
        window: u64,
    ) -> Self {
        let (config, schedule) = (&run.config.critic, &run.config.schedule);
        let CriticConfig { gamma, n_steps, smoothing, .. } = *config;
        let stream = |name: &str| run.streams.named(&format!("{CRITICS}/{name}"));
        let redraws = run.config.replay.resample_actions;
        Self {
            critic: Critic::new(config, run.schema(), encoder, mean_returns, &run.streams, &run.device),
            n_updates: 0,
            rule: TransitionRule { rewards: run.rewards(), gamma, n_steps, smoothing },
            redraws: redraws
                .then(|| schedule.collect().policy.init(run.schema().n_tasks(), stream("actions"))),
            draws: stream("replay"),
            masks: stream("dropout"),
            smoothing: stream("smoothing"),
            reader: run.reader(Split::Train),
            marks: TrainingMarks::of(run),
            sampled: TransitionBatch::default(),
            // A larger batch would draw every row several times.
            batch_size: run.config.batch_size.min(replay.len()),
            replay,
            health: CriticHealth::new(run, window),
        }
    }

    /// Rows of an update.
    pub(super) fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Draws the transitions of the next update; `progress` in [0, 1] is the share of the planned ones behind.
    pub(super) fn sample(&mut self, progress: f64) {
        self.replay.sample(self.batch_size, progress, &mut self.draws, &mut self.sampled);
    }

    /// Draws their actions anew, where the run file asks for it: those of `policy`, with exploration.
    pub(super) fn redraw(&mut self, policy: &mut dyn Policy) {
        if let Some(explorer) = &mut self.redraws {
            self.sampled.actions = explorer.actions(policy, &self.reader, &self.sampled.rows);
        }
    }

    /// One update of the critics on the transitions drawn, towards the targets of `policy`. Logged as step `step` of `phase`
    /// where `is_logged`.
    pub(super) fn learn(
        &mut self,
        run: &mut Run<'_>,
        (phase, step, is_logged): (Phase, u64, bool),
        policy: &mut dyn Policy,
    ) -> Result<CriticStep> {
        let mut transitions = self.rule.read(&self.reader, &self.sampled, policy, &mut self.smoothing);
        transitions.folds = self.marks.read(&self.sampled.rows).folds;
        let done = self.critic.step(&transitions, &mut Pass::training(&mut self.masks), is_logged);
        self.replay.update(&self.sampled, &done.td_errors);
        self.n_updates += 1;
        self.health.update(run, step, &done);
        if is_logged {
            self.log(run, phase, step, &done);
        }
        Diverged::check(Learner::Critics, (phase, step), done.loss)?;
        Ok(done)
    }

    fn log(&self, run: &mut Run<'_>, phase: Phase, step: u64, done: &CriticStep) {
        let rates = (run.config.critic.learning_rate, run.config.critic.embedding_learning_rate);
        let outside = self.health.outside_shares(done);
        let logger = &mut run.logger;
        logger.scalar(&tags::critic_loss(phase), step, done.loss);
        logger.per_task(tags::td_loss, phase, step, done.tasks.iter().map(|task| task.loss));
        logger.per_task(tags::td_error_mean, phase, step, done.tasks.iter().map(|task| task.td_error));
        logger.per_task(
            tags::td_error_abs,
            phase,
            step,
            done.tasks.iter().map(|task| task.td_error_absolute),
        );
        logger.per_task(tags::q_mean, phase, step, done.tasks.iter().map(|task| task.q));
        logger.per_task(tags::q_zero_share, phase, step, done.tasks.iter().map(|task| task.dead_share));
        logger.per_task(tags::q_outside_share, phase, step, outside);
        logger.per_task(tags::reward_mean, phase, step, done.tasks.iter().map(|task| task.reward));
        logger.scalar(&tags::learning_rate(phase, Part::CriticDense), step, rates.0);
        logger.scalar(&tags::learning_rate(phase, Part::CriticEmbedding), step, rates.1);
        if let Some(norm) = done.dense_gradient_norm {
            logger.scalar(&tags::gradient_norm(phase, Part::CriticDense), step, norm);
        }
        logger.scalar(&tags::gradient_norm(phase, Part::CriticEmbedding), step, done.embedding_gradient_norm);
    }
}
