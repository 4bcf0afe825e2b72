//! Every walk keeps the contract, and every way of breaking it is noticed.

use proptest::prelude::*;

use super::*;
use crate::fixture::table;
use crate::mdp::reward::Reward;
use crate::table::SessionEnd;
use SessionEnd::{Cut, Terminated};

/// A step's values, owned so that they can be spoilt.
#[derive(Default)]
struct Recorded {
    acted: Vec<Row>,
    rewards: Vec<f32>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    next: Vec<Option<Row>>,
    /// The states after the step.
    states: Vec<Row>,
}

/// An environment that spoils what a correct one shows.
struct Broken<'a> {
    inner: SessionEnv<'a>,
    fault: fn(&mut Recorded),
    shown: Recorded,
}

impl<'a> Environment<'a> for Broken<'a> {
    fn table(&self) -> &'a LogTable {
        self.inner.table()
    }

    fn sessions(&self) -> &'a Sessions {
        self.inner.sessions()
    }

    fn config(&self) -> EnvironmentConfig {
        self.inner.config()
    }

    fn reset(&mut self, order: &[u32]) {
        self.inner.reset(order.iter().copied());
        self.shown.states = self.inner.rows().to_vec();
    }

    fn rows(&self) -> &[Row] {
        &self.shown.states
    }

    fn step(&mut self, actions: &[f32]) -> Step<'_> {
        let step = self.inner.step(actions);
        self.shown = Recorded {
            acted: step.rows.to_vec(),
            rewards: step.rewards.to_vec(),
            terminated: step.terminated.to_vec(),
            truncated: step.truncated.to_vec(),
            next: step.next.to_vec(),
            states: self.inner.rows().to_vec(),
        };
        (self.fault)(&mut self.shown);
        Step {
            rows: &self.shown.acted,
            rewards: &self.shown.rewards,
            terminated: &self.shown.terminated,
            truncated: &self.shown.truncated,
            next: &self.shown.next,
        }
    }
}

/// Walks rows 0–1 (cut by the split), 2–5 (cut by length after row 3) and 6 in two lanes with this fault.
fn walk_with(fault: fn(&mut Recorded)) -> Result<WalkSummary, ContractViolation> {
    let table = table(2, &[(2, Cut), (4, Terminated), (1, Terminated)]);
    let sessions = Sessions::of(&table);
    let config = EnvironmentConfig { n_lanes: 2, max_session_rows: Some(2), ..Default::default() };
    let inner = SessionEnv::new(&table, &sessions, config);
    check_environment(&mut Broken { inner, fault, shown: Recorded::default() }, &[0, 1, 2])
}

fn broken_rule(fault: fn(&mut Recorded)) -> Rule {
    walk_with(fault).expect_err("the fault must be noticed").rule
}

#[test]
fn the_walk_without_a_fault_passes() {
    let summary = WalkSummary { steps: 4, rows: 7, terminated: 2, truncated: 2 };
    assert_eq!(walk_with(|_| ()), Ok(summary));
}

#[test]
fn a_broken_environment_is_noticed_by_its_rewards() {
    assert_eq!(broken_rule(|shown| shown.rewards[0] += 0.01), Rule::Reward);
    assert_eq!(broken_rule(|shown| shown.rewards[0] = f32::NAN), Rule::Reward);
    assert_eq!(
        broken_rule(|shown| shown.rewards.iter_mut().for_each(|reward| *reward *= -1.0)),
        Rule::Reward
    );
    assert_eq!(broken_rule(|shown| shown.rewards.reverse()), Rule::Reward);
}

#[test]
fn a_broken_environment_is_noticed_by_its_flags() {
    let swap = |shown: &mut Recorded| std::mem::swap(&mut shown.terminated, &mut shown.truncated);
    assert_eq!(broken_rule(swap), Rule::Flags);
    assert_eq!(broken_rule(|shown| shown.truncated.fill(false)), Rule::Flags);
    assert_eq!(broken_rule(|shown| shown.terminated.fill(false)), Rule::Flags);
    let both = |shown: &mut Recorded| shown.truncated.clone_from(&shown.terminated);
    assert_eq!(broken_rule(both), Rule::Flags);
    let done = |shown: &mut Recorded| {
        for lane in 0..shown.acted.len() {
            shown.terminated[lane] |= shown.truncated[lane];
            shown.truncated[lane] = false;
        }
    };
    assert_eq!(broken_rule(done), Rule::Flags, "terminated where only the episode was cut");
}

