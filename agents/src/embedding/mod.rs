//! Embedding tables of the categorical fields and what trains them, in host memory.
//!
//! A table may have millions of rows while a batch touches a few thousand, so nothing here costs O(vocabulary) per
//! step: a lookup gathers rows, its gradient is coalesced by row, the optimiser and the target network touch those
//! rows alone. All of it is plain slices, in parallel over rows, with the same bits for any number of threads.
//!
//! ```
//! # use rmtl_agents::{embedding::*, stream::Streams};
//! # let schema = rmtl_envs::Schema::of_ids(&[("user", 9)], &[("click", None)]);
//! let mut table = EmbeddingTable::new(&schema, 4, &mut Streams::new(7).named("init"));
//! let mut optimizer = SparseOptimizer::new(SparseOptimizerConfig::default(), table.n_rows(), table.dim());
//! let mut coalescer = GradientCoalescer::default();
//! let mut target = TargetTable::new(&table, 0.2);
//!
//! let lookup = table.indices(&[3, 5]); // [batch, slot]
//! let embedded = table.lookup(&lookup); // [batch, field, dim], the leaf of the graph
//! let gradient = coalescer.coalesce(&lookup, &vec![0.1; embedded.len()], table.dim());
//! target.before_write(&table, &gradient.rows);
//! optimizer.step(&mut table, gradient, 1e-3);
//! target.soft_update();
//! let target_embedded = target.read(&table, &lookup);
//! # assert_eq!(target_embedded.len(), embedded.len());
//! ```

mod gradient;
mod lookup;
mod optimizer;
mod rows;
mod table;
mod target;

pub use gradient::{GradientCoalescer, SparseGradient};
pub(crate) use gradient::{inner_product, norm};
pub use lookup::Lookup;
pub use optimizer::{SparseOptimizer, SparseOptimizerConfig, SparseOptimizerState};
pub use table::EmbeddingTable;
pub use target::TargetTable;

#[cfg(test)]
pub(crate) mod testing {
    //! Schemas for tests.

    use rmtl_envs::{CategoricalField, Schema, Task};

    /// A schema with one task and categorical fields of the given `(vocabulary size, number of values)`.
    pub(crate) fn schema(fields: &[(u32, u32)]) -> Schema {
        let field = |(index, &(vocabulary_size, n_values)): (usize, &(u32, u32))| CategoricalField {
            name: format!("field_{index}"),
            vocabulary_size,
            n_values,
        };
        Schema {
            categorical: fields.iter().enumerate().map(field).collect(),
            numeric: Vec::new(),
            tasks: vec![Task { name: "click".into(), after: None, number: None }],
        }
    }

    /// Runs `compute` on a pool of `n_threads` threads.
    pub(crate) fn with_threads<T: Send>(n_threads: usize, compute: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap().install(compute)
    }
}
