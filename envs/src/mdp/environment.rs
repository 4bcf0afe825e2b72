//! The session MDP: states are rows, actions are predictions, an episode is a session.

use serde::{Deserialize, Serialize};

use crate::mdp::reward::Reward;
use crate::mdp::session::Sessions;
use crate::mdp::trajectory::bootstrap_state;
use crate::number::Rewards;
use crate::table::{LogTable, Row};

/// How sessions are walked and paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnvironmentConfig {
    /// Sessions walked at the same time; one step acts on that many rows.
    pub n_lanes: usize,
    /// What an action is paid.
    pub reward: Reward,
    /// Cuts longer sessions into episodes of at most this many rows; `None` walks sessions whole.
    pub max_session_rows: Option<u32>,
}

impl Default for EnvironmentConfig {
    fn default() -> Self {
        Self { n_lanes: 256, reward: Reward::default(), max_session_rows: None }
    }
}

/// Many sessions of one table, walked in lockstep: a vector environment.
///
/// A lane walks one session at a time. In the step that ends its session a lane moves to the first row of the
/// next session in the order, so [`rows`](Self::rows) never shows a finished session; a lane that finds no
/// session left retires, and the lanes behind it move up. Nothing is random: what is visited depends on the
/// order alone, not on the actions.
#[derive(Debug)]
pub struct SessionEnv<'a> {
    table: &'a LogTable,
    sessions: &'a Sessions,
    config: EnvironmentConfig,
    rewards_of: Rewards,
    waiting: std::vec::IntoIter<u32>,
    lanes: Vec<Lane>,
    rows: Vec<Row>,
    acted: Vec<Row>,
    rewards: Vec<f32>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    next: Vec<Option<Row>>,
}

/// What one step brought, lane by lane in the order of [`SessionEnv::rows`] before the step.
///
/// `terminated` and `truncated` as in Gymnasium: the session is over, or only the episode is. They are never
/// both true.
///
/// | the row is | `terminated` | `truncated` | `next` |
/// | --- | --- | --- | --- |
/// | inside its session | no | no | the row after it |
/// | its session's last | yes | no | none |
/// | the last one of its session in this split | no | yes | the row itself: another split must not be seen |
/// | the last one `max_session_rows` allows | no | yes | the row after it: bootstrap from there |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step<'a> {
    /// The rows acted on: `[lane]`.
    pub rows: &'a [Row],
    /// What each task's action was paid: `[lane × task]`, lane-major.
    pub rewards: &'a [f32],
    /// Whether the session ended: `[lane]`.
    pub terminated: &'a [bool],
    /// Whether the episode was cut although the session goes on: `[lane]`.
    pub truncated: &'a [bool],
    /// The state to bootstrap from ([`bootstrap_state`]): `[lane]`.
    pub next: &'a [Option<Row>],
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    /// One past the session's last row.
    session_stop: u32,
    /// Rows acted on in this episode.
    episode_rows: u32,
}

impl<'a> SessionEnv<'a> {
    /// An environment with nothing to walk; [`reset`](Self::reset) gives it sessions.
    ///
    /// # Panics
    /// If `sessions` are not those of `table`, or `n_lanes` or `max_session_rows` is 0.
    pub fn new(table: &'a LogTable, sessions: &'a Sessions, config: EnvironmentConfig) -> Self {
        assert_eq!(sessions.n_rows(), table.n_rows(), "rows of the sessions and of the table differ");
        assert_ne!(config.n_lanes, 0, "an environment needs a lane");
        assert_ne!(config.max_session_rows, Some(0), "an episode has at least one row");
        Self {
            table,
            sessions,
            config,
            rewards_of: config.reward.into(),
            waiting: Vec::new().into_iter(),
            lanes: Vec::new(),
            rows: Vec::new(),
            acted: Vec::new(),
            rewards: Vec::new(),
            terminated: Vec::new(),
            truncated: Vec::new(),
            next: Vec::new(),
        }
    }

    /// The same with actions paid by `rewards`, where the label of a task is a number.
    pub fn paid_by(self, rewards: Rewards) -> Self {
        Self { rewards_of: rewards, ..self }
    }

    /// Starts over with these sessions (indices into [`Sessions`]), taken up in this order.
    ///
    /// # Panics
    /// If the table has no such session.
    pub fn reset(&mut self, order: impl IntoIterator<Item = u32>) {
        let order: Vec<u32> = order.into_iter().collect();
        if let Some(&largest) = order.iter().max() {
            let n_sessions = self.sessions.len();
            assert!((largest as usize) < n_sessions, "session {largest} of a table of {n_sessions}");
        }
        self.waiting = order.into_iter();
        self.lanes.clear();
        self.rows.clear();
        while self.lanes.len() < self.config.n_lanes
            && let Some((row, lane)) = self.take_session()
        {
            self.rows.push(row);
            self.lanes.push(lane);
        }
    }

    /// The state of every active lane: `[lane]`. Empty once all sessions have been walked.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Acts on every active lane; `actions` are predicted probabilities, `[lane × task]`, lane-major.
    ///
    /// # Panics
    /// If there is not exactly one action per active lane and task.
    pub fn step(&mut self, actions: &[f32]) -> Step<'_> {
        let n_tasks = self.table.n_tasks();
        let (n_actions, n_lanes) = (actions.len(), self.rows.len());
        assert_eq!(n_actions, n_lanes * n_tasks, "actions for {n_lanes} lanes × {n_tasks} tasks");
        std::mem::swap(&mut self.rows, &mut self.acted);
        self.rows.clear();
        self.rewards.clear();
        self.terminated.clear();
        self.truncated.clear();
        self.next.clear();
        let mut n_kept = 0;
        for (index, actions) in actions.chunks_exact(n_tasks).enumerate() {
            let row = self.acted[index];
            self.rewards.extend(self.rewards_of.of_row(self.table, row, actions));
            if let Some((row, lane)) = self.advance(row, self.lanes[index]) {
                self.rows.push(row);
                self.lanes[n_kept] = lane;
                n_kept += 1;
            }
        }
        self.lanes.truncate(n_kept);
        Step {
            rows: &self.acted,
            rewards: &self.rewards,
            terminated: &self.terminated,
            truncated: &self.truncated,
            next: &self.next,
        }
    }

    /// The table that is walked.
    pub fn table(&self) -> &'a LogTable {
        self.table
    }

    /// The table's sessions.
    pub fn sessions(&self) -> &'a Sessions {
        self.sessions
    }

    /// How sessions are walked and paid.
    pub fn config(&self) -> EnvironmentConfig {
        self.config
    }

    /// Records how `row` ended and returns where its lane goes on, if anywhere.
    fn advance(&mut self, row: Row, lane: Lane) -> Option<(Row, Lane)> {
        let following = Row(row.0 + 1);
        let episode_rows = lane.episode_rows + 1;
        let session_over = following.0 == lane.session_stop;
        let too_long = !session_over && self.config.max_session_rows == Some(episode_rows);
        let next = bootstrap_state(self.table, row);
        self.terminated.push(next.is_none());
        self.truncated.push(too_long || next == Some(row));
        self.next.push(next);
        if session_over {
            self.take_session()
        } else {
            Some((following, Lane { episode_rows: if too_long { 0 } else { episode_rows }, ..lane }))
        }
    }

    fn take_session(&mut self) -> Option<(Row, Lane)> {
        let range = self.sessions.range(self.waiting.next()? as usize);
        Some((Row(range.start), Lane { session_stop: range.end, episode_rows: 0 }))
    }
}

#[cfg(test)]
mod tests;
