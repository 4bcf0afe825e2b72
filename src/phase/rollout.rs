//! Walking the training sessions: every step acts in all lanes and keeps the transitions.

use rand::seq::SliceRandom;
use rmtl_agents::input::BatchReader;
use rmtl_agents::policy::{Explorer, Policy};
use rmtl_agents::replay::{CutRows, Replay, Transition};
use rmtl_agents::stream::Stream;
use rmtl_envs::{EnvironmentConfig, Row, SessionEnv, Sessions};

use crate::run::Run;

/// Training sessions on the way, in a random order, with exploring actions.
pub(super) struct Rollout<'a> {
    environment: SessionEnv<'a>,
    n_sessions: u32,
    order: Stream,
    explorer: Explorer,
    n_tasks: usize,
    cut_rows: CutRows,
}

/// What a walk gave.
pub(super) struct Tally {
    rewards: Vec<f64>,
    pub(super) transitions: u64,
    ends: u64,
}

impl<'a> Rollout<'a> {
    /// At the start of the training sessions; `streams` is the prefix of its random streams.
    pub(super) fn new(run: &Run<'a>, sessions: &'a Sessions, n_lanes: usize, streams: &str) -> Self {
        let schedule = &run.config.schedule;
        let (collect, n_tasks) = (schedule.collect(), run.schema().n_tasks());
        let config = EnvironmentConfig { n_lanes, reward: schedule.reward(), max_session_rows: None };
        let mut walk = Self {
            environment: SessionEnv::new(&run.dataset.train, sessions, config).paid_by(run.rewards()),
            n_sessions: sessions.len() as u32,
            order: run.streams.named(&format!("{streams}/order")),
            explorer: collect.policy.init(n_tasks, run.streams.named(&format!("{streams}/actions"))),
            n_tasks,
            cut_rows: run.config.replay.cut_rows,
        };
        walk.restart();
        walk
    }

    /// Every session once more, in another order.
    pub(super) fn restart(&mut self) {
        let mut order: Vec<u32> = (0..self.n_sessions).collect();
        order.shuffle(&mut self.order);
        self.environment.reset(order);
    }

    /// The states to act in; none once every session has been walked.
    pub(super) fn rows(&self) -> &[Row] {
        self.environment.rows()
    }

    /// Takes the actions of `policy`, with exploration, and keeps the transitions. Gives the number of rows walked.
    pub(super) fn step(
        &mut self,
        reader: &BatchReader<'_>,
        policy: &mut dyn Policy,
        replay: &mut Replay,
        tally: &mut Tally,
    ) -> usize {
        let actions = self.explorer.actions(policy, reader, self.environment.rows());
        let walked = self.environment.step(&actions);
        for (lane, action) in actions.chunks_exact(self.n_tasks).enumerate() {
            let is_cut = walked.next[lane] == Some(walked.rows[lane]);
            if !(is_cut && self.cut_rows == CutRows::LeaveOut) {
                replay.push(Transition { row: walked.rows[lane], action });
                tally.record(&walked.rewards[lane * self.n_tasks..][..self.n_tasks], walked.terminated[lane]);
            }
        }
        self.explorer.go_on(walked.rows, walked.next);
        walked.rows.len()
    }
}

impl Tally {
    pub(super) fn new(n_tasks: usize) -> Self {
        Self { rewards: vec![0.0; n_tasks], transitions: 0, ends: 0 }
    }

    fn record(&mut self, rewards: &[f32], terminated: bool) {
        for (sum, reward) in self.rewards.iter_mut().zip(rewards) {
            *sum += f64::from(*reward);
        }
        self.transitions += 1;
        self.ends += u64::from(terminated);
    }

    pub(super) fn mean_rewards(&self) -> impl Iterator<Item = f64> + '_ {
        self.rewards.iter().map(|sum| sum / self.transitions.max(1) as f64)
    }

    /// `r̄ / (1 − γ (1 − p))` with p the share of transitions that end a session: the return of a session whose
    /// rewards and ends are independent of the state.
    pub(super) fn mean_returns(&self, gamma: f64) -> Vec<f32> {
        let ends = self.ends as f64 / self.transitions.max(1) as f64;
        // γ = 1 without a single end has no finite return; a horizon of 1,000 rows will do for a start.
        let horizon = (1.0 - gamma * (1.0 - ends)).max(1e-3);
        self.mean_rewards().map(|reward| (reward / horizon) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_returns_by_hand() {
        let mut tally = Tally::new(2);
        for (rewards, end) in
            [([-1.0, -0.2], false), ([-0.5, -0.1], false), ([-0.2, 0.0], false), ([-0.3, -0.1], true)]
        {
            tally.record(&rewards, end);
        }
        // r̄ = −0.5 and −0.1, p = 1/4: 1 − 0.8 · 0.75 = 0.4
        let found = tally.mean_returns(0.8);
        assert!((found[0] + 1.25).abs() < 1e-6 && (found[1] + 0.25).abs() < 1e-6, "{found:?}");
    }
}
