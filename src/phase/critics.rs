//! TD learning of the critics on the replay, the actor frozen.

use rmtl_agents::actor::Actor;
use rmtl_agents::critic::{Critic, CriticConfig, CriticStep, DEAD_Q, TaskCriticStep};
use rmtl_agents::pass::Pass;
use rmtl_agents::replay::TransitionBatch;
use rmtl_agents::transition::TransitionRule;
use rmtl_envs::Split;
use serde::{Deserialize, Serialize};

use super::collect::{Collected, explore};
use crate::config::{ConvergeConfig, TwoStage};
use crate::error::{Error, Result};
use crate::log::tags::{self, Part, Phase};
use crate::run::{PhaseClock, Run};

/// Trains new critics until their TD loss has converged or the step budget ends.
pub fn critics(
    run: &mut Run<'_>,
    actor: &Actor,
    mut collected: Collected,
    schedule: &TwoStage,
) -> Result<(Critic, CriticSummary)> {
    let phase = Phase::Critics;
    let config = schedule.critics;
    if collected.replay.is_empty() {
        return Err(Error::Usage(
            "the replay is empty: every training session is cut by the split after its only row, so the critics have \
             no transition to learn from; use another split, or a longer log"
                .into(),
        ));
    }
    let critic_config = &run.config.critic;
    let mut critic = Critic::new(
        critic_config,
        run.schema(),
        actor.encoder(),
        &collected.mean_returns,
        &run.streams,
        &run.device,
    );
    let CriticConfig { gamma, n_steps, .. } = *critic_config;
    let rule = TransitionRule { reward: schedule.reward, gamma, n_steps };
    let mut redraws = run.streams.named("critics/actions");
    let mut replay_stream = run.streams.named("critics/replay");
    let mut masks = run.streams.named("critics/dropout");
    // A larger batch would draw every row several times.
    let batch_size = run.config.batch_size.min(collected.replay.len());
    let reader = run.reader(Split::Train);
    let mut sampled = TransitionBatch::default();
    let mut progress = run.console.progress(phase.name(), config.max_steps * batch_size as u64);
    let mut clock = PhaseClock::start();
    let mut convergence = Convergence::new(config);
    let mut alarmed = vec![false; run.schema().n_tasks()];
    let mut dead = Vec::new();
    let mut has_converged = false;
    let mut step = 0;
    while step < config.max_steps && !has_converged {
        run.interrupt.check(phase, step)?;
        step += 1;
        collected.replay.sample(batch_size, &mut replay_stream, &mut sampled);
        if config.resample_actions {
            sampled.actions.clear();
            sampled
                .rows
                .iter()
                .for_each(|&row| sampled.actions.extend_from_slice(collected.policy.action(row)));
            explore(&schedule.collect.policy, &mut sampled.actions, &mut redraws);
        }
        let transitions = rule.read(&reader, &sampled, &collected.policy);
        let is_logged = run.is_logged(step);
        let done = critic.step(&transitions, &mut Pass::training(&mut masks), is_logged);
        run.check_loss(phase, step, done.loss, || {
            "the pretrained actor is in the run folder's model/".into()
        })?;
        if step % config.soft_update_every == 0 {
            critic.soft_update();
        }
        clock.advance(batch_size);
        progress.advance(batch_size as u64);
        if is_logged {
            log_step(run, step, &done);
            run.logger.scalar(&tags::rows_per_second(phase), step, clock.speed());
            progress.message(format!("TD loss {:.4}  Q {}", done.loss, join(&done, |task| task.q)));
        }
        dead = dead_tasks(run, config.dead_share_alarm, &done);
        for (task, message) in &dead {
            if !std::mem::replace(&mut alarmed[*task], true) {
                run.console.warn(&format!("step {step}: {message}"));
            }
        }
        has_converged = convergence.hear(done.loss);
    }
    let summary = CriticSummary { converged: has_converged, steps: step, td_loss: convergence.best };
    progress.message(if has_converged {
        format!("converged at TD loss {:.4}", summary.td_loss)
    } else {
        format!("step budget spent at TD loss {:.4}", summary.td_loss)
    });
    progress.finish();
    run.finish_phase(phase, clock, step);
    // Only what is true at the end belongs in the report: a critic may recover.
    dead.into_iter().for_each(|(_, message)| run.warnings.push(message));
    Ok((critic, summary))
}

