//! Walks written out by hand.

use super::*;
use crate::fixture::table;
use crate::table::SessionEnd::{Cut, Terminated};

fn config(n_lanes: usize, max_session_rows: Option<u32>) -> EnvironmentConfig {
    EnvironmentConfig { n_lanes, reward: Reward::NegativeAbsoluteError, max_session_rows }
}

fn rows(rows: &[u32]) -> Vec<Row> {
    rows.iter().copied().map(Row).collect()
}

/// Rows acted on, terminated, truncated and next, step by step, with all actions 0.5.
type Walk = Vec<(Vec<u32>, Vec<bool>, Vec<bool>, Vec<Option<u32>>)>;

fn walk(table: &LogTable, config: EnvironmentConfig, order: &[u32]) -> Walk {
    let sessions = Sessions::of(table);
    let mut environment = SessionEnv::new(table, &sessions, config);
    environment.reset(order.iter().copied());
    let mut walk = Vec::new();
    while !environment.rows().is_empty() {
        let actions = vec![0.5; environment.rows().len() * table.n_tasks()];
        let step = environment.step(&actions);
        walk.push((
            step.rows.iter().map(|row| row.0).collect(),
            step.terminated.to_vec(),
            step.truncated.to_vec(),
            step.next.iter().map(|next| next.map(|row| row.0)).collect(),
        ));
    }
    walk
}

const NO: bool = false;
const YES: bool = true;

#[test]
fn lanes_take_the_next_session_at_once_and_retire_without_one() {
    let table = table(1, &[(2, Terminated), (4, Terminated), (1, Terminated)]);
    // Sessions are rows 0–1, 2–5 and 6; walked as 0, 2, 1.
    let expected = vec![
        (vec![0, 6], vec![NO, YES], vec![NO, NO], vec![Some(1), None]),
        (vec![1, 2], vec![YES, NO], vec![NO, NO], vec![None, Some(3)]),
        (vec![3], vec![NO], vec![NO], vec![Some(4)]),
        (vec![4], vec![NO], vec![NO], vec![Some(5)]),
        (vec![5], vec![YES], vec![NO], vec![None]),
    ];
    assert_eq!(walk(&table, config(2, None), &[0, 2, 1]), expected);
}

#[test]
fn retiring_lanes_leave_no_gap() {
    let table = table(1, &[(1, Terminated), (3, Terminated), (2, Terminated)]);
    let walk = walk(&table, config(8, None), &[0, 1, 2]);
    assert_eq!(walk.into_iter().map(|step| step.0).collect::<Vec<_>>(), [vec![0, 1, 4], vec![2, 5], vec![3]]);
}

#[test]
fn a_session_cut_by_the_split_bootstraps_from_its_last_state() {
    let table = table(1, &[(2, Cut), (1, Terminated)]);
    let expected = vec![
        (vec![0], vec![NO], vec![NO], vec![Some(1)]),
        (vec![1], vec![NO], vec![YES], vec![Some(1)]),
        (vec![2], vec![YES], vec![NO], vec![None]),
    ];
    assert_eq!(walk(&table, config(1, None), &[0, 1]), expected);
}

#[test]
fn session_boundary_cut_by_length_bootstraps_through() {
    let table = table(1, &[(5, Terminated), (1, Terminated)]);
    let expected = vec![
        (vec![0, 5], vec![NO, YES], vec![NO, NO], vec![Some(1), None]),
        (vec![1], vec![NO], vec![YES], vec![Some(2)]),
        (vec![2], vec![NO], vec![NO], vec![Some(3)]),
        (vec![3], vec![NO], vec![YES], vec![Some(4)]),
        (vec![4], vec![YES], vec![NO], vec![None]),
    ];
    assert_eq!(walk(&table, config(2, Some(2)), &[0, 1]), expected);
}

#[test]
fn session_boundary_wins_over_the_longest_length() {
    let table = table(1, &[(2, Terminated), (2, Cut)]);
    let expected = vec![
        (vec![0], vec![NO], vec![NO], vec![Some(1)]),
        (vec![1], vec![YES], vec![NO], vec![None]),
        (vec![2], vec![NO], vec![NO], vec![Some(3)]),
        (vec![3], vec![NO], vec![YES], vec![Some(3)]),
    ];
    assert_eq!(walk(&table, config(1, Some(2)), &[0, 1]), expected);
}

#[test]
fn episodes_of_one_row_bootstrap_after_every_row_but_the_last() {
    let table = table(1, &[(3, Terminated)]);
    let walk = walk(&table, config(1, Some(1)), &[0]);
    let flags: Vec<_> = walk
        .into_iter()
        .map(|(_, terminated, truncated, next)| (terminated[0], truncated[0], next[0]))
        .collect();
    assert_eq!(flags, [(NO, YES, Some(1)), (NO, YES, Some(2)), (YES, NO, None)]);
}

#[test]
fn rewards_are_lane_major_and_by_hand() {
    // Labels of rows 0 to 3, two tasks: (0, 0), (1, 0), (1, 1), (0, 0).
    let table = table(2, &[(1, Terminated), (1, Terminated), (2, Terminated)]);
    let sessions = Sessions::of(&table);
    let mut environment =
        SessionEnv::new(&table, &sessions, EnvironmentConfig { n_lanes: 3, ..Default::default() });
    environment.reset([0, 1, 2]);
    let rewards = environment.step(&[0.2, 0.2, 0.25, 0.25, 1.0, 0.0]).rewards.to_vec();
    let expected = [-0.223_144, -0.223_144, -1.386_294, -0.287_682, -0.000_1, -9.210_34];
    for (found, expected) in rewards.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-4, "{rewards:?}");
    }
    assert_eq!(rewards.len(), 6);
}

#[test]
fn reset_starts_over() {
    let table = table(1, &[(3, Terminated), (2, Terminated)]);
    let sessions = Sessions::of(&table);
    let mut environment = SessionEnv::new(&table, &sessions, config(2, Some(2)));
    assert!(environment.rows().is_empty(), "nothing to walk before the first reset");
    environment.reset([0, 1]);
    environment.step(&[0.1, 0.2]);
    environment.reset([1]);
    assert_eq!(environment.rows(), rows(&[3]));
    let truncated = environment.step(&[0.5]).truncated.to_vec();
    assert_eq!(truncated, [false], "the episode's length starts over too");
    environment.reset([]);
    assert!(environment.rows().is_empty());
    assert!(environment.step(&[]).rows.is_empty());
}

#[test]
#[should_panic(expected = "actions for 1 lanes × 2 tasks")]
fn too_few_actions_are_a_programmers_mistake() {
    let table = table(2, &[(1, Terminated)]);
    let sessions = Sessions::of(&table);
    let mut environment = SessionEnv::new(&table, &sessions, config(1, None));
    environment.reset([0]);
    environment.step(&[0.5]);
}

#[test]
#[should_panic(expected = "session 3 of a table of 1")]
fn an_unknown_session_is_a_programmers_mistake() {
    let table = table(1, &[(1, Terminated)]);
    let sessions = Sessions::of(&table);
    SessionEnv::new(&table, &sessions, config(1, None)).reset([0, 3]);
}

#[test]
#[should_panic(expected = "rows of the sessions and of the table differ")]
fn sessions_of_another_table_are_a_programmers_mistake() {
    let sessions = Sessions::of(&table(1, &[(2, Terminated)]));
    SessionEnv::new(&table(1, &[(1, Terminated)]), &sessions, config(1, None));
}
