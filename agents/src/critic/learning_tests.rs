//! TD learning on a log whose Q is known in closed form, and on the same log taken wrongly.

use burn::tensor::{Device, Tensor};
use rmtl_envs::{Row, SessionEnd};

use super::CriticConfig;
use super::tests::{GAMMA, RULE, critic, schema, small, table};
use crate::input::BatchReader;
use crate::parameter::host;
use crate::pass::Pass;
use crate::policy::FrozenPolicy;
use crate::replay::{Replay, ReplayConfig, Transition, TransitionBatch, TransitionRule};
use crate::stream::Streams;

/// Ways to get sessions wrong.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    /// The last row of a session bootstraps from itself.
    TerminalsIgnored,
    /// It bootstraps from the first row of the next session.
    SessionsCrossed,
}

/// Sessions of three rows, told apart by their position; every action is 0.5, so every reward is ln 0.5 and
/// Q(position p) = ln 0.5 · (1 + γ + … + γ^(2 − p)).
fn learnt_q(config: &CriticConfig, replay: ReplayConfig, flaw: Flaw) -> Vec<f32> {
    use SessionEnd::{Continues, Terminated};
    let schema = schema(4);
    let end = if flaw == Flaw::SessionsCrossed { Continues } else { Terminated };
    let session = |_| [(1, [1, 0], Continues), (2, [0, 0], Continues), (3, [1, 1], end)];
    // One more row, so that a session whose end is not marked runs into the next one.
    let mut rows: Vec<_> = (0..20).flat_map(session).collect();
    rows.push((1, [1, 0], Terminated));
    let table = table(&schema, &rows);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let mut policy = FrozenPolicy::new(vec![0.5; 2 * rows.len()], 2);
    let mut replay = Replay::new(&replay, rows.len(), 2);
    for row in 0..rows.len() as u32 - 1 {
        replay.push(Transition { row: Row(row), action: &[0.5, 0.5] });
    }
    let rule = TransitionRule { n_steps: config.n_steps, ..RULE };
    let mut critic = critic(&schema, &CriticConfig { learning_rate: 3e-3, ..config.clone() });
    let (mut stream, mut noise) = (Streams::new(3).named("replay"), Streams::new(3).named("smoothing"));
    let mut batch = TransitionBatch::default();
    for step in 0..400 {
        replay.sample(64, f64::from(step) / 400.0, &mut stream, &mut batch);
        let mut transitions = rule.read(&reader, &batch, &mut policy, &mut noise);
        if flaw == Flaw::TerminalsIgnored {
            transitions.discounts = Tensor::full([64, 1], GAMMA as f32, &Device::default());
        }
        let done = critic.step(&transitions, &mut Pass::evaluation(), false);
        replay.update(&batch, &done.td_errors);
        critic.soft_update();
    }
    let states = reader.states(&[Row(0), Row(1), Row(2)]);
    host(critic.q_values(&states, Tensor::full([3, 2], 0.5, &Device::default())))
}

/// Largest distance from the closed form.
fn worst(q: &[f32]) -> f32 {
    let expected =
        |position: usize| 0.5_f32.ln() * (0..3 - position).map(|t| 0.5_f32.powi(t as i32)).sum::<f32>();
    (0..6).map(|i| (q[i] - expected(i / 2)).abs()).fold(0.0, f32::max)
}

#[test]
fn critics_reach_the_closed_form_however_they_learn() {
    let prioritized = ReplayConfig { prioritized: Some(Default::default()), ..ReplayConfig::default() };
    let uniform = ReplayConfig::default();
    for (name, config, replay) in [
        ("plain", small(), uniform),
        ("twins", CriticConfig { twins: true, ..small() }, uniform),
        ("two steps", CriticConfig { n_steps: 2, ..small() }, uniform),
        ("a bottom per task", CriticConfig { shared_bottom: false, ..small() }, uniform),
        ("prioritized", small(), prioritized),
    ] {
        let learnt = learnt_q(&config, replay, Flaw::None);
        assert!(worst(&learnt) < 0.03, "{name}: {learnt:?}");
    }
}

#[test]
fn negative_controls_sessions_taken_wrongly_give_another_q() {
    for flaw in [Flaw::TerminalsIgnored, Flaw::SessionsCrossed] {
        let learnt = learnt_q(&small(), ReplayConfig::default(), flaw);
        assert!(worst(&learnt) > 0.3, "{learnt:?}");
    }
}
