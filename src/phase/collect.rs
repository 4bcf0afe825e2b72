//! Filling the replay: the frozen actor walks every training session once.

use rmtl_agents::actor::Actor;
use rmtl_agents::policy::FrozenPolicy;
use rmtl_agents::replay::Replay;
use rmtl_envs::{Sessions, Split};

use super::evaluate::predict;
use super::rollout::{Rollout, Tally};
use crate::error::{Error, Result};
use crate::log::tags::{self, Phase};
use crate::run::{PhaseClock, Run};
use crate::streams;

/// What the critics learn from.
pub struct Collected {
    /// The transitions.
    pub replay: Replay,
    /// π for every training row: the frozen actor is evaluated once.
    pub policy: FrozenPolicy,
    /// Estimated mean return of every task, where the critics start.
    pub mean_returns: Vec<f32>,
}

/// The actions of an actor as it is in every training row.
pub fn frozen_policy(run: &Run<'_>, actor: &Actor) -> FrozenPolicy {
    FrozenPolicy::new(predict(&run.reader(Split::Train), actor), run.schema().n_tasks())
}

/// Walks the training sessions and keeps the transitions: one for every row, unless cut rows are left out.
///
/// # Errors
/// There is no transition.
pub fn collect(run: &mut Run<'_>, actor: &Actor) -> Result<Collected> {
    let phase = Phase::Collect;
    let n_rows = run.dataset.train.n_rows();
    let n_tasks = run.schema().n_tasks();
    let mut progress = run.observer.begin(phase.name(), n_rows as u64);
    let mut clock = PhaseClock::start();
    let reader = run.reader(Split::Train);
    let mut policy = frozen_policy(run, actor);
    let sessions = Sessions::of(&run.dataset.train);
    let mut rollout = Rollout::new(run, &sessions, run.config.schedule.collect().n_lanes, streams::COLLECT);
    let mut replay = Replay::new(&run.config.replay, n_rows, n_tasks);
    let mut tally = Tally::new(n_tasks);
    let mut step = 0;
    while !rollout.rows().is_empty() {
        run.interrupt.check(phase, step)?;
        step += 1;
        let walked = rollout.step(&reader, &mut policy, &mut replay, &mut tally);
        clock.advance(walked);
        progress.advance(walked as u64);
    }
    progress.message(format!("{} transitions, {} sessions", tally.transitions, sessions.len()));
    progress.finish();
    run.logger.per_task(tags::reward_mean, phase, step, tally.mean_rewards());
    run.finish_phase(phase, clock, step);
    if replay.is_empty() {
        return Err(Error::Usage(
            "the replay is empty: every training session has one row and may go on after the split, and \
             `replay.cut_rows = \"leave_out\"` keeps no transition of such rows; use `\"bootstrap\"`"
                .into(),
        ));
    }
    let mean_returns = tally.mean_returns(run.config.critic.gamma);
    Ok(Collected { replay, policy, mean_returns })
}
