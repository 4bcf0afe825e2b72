use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::TensorData;
use serde::Deserialize;

use super::*;
use crate::embedding::testing::schema;
use crate::embedding::{EmbeddingTable, SparseGradient, SparseOptimizer, SparseOptimizerConfig};
use crate::parameter::host;
use crate::stream::Streams;

/// A file of `tests/golden/moments`.
#[derive(Deserialize)]
struct Case {
    optimizer: OptimizerConfig,
    table_optimizer: SparseOptimizerConfig,
    table_learning_rate: f64,
    dense: Vec<f32>,
    table: Vec<Vec<f32>>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    weights: Vec<f32>,
    dense: Vec<Vec<f32>>,
    rows: Vec<u32>,
    table: Vec<Vec<f32>>,
    after_dense: Vec<f32>,
    after_table: Vec<f32>,
}

#[derive(Module, Debug)]
struct Dense {
    entries: Param<Tensor<1>>,
}

fn tensor(values: &[f32]) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), &Device::default())
}

fn dense(values: &[f32]) -> Dense {
    let entries =
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), &Device::default().autodiff());
    Dense { entries: Param::from_tensor(entries) }
}

fn gradients(module: &Dense, values: &[f32]) -> GradientsParams {
    let mut gradients = GradientsParams::new();
    gradients.register(module.entries.id, tensor(values));
    gradients
}

/// `Σ factor_k g_k` for every list of factors.
fn sums(factors: &[Vec<f32>], of_tasks: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let sum = |factors: &Vec<f32>| {
        let entry = |at: usize| factors.iter().zip(of_tasks).map(|(factor, g)| factor * g[at]).sum();
        (0..of_tasks[0].len()).map(entry).collect()
    };
    factors.iter().map(sum).collect()
}

/// The factors of the tasks in every gradient that one step takes.
fn factors(moments: Moments, weights: &[f32]) -> Vec<Vec<f32>> {
    let one = |task: usize| {
        let alone = |(index, weight): (usize, &f32)| if index == task { *weight } else { 0.0 };
        weights.iter().enumerate().map(alone).collect()
    };
    match moments {
        Moments::Weighted => vec![weights.to_vec()],
        Moments::Unweighted => vec![weights.to_vec(), vec![1.0; weights.len()]],
        Moments::PerTask => (0..weights.len()).map(one).collect(),
    }
}

fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-6 + 1e-5 * expected.abs(), "{what}: {found} {expected}");
    }
}

#[test]
fn moments_of_other_gradients_match_pytorch() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/moments");
    let mut n_cases = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        let case: Case = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        n_cases += 1;
        let moments = case.optimizer.moments;
        case.optimizer.check().unwrap();
        let n_tasks = case.steps[0].weights.len();
        let mut module = dense(&case.dense);
        let mut optimizers = DenseOptimizers::new(&case.optimizer, n_tasks);
        let width = case.table[0].len();
        let mut table = EmbeddingTable::new(
            &schema(&[(case.table.len() as u32, 1)]),
            width,
            &mut Streams::new(1).named("init"),
        );
        table.weights_mut().copy_from_slice(&case.table.concat());
        let new = || SparseOptimizer::new(case.table_optimizer, case.table.len(), width);
        let mut of_table: Vec<SparseOptimizer> = (0..n_tasks).map(|_| new()).collect();
        for step in &case.steps {
            let factors = factors(moments, &step.weights);
            let of_dense = sums(&factors, &step.dense).into_iter().map(|g| gradients(&module, &g));
            let of_dense: Vec<GradientsParams> = of_dense.collect();
            module = optimizers.step(case.optimizer.learning_rate, module, of_dense);
            let sparse = sums(&factors, &step.table)
                .into_iter()
                .map(|values| SparseGradient { rows: step.rows.clone(), values });
            let sparse: Vec<SparseGradient> = sparse.collect();
            let rate = case.table_learning_rate;
            match moments {
                Moments::Unweighted => of_table[0].step_scaled(&mut table, &sparse[0], &sparse[1], rate),
                _ => of_table
                    .iter_mut()
                    .zip(&sparse)
                    .for_each(|(optimizer, gradient)| optimizer.step(&mut table, gradient, rate)),
            }
            assert_close(&host(module.entries.val().inner()), &step.after_dense, &name);
            assert_close(table.weights(), &step.after_table, &name);
        }
    }
    assert!(n_cases >= 10, "{n_cases} cases");
}

#[test]
fn moments_of_one_gradient_given_twice_are_those_of_burns_own_optimisers() {
    for method in [
        DenseOptimizer::Adam { beta_1: 0.9, beta_2: 0.999 },
        DenseOptimizer::AdamW { beta_1: 0.8, beta_2: 0.99, weight_decay: 0.1 },
    ] {
        let config = |moments| OptimizerConfig { method, moments, ..OptimizerConfig::default() };
        let mut ends = [Moments::Weighted, Moments::Unweighted].map(|moments| {
            let mut module = dense(&[0.5, -1.0, 2.0]);
            let mut optimizers = DenseOptimizers::new(&config(moments), 2);
            for step in 0..20 {
                let values = [0.3, -0.2, 1.5].map(|g: f32| g * (step as f32 * 0.7).sin());
                let both = [gradients(&module, &values), gradients(&module, &values)];
                module = optimizers.step(0.01, module, both);
            }
            host(module.entries.val().inner())
        });
        let [expected, found] = &mut ends;
        assert_close(found, expected, &format!("{method:?}"));
        assert!((expected[0] - 0.5).abs() > 1e-3, "{expected:?}");
    }
}

#[test]
fn methods_without_second_moments_are_refused() {
    let check = |moments, method| {
        OptimizerConfig { moments, method, ..OptimizerConfig::default() }.check().map_err(|error| {
            assert!(error.contains("moments"), "{error}");
        })
    };
    let sgd = DenseOptimizer::Sgd { momentum: 0.9 };
    assert!(check(Moments::PerTask, sgd).is_err() && check(Moments::Unweighted, sgd).is_err());
    assert!(check(Moments::Unweighted, DenseOptimizer::Adagrad).is_err());
    assert!(check(Moments::PerTask, DenseOptimizer::Adagrad).is_ok());
    assert!(check(Moments::Weighted, sgd).is_ok());
}
