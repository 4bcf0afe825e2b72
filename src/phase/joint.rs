//! Actor and critics side by side.

use rmtl_agents::actor::Actor;
use rmtl_agents::critic::Critic;
use rmtl_envs::Sessions;

use super::collect::Collected;
use super::critics::CriticSummary;
use super::fit::{Critics, Fit, fit};
use super::online_critics::OnlineCritics;
use super::rollout::Rollout;
use super::td::TdLearner;
use crate::config::Joint;
use crate::error::Result;
use crate::log::tags::Phase;
use crate::monitor::diagnosis::log_calibration;
use crate::monitor::validation::Kept;
use crate::run::Run;
use crate::streams;

/// Updates of the critics whose mean TD loss is reported.
const WINDOW: u64 = 50;

/// Trains `actor` and new critics; the actor's predictions so far are what a loss term may hold it to.
pub fn joint(
    run: &mut Run<'_>,
    actor: Actor,
    collected: Collected,
    schedule: &Joint,
) -> Result<(Kept, Critic, CriticSummary)> {
    let Joint { critic_steps, critic_warmup_steps, actor_tau, n_lanes, .. } = *schedule;
    let Collected { replay, mut policy, mean_returns } = collected;
    let transitions = replay.len() as u64;
    let sessions = Sessions::of(&run.dataset.train);
    let td = TdLearner::new(run, actor.encoder(), replay, &mean_returns, WINDOW);
    let rollout = Rollout::new(run, &sessions, n_lanes, streams::JOINT);
    let mut online = OnlineCritics { td, rollout, critic_steps, n_actor_updates: 0 };
    online.warm_up(run, &mut policy, critic_warmup_steps)?;
    let weighting = run.weighting(&run.config.weighting)?;
    let tau = actor_tau.unwrap_or(run.config.critic.tau);
    let fitted = fit(
        run,
        actor.with_target(tau),
        Fit {
            phase: Phase::Joint,
            streams: streams::WEIGHTED,
            config: schedule.training.fit(&schedule.pretrain),
            start_counts: true,
            weighting,
            critics: Critics::Learning(&mut online),
            pretrained: Some(&policy),
        },
    )?;
    let OnlineCritics { td, n_actor_updates, .. } = online;
    td.health.finish(run, &fitted.session_health);
    log_calibration(run, Phase::Joint, &fitted.critics);
    let summary = CriticSummary {
        converged: None,
        transitions,
        steps: td.n_updates,
        soft_updates: td.critic.n_soft_updates(),
        actor_updates: n_actor_updates,
        td_loss: td.health.trend.mean(),
        tasks: fitted.critics,
        weights: fitted.weights,
    };
    Ok((fitted.best, td.critic, summary))
}
