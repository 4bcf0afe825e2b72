//! Weightings of entries, and optimisers with moments of other gradients.

use super::*;
use crate::parameter::{Clip, Moments};
use crate::weighting::{ParameterGradients, TaskGradients};

/// Multiplies the tasks' gradients, and remembers them.
struct OnEntries([f64; 2], TaskGradients);

impl OnEntries {
    fn new(factors: [f64; 2]) -> Self {
        Self(factors, TaskGradients::default())
    }
}

impl LossWeighting for OnEntries {
    fn signal(&self) -> Signal {
        Signal::Entries
    }

    fn adjust(&mut self, _losses: &[f64], gradients: &mut TaskGradients) {
        self.1.clone_from(gradients);
        gradients.scale(&self.0);
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        Weights::PerTask(vec![1.0; input.n_tasks()])
    }
}

fn with_moments(moments: Moments) -> OptimizerConfig {
    OptimizerConfig { moments, ..OptimizerConfig::default() }
}

const NONE: fn() -> LossesConfig = LossesConfig::default;

/// How far every parameter moves, by name.
fn moved(actor: &mut Actor, update: impl FnOnce(&mut Actor)) -> Vec<(String, Vec<f64>)> {
    let before = actor.weights();
    update(actor);
    let of = |(name, tensor): (&String, &crate::parameter::NamedTensor)| {
        let pairs = tensor.values.iter().zip(&before[name].values);
        (name.clone(), pairs.map(|(new, old)| f64::from(*new) - f64::from(*old)).collect())
    };
    actor.weights().iter().map(of).collect()
}

fn assert_alike(found: &Actor, expected: &Actor) {
    for ((name, found), (_, expected)) in found.weights().iter().zip(expected.weights().iter()) {
        for (a, b) in found.values.iter().zip(&expected.values) {
            assert!((a - b).abs() < 1e-6, "{name}: {a} {b}");
        }
    }
}

/// Mean distance of the parameters.
fn distance(a: &Actor, b: &Actor) -> f64 {
    let flat =
        |actor: &Actor| actor.weights().into_values().flat_map(|tensor| tensor.values).collect::<Vec<f32>>();
    let (a, b) = (flat(a), flat(b));
    a.iter().zip(&b).map(|(a, b)| f64::from(a - b).abs()).sum::<f64>() / a.len() as f64
}

#[test]
fn changed_entries_act_on_what_is_shared_as_weights_would() {
    let schema = schema();
    let dependence = dependence::Config::default();
    let losses = LossesConfig { dependence: Some(dependence), ..Default::default() };
    for factors in [[1.0, 1.0], [2.0, -3.0], [0.0, 1.0]] {
        let (mut by_entries, mut by_weights) = (actor(&schema), actor(&schema));
        let mut entries = OnEntries::new(factors);
        let found = trained(&mut by_entries, &mut entries, &losses);
        let mut weights = OnGradients(factors.map(|factor| factor as f32), None);
        let expected = trained(&mut by_weights, &mut weights, &losses);
        assert_alike(&by_entries, &by_weights);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} against {b}");
        close(found.embedding_gradient_norm, expected.embedding_gradient_norm);
        close(found.dense_gradient_norm.unwrap(), expected.dense_gradient_norm.unwrap());
        assert_eq!(found.weights, [1.0; 4], "the weights of the step");
        let (found, expected) = (entries.1.gram(2), weights.1.unwrap());
        (0..4).for_each(|at| close(found.at(at / 2, at % 2), expected.at(at / 2, at % 2)));
    }
}

#[test]
fn a_table_comes_to_a_weighting_with_its_rows_of_the_batch() {
    let mut entries = OnEntries::new([1.0, 1.0]);
    trained(&mut esmm_actor(&schema(), 0.0), &mut entries, &NONE());
    // ESMM shares the tables alone; users 1 and 2 of 3 are in the batch.
    let [table] = &entries.1.parameters[..] else { panic!("{:?}", entries.1) };
    assert_eq!((table.n_rows, table.width, &table.rows[..]), (3, 2, &[1, 2][..]));
    assert!(table.tasks.iter().all(|values| values.iter().any(|value| *value != 0.0)));
}

