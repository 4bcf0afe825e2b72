//! Critics that learn while the actor does.

use rmtl_agents::actor::{Actor, OnlinePolicy, TargetPolicy};
use rmtl_agents::critic::Critic;
use rmtl_agents::policy::FrozenPolicy;
use rmtl_envs::Split;

use super::critics::message;
use super::rollout::{Rollout, Tally};
use super::td::TdLearner;
use crate::error::Result;
use crate::log::tags::Phase;
use crate::run::{PhaseClock, Run};

/// Critics that learn while the actor does, on transitions that it goes on collecting.
///
/// First the critics may learn alone for `critic_warmup_steps` updates. Then an update is: `critic_steps` times (a step
/// through the sessions with the actor's predictions and exploration, an update of the critics by TD), then the actor's on
/// its weighted loss, then the soft updates of critics and actor.
pub struct OnlineCritics<'a> {
    pub(super) td: TdLearner<'a>,
    pub(super) rollout: Rollout<'a>,
    pub(super) critic_steps: u64,
    pub(super) n_actor_updates: u64,
}

impl OnlineCritics<'_> {
    /// The critics as they are.
    pub(super) fn critic(&self) -> &Critic {
        &self.td.critic
    }

    /// The critics alone, before the actor moves: updates towards the targets of the actor as it is, logged as the phase `critics`.
    pub(super) fn warm_up(&mut self, run: &mut Run<'_>, policy: &mut FrozenPolicy, steps: u64) -> Result<()> {
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
                progress.message(message(&done, run.schema()));
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
            if self.rollout.rows().is_empty() {
                self.rollout.restart();
            }
            let mut ignored = Tally::new(run.schema().n_tasks());
            self.rollout.step(&reader, &mut OnlinePolicy(actor), &mut self.td.replay, &mut ignored);
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
