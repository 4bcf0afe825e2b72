use burn::tensor::{Device, Tensor};

use super::*;
use crate::controller::{Agent, AgentConfig, AgentKind, FEATURES};
use crate::parameter::host;
use crate::stream::Streams;
use crate::weighting::{Gram, weigh};

fn weighting(config: &Config, n_tasks: usize) -> Box<dyn LossWeighting> {
    config.check().and_then(|()| config.check_tasks(n_tasks)).expect("they can work");
    config.init(n_tasks, Streams::new(1).named("weighting"))
}

/// The weights of a batch of one row whose two tasks' gradients are orthogonal, of length 1 and 2.
fn weights(weighting: &mut dyn LossWeighting) -> Vec<f32> {
    let losses = Tensor::full([1, 2], 0.5, &Device::default());
    let gram = Some(Gram::new(2, vec![1.0, 0.0, 0.0, 4.0]));
    let input = WeightingInput { losses, q_values: None, gram };
    host(input.of_rows(weigh(weighting, &input)))
}

fn close(found: &[f32], expected: [f64; 2]) {
    let mut pairs = found.iter().zip(expected);
    assert!(pairs.all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6), "{found:?} {expected:?}");
}

#[test]
fn a_schedule_has_its_weights_at_every_step() {
    let ln_2 = std::f64::consts::LN_2;
    let schedule = Some(vec![vec![0.0, 0.0], vec![-ln_2, ln_2], vec![ln_2, -ln_2]]);
    let mut weighting = weighting(&Config { schedule, ..Config::default() }, 2);
    assert_eq!(weighting.blocks(), None, "nothing is measured and no row left out");
    // Seven steps in three parts: 1–3, 4–5, 6–7, as ⌊3 (step − 1) / 7⌋ is 0 0 0 1 1 2 2.
    let expected = [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [0.5, 2.0], [0.5, 2.0], [2.0, 0.5], [2.0, 0.5]];
    for (index, expected) in expected.into_iter().enumerate() {
        weighting.begin_step(Progress { step: index as u64 + 1, planned_steps: 7 });
        close(&weights(weighting.as_mut()), expected);
    }
}

#[test]
fn the_bases_weights_are_multiplied() {
    let ln_2 = std::f64::consts::LN_2;
    let schedule = Some(vec![vec![-ln_2, ln_2]]);
    let mut steered = weighting(&Config { schedule, base: "imtl".into(), ..Config::default() }, 2);
    assert_eq!(steered.signal(), Signal::Gradients);
    steered.begin_step(Progress { step: 1, planned_steps: 1 });
    // Orthogonal gradients of lengths 1 and 2 have equal projections with weights in the ratio 2 : 1.
    close(&weights(steered.as_mut()), [0.5 * 2.0 / 3.0, 2.0 / 3.0]);
}

fn state(progress: f64, aucs: [f64; 2]) -> BlockState {
    BlockState {
        progress,
        train_losses: None,
        control_losses: vec![0.9, 1.0],
        control_aucs: aucs.to_vec(),
        gram: None,
        base_rates: vec![0.3, 0.01],
    }
}

#[test]
fn a_policy_acts_where_a_block_ends_within_its_bounds_and_only_then() {
    let agent = Agent::new(AgentKind::Td3, AgentConfig::default(), 2, &Streams::new(1));
    let policy = agent.policy(8, 0.5, 3.0);
    let mut weighting = weighting(&Config { bound: Some(2.0), ..Config::default() }, 2);
    assert_eq!(weighting.blocks(), None, "there is no policy yet");
    weighting.take_policy(policy.clone());
    assert_eq!(weighting.blocks(), Some(Blocks { n: 8, control_share: 0.1 }));
    close(&weights(weighting.as_mut()), [1.0, 1.0]);
    let mut features = Features::new(8);
    let mut log_weights = vec![0.0; 2];
    for now in [state(0.0, [0.5, 0.5]), state(0.125, [0.7, 0.6])] {
        let seen = features.observe(now.clone(), &log_weights);
        assert_eq!(seen.len(), 2 * FEATURES.len());
        for (log_weight, action) in log_weights.iter_mut().zip(policy.act(&seen)) {
            *log_weight += 2.0 * f64::from(action);
        }
        weighting.end_block(&now);
        assert!(log_weights[0] != 0.0 && (log_weights[0] + log_weights[1]).abs() < 1e-6);
        close(&weights(weighting.as_mut()), [log_weights[0].exp(), log_weights[1].exp()]);
        // Steps between blocks change nothing.
        weighting.begin_step(Progress { step: 3, planned_steps: 80 });
        close(&weights(weighting.as_mut()), [log_weights[0].exp(), log_weights[1].exp()]);
    }
}

#[test]
fn settings_that_cannot_work_are_refused_with_the_reason() {
    let refused =
        |config: Config| config.check().and_then(|()| config.check_tasks(2)).expect_err("it cannot work");
    let both = Config { policy: Some("p".into()), schedule: Some(vec![vec![0.0; 2]]), ..Config::default() };
    assert!(refused(both).contains("exclude one another"));
    let of = |schedule: Vec<Vec<f64>>| Config { schedule: Some(schedule), ..Config::default() };
    assert!(refused(of(vec![])).contains("`schedule`"));
    assert!(refused(of(vec![vec![0.0; 2], vec![0.0; 3]])).contains("expected 2, found 3"));
    assert!(refused(of(vec![vec![0.0, 21.0]])).contains("found 21"));
    let base = |base: &str| refused(Config { base: base.into(), ..Config::default() });
    assert!(base("controller").contains("another weighting"));
    assert!(base("imtll").contains("`imtll`"), "{}", base("imtll"));
}
