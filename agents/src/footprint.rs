//! Memory that actors and critics take, known before they are made.
//!
//! Networks are built without values, so that sizes are those of the layers themselves, whichever crate a backbone is
//! of. What a layer gives for a row is estimated: an output for every column of its matrix, which leaves out that some
//! read several fields of a row one by one. So an estimate is what is needed at least.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use rmtl_envs::{Schema, bytes_of};

use crate::input::EncoderConfig;
use crate::layer::without_values;

/// Bytes of embedding tables and of what goes with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableFootprint {
    /// The tables.
    pub weights: u64,
    /// The state of their optimisers.
    pub state: u64,
    /// What a copy that follows them lazily holds beside the weights.
    pub clocks: u64,
}

/// Bytes of a network and of what goes with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkFootprint {
    /// Its parameters.
    pub weights: u64,
    /// What it gives for one row, layer by layer.
    pub outputs: u64,
}

impl TableFootprint {
    /// Of `n_views` table sets over the fields of `schema`.
    pub fn new(schema: &Schema, config: &EncoderConfig, n_views: usize) -> Self {
        let encoded = config.numeric.schema(schema);
        let n_rows = encoded.categorical.iter().map(|field| field.vocabulary_size as usize).sum();
        Self {
            weights: bytes_of(&[n_views, n_rows, config.dim]),
            state: bytes_of(&[n_views, n_rows, config.optimizer.numbers_per_row(config.dim)]),
            clocks: bytes_of(&[n_views, n_rows]),
        }
    }

    /// A copy with the optimisers' state.
    pub fn snapshot(&self) -> u64 {
        self.weights.saturating_add(self.state)
    }

    /// A copy that follows.
    pub fn follower(&self) -> u64 {
        self.weights.saturating_add(self.clocks)
    }
}

/// Bytes that a row of a batch takes below a network: its ids, resolved and sorted, and its embeddings in `n_views`
/// views on the host, as tensors and as gradients.
pub fn bytes_per_row(schema: &Schema, config: &EncoderConfig, n_views: usize) -> u64 {
    let encoded = config.numeric.schema(schema);
    // An id, its table row, and the 64 bits by which rows are sorted.
    let ids = bytes_of(&[4, encoded.n_slots()]);
    ids.saturating_add(bytes_of(&[3, n_views, encoded.categorical.len(), config.dim]))
}

impl NetworkFootprint {
    /// Of what `init` builds, whose parameters are not drawn.
    pub fn of<M: Module>(init: impl FnOnce() -> M) -> Self {
        /// What was found, and the names on the way to the parameter that is visited.
        struct Sizes(NetworkFootprint, Vec<String>);
        impl ModuleVisitor for Sizes {
            fn enter_module(&mut self, name: &str, _container_type: &str) {
                self.1.push(name.to_owned());
            }
            fn exit_module(&mut self, _name: &str, _container_type: &str) {
                self.1.pop();
            }
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let shape = param.lazy_shape();
                let sizes: Vec<usize> = shape.iter().copied().collect();
                let Self(NetworkFootprint { weights, outputs }, path) = self;
                *weights = weights.saturating_add(bytes_of(&sizes));
                // A matrix [in, out], or a group of them; biases of a group have as many dimensions.
                let is_matrix = path.last().is_some_and(|name| name == "weight");
                if let ([groups @ .., _, columns], true) = (sizes.as_slice(), is_matrix) {
                    *outputs = outputs.saturating_add(bytes_of(&[groups, &[*columns]].concat()));
                }
            }
        }
        let mut sizes = Sizes(Self::default(), Vec::new());
        without_values(init).visit(&mut sizes);
        sizes.0
    }
}

#[cfg(test)]
mod tests;
