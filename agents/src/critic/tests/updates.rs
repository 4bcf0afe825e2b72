//! What an update does to Q and to its targets.

use super::*;

#[test]
fn an_update_by_hand_with_importance_weights() {
    let schema = schema(4);
    let table = two_sessions(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let output = crate::critic::CriticOutput::Linear;
    let config = CriticConfig { output, learning_rate: 0.01, ..small() };
    for importance in [[1.0, 0.25], [0.0, 1.0]] {
        let mut critic = critic(&schema, &config);
        let mut transitions = read(RULE, &reader, &[0, 2]);
        transitions.importance =
            Some(Tensor::from_floats([[importance[0]], [importance[1]]], &Device::default()));
        let q = host(critic.q_values(&transitions.states, transitions.actions.clone()));
        let y = host(critic.td_targets(&transitions));
        let error = |row: usize, task: usize| f64::from(q[2 * row + task] - y[2 * row + task]);
        let u = importance.map(f64::from);
        let (before, table_before) = (critic.weights(), critic.twins[0].table().weights().to_vec());
        let step = critic.step(&transitions, &mut Pass::evaluation(), false);
        let expected: f64 =
            (0..2).map(|k| (u[0] * error(0, k).powi(2) + u[1] * error(1, k).powi(2)) / 2.0).sum();
        assert!((step.loss - expected).abs() < 1e-6, "{} against {expected}", step.loss);
        // dL/db_k = Σ_i u_i (Q_ik − y_ik) for the last bias of task k, and Adam's first step has the length of its rate.
        let bias = "network.critics.output.bias";
        let after = critic.weights();
        for k in 0..2 {
            let gradient = u[0] * error(0, k) + u[1] * error(1, k);
            let moved = f64::from(after[bias].values[k] - before[bias].values[k]);
            assert!(
                (moved + 0.01 * gradient.signum()).abs() < 1e-5,
                "task {k}: {moved}, gradient {gradient}"
            );
        }
        // Row 0 of the log looks up id 1, row 2 id 3: without importance a row moves nothing.
        let moved = |id: usize| {
            let now = critic.twins[0].table().weights();
            (8 * id..8 * id + 8).any(|index| now[index] != table_before[index])
        };
        assert_eq!((moved(1), moved(2), moved(3)), (importance[0] > 0.0, false, true), "{importance:?}");
    }
}

#[test]
fn smoothing_moves_the_next_action_alone_and_within_its_clip() {
    let schema = schema(4);
    let table = two_sessions(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let rows: Vec<u32> = std::iter::repeat_n([0, 2], 2000).flatten().collect();
    let rule = |smoothing| TransitionRule { n_steps: 2, smoothing, ..RULE };
    let plain = read(rule(None), &reader, &rows);
    let smoothing = Smoothing { standard_deviation: 0.1, clip: 0.15 };
    let smoothed = read(rule(Some(smoothing)), &reader, &rows);
    assert_eq!(host(plain.rewards), host(smoothed.rewards), "the rows between take the policy's own actions");
    assert_eq!(host(plain.actions), host(smoothed.actions));
    let (plain, smoothed) = (host(plain.next_actions), host(smoothed.next_actions));
    let noise: Vec<f32> = smoothed.iter().zip(&plain).map(|(a, b)| a - b).collect();
    assert!(noise.iter().all(|noise| noise.abs() <= 0.15 + 1e-6));
    let at_clip = noise.iter().filter(|noise| noise.abs() > 0.1499).count() as f64 / noise.len() as f64;
    // P(|ε| > 1.5 σ) = 0.1336
    assert!((at_clip - 0.1336).abs() < 0.02, "{at_clip}");
    assert!(smoothed.iter().all(|action| (0.0..=1.0).contains(action)));
}

#[test]
fn the_gradient_of_q_in_the_action_is_that_of_finite_differences() {
    let schema = schema(4);
    let table = two_sessions(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let critic = critic(&schema, &small());
    let states = reader.states(&[Row(0), Row(2)]);
    let actions = [0.5_f32, 0.25, 0.75, 0.4];
    let device = Device::default();
    let at = |actions: [f32; 4], device: &Device| {
        Tensor::<2>::from_floats([[actions[0], actions[1]], [actions[2], actions[3]]], device)
    };
    let leaf = at(actions, &device.clone().autodiff()).require_grad();
    let gradients = critic.q_values(&states, leaf.clone()).sum().backward();
    let gradient = host(leaf.grad(&gradients).unwrap());
    assert!(gradient.iter().any(|g| g.abs() > 1e-4), "Q depends on the action: {gradient:?}");
    for index in 0..4 {
        let sum = |step: f32| {
            let mut actions = actions;
            actions[index] += step;
            host(critic.q_values(&states, at(actions, &device))).into_iter().map(f64::from).sum::<f64>()
        };
        let difference = (sum(1e-2) - sum(-1e-2)) / 2e-2;
        assert!(
            (f64::from(gradient[index]) - difference).abs() < 1e-3,
            "{gradient:?}, {index}: {difference}"
        );
    }
}

#[test]
fn weights_and_targets_see_no_dropout() {
    let schema = schema(4);
    let table = two_sessions(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let mut critic = critic(&schema, &CriticConfig { dropout: 0.5, ..small() });
    let transitions = read(RULE, &reader, &[0, 1, 2]);
    let mut masks = Streams::new(1).named("dropout");
    critic.step(&transitions, &mut Pass::training(&mut masks), false);
    critic.soft_update();
    let q = |critic: &Critic| host(critic.q_values(&transitions.states, transitions.actions.clone()));
    assert_eq!(q(&critic), q(&critic));
    assert_eq!(host(critic.td_targets(&transitions)), host(critic.td_targets(&transitions)));
    // Negative control: an update does see it.
    let loss = |seed| {
        let mut masks = Streams::new(seed).named("dropout");
        critic.clone().step(&transitions, &mut Pass::training(&mut masks), false).loss
    };
    assert_ne!(loss(1), loss(2));
}

#[test]
fn a_soft_update_moves_table_and_layers_by_the_same_tau() {
    let schema = schema(4);
    let table = two_sessions(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let transitions = read(RULE, &reader, &[0, 2]);
    // Steps far too large to leave any doubt which network answers.
    let config = |tau| CriticConfig { tau, learning_rate: 0.1, embedding_learning_rate: 0.1, ..small() };
    let moved = |tau: f64, n_updates: usize| {
        let mut critic = critic(&schema, &config(tau));
        let start = host(critic.td_targets(&transitions));
        critic.step(&transitions, &mut Pass::evaluation(), false);
        (0..n_updates).for_each(|_| critic.soft_update());
        let end = host(critic.td_targets(&transitions));
        start.iter().zip(&end).map(|(start, end)| (start - end).abs()).sum::<f32>()
    };
    let all = moved(1.0, 1);
    assert!(all > 0.01, "{all}");
    assert!(moved(0.01, 1) < 0.1 * all, "τ = 0.01 is near the old target");
    assert!((moved(0.2, 60) - all).abs() < 0.01 * all, "60 updates with τ = 0.2 are near the online network");
}
