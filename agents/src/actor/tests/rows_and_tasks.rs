//! Weights of rows in the losses, and then weights of tasks from the gradients.

use super::*;
use crate::parameter::moments::Moments;

/// Weights of rows and tasks given from outside.
struct Both {
    rows: Tensor<2>,
    tasks: [f64; 2],
    gram: Option<Gram>,
}

impl Both {
    fn new(rows: [[f32; 2]; 2], tasks: [f64; 2]) -> Self {
        Self { rows: Tensor::from_floats(rows, &Device::default()), tasks, gram: None }
    }
}

impl LossWeighting for Both {
    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weighs_rows(&self) -> bool {
        true
    }

    fn asks_critics(&self) -> bool {
        false
    }

    fn row_weights(&mut self, _input: &WeightingInput) -> Option<Tensor<2>> {
        Some(self.rows.clone())
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        self.gram.clone_from(&input.gram);
        Weights::PerTask(self.tasks.into())
    }
}

const ROWS: [[f32; 2]; 2] = [[2.0, 3.0], [4.0, 0.5]];

#[test]
fn with_tasks_alike_rows_weigh_as_they_do_in_one_backward_pass() {
    for moments in [Moments::Weighted, Moments::Unweighted, Moments::PerTask] {
        let optimizer = OptimizerConfig { moments, ..OptimizerConfig::default() };
        let step = |weighting: &mut dyn LossWeighting| {
            let mut actor = actor_with(&schema(), optimizer);
            let done = trained(&mut actor, weighting, &LossesConfig::default());
            (done, predictions(&actor))
        };
        let (expected, of_one_pass) = step(&mut Given(Tensor::from_floats(ROWS, &Device::default())));
        let (found, of_passes) = step(&mut Both::new(ROWS, [1.0, 1.0]));
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-5, "{moments:?}: {a} against {b}");
        assert_eq!(found.weights, expected.weights);
        close(found.loss, expected.loss);
        close(found.embedding_gradient_norm, expected.embedding_gradient_norm);
        close(found.dense_gradient_norm.unwrap(), expected.dense_gradient_norm.unwrap());
        of_one_pass.into_iter().zip(of_passes).for_each(|(a, b)| close(a, b));
    }
}

#[test]
fn weights_of_tasks_multiply_those_of_rows_on_what_is_shared() {
    // ESMM declares the tables alone.
    let schema = schema();
    let step = |rows, tasks| {
        let mut weighting = Both::new(rows, tasks);
        let done = trained(&mut esmm_actor(&schema, 0.0), &mut weighting, &LossesConfig::default());
        (done, weighting.gram.unwrap())
    };
    let (plain, of_equal_rows) = step([[1.0; 2]; 2], [1.0, 1.0]);
    let (done, gram) = step(ROWS, [0.5, 2.0]);
    assert_eq!(done.weights, [1.0, 6.0, 2.0, 1.0]);
    assert_eq!(done.task_losses, plain.task_losses, "those without weights");
    assert_ne!(gram, of_equal_rows, "the gradients are those of rows that count differently");
    let length = gram.product(&[0.5, 2.0], &[0.5, 2.0]).sqrt();
    assert!((done.embedding_gradient_norm - length).abs() < 1e-6, "{length}");
    let weighted = |task: usize| -> f64 {
        let of_rows = done.weights.iter().zip(&done.losses).skip(task).step_by(2);
        of_rows.map(|(weight, loss)| f64::from(weight * loss)).sum::<f64>() / 2.0
    };
    for task in 0..2 {
        assert!((done.weighted_losses[task] - weighted(task)).abs() < 1e-6);
    }
}
