//! Dense parameters: by name, on the host, their optimiser and their soft updates.

mod host;
pub(crate) mod moments;
mod named;
mod optimizer;
mod soft_update;

pub use host::host;
pub(crate) use host::scalar;
pub use named::{NamedTensor, NamedTensors, ParameterError, collect, n_parameters, restore, values};
pub(crate) use optimizer::gradient_norm;
pub use optimizer::{Clip, DenseOptimizer, LearningRates, Moments, OptimizerConfig};
pub use soft_update::soft_update;
