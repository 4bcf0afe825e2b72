//! The contract of a session environment, as assertions over a whole walk.

mod expectation;

use std::fmt;

use self::expectation::Expectation;
use crate::mdp::environment::{EnvironmentConfig, SessionEnv, Step};
use crate::mdp::session::Sessions;
use crate::table::{LogTable, Row};

/// What [`check_environment`] needs to see of an environment over a table that lives for `'a`.
pub trait Environment<'a> {
    /// The table that is walked.
    fn table(&self) -> &'a LogTable;
    /// The table's sessions.
    fn sessions(&self) -> &'a Sessions;
    /// How sessions are walked and paid.
    fn config(&self) -> EnvironmentConfig;
    /// Starts over with these sessions, in this order.
    fn reset(&mut self, order: &[u32]);
    /// The state of every active lane.
    fn rows(&self) -> &[Row];
    /// Acts on every active lane: `[lane × task]`.
    fn step(&mut self, actions: &[f32]) -> Step<'_>;
}

impl<'a> Environment<'a> for SessionEnv<'a> {
    fn table(&self) -> &'a LogTable {
        SessionEnv::table(self)
    }

    fn sessions(&self) -> &'a Sessions {
        SessionEnv::sessions(self)
    }

    fn config(&self) -> EnvironmentConfig {
        SessionEnv::config(self)
    }

    fn reset(&mut self, order: &[u32]) {
        SessionEnv::reset(self, order.iter().copied());
    }

    fn rows(&self) -> &[Row] {
        SessionEnv::rows(self)
    }

    fn step(&mut self, actions: &[f32]) -> Step<'_> {
        SessionEnv::step(self, actions)
    }
}

/// What a walk that kept the contract consisted of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalkSummary {
    /// Steps until no lane was left.
    pub steps: usize,
    /// Rows acted on.
    pub rows: usize,
    /// Rows that ended their session.
    pub terminated: usize,
    /// Rows after which the episode was cut.
    pub truncated: usize,
}

/// The first point at which an environment broke its contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("step {step}, lane {lane}: {rule}: expected {expected}, found {found}")]
pub struct ContractViolation {
    /// What was broken.
    pub rule: Rule,
    /// Steps taken before.
    pub step: usize,
    /// The lane, counted from 0; 0 where the rule concerns all.
    pub lane: usize,
    /// What the contract asks for.
    pub expected: String,
    /// What the environment showed.
    pub found: String,
}

/// The parts of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// As many lanes as there are sessions to walk, up to the configured number; never more again once fewer.
    Lanes,
    /// Every active lane stands on the row after its last one, or on the first row of the next session.
    State,
    /// A step reports the rows that were its states.
    Acted,
    /// A step reports one value per lane, and one reward per lane and task.
    Shape,
    /// Rewards are finite, not positive, and follow the closed form.
    Reward,
    /// `terminated` exactly where the session ended, `truncated` exactly where only the episode did.
    Flags,
    /// `next` is the row after, inside the session; none where the session ends, the row itself where it leaves the split.
    Next,
    /// Every row of every session in the order was acted on once.
    Visits,
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Lanes => "number of lanes",
            Self::State => "state",
            Self::Acted => "row acted on",
            Self::Shape => "length of a step's values",
            Self::Reward => "reward",
            Self::Flags => "(terminated, truncated)",
            Self::Next => "next state",
            Self::Visits => "visits of a row",
        })
    }
}

/// Walks the sessions in `order` to their end with varied actions and checks every step against the contract
/// ([`Rule`]), which is derived from the table alone.
///
/// # Errors
/// The first violation.
///
/// # Panics
/// If the environment does, or if `order` names a session the table does not have.
pub fn check_environment<'a>(
    environment: &mut impl Environment<'a>,
    order: &[u32],
) -> Result<WalkSummary, ContractViolation> {
    let mut expected = Expectation::new(environment, order);
    environment.reset(order);
    let mut summary = WalkSummary::default();
    let mut visits = vec![0_u32; expected.table.n_rows()];
    loop {
        let acted = environment.rows().to_vec();
        expected.check_states(summary.steps, &acted)?;
        if acted.is_empty() {
            break;
        }
        acted.iter().for_each(|row| visits[row.0 as usize] += 1);
        let actions = varied_actions(summary.rows, acted.len() * expected.table.n_tasks());
        let step = environment.step(&actions);
        expected.check_step(summary.steps, &acted, &actions, &step)?;
        summary.steps += 1;
        summary.rows += acted.len();
        summary.terminated += step.terminated.iter().filter(|&&flag| flag).count();
        summary.truncated += step.truncated.iter().filter(|&&flag| flag).count();
        expected.advance();
    }
    for &session in order {
        expected.sessions.range(session as usize).for_each(|row| visits[row as usize] -= 1);
    }
    match visits.iter().position(|&remaining| remaining != 0) {
        None => Ok(summary),
        Some(row) => violation(Rule::Visits, summary.steps, 0, format!("none of row {row}"), visits[row]),
    }
}

/// Both ends of the range, where rewards are clipped, and a sequence that fills what lies between.
fn varied_actions(seen: usize, n: usize) -> Vec<f32> {
    let action = |index: usize| match index % 7 {
        0 => 0.0,
        3 => 1.0,
        _ => (index as f64 * 0.618_033_988_749_895).fract() as f32,
    };
    (seen..seen + n).map(action).collect()
}

fn check<T: PartialEq + fmt::Debug>(
    rule: Rule,
    step: usize,
    lane: usize,
    expected: T,
    found: T,
) -> Result<(), ContractViolation> {
    if expected == found { Ok(()) } else { violation(rule, step, lane, format!("{expected:?}"), found) }
}

fn violation<T>(
    rule: Rule,
    step: usize,
    lane: usize,
    expected: String,
    found: impl fmt::Debug,
) -> Result<T, ContractViolation> {
    Err(ContractViolation { rule, step, lane, expected, found: format!("{found:?}") })
}

#[cfg(test)]
mod tests;
