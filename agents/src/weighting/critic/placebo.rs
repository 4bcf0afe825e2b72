//! Controls: weights of the same distribution that say nothing of their rows.

use burn::tensor::{Int, Tensor, TensorData};
use rand::RngExt;
use rand::seq::SliceRandom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stream::Stream;

/// A control: what is done to the weights so that they say nothing of their rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Placebo {
    /// Every row gets the weights of another row of its batch, the same row for all tasks.
    Permute,
    /// Every row gets, task by task, the weight of a row drawn from its batch.
    Random,
}

impl Placebo {
    /// `weights` are `[batch, task]`.
    pub(super) fn apply(self, weights: Tensor<2>, stream: &mut Stream) -> Tensor<2> {
        let [n_rows, n_tasks] = weights.dims();
        let device = weights.device();
        match self {
            Self::Permute => {
                let sources = TensorData::new(others(n_rows, stream), [n_rows]);
                weights.select(0, Tensor::<1, Int>::from_data(sources, &device))
            }
            Self::Random => {
                let draw = |_| stream.random_range(0..n_rows as i32);
                let sources: Vec<i32> = (0..n_rows * n_tasks).map(draw).collect();
                let sources = TensorData::new(sources, [n_rows, n_tasks]);
                weights.gather(0, Tensor::<2, Int>::from_data(sources, &device))
            }
        }
    }
}

/// For every row another one: along one cycle through all rows, so that none keeps its own.
fn others(n_rows: usize, stream: &mut Stream) -> Vec<i32> {
    let mut cycle: Vec<i32> = (0..n_rows as i32).collect();
    cycle.shuffle(stream);
    let mut sources = vec![0; n_rows];
    for (at, &row) in cycle.iter().enumerate() {
        sources[row as usize] = cycle[(at + 1) % n_rows];
    }
    sources
}
