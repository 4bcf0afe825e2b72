//! Critics of which each learns from all folds but its own.

use super::*;
use crate::critic::RowMarks;
use crate::replay::Transitions;

const FOLDS: [u8; 3] = [0, 1, 1];

/// Critics of two folds after three updates on rows 0 to 2, the rewards of a fold changed so that Q rises instead of
/// falling.
fn learnt(changed: Option<u8>) -> (Critic, Transitions) {
    let schema = schema(4);
    let table = two_sessions(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let mut critic = critic(&schema, &CriticConfig { folds: 2, twins: true, ..small() });
    let mut transitions = read(RULE, &reader, &[0, 1, 2]);
    transitions.folds = FOLDS.into();
    if let Some(changed) = changed {
        let mut rewards = host(transitions.rewards.clone());
        for (rewards, _) in rewards.chunks_exact_mut(2).zip(FOLDS).filter(|(_, fold)| *fold == changed) {
            rewards.fill(7.0);
        }
        transitions.rewards = reader.tensor(rewards, 3, 2);
    }
    for _ in 0..3 {
        critic.step(&transitions, &mut Pass::evaluation(), false);
        critic.soft_update();
    }
    (critic, transitions)
}

#[test]
fn a_weight_never_comes_from_a_critic_that_saw_the_rows_reward() {
    let q_of = |changed| {
        let (critic, transitions) = learnt(changed);
        let marks = RowMarks { folds: FOLDS.into(), ..RowMarks::default() };
        let values = critic.values().of_rows(marks);
        host(values.at(&transitions.states, transitions.actions))
    };
    let plain = q_of(None);
    let (of_first, of_second) = (q_of(Some(0)), q_of(Some(1)));
    // The first row is in the first fold: whatever it was paid, its Q stays, and that of the others follows.
    assert_eq!(of_first[..2], plain[..2]);
    assert!(of_first[2..].iter().zip(&plain[2..]).all(|(a, b)| a != b), "{of_first:?} {plain:?}");
    assert_eq!(of_second[2..], plain[2..]);
    assert!(of_second[..2].iter().zip(&plain[..2]).all(|(a, b)| a != b), "{of_second:?} {plain:?}");
    // Negative control: one critic of all rows has seen them all.
    let schema = schema(4);
    let table = two_sessions(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let of_one = |reward: f32| {
        let mut critic = critic(&schema, &small());
        let mut transitions = read(RULE, &reader, &[0, 1, 2]);
        let mut rewards = host(transitions.rewards.clone());
        rewards[..2].fill(reward);
        transitions.rewards = reader.tensor(rewards, 3, 2);
        critic.step(&transitions, &mut Pass::evaluation(), false);
        host(critic.q_values(&transitions.states, transitions.actions))
    };
    assert_ne!(of_one(7.0)[..2], of_one(-1.0)[..2]);
}

#[test]
fn losses_are_means_over_the_other_folds_and_errors_those_of_rows_not_learnt_from() {
    let (mut critic, transitions) = learnt(None);
    let q = |critic: &Critic, fold: usize| {
        host(critic.twins[2 * fold].values().at(&transitions.states, transitions.actions.clone()))
    };
    let before = [q(&critic, 0), q(&critic, 1)];
    let targets = host(critic.td_targets(&transitions));
    let step = critic.step(&transitions, &mut Pass::evaluation(), false);
    let expected: Vec<f32> = (0..6).map(|index| before[usize::from(FOLDS[index / 2])][index]).collect();
    for (((found, error), y), q) in step.q_values.iter().zip(&step.td_errors).zip(&targets).zip(&expected) {
        assert!((found - q).abs() < 1e-6 && (error - (y - q)).abs() < 1e-6, "{found}, expected {q}");
    }
    // Rows in no fold have the mean of both.
    let q_values = host(critic.q_values(&transitions.states, transitions.actions.clone()));
    for (index, found) in q_values.iter().enumerate() {
        let mean = (q(&critic, 0)[index] + q(&critic, 1)[index]) / 2.0;
        assert!((found - mean).abs() < 1e-6, "{found}, {mean}");
    }
}

#[test]
fn critics_of_folds_are_saved_and_loaded() {
    let (critic, transitions) = learnt(None);
    let names: Vec<String> = critic.weights().keys().map(ToString::to_string).collect();
    for start in ["network", "twin.network", "fold1.network", "fold1.twin.network"] {
        assert!(names.iter().any(|name| name.starts_with(start)), "{names:?}");
    }
    let schema = schema(4);
    let untrained = super::critic(&schema, &CriticConfig { folds: 2, twins: true, ..small() });
    let q = |critic: &Critic| host(critic.q_values(&transitions.states, transitions.actions.clone()));
    let loaded = untrained.clone().load(&critic.weights()).unwrap();
    assert_eq!(q(&loaded), q(&critic));
    assert_ne!(q(&untrained), q(&critic));
}
