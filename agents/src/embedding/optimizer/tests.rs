use super::*;
use crate::embedding::testing::{schema, with_threads};
use crate::stream::Streams;

const ADAGRAD: SparseOptimizerConfig = SparseOptimizerConfig::RowWiseAdagrad { epsilon: 1e-10 };

fn table(n_rows: u32, dim: usize) -> EmbeddingTable {
    EmbeddingTable::new(&schema(&[(n_rows, 1)]), dim, &mut Streams::new(1).named("init"))
}

fn gradient(rows: &[u32], values: &[f32]) -> SparseGradient {
    SparseGradient { rows: rows.to_vec(), values: values.to_vec() }
}

fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((f64::from(*found) - expected).abs() < 1e-6, "found {found}, expected {expected}");
    }
}

/// A gradient of every third row of `n_rows`, another one at every step.
fn gradient_at(step: u32, n_rows: u32, dim: usize) -> SparseGradient {
    let rows: Vec<u32> = (0..n_rows).filter(|row| (row + step).is_multiple_of(3)).collect();
    let values = (0..rows.len() * dim).map(|i| (i as f32 * 0.61 + step as f32).sin()).collect();
    SparseGradient { rows, values }
}

#[test]
fn adam_counts_steps_globally_and_decays_touched_rows_only() {
    let mut table = table(2, 1);
    table.weights_mut().copy_from_slice(&[1.0, 5.0]);
    let mut optimizer = SparseOptimizer::new(SparseOptimizerConfig::default(), 2, 1);
    // t = 1: m = 0.2, v = 0.004, step 0.1 √0.001 / 0.1 · 0.2 / √0.004 = 0.1.
    optimizer.step(&mut table, &gradient(&[0], &[2.0]), 0.1);
    assert_close(table.weights(), &[0.9, 5.0]);
    // t = 2, another row: m = 0.3, v = 0.009, step 0.1 √0.001999 / 0.19 · 0.3 / √0.009 = 0.0744137.
    optimizer.step(&mut table, &gradient(&[1], &[3.0]), 0.1);
    assert_close(table.weights(), &[0.9, 4.925_586_3]);
    // t = 3: m = 0.2 + 0.1 (−1 − 0.2) = 0.08, v = 0.004 + 0.001 (1 − 0.004) = 0.004996,
    // step 0.1 √0.002997001 / 0.271 · 0.08 / √0.004996 = 0.0228640.
    optimizer.step(&mut table, &gradient(&[0], &[-1.0]), 0.1);
    assert_close(table.weights(), &[0.877_136_0, 4.925_586_3]);
}

/// A row at a weight of its own, and another at weight 1, that have the same gradients: how far each is after
/// `weights`.
fn moved(config: SparseOptimizerConfig, weights: &[f32], is_scaled: bool) -> [f64; 2] {
    let mut table = table(2, 1);
    table.weights_mut().fill(0.0);
    let mut optimizer = SparseOptimizer::new(config, 2, 1);
    for (step, weight) in weights.iter().enumerate() {
        let value = (0.5 + step as f32 * 0.9).sin();
        let plain = gradient(&[0, 1], &[value, value]);
        let weighted = gradient(&[0, 1], &[weight * value, value]);
        let scale = if is_scaled { &plain } else { &weighted };
        optimizer.step_scaled(&mut table, &weighted, scale, 0.01);
    }
    [table.weights()[0].into(), table.weights()[1].into()]
}

#[test]
fn a_weight_common_to_all_rows_and_steps_of_an_id_cancels_unless_the_second_moment_is_unweighted() {
    for config in [SparseOptimizerConfig::default(), ADAGRAD] {
        for weight in [0.1, 7.0] {
            let [weighted, plain] = moved(config, &[weight; 8], false);
            assert!((weighted / plain - 1.0).abs() < 1e-4, "{config:?} {weight}: {weighted} {plain}");
            let [weighted, plain] = moved(config, &[weight; 8], true);
            let ratio = weighted / plain / f64::from(weight);
            assert!((ratio - 1.0).abs() < 1e-4, "{config:?} {weight}: {weighted} {plain}");
        }
        // One that changes from step to step does not.
        let [weighted, plain] = moved(config, &[3.0, 1.0, 0.2, 1.0, 3.0, 0.2, 1.0, 3.0], false);
        assert!((weighted / plain - 1.0).abs() > 0.02, "{config:?}: {weighted} {plain}");
    }
}

