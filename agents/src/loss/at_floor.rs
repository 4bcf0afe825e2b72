//! Where the weights of a loss term are bounded.

use burn::tensor::Tensor;

use crate::parameter::scalar;

/// Rows of a batch whose probability lies below the floor of a term that weighs rows by its inverse.
#[derive(Clone, Debug)]
pub struct AtFloor {
    /// The task whose loss is weighed.
    pub task: usize,
    /// How many there are, one element without a graph.
    pub rows: Tensor<1>,
    /// Of how many, one element without a graph.
    pub of: Tensor<1>,
}

impl AtFloor {
    /// Of the rows that `counts`, zeros and ones, those whose `probability` lies below `floor`.
    ///
    /// # Shapes
    /// - probability, counts: `[batch, 1]`
    pub fn new(task: usize, probability: Tensor<2>, floor: f64, counts: Tensor<2>) -> Self {
        let below = probability.detach().lower_elem(floor).float();
        Self { task, rows: (below * counts.clone()).sum(), of: counts.sum() }
    }

    /// The numbers, as those of `term`.
    pub(crate) fn read(self, term: &'static str) -> FloorRows {
        FloorRows { term, task: self.task, rows: scalar(self.rows), of: scalar(self.of) }
    }
}

/// [`AtFloor`], read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloorRows {
    /// The term's name.
    pub term: &'static str,
    /// The task whose loss is weighed.
    pub task: usize,
    /// Rows of the batch whose probability lies below the floor.
    pub rows: f64,
    /// Of how many.
    pub of: f64,
}
