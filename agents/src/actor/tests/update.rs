//! Accumulation, clipping, and the optimisers of the dense parameters.

use super::*;
use crate::parameter::Clip;

const BOTH: [Row; 2] = [Row(0), Row(1)];

/// How far every parameter of the network and the tables has moved.
fn moved(config: OptimizerConfig, batches: &[&[Row]]) -> Vec<f64> {
    let mut actor = actor_with(&schema(), config);
    let before = actor.weights();
    batches.iter().for_each(|rows| step_on(&mut actor, rows));
    let of = |(name, tensor): (&String, &crate::parameter::NamedTensor)| {
        tensor
            .values
            .iter()
            .zip(&before[name].values)
            .map(|(new, old)| f64::from(*new) - f64::from(*old))
            .collect::<Vec<_>>()
    };
    actor.weights().iter().flat_map(of).collect()
}

/// Along the gradient itself, dense and sparse.
fn descent() -> OptimizerConfig {
    let method = crate::parameter::DenseOptimizer::Sgd { momentum: 0.0 };
    OptimizerConfig { method, learning_rate: 1.0, ..OptimizerConfig::default() }
}

#[test]
fn a_bound_that_binds_nothing_changes_nothing() {
    let loose = OptimizerConfig { clip: Some(Clip::Norm(1e6)), ..OptimizerConfig::default() };
    assert_eq!(moved(loose, &[&BOTH, &BOTH]), moved(OptimizerConfig::default(), &[&BOTH, &BOTH]));
    let loose = OptimizerConfig { clip: Some(Clip::Value(1e6)), ..OptimizerConfig::default() };
    assert_eq!(moved(loose, &[&BOTH, &BOTH]), moved(OptimizerConfig::default(), &[&BOTH, &BOTH]));
}

#[test]
fn gradients_are_clipped_by_norm_and_by_value() {
    let free = moved(descent(), &[&BOTH]);
    let largest = free.iter().fold(0.0_f64, |most, step| most.max(step.abs()));
    let bound = 0.25 * largest;
    let clipped = moved(OptimizerConfig { clip: Some(Clip::Value(bound)), ..descent() }, &[&BOTH]);
    // The tables have Adam, whose steps say nothing of a gradient's size.
    let dense: Vec<usize> =
        (0..free.len()).filter(|&index| (free[index].abs() - 1e-3).abs() > 2e-5).collect();
    assert!(dense.iter().any(|&index| free[index].abs() > bound));
    for &index in &dense {
        assert!((clipped[index] - free[index].clamp(-bound, bound)).abs() < 1e-6, "{index}");
    }
    let shortened = moved(OptimizerConfig { clip: Some(Clip::Norm(1e-3)), ..descent() }, &[&BOTH]);
    let length = |moved: &[f64]| dense.iter().map(|&index| moved[index].powi(2)).sum::<f64>().sqrt();
    assert!(
        length(&shortened) < 1.001e-3 && length(&free) > 1e-2,
        "{} of {}",
        length(&shortened),
        length(&free)
    );
    let along: f64 = dense.iter().map(|&index| shortened[index] * free[index]).sum();
    assert!((along - length(&shortened) * length(&free)).abs() < 1e-3 * along, "the direction stays");
}

#[test]
fn two_batches_accumulated_are_one_batch_of_both() {
    let two = OptimizerConfig { accumulate: 2, ..descent() };
    assert!(moved(two, &[&[Row(0)]]).iter().all(|&step| step == 0.0), "half of a step is none");
    let (parts, whole) = (moved(two, &[&[Row(0)], &[Row(1)]]), moved(descent(), &[&BOTH]));
    assert!(parts.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-6), "{parts:?}, {whole:?}");
    let separately = moved(descent(), &[&[Row(0)], &[Row(1)]]);
    assert!(separately.iter().zip(&whole).any(|(a, b)| (a - b).abs() > 1e-4));
    // A snapshot starts anew.
    let mut actor = actor_with(&schema(), two);
    step_on(&mut actor, &[Row(0)]);
    let mut snapshot = actor.clone();
    step_on(&mut snapshot, &[Row(1)]);
    assert_eq!(snapshot.weights(), actor.weights());
}

#[test]
fn every_method_descends_and_no_two_alike() {
    use crate::parameter::DenseOptimizer::{Adagrad, Adam, AdamW, Sgd};
    let adam = Adam { beta_1: 0.9, beta_2: 0.999 };
    let methods = [
        adam,
        Adam { beta_1: 0.5, beta_2: 0.999 },
        AdamW { beta_1: 0.9, beta_2: 0.999, weight_decay: 0.1 },
        Adagrad,
        Sgd { momentum: 0.0 },
        Sgd { momentum: 0.9 },
    ];
    let mut ends: Vec<Vec<f64>> = Vec::new();
    for method in methods {
        let config = OptimizerConfig { method, learning_rate: 0.05, ..OptimizerConfig::default() };
        config.check().unwrap();
        let mut actor = actor_with(&schema(), config);
        let losses = LossesConfig::default();
        let first = step(&mut actor, [[1.0; 2]; 2], &losses).loss;
        (0..20).for_each(|_| step_on(&mut actor, &BOTH));
        let last = step(&mut actor, [[1.0; 2]; 2], &losses).loss;
        assert!(last < first, "{method:?}: {first} to {last}");
        let end = predictions(&actor);
        assert!(ends.iter().all(|other| *other != end), "{method:?}");
        ends.push(end);
    }
    // The default is the Adam there has always been.
    assert_eq!(OptimizerConfig::default().method, adam);
    for (method, word) in [
        (Adam { beta_1: 1.0, beta_2: 0.9 }, "beta_1"),
        (Sgd { momentum: -0.1 }, "momentum"),
        (AdamW { beta_1: 0.9, beta_2: 0.9, weight_decay: -1.0 }, "weight_decay"),
    ] {
        assert!(OptimizerConfig { method, ..OptimizerConfig::default() }.check().unwrap_err().contains(word));
    }
    assert!(OptimizerConfig { accumulate: 0, ..descent() }.check().unwrap_err().contains("accumulate"));
    assert!(
        OptimizerConfig { clip: Some(Clip::Norm(0.0)), ..descent() }.check().unwrap_err().contains("clip")
    );
}
