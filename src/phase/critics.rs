//! TD learning of the critics on the replay, the actor frozen.

use indexmap::IndexMap;
use rmtl_agents::actor::Actor;
use rmtl_agents::critic::{Critic, CriticStep};
use rmtl_agents::policy::FrozenPolicy;
use rmtl_envs::{Schema, Split};
use serde::{Deserialize, Serialize};

use super::collect::Collected;
use super::evaluate::Evaluator;
use super::td::TdLearner;
use crate::config::TwoStage;
use crate::error::Result;
use crate::log::tags::{self, Phase};
use crate::monitor::convergence::Convergence;
use crate::monitor::critic_health::SessionHealth;
use crate::monitor::diagnosis::{Diagnosis, TaskCriticSummary, log_calibration};
use crate::monitor::segments::WeightsBySegment;
use crate::run::{PhaseClock, Run};

/// How the training of the critics ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CriticSummary {
    /// Whether the TD loss converged; otherwise the step budget ended. Absent where critics learn beside the actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub converged: Option<bool>,
    /// Transitions collected before the first update.
    pub transitions: u64,
    /// TD updates.
    pub steps: u64,
    /// Soft updates of the target networks.
    pub soft_updates: u64,
    /// Updates of the actor meanwhile.
    pub actor_updates: u64,
    /// TD loss, Σ_k mean δ_k²: the smallest mean of a window, or that of the last window beside the actor.
    pub td_loss: f64,
    /// Task by task.
    pub tasks: IndexMap<String, TaskCriticSummary>,
    /// Mean loss weights of the training beside them, by task and segment of the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightsBySegment>,
}

/// Trains new critics until their TD loss has converged or the step budget ends. Gives the frozen actor's actions back.
pub fn critics(
    run: &mut Run<'_>,
    actor: &Actor,
    collected: Collected,
    schedule: &TwoStage,
) -> Result<(Critic, FrozenPolicy, CriticSummary)> {
    let phase = Phase::Critics;
    let config = schedule.critics;
    let Collected { replay, mut policy, mean_returns } = collected;
    let transitions = replay.len() as u64;
    let mut td = TdLearner::new(run, actor.encoder(), replay, &mean_returns, config.window);
    let validation = Evaluator::new(run.reader(Split::Validation), run.schema());
    let diagnosis = Diagnosis::new(run, &validation);
    let predictions = validation.predict(actor);
    let batch_size = td.batch_size();
    let mut progress = run.observer.begin(phase.name(), config.max_steps * batch_size as u64);
    let mut clock = PhaseClock::start();
    let mut convergence = Convergence::new(config);
    let mut health = SessionHealth::default();
    let mut has_converged = false;
    let mut step = 0;
    while step < config.max_steps && !has_converged {
        run.interrupt.check(phase, step)?;
        td.sample(step as f64 / config.max_steps as f64);
        td.redraw(&mut policy);
        step += 1;
        let is_logged = run.is_logged(step);
        let done = td.learn(run, (phase, step, is_logged), &mut policy)?;
        if step % config.soft_update_every == 0 {
            td.critic.soft_update();
        }
        clock.advance(batch_size);
        progress.advance(batch_size as u64);
        if is_logged {
            run.logger.scalar(&tags::rows_per_second(phase), step, clock.speed());
            progress.message(message(&done, run.schema()));
        }
        has_converged = td.health.trend.is_new() && convergence.has_converged_at(td.health.trend.mean());
        // The end has a look of its own.
        if td.health.trend.is_new() && step < config.max_steps && !has_converged {
            health.update(&diagnosis.measure(run, (phase, step), &td.critic, &validation, &predictions));
        }
    }
    let summary = CriticSummary {
        converged: Some(has_converged),
        transitions,
        steps: td.n_updates,
        soft_updates: td.critic.n_soft_updates(),
        actor_updates: 0,
        td_loss: td.health.trend.best(),
        tasks: diagnosis.measure(run, (phase, step), &td.critic, &validation, &predictions),
        weights: None,
    };
    health.update(&summary.tasks);
    log_calibration(run, phase, &summary.tasks);
    progress.message(if has_converged {
        format!("converged at TD loss {:.4}", summary.td_loss)
    } else {
        format!("step budget spent at TD loss {:.4}", summary.td_loss)
    });
    progress.finish();
    run.finish_phase(phase, clock, step);
    td.health.finish(run, &health);
    Ok((td.critic, policy, summary))
}

/// TD loss and Q values for the progress line.
pub(super) fn message(done: &CriticStep, schema: &Schema) -> String {
    let named = schema.tasks.iter().zip(&done.tasks);
    let q: Vec<String> = named.map(|(task, of)| format!("{} {:.3}", task.name, of.q)).collect();
    format!("TD loss {:.4}  Q {}", done.td_loss(), q.join(" "))
}
