//! What every step of a walk must show, told from the table alone.

use std::iter::Copied;
use std::ops::Range;
use std::slice;

use super::{ContractViolation, Environment, Rule, check, violation};
use crate::mdp::environment::{EnvironmentConfig, Step};
use crate::mdp::reward::{MAX_ACTION, MIN_ACTION, Reward};
use crate::mdp::session::Sessions;
use crate::table::{LogTable, Row, SessionEnd};

/// Where the lanes must be, told from the table.
pub(super) struct Expectation<'a, 'o> {
    pub(super) table: &'a LogTable,
    pub(super) sessions: &'a Sessions,
    config: EnvironmentConfig,
    waiting: Copied<slice::Iter<'o, u32>>,
    /// Rows still to come in every lane's session; the first is the lane's state.
    lanes: Vec<Remaining>,
}

struct Remaining {
    rows: Range<u32>,
    /// Rows acted on in the lane's episode.
    episode_rows: u32,
}

impl<'a, 'o> Expectation<'a, 'o> {
    pub(super) fn new(environment: &impl Environment<'a>, order: &'o [u32]) -> Self {
        let mut expectation = Self {
            table: environment.table(),
            sessions: environment.sessions(),
            config: environment.config(),
            waiting: order.iter().copied(),
            lanes: Vec::new(),
        };
        let n_lanes = expectation.config.n_lanes.min(order.len());
        expectation.lanes = (0..n_lanes).map_while(|_| expectation.next_session()).collect();
        expectation
    }

    fn next_session(&mut self) -> Option<Remaining> {
        let session = self.waiting.next()?;
        Some(Remaining { rows: self.sessions.range(session as usize), episode_rows: 0 })
    }

    pub(super) fn check_states(&self, step: usize, found: &[Row]) -> Result<(), ContractViolation> {
        check(Rule::Lanes, step, 0, self.lanes.len(), found.len())?;
        for (lane, (remaining, found)) in self.lanes.iter().zip(found).enumerate() {
            check(Rule::State, step, lane, Row(remaining.rows.start), *found)?;
        }
        Ok(())
    }

    pub(super) fn check_step(
        &self,
        step: usize,
        acted: &[Row],
        actions: &[f32],
        found: &Step<'_>,
    ) -> Result<(), ContractViolation> {
        let n_lanes = acted.len();
        let lengths = (found.terminated.len(), found.truncated.len(), found.next.len(), found.rewards.len());
        check(Rule::Shape, step, 0, (n_lanes, n_lanes, n_lanes, actions.len()), lengths)?;
        check(Rule::Acted, step, 0, acted, found.rows)?;
        let n_tasks = self.table.n_tasks();
        for (lane, remaining) in self.lanes.iter().enumerate() {
            let row = acted[lane];
            let is_last = remaining.rows.len() == 1;
            let terminated = self.table.end(row) == SessionEnd::Terminated;
            let too_long = self.config.max_session_rows == Some(remaining.episode_rows + 1);
            let flags = (terminated, !terminated && (is_last || too_long));
            check(Rule::Flags, step, lane, flags, (found.terminated[lane], found.truncated[lane]))?;
            let next = match (is_last, terminated) {
                (false, _) => Some(Row(row.0 + 1)),
                (true, true) => None,
                (true, false) => Some(row),
            };
            check(Rule::Next, step, lane, next, found.next[lane])?;
            for (task, &label) in self.table.labels(row).iter().enumerate() {
                let index = lane * n_tasks + task;
                self.check_reward(step, lane, actions[index], label, found.rewards[index])?;
            }
        }
        Ok(())
    }

    fn check_reward(
        &self,
        step: usize,
        lane: usize,
        action: f32,
        label: u8,
        found: f32,
    ) -> Result<(), ContractViolation> {
        let expected = closed_form(self.config.reward, f64::from(action), label);
        // Single precision leaves an error of 2e-4 where 1 − a is as small as the clip allows.
        if found.is_finite() && found <= 0.0 && (f64::from(found) - expected).abs() < 1e-3 {
            return Ok(());
        }
        violation(Rule::Reward, step, lane, format!("{expected} for action {action}, label {label}"), found)
    }

    pub(super) fn advance(&mut self) {
        for mut lane in std::mem::take(&mut self.lanes) {
            lane.rows.next();
            lane.episode_rows += 1;
            if self.config.max_session_rows == Some(lane.episode_rows) {
                lane.episode_rows = 0;
            }
            let following = if lane.rows.is_empty() { self.next_session() } else { Some(lane) };
            self.lanes.extend(following);
        }
    }
}

/// The reward's formula once more, in double precision and apart from [`Reward::value`].
fn closed_form(reward: Reward, action: f64, label: u8) -> f64 {
    let label = f64::from(label);
    match reward {
        Reward::NegativeBce => {
            let action = action.clamp(f64::from(MIN_ACTION), f64::from(MAX_ACTION));
            label * action.ln() + (1.0 - label) * (1.0 - action).ln()
        }
        Reward::NegativeAbsoluteError => -(action - label).abs(),
    }
}