#[test]
fn every_weighting_of_entries_trains_an_actor() {
    let of_entries = crate::weighting::WeightingConfig::variants().into_iter();
    for config in of_entries.filter(|config| config.signal() == Signal::Entries) {
        let mut weighting = config.init(2, Streams::new(1).named("weighting"));
        let rates = OptimizerConfig {
            learning_rate: 0.02,
            embedding_learning_rate: 0.02,
            ..OptimizerConfig::default()
        };
        let mut actor = actor_with(&schema(), rates);
        let first = trained(&mut actor, weighting.as_mut(), &NONE());
        let mut last = first.clone();
        for _ in 0..100 {
            last = trained(&mut actor, weighting.as_mut(), &NONE());
        }
        let sum = |step: &ActorStep| step.task_losses.iter().sum::<f64>();
        assert!(sum(&last) < 0.7 * sum(&first), "{config:?}: {} to {}", sum(&first), sum(&last));
    }
}

#[test]
fn moments_per_task_add_up_the_tasks_own_steps_on_what_is_shared() {
    let schema = schema();
    let mut entries = OnEntries::new([1.0, 1.0]);
    let mut per_task = actor_with(&schema, with_moments(Moments::PerTask));
    let steps = moved(&mut per_task, |actor| {
        trained(actor, &mut entries, &NONE());
    });
    // Adam's first step is as long as the learning rate, but for ε, to which the tables' rule adds before its bias
    // correction.
    let of_one = |g: f32, epsilon: f64| -1e-3 * f64::from(g) / (f64::from(g).abs() + epsilon);
    let of_both = |parameter: &ParameterGradients, epsilon: f64| -> Vec<f64> {
        let [a, b] = &parameter.tasks[..] else { panic!("two tasks") };
        a.iter().zip(b).map(|(a, b)| of_one(*a, epsilon) + of_one(*b, epsilon)).collect()
    };
    let (table, dense) = entries.1.parameters.split_last().unwrap();
    let (_, found) = steps.iter().find(|(name, _)| name == "embedding.0").unwrap();
    let expected = of_both(table, 1e-8 / 0.001_f64.sqrt());
    for (index, expected) in expected.iter().enumerate() {
        let found = found[table.rows[index / 2] as usize * 2 + index % 2];
        assert!((found - expected).abs() < 2e-5, "{found} {expected}");
    }
    // Dense: the steps of the bottom, in whatever order; and those of the towers, which are ordinary ones.
    let sorted = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values
    };
    let of_part = |part: &str| {
        let names = steps.iter().filter(|(name, _)| name.contains(part));
        sorted(names.flat_map(|(_, steps)| steps.clone()).collect())
    };
    let bottom = sorted(dense.iter().flat_map(|parameter| of_both(parameter, 1e-8)).collect());
    assert_eq!(bottom.len(), of_part(".bottom.").len());
    for (found, expected) in of_part(".bottom.").iter().zip(&bottom) {
        assert!((found - expected).abs() < 2e-5, "{found} {expected}");
    }
    let unlike_one = expected.iter().chain(&bottom).filter(|step| (step.abs() - 1e-3).abs() > 5e-4);
    assert!(unlike_one.count() > 0, "steps that one optimiser would not take");
    let towers = of_part(".towers.");
    assert!(towers.iter().all(|step| step.abs() < 1.001e-3) && towers.iter().any(|step| step.abs() > 9e-4));
}

#[test]
fn with_moments_per_task_a_tasks_scale_cancels_and_the_gradient_is_what_it_was() {
    let schema = schema();
    let dependence = dependence::Config::default();
    let with_term = LossesConfig { dependence: Some(dependence), ..Default::default() };
    let update = |moments, weights: [f32; 2], losses: &LossesConfig| {
        let mut actor = actor_with(&schema, with_moments(moments));
        let done = step(&mut actor, [weights; 2], losses);
        step(&mut actor, [weights; 2], losses);
        (actor, done)
    };
    let (plain, _) = update(Moments::PerTask, [1.0, 1.0], &NONE());
    let (scaled, _) = update(Moments::PerTask, [1.0, 50.0], &NONE());
    let together = |weights| update(Moments::Weighted, weights, &NONE()).0;
    let separate = distance(&plain, &scaled);
    assert!(separate < 2e-5, "{separate}: ε is all that does not cancel");
    let mixed = distance(&together([1.0, 1.0]), &together([1.0, 50.0]));
    assert!(mixed > 4.0 * separate, "{mixed}: one optimiser follows the larger task");
    // The sum of what the optimisers take is the gradient of the weighted loss and the terms.
    let (_, found) = update(Moments::PerTask, [2.0, 0.5], &with_term);
    let (_, expected) = update(Moments::Weighted, [2.0, 0.5], &with_term);
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} against {b}");
    close(found.loss, expected.loss);
    close(found.embedding_gradient_norm, expected.embedding_gradient_norm);
    close(found.dense_gradient_norm.unwrap(), expected.dense_gradient_norm.unwrap());
    assert_eq!(found.weights, expected.weights);
    assert_eq!(found.weighted_losses, expected.weighted_losses);
}