/// How the training of the critics ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CriticSummary {
    /// Whether the TD loss converged; otherwise the step budget ended.
    pub converged: bool,
    /// TD updates.
    pub steps: u64,
    /// Smallest mean TD loss of a window, Σ_k mean δ_k².
    pub td_loss: f64,
}

/// Compares the mean loss of each window with the best one so far.
struct Convergence {
    config: ConvergeConfig,
    sum: f64,
    n: u64,
    best: f64,
    windows_since: u32,
}

impl Convergence {
    fn new(config: ConvergeConfig) -> Self {
        Self { config, sum: 0.0, n: 0, best: f64::INFINITY, windows_since: 0 }
    }

    /// Hears the loss of one update; true once it has converged.
    fn hear(&mut self, loss: f64) -> bool {
        self.sum += loss;
        self.n += 1;
        if self.n < self.config.window {
            return false;
        }
        let mean = self.sum / self.n as f64;
        (self.sum, self.n) = (0.0, 0);
        if mean < self.best * (1.0 - self.config.epsilon) {
            self.windows_since = 0;
        } else {
            self.windows_since += 1;
        }
        self.best = self.best.min(mean);
        self.windows_since >= self.config.patience
    }
}

/// The tasks whose critics are dead in this update, with what to say about them.
fn dead_tasks(run: &Run<'_>, alarm: f64, done: &CriticStep) -> Vec<(usize, String)> {
    let message = |(index, task): (usize, &TaskCriticStep)| {
        let message = format!(
            "the critic of task `{}` is dead: {:.0} % of its Q values lie within {DEAD_Q} of 0, so their weights are 1 \
             whatever the row; use `critic.output = \"neg_softplus\"` or a lower `critic.learning_rate`",
            run.schema().tasks[index].name,
            100.0 * task.dead_share,
        );
        (task.dead_share > alarm).then_some((index, message))
    };
    done.tasks.iter().enumerate().filter_map(message).collect()
}

fn join(done: &CriticStep, value: fn(&TaskCriticStep) -> f64) -> String {
    done.tasks.iter().map(|task| format!("{:.3}", value(task))).collect::<Vec<_>>().join(" ")
}

fn log_step(run: &mut Run<'_>, step: u64, done: &CriticStep) {
    let phase = Phase::Critics;
    let rates = (run.config.critic.learning_rate, run.config.critic.embedding_learning_rate);
    let logger = &mut run.logger;
    logger.scalar(&tags::critic_loss(phase), step, done.loss);
    logger.per_task(tags::td_loss, phase, step, done.tasks.iter().map(|task| task.loss));
    logger.per_task(tags::td_error_mean, phase, step, done.tasks.iter().map(|task| task.td_error));
    logger.per_task(tags::td_error_abs, phase, step, done.tasks.iter().map(|task| task.td_error_absolute));
    logger.per_task(tags::q_mean, phase, step, done.tasks.iter().map(|task| task.q));
    logger.per_task(tags::q_zero_share, phase, step, done.tasks.iter().map(|task| task.dead_share));
    logger.per_task(tags::reward_mean, phase, step, done.tasks.iter().map(|task| task.reward));
    logger.scalar(&tags::learning_rate(phase, Part::CriticDense), step, rates.0);
    logger.scalar(&tags::learning_rate(phase, Part::CriticEmbedding), step, rates.1);
    if let Some(norm) = done.dense_gradient_norm {
        logger.scalar(&tags::gradient_norm(phase, Part::CriticDense), step, norm);
    }
    logger.scalar(&tags::gradient_norm(phase, Part::CriticEmbedding), step, done.embedding_gradient_norm);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convergence_needs_patience_windows_without_improvement() {
        let config = ConvergeConfig { window: 2, epsilon: 0.1, patience: 2, ..ConvergeConfig::default() };
        let mut convergence = Convergence::new(config);
        // Window means 1.0, 0.5, 0.48 (under 10 % better), 0.2 (better), 0.2, 0.19: converged at the last.
        let losses = [1.0, 1.0, 0.4, 0.6, 0.48, 0.48, 0.2, 0.2, 0.2, 0.2, 0.19, 0.19];
        let found: Vec<bool> = losses.iter().map(|&loss| convergence.hear(loss)).collect();
        assert_eq!(found.iter().position(|&converged| converged), Some(11));
        assert!((convergence.best - 0.19).abs() < 1e-12);
    }
}
