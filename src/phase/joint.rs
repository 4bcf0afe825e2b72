//! Actor and critics side by side.

use rmtl_agents::actor::{Actor, OnlinePolicy, TargetPolicy};
use rmtl_agents::critic::Critic;
use rmtl_agents::policy::FrozenPolicy;
use rmtl_envs::{Sessions, Split};

use super::collect::Collected;
use super::critics::{CriticSummary, message};
use super::fit::{Critics, Fit, fit};
use super::rollout::{Rollout, Tally};
use super::td::TdLearner;
use crate::config::Joint;
use crate::error::Result;
use crate::log::tags::Phase;
use crate::monitor::diagnosis::log_calibration;
use crate::monitor::validation::Kept;
use crate::run::{PhaseClock, Run};
use crate::streams;

/// Updates of the critics whose mean TD loss is reported.
const WINDOW: u64 = 50;

/// Critics that learn while the actor does, on transitions that it goes on collecting.
///
/// First the critics may learn alone for `critic_warmup_steps` updates. Then an update is: `critic_steps` times (a step through the sessions with the actor's predictions and exploration, an update of
/// the critics by TD), then the actor's on its weighted loss, then the soft updates of critics and actor.
pub struct OnlineCritics<'a> {
    td: TdLearner<'a>,
    walk: Rollout<'a>,
    critic_steps: u64,
    n_actor_updates: u64,
}

impl OnlineCritics<'_> {
    /// The critics as they are.
    pub(super) fn critic(&self) -> &Critic {
        &self.td.critic
    }

    /// The critics alone, before the actor moves: updates towards the targets of the actor as it is, logged as the phase `critics`.
    fn warm_up(&mut self, run: &mut Run<'_>, policy: &mut FrozenPolicy, steps: u64) -> Result<()> {
        if steps == 0 {
            return Ok(());
        }
        let phase = Phase::Critics;
        let rows = self.td.batch_size();
        let mut progress = run.observer.begin(phase.name(), steps * rows as u64);
        let mut clock = PhaseClock::start();
        for step in 1..=steps {
            run.interrupt.check(phase, step - 1)?;
            self.td.sample(0.0);
            self.td.redraw(policy);
            let is_logged = run.is_logged(step);
            let done = self.td.learn(run, (phase, step, is_logged), policy)?;
            self.td.critic.soft_update();
            clock.advance(rows);
            progress.advance(rows as u64);
            if is_logged {
                progress.message(message(&done));
            }
        }
        progress.finish();
        run.finish_phase(phase, clock, steps);
        Ok(())
    }

    /// The critics' part of update `step` (from 1) of `planned` in all.
    pub(super) fn before_actor(
        &mut self,
        run: &mut Run<'_>,
        actor: &mut Actor,
        (phase, step, planned): (Phase, u64, u64),
    ) -> Result<()> {
        let reader = run.reader(Split::Train);
        for critic_step in 0..self.critic_steps {
            if self.walk.rows().is_empty() {
                self.walk.restart();
            }
            let mut ignored = Tally::new(run.schema().n_tasks());
            self.walk.step(&reader, &mut OnlinePolicy(actor), &mut self.td.replay, &mut ignored);
            self.td.sample((step - 1) as f64 / planned as f64);
            self.td.redraw(&mut OnlinePolicy(actor));
            let is_logged = critic_step + 1 == self.critic_steps && run.is_logged(step);
            self.td.learn(run, (phase, step, is_logged), &mut TargetPolicy(actor))?;
        }
        Ok(())
    }

    /// All targets follow, once the actor has moved.
    pub(super) fn after_actor(&mut self, actor: &mut Actor) {
        self.td.critic.soft_update();
        actor.soft_update();
        self.n_actor_updates += 1;
    }
}

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
    let walk = Rollout::new(run, &sessions, n_lanes, streams::JOINT);
    let mut online = OnlineCritics { td, walk, critic_steps, n_actor_updates: 0 };
    online.warm_up(run, &mut policy, critic_warmup_steps)?;
    let weighting = run.weighting(&run.config.weighting);
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
