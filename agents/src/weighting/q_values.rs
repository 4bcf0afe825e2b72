//! What critics say of a batch.

use burn::tensor::Tensor;

/// The critics' values of the rows of a batch.
#[derive(Clone, Debug)]
pub struct QValues {
    /// Q_k(s, π_k(s)), `[batch, task]`.
    pub values: Tensor<2>,
    /// For every row, how far its session has come, in as few stages as whoever knows the sessions likes: rows of one
    /// stage have about as much before them. Empty where nobody knows, which is one stage for all.
    pub stages: Vec<u8>,
}

impl From<Tensor<2>> for QValues {
    fn from(values: Tensor<2>) -> Self {
        Self { values, stages: Vec::new() }
    }
}
