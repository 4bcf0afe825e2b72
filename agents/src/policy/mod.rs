//! Policies: who acts in a state, and what is added to the actions, to explore and to smooth targets.

pub mod exploration;
mod smoothing;

pub use exploration::{Exploration, Explorer};
pub use smoothing::Smoothing;

use burn::tensor::Tensor;
use rmtl_envs::Row;

use crate::input::BatchReader;

/// What acts in the states that follow a transition.
pub trait Policy {
    /// Its actions in `rows`, `[row, task]` row-major.
    fn actions(&mut self, reader: &BatchReader<'_>, rows: &[Row]) -> Vec<f32>;
}

/// The actions of a policy for every row of a split, `[row, task]`. A frozen actor is evaluated once.
#[derive(Clone, Debug, PartialEq)]
pub struct FrozenPolicy {
    actions: Vec<f32>,
    n_tasks: usize,
}

impl FrozenPolicy {
    /// Actions `[row, task]`, row-major.
    pub fn new(actions: Vec<f32>, n_tasks: usize) -> Self {
        assert_eq!(actions.len() % n_tasks, 0, "{} actions are not whole rows of {n_tasks}", actions.len());
        Self { actions, n_tasks }
    }

    /// The action for `row`, one value per task.
    pub fn action(&self, row: Row) -> &[f32] {
        &self.actions[row.0 as usize * self.n_tasks..][..self.n_tasks]
    }

    /// The actions for `rows`, `[batch, task]`.
    pub fn tensor(&self, reader: &BatchReader<'_>, rows: &[Row]) -> Tensor<2> {
        let actions = rows.iter().flat_map(|&row| self.action(row)).copied().collect();
        reader.tensor(actions, rows.len(), self.n_tasks)
    }
}

impl Policy for FrozenPolicy {
    fn actions(&mut self, _: &BatchReader<'_>, rows: &[Row]) -> Vec<f32> {
        rows.iter().flat_map(|&row| self.action(row)).copied().collect()
    }
}
