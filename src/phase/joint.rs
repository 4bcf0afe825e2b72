//! Actor and critics side by side.

use rmtl_agents::actor::{Actor, OnlinePolicy, TargetPolicy};
use rmtl_agents::critic::Critic;
use rmtl_envs::{Sessions, Split};

use super::collect::Collected;
use super::critics::CriticSummary;
use super::diagnose::log_calibration;
use super::doubts::report_flat;
use super::fit::{Critics, Fit, fit};
use super::td::{TdLearner, WindowMean};
use super::walk::{Tally, Walk};
use crate::config::{Joint, JointConfig};
use crate::error::Result;
use crate::log::tags::Phase;
use crate::run::Run;

/// Updates of the critics whose mean TD loss is reported.
const WINDOW: u64 = 50;

/// Critics that learn while the actor does, on transitions that it goes on collecting.
///
/// An update is: `critic_steps` times (a step through the sessions with the actor's predictions and exploration, an update of
/// the critics by TD), then the actor's on its weighted loss, then the soft updates of critics and actor.
pub struct Companion<'a> {
    td: TdLearner<'a>,
    walk: Walk<'a>,
    critic_steps: u64,
    n_actor_updates: u64,
    td_loss: WindowMean,
}

impl Companion<'_> {
    /// The critics as they are.
    pub(super) fn critic(&self) -> &Critic {
        &self.td.critic
    }

    /// The critics' part of update `step` (from 1) of `planned` in all.
    pub(super) fn before_actor(
        &mut self,
        run: &mut Run<'_>,
        actor: &mut Actor,
        (phase, step, planned): (Phase, u64, u64),
        kept: impl Fn(&Run<'_>) -> String,
    ) -> Result<()> {
        let reader = run.reader(Split::Train);
        for critic_step in 0..self.critic_steps {
            if self.walk.rows().is_empty() {
                self.walk.restart();
            }
            let mut unheard = Tally::new(run.schema().n_tasks());
            self.walk.step(&reader, &mut OnlinePolicy(actor), &mut self.td.replay, &mut unheard);
            self.td.sample((step - 1) as f64 / planned as f64);
            self.td.redraw(&mut OnlinePolicy(actor));
            let is_logged = critic_step + 1 == self.critic_steps && run.is_logged(step);
            let done = self.td.learn(run, (phase, step, is_logged), &mut TargetPolicy(actor), &kept)?;
            self.td_loss.hear(done.td_loss());
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
) -> Result<(Actor, Critic, CriticSummary)> {
    let JointConfig { critic_steps, n_lanes, .. } = schedule.training;
    let Collected { replay, policy, mean_returns } = collected;
    let sessions = Sessions::of(&run.dataset.train);
    let td = TdLearner::new(run, &actor, replay, &mean_returns);
    let walk = Walk::new(run, &sessions, n_lanes, "joint");
    let mut companion =
        Companion { td, walk, critic_steps, n_actor_updates: 0, td_loss: WindowMean::new(WINDOW) };
    let weighting = run.weighting(&run.config.weighting);
    let tau = run.config.critic.tau;
    let fitted = fit(
        run,
        actor.with_target(tau),
        Fit {
            phase: Phase::Joint,
            streams: "weighted",
            config: schedule.training.fit(),
            weighting,
            critics: Critics::Learning(&mut companion),
            pretrained: Some(&policy),
        },
    )?;
    let Companion { td, n_actor_updates, td_loss, .. } = companion;
    td.report_alarms(run);
    report_flat(run, &fitted.critics);
    log_calibration(run, Phase::Joint, &fitted.critics);
    let summary = CriticSummary {
        converged: None,
        steps: td.n_updates,
        soft_updates: td.critic.n_soft_updates(),
        actor_updates: n_actor_updates,
        td_loss: td_loss.mean(),
        tasks: fitted.critics,
    };
    Ok((fitted.actor, td.critic, summary))
}
