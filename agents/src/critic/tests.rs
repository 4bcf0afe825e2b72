//! TD learning on logs small enough for pencil and paper.

mod folds;
mod updates;

use burn::tensor::{Device, Tensor};
use rmtl_envs::{LogTable, Reward, Rewards, Row, RowValues, Schema, SessionEnd};

use super::{Critic, CriticConfig};
use crate::input::{BatchReader, EncoderConfig, StateEncoder};
use crate::parameter::host;
use crate::pass::Pass;
use crate::policy::{FrozenPolicy, Smoothing};
use crate::replay::{TransitionBatch, TransitionRule, Transitions};
use crate::stream::Streams;

pub(super) const GAMMA: f64 = 0.5;

pub(super) fn schema(vocabulary_size: u32) -> Schema {
    Schema::of_ids(&[("position", vocabulary_size)], &[("click", None), ("buy", Some("click"))])
}

/// Rows of `(id, labels, end)`.
pub(super) fn table(schema: &Schema, rows: &[(u32, [u8; 2], SessionEnd)]) -> LogTable {
    let values = rows.iter().zip(0..).map(|((id, labels, end), time)| RowValues {
        categorical: std::slice::from_ref(id),
        labels,
        time,
        end: *end,
        ..RowValues::default()
    });
    LogTable::from_rows(schema, values)
}

pub(super) fn critic(schema: &Schema, config: &CriticConfig) -> Critic {
    let (device, streams) = (Device::default(), Streams::new(11));
    let encoder = EncoderConfig { dim: 8, ..EncoderConfig::default() };
    let encoder = StateEncoder::new(schema, &encoder, 1, &mut streams.named("actor"), &device);
    Critic::new(config, schema, &encoder, &[-0.5, -0.3], &streams, &device)
}

pub(super) fn small() -> CriticConfig {
    CriticConfig { bottom: vec![32, 16], tower: vec![8], gamma: GAMMA, ..CriticConfig::default() }
}

/// Two sessions: rows 0–1 end, row 2 goes on to row 3, which is cut by the split.
fn two_sessions(schema: &Schema) -> LogTable {
    use SessionEnd::{Continues, Cut, Terminated};
    table(
        schema,
        &[(1, [1, 0], Continues), (2, [0, 0], Terminated), (3, [1, 1], Continues), (1, [1, 0], Cut)],
    )
}

fn policy() -> FrozenPolicy {
    FrozenPolicy::new(vec![0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.6, 0.4], 2)
}

fn sampled(rows: &[u32]) -> TransitionBatch {
    let actions = rows.iter().flat_map(|_| [0.5, 0.25]).collect();
    TransitionBatch {
        rows: rows.iter().map(|&row| Row(row)).collect(),
        actions,
        ..TransitionBatch::default()
    }
}

pub(super) const RULE: TransitionRule =
    TransitionRule { rewards: Rewards::by(Reward::NegativeBce), gamma: GAMMA, n_steps: 1, smoothing: None };

fn read(rule: TransitionRule, reader: &BatchReader<'_>, rows: &[u32]) -> Transitions {
    rule.read(reader, &sampled(rows), &mut policy(), &mut Streams::new(1).named("smoothing"))
}