#[test]
fn adagrad_accumulates_the_mean_square_of_a_row() {
    let mut table = table(1, 2);
    table.weights_mut().copy_from_slice(&[1.0, 2.0]);
    let mut optimizer = SparseOptimizer::new(ADAGRAD, 1, 2);
    // accumulator 12.5, rate 0.5 / √12.5 = 0.1414214.
    optimizer.step(&mut table, &gradient(&[0], &[3.0, 4.0]), 0.5);
    assert_close(table.weights(), &[0.575_735_9, 1.434_314_6]);
    // accumulator 13, rate 0.5 / √13 = 0.1386750.
    optimizer.step(&mut table, &gradient(&[0], &[0.0, 1.0]), 0.5);
    assert_close(table.weights(), &[0.575_735_9, 1.295_639_6]);
}

#[test]
fn untouched_rows_stay_bit_identical() {
    for config in [SparseOptimizerConfig::default(), ADAGRAD] {
        let mut table = table(500, 12);
        let mut optimizer = SparseOptimizer::new(config, 500, 12);
        for step in 0..9 {
            let before = table.weights().to_vec();
            let gradient = gradient_at(step % 2, 500, 12);
            optimizer.step(&mut table, &gradient, 0.01);
            let rows = before.chunks(12).zip(table.weights().chunks(12)).enumerate();
            for (row, (before, after)) in rows {
                let touched = gradient.rows.contains(&(row as u32));
                assert_eq!(touched, before != after, "row {row} at step {step} of {config:?}");
            }
        }
    }
}

#[test]
fn a_step_has_the_same_bits_for_any_number_of_threads() {
    for config in [SparseOptimizerConfig::default(), ADAGRAD] {
        let train = || {
            let mut table = table(900, 20);
            let mut optimizer = SparseOptimizer::new(config, 900, 20);
            (0..4).for_each(|step| optimizer.step(&mut table, &gradient_at(step, 900, 20), 0.01));
            (table.weights().to_vec(), optimizer.state().clone())
        };
        let expected = with_threads(1, train);
        assert!([2, 5].into_iter().all(|n_threads| with_threads(n_threads, train) == expected));
    }
}

#[test]
fn a_loaded_state_continues_as_if_never_interrupted() {
    for config in [SparseOptimizerConfig::default(), ADAGRAD] {
        let mut table = table(30, 4);
        let mut optimizer = SparseOptimizer::new(config, 30, 4);
        optimizer.step(&mut table, &gradient_at(0, 30, 4), 0.1);
        let mut resumed_table = table.clone();
        let mut resumed = SparseOptimizer::new(config, 30, 4);
        resumed.load(serde_json::from_str(&serde_json::to_string(optimizer.state()).unwrap()).unwrap());
        for step in 0..3 {
            optimizer.step(&mut table, &gradient_at(step, 30, 4), 0.1);
            resumed.step(&mut resumed_table, &gradient_at(step, 30, 4), 0.1);
        }
        assert_eq!(table.weights(), resumed_table.weights());
        assert_eq!(optimizer.state(), resumed.state());
    }
}

#[test]
#[should_panic(expected = "rule and sizes of the state")]
fn the_state_of_another_rule_panics() {
    let state = SparseOptimizer::new(ADAGRAD, 3, 2).state().clone();
    SparseOptimizer::new(SparseOptimizerConfig::default(), 3, 2).load(state);
}

#[test]
fn a_configuration_has_defaults_and_no_unknown_keys() {
    let read = serde_json::from_str::<SparseOptimizerConfig>;
    assert_eq!(read(r#"{"adam": {}}"#).unwrap(), SparseOptimizerConfig::default());
    assert_eq!(read(r#"{"row_wise_adagrad": {}}"#).unwrap(), ADAGRAD);
    let config = SparseOptimizerConfig::Adam { beta_1: 0.5, beta_2: 0.999, epsilon: 1e-8 };
    assert_eq!(read(r#"{"adam": {"beta_1": 0.5}}"#).unwrap(), config);
    assert!(read(r#"{"adam": {"beta_3": 0.5}}"#).is_err());
}