#[test]
fn with_unweighted_second_moments_steps_are_as_long_as_weights() {
    let schema = schema();
    let steps = |moments, weight: f32| {
        let mut actor = actor_with(&schema, with_moments(moments));
        moved(&mut actor, |actor| {
            step(actor, [[weight; 2]; 2], &NONE());
        })
    };
    let plain = steps(Moments::Weighted, 1.0);
    for (moments, ratio) in [(Moments::Weighted, 1.0), (Moments::Unweighted, 3.0)] {
        for ((name, found), (_, plain)) in steps(moments, 3.0).iter().zip(&plain) {
            for (found, plain) in found.iter().zip(plain) {
                assert!((found - ratio * plain).abs() < 5e-5, "{moments:?} {name}: {found} {plain}");
            }
        }
    }
    // Weights of 1 change nothing, over many steps; nor with weights on gradients.
    let (mut found, mut expected) = (actor_with(&schema, with_moments(Moments::Unweighted)), actor(&schema));
    for _ in 0..10 {
        step(&mut found, [[1.0; 2]; 2], &NONE());
        step(&mut expected, [[1.0; 2]; 2], &NONE());
    }
    assert_alike(&found, &expected);
    for _ in 0..3 {
        trained(&mut found, &mut OnEntries::new([1.0, 1.0]), &NONE());
        trained(&mut expected, &mut OnEntries::new([1.0, 1.0]), &NONE());
    }
    assert_alike(&found, &expected);
    // An entry's factor is a weight, too.
    let twice = |moments| {
        let mut actor = actor_with(&schema, with_moments(moments));
        let steps = moved(&mut actor, |actor| {
            trained(actor, &mut OnEntries::new([2.0, 2.0]), &NONE());
        });
        steps.into_iter().find(|(name, _)| name == "embedding.0").unwrap().1
    };
    for (unweighted, weighted) in twice(Moments::Unweighted).iter().zip(twice(Moments::Weighted)) {
        assert!((unweighted - 2.0 * weighted).abs() < 5e-5, "{unweighted} {weighted}");
    }
}

#[test]
fn moments_of_other_gradients_accumulate_clip_and_are_part_of_a_snapshot() {
    let schema = schema();
    for moments in [Moments::PerTask, Moments::Unweighted] {
        let config = with_moments(moments);
        let weights = [[2.0, 0.5], [1.0, 3.0]];
        let run = |config: OptimizerConfig, n: usize| {
            let mut actor = actor_with(&schema, config);
            let done: Vec<ActorStep> = (0..n).map(|_| step(&mut actor, weights, &NONE())).collect();
            (actor, done)
        };
        // The mean of a batch given twice is the batch.
        let (accumulated, done) = run(OptimizerConfig { accumulate: 2, ..config }, 2);
        assert_alike(&accumulated, &run(config, 1).0);
        assert_eq!(done[0].clip_factor, None);
        let (half, _) = run(OptimizerConfig { accumulate: 2, ..config }, 1);
        assert_eq!(half.weights(), actor(&schema).weights(), "half of a step is none");
        for loose in [Clip::Norm(1e6), Clip::Value(1e6)] {
            let (clipped, done) = run(OptimizerConfig { clip: Some(loose), ..config }, 2);
            assert_eq!(clipped.weights(), run(config, 2).0.weights());
            assert_eq!(done[0].clip_factor, Some(1.0));
        }
        for tight in [Clip::Norm(1e-3), Clip::Value(1e-3)] {
            let (clipped, done) = run(OptimizerConfig { clip: Some(tight), ..config }, 2);
            assert!(done[0].clip_factor.unwrap() < 1.0, "{tight:?}: {:?}", done[0].clip_factor);
            assert_ne!(clipped.weights(), run(config, 2).0.weights());
        }
        // A snapshot goes on as the actor does, fresh optimisers do not.
        let (mut online, _) = run(config, 3);
        let mut snapshots = [online.clone(), online.without_followers()];
        let mut fresh = online.clone().with_fresh_optimizers();
        step(&mut online, weights, &NONE());
        for snapshot in &mut snapshots {
            step(snapshot, weights, &NONE());
            assert_eq!(snapshot.weights(), online.weights());
        }
        step(&mut fresh, weights, &NONE());
        assert_ne!(fresh.weights(), online.weights());
    }
}