#[test]
fn td_target_by_hand_with_terminal_masking() {
    let schema = schema(4);
    let table = two_sessions(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let mut critic = critic(&schema, &small());
    let transitions = read(RULE, &reader, &[0, 1, 2]);

    // r = y ln a + (1 − y) ln(1 − a) at a = (0.5, 0.25)
    let (half, quarter, rest) = (0.5_f32.ln(), 0.25_f32.ln(), 0.75_f32.ln());
    let rewards = [half, rest, half, rest, half, quarter];
    for (found, expected) in host(transitions.rewards.clone()).iter().zip(rewards) {
        assert!((found - expected).abs() < 1e-6, "{found} against {expected}");
    }
    // The target network equals the online one at the start; next states are rows 1 and 3 with the policy's actions.
    let next = reader.states(&[Row(1), Row(3)]);
    let actions = Tensor::from_floats([[0.8, 0.2], [0.6, 0.4]], &Device::default());
    let q = host(critic.q_values(&next, actions));
    let gamma = GAMMA as f32;
    let expected = [
        half + gamma * q[0],
        rest + gamma * q[1],
        half, // row 1 ends its session: nothing of row 2 may be seen
        rest,
        half + gamma * q[2],
        quarter + gamma * q[3],
    ];
    for (found, expected) in host(critic.td_targets(&transitions)).iter().zip(expected) {
        assert!((found - expected).abs() < 1e-5, "{found} against {expected}");
    }
}

#[test]
fn a_transition_never_crosses_a_session() {
    let schema = schema(4);
    let table = two_sessions(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let transitions = read(RULE, &reader, &[0, 1, 2]);
    assert_eq!(transitions.next_states.ids, [2, 2, 1], "row 1 stands in for its own next state");
    assert_eq!(host(transitions.discounts), [0.5, 0.0, 0.5]);
}

#[test]
fn n_step_returns_by_hand_stay_inside_sessions_and_splits() {
    let schema = schema(4);
    let rule = |n_steps| TransitionRule { n_steps, ..RULE };
    let close = |found: Vec<f32>, expected: &[f32]| {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} against {expected}");
        }
    };
    let (device, ln) = (Device::default(), f32::ln);

    let table_of_two = two_sessions(&schema);
    let reader = BatchReader::new(&table_of_two, &schema, &device);
    for n_steps in [2, 5] {
        let found = read(rule(n_steps), &reader, &[0, 1, 2]);
        // Row 0 takes the replayed action (0.5, 0.25), row 1 behind it the policy's (0.8, 0.2) and ends the session; row 1
        // is one step long. Row 2 stops before row 3, whose state is the last one seen.
        let expected =
            [ln(0.5) + 0.5 * ln(0.2), ln(0.75) + 0.5 * ln(0.8), ln(0.5), ln(0.75), ln(0.5), ln(0.25)];
        close(host(found.rewards), &expected);
        assert_eq!(host(found.discounts), [0.0, 0.0, 0.5]);
        assert_eq!(found.next_states.ids, [2, 2, 1]);
    }

    use SessionEnd::{Continues, Terminated};
    let ends = [Continues, Continues, Continues, Terminated];
    let rows: Vec<_> = ends.into_iter().enumerate().map(|(row, end)| (row as u32, [1, 0], end)).collect();
    let long = table(&schema, &rows);
    let reader = BatchReader::new(&long, &schema, &device);
    let found = read(rule(2), &reader, &[0]);
    close(host(found.rewards), &[ln(0.5) + 0.5 * ln(0.8), ln(0.75) + 0.5 * ln(0.8)]);
    assert_eq!((host(found.discounts), found.next_states.ids), (vec![0.25], vec![2]));
    close(host(found.next_actions), &[0.7, 0.3]);
}