#[test]
fn a_transition_across_sessions_is_noticed() {
    let across = |shown: &mut Recorded| {
        let following = shown.acted.iter().map(|row| Some(Row(row.0 + 1)));
        shown.next = following.collect();
    };
    assert_eq!(broken_rule(across), Rule::Next);
    let stops_at_length = |shown: &mut Recorded| {
        for (next, truncated) in shown.next.iter_mut().zip(&shown.truncated) {
            next.take_if(|_| *truncated);
        }
    };
    assert_eq!(broken_rule(stops_at_length), Rule::Next, "no bootstrap through a cut by length");
    let no_state_at_the_cut = |shown: &mut Recorded| {
        for (next, row) in shown.next.iter_mut().zip(&shown.acted) {
            next.take_if(|next| next == row);
        }
    };
    assert_eq!(broken_rule(no_state_at_the_cut), Rule::Next, "a session cut by the split has not ended");
}

#[test]
fn a_walk_that_loses_or_repeats_rows_is_noticed() {
    assert_eq!(broken_rule(|shown| shown.states.truncate(1)), Rule::Lanes, "a lane retires too early");
    let repeats = |shown: &mut Recorded| shown.states.clone_from(&shown.acted);
    assert_eq!(broken_rule(repeats), Rule::State);
    let idles = |shown: &mut Recorded| shown.states.resize(2, Row(6));
    assert_eq!(broken_rule(idles), Rule::Lanes, "a lane without a session stays");
    assert_eq!(broken_rule(|shown| shown.states.reverse()), Rule::State);
    assert_eq!(broken_rule(|shown| shown.acted.reverse()), Rule::Acted);
    assert_eq!(broken_rule(|shown| shown.rewards.truncate(1)), Rule::Shape);
}

#[test]
fn a_violation_tells_where() {
    let message = walk_with(|shown| shown.truncated.fill(false)).unwrap_err().to_string();
    let expected = "step 1, lane 0: (terminated, truncated): expected (false, true), found (false, false)";
    assert_eq!(message, expected);
}

proptest! {
    #[test]
    fn every_walk_keeps_the_contract(
        lengths in prop::collection::vec((1..7_u32, any::<bool>()), 1..20),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        n_lanes in 1..9_usize,
        max_session_rows in prop::option::of(1..5_u32),
        absolute in any::<bool>(),
    ) {
        let ends: Vec<_> =
            lengths.iter().map(|&(length, cut)| (length, if cut { Cut } else { Terminated })).collect();
        let table = table(3, &ends);
        let sessions = Sessions::of(&table);
        let order: Vec<u32> = order.iter().map(|index| index.index(ends.len()) as u32).collect();
        let reward = if absolute { Reward::NegativeAbsoluteError } else { Reward::NegativeBce };
        let config = EnvironmentConfig { n_lanes, reward, max_session_rows };
        let mut environment = SessionEnv::new(&table, &sessions, config);
        let summary = check_environment(&mut environment, &order).map_err(|broken| TestCaseError::fail(broken.to_string()))?;
        let length = |&session: &u32| lengths[session as usize].0;
        prop_assert_eq!(summary.rows as u32, order.iter().map(length).sum::<u32>());
        let terminated = order.iter().filter(|&&session| !lengths[session as usize].1).count();
        prop_assert_eq!(summary.terminated, terminated);
        let by_length = |session: &u32| max_session_rows.map_or(0, |max| (length(session) - 1) / max);
        let cut = order.iter().map(by_length).sum::<u32>() as usize + order.len() - terminated;
        prop_assert_eq!(summary.truncated, cut);
        // Walking again changes nothing.
        prop_assert_eq!(check_environment(&mut environment, &order), Ok(summary));
    }
}