#[test]
fn a_row_cut_by_the_split_bootstraps_from_its_own_state() {
    let schema = schema(4);
    let table = two_sessions(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    for n_steps in [1, 3] {
        let found = read(TransitionRule { n_steps, ..RULE }, &reader, &[3]);
        assert_eq!((found.states.ids, found.next_states.ids), (vec![1], vec![1]));
        assert_eq!(host(found.discounts), [0.5]);
        for (found, expected) in host(found.next_actions).iter().zip([0.6, 0.4]) {
            assert!((found - expected).abs() < 1e-6, "π(s) of the row itself");
        }
    }
}

#[test]
fn targets_move_with_soft_updates_alone_and_by_tau() {
    let schema = schema(4);
    let table = two_sessions(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let config = CriticConfig { tau: 1.0, ..small() };
    let mut critic = critic(&schema, &config);
    let transitions = read(RULE, &reader, &[0, 1, 2]);
    let before = host(critic.td_targets(&transitions));
    for _ in 0..3 {
        critic.step(&transitions, &mut Pass::evaluation(), false);
    }
    assert_eq!(host(critic.td_targets(&transitions)), before, "no soft update yet");
    critic.soft_update();
    assert_eq!(critic.n_soft_updates(), 1);
    // With τ = 1 the target is the online network, tables included.
    let next = transitions.next_states.clone();
    let q = host(critic.q_values(&next, transitions.next_actions.clone()));
    let after = host(critic.td_targets(&transitions));
    let (rewards, discounts) = (host(transitions.rewards.clone()), host(transitions.discounts.clone()));
    for (index, found) in after.iter().enumerate() {
        let expected = rewards[index] + discounts[index / 2] * q[index];
        assert!((found - expected).abs() < 1e-5, "{found} against {expected}");
    }
    assert_ne!(after, before);
}

#[test]
fn table_rows_catch_up_with_the_target_before_they_change() {
    let schema = schema(4);
    let table = two_sessions(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let mut critic = critic(&schema, &CriticConfig { tau: 1.0, ..small() });
    // Row 0 goes on to row 1, so both batches write what the other one reads.
    let [transitions, others] = [&[0, 2][..], &[1, 2]].map(|rows| read(RULE, &reader, rows));
    critic.step(&others, &mut Pass::evaluation(), false);
    critic.soft_update();
    let next = (&transitions.next_states, transitions.next_actions.clone());
    let expected = host(critic.q_values(next.0, next.1.clone()));
    // Nobody has read the target since: its rows are due when the next step writes the online ones.
    critic.twins[0].step(
        &small(),
        &others,
        (Tensor::zeros([2, 2], &Device::default()), None),
        &mut Pass::evaluation(),
        false,
    );
    assert_ne!(host(critic.q_values(next.0, next.1.clone())), expected);
    assert_eq!(host(critic.twins[0].target_q_values(next.0, next.1)), expected);
}

#[test]
fn statistics_of_a_step_by_hand() {
    let schema = schema(4);
    let table = two_sessions(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let mut critic = critic(&schema, &small());
    let transitions = read(RULE, &reader, &[0, 1, 2]);
    let q = host(critic.q_values(&transitions.states, transitions.actions.clone()));
    let y = host(critic.td_targets(&transitions));
    let step = critic.step(&transitions, &mut Pass::evaluation(), true);
    for k in 0..2 {
        let errors = [0, 1, 2].map(|row| f64::from(y[2 * row + k] - q[2 * row + k]));
        let task = &step.tasks[k];
        let close = |found: f64, expected: f64| {
            assert!((found - expected).abs() < 1e-5, "{found} against {expected}")
        };
        close(task.td_error, errors.iter().sum::<f64>() / 3.0);
        close(task.td_error_absolute, errors.iter().map(|error| error.abs()).sum::<f64>() / 3.0);
        close(task.loss, errors.iter().map(|error| error * error).sum::<f64>() / 3.0);
        assert_eq!(task.dead_share, 0.0);
    }
    assert!((step.loss - step.tasks[0].loss - step.tasks[1].loss).abs() < 1e-6);
    assert!(step.dense_gradient_norm.unwrap() > 0.0 && step.embedding_gradient_norm > 0.0);
}

#[test]
fn twins_give_the_smaller_target_and_both_learn_towards_it() {
    let schema = schema(4);
    let table = two_sessions(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let mut critic = critic(&schema, &CriticConfig { twins: true, ..small() });
    let transitions = read(RULE, &reader, &[0, 2]);
    // Targets equal the online networks at the start.
    let next = |critic: &Critic, twin: usize| {
        host(critic.twins[twin].values().at(&transitions.next_states, transitions.next_actions.clone()))
    };
    let (first, second) = (next(&critic, 0), next(&critic, 1));
    assert!(first.iter().zip(&second).all(|(a, b)| a != b), "twins have parameters of their own");
    let rewards = [0.5_f32.ln(), 0.75_f32.ln(), 0.5_f32.ln(), 0.25_f32.ln()];
    let targets = host(critic.td_targets(&transitions));
    for index in 0..4 {
        let expected = rewards[index] + 0.5 * first[index].min(second[index]);
        assert!((targets[index] - expected).abs() < 1e-6, "{} against {expected}", targets[index]);
    }

    let q = |critic: &Critic, twin: usize| {
        host(critic.twins[twin].values().at(&transitions.states, transitions.actions.clone()))
    };
    let loss = |q: &[f32]| q.iter().zip(&targets).map(|(q, y)| f64::from(q - y).powi(2)).sum::<f64>() / 2.0;
    let before = [q(&critic, 0), q(&critic, 1)];
    let step = critic.step(&transitions, &mut Pass::evaluation(), true);
    assert!((step.loss - loss(&before[0]) - loss(&before[1])).abs() < 1e-6, "the sum over both");
    assert_eq!(step.q_values, before[0], "the first one's are given out");
    for (twin, before) in before.iter().enumerate() {
        assert!(loss(&q(&critic, twin)) < loss(before), "twin {twin} has learnt");
    }
}
