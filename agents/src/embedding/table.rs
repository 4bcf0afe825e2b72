//! One embedding per id of every categorical field.

use std::sync::Arc;

use rand::RngExt;
use rand::distr::Uniform;
use rayon::prelude::*;
use rmtl_envs::{PADDING, Schema};

use super::lookup::{FieldRows, Layout, Lookup};
use crate::stream::Stream;

/// States gathered by one task of the thread pool at least.
const MIN_STATES_PER_TASK: usize = 32;

/// The embedding tables of all categorical fields, one row-major `[rows, dim]` block in host memory.
///
/// Field `f` with vocabulary size `V_f` owns `V_f` consecutive rows, fields in the order of the schema.
#[derive(Clone, Debug)]
pub struct EmbeddingTable {
    weights: Vec<f32>,
    dim: usize,
    layout: Arc<Layout>,
}

impl EmbeddingTable {
    /// Tables of `dim` columns, Xavier-uniform field by field: `U(±√(6 / (V_f + dim)))`.
    pub fn new(schema: &Schema, dim: usize, stream: &mut Stream) -> Self {
        assert!(dim > 0, "an embedding has at least one dimension");
        let layout = Layout::of(schema);
        let mut weights = Vec::with_capacity(layout.n_rows * dim);
        for field in &layout.fields {
            let bound = (6.0 / (f64::from(field.vocabulary_size) + dim as f64)).sqrt() as f32;
            let uniform = Uniform::new_inclusive(-bound, bound).expect("the bound is finite and positive");
            let n_weights = field.vocabulary_size as usize * dim;
            weights.extend((0..n_weights).map(|_| stream.sample(uniform)));
        }
        Self { weights, dim, layout: Arc::new(layout) }
    }

    /// Columns of every field's table.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of categorical fields.
    pub fn n_fields(&self) -> usize {
        self.layout.fields.len()
    }

    /// Rows of all fields together.
    pub fn n_rows(&self) -> usize {
        self.layout.n_rows
    }

    /// Number of weights.
    pub fn n_parameters(&self) -> usize {
        self.weights.len()
    }

    /// `[rows, dim]`.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// `[rows, dim]`, for checkpoints and copies.
    pub fn weights_mut(&mut self) -> &mut [f32] {
        &mut self.weights
    }

    /// The rows of a batch's `ids`.
    ///
    /// # Shapes
    /// - ids: `[batch, slot]`, [`PADDING`] in the unused slots of a multi-valued field
    ///
    /// # Panics
    /// If an id is not in its field's vocabulary.
    pub fn indices(&self, ids: &[u32]) -> Lookup {
        Lookup::new(&self.layout, ids)
    }

    /// Whether a lookup is good for this table.
    pub fn is_of(&self, lookup: &Lookup) -> bool {
        lookup.layout == self.layout
    }

    /// The embedded batch: a field's row, or the mean of its rows if it has several values (zero if it has none).
    ///
    /// # Shapes
    /// - output: `[batch, field, dim]`
    pub fn lookup(&self, lookup: &Lookup) -> Vec<f32> {
        assert_eq!(lookup.layout, self.layout, "a lookup of a table with another schema");
        let n_fields = self.n_fields();
        let mut embedded = vec![0.0; lookup.batch_size() * n_fields * self.dim];
        embedded
            .par_chunks_exact_mut(n_fields * self.dim)
            .zip(lookup.rows.par_chunks_exact(self.layout.n_slots))
            .zip(lookup.scales.par_chunks_exact(n_fields))
            .with_min_len(MIN_STATES_PER_TASK)
            .for_each(|((embedded, rows), scales)| {
                let fields = self.layout.fields.iter().zip(scales);
                for ((field, &scale), embedded) in fields.zip(embedded.chunks_exact_mut(self.dim)) {
                    self.embed_field(field, rows, scale, embedded);
                }
            });
        embedded
    }

    /// Writes the mean of the `field`'s rows among a state's `rows` to `embedded`, which is zero.
    fn embed_field(&self, field: &FieldRows, rows: &[u32], scale: f32, embedded: &mut [f32]) {
        let mut present = rows[field.slots.clone()].iter().filter(|&&row| row != PADDING);
        let Some(&first) = present.next() else { return };
        embedded.copy_from_slice(self.row(first));
        for &row in present {
            for (sum, weight) in embedded.iter_mut().zip(self.row(row)) {
                *sum += weight;
            }
        }
        if scale != 1.0 {
            for value in embedded {
                *value *= scale;
            }
        }
    }

    fn row(&self, row: u32) -> &[f32] {
        &self.weights[row as usize * self.dim..][..self.dim]
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{schema, with_threads};
    use super::*;
    use crate::stream::Streams;

    fn table(fields: &[(u32, u32)], dim: usize) -> EmbeddingTable {
        EmbeddingTable::new(&schema(fields), dim, &mut Streams::new(1).named("init"))
    }

    #[test]
    fn a_field_is_its_row_or_the_mean_of_its_rows() {
        let mut table = table(&[(2, 1), (3, 2)], 2);
        table.weights_mut().copy_from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
        let embed = |ids: &[u32]| table.lookup(&table.indices(ids));
        assert_eq!(embed(&[1, 0, 2]), [3.0, 4.0, 7.0, 8.0]);
        assert_eq!(embed(&[0, PADDING, 1, 1, PADDING, PADDING]), [1.0, 2.0, 7.0, 8.0, 3.0, 4.0, 0.0, 0.0]);
        assert_eq!(embed(&[PADDING, 1, 1]), [0.0, 0.0, 7.0, 8.0]);
    }

    #[test]
    fn sizes_count_the_rows_of_every_field() {
        let table = table(&[(7, 1), (11, 4)], 3);
        assert_eq!((table.n_fields(), table.n_rows(), table.dim(), table.n_parameters()), (2, 18, 3, 54));
    }

    #[test]
    fn weights_start_xavier_uniform_per_field() {
        let table = table(&[(1_000, 1), (10, 1)], 50);
        let (wide, narrow) = table.weights().split_at(1_000 * 50);
        for (weights, vocabulary_size) in [(wide, 1_000.0_f32), (narrow, 10.0)] {
            let bound = (6.0 / (vocabulary_size + 50.0)).sqrt();
            let n = weights.len() as f32;
            let mean = weights.iter().sum::<f32>() / n;
            let variance = weights.iter().map(|weight| weight * weight).sum::<f32>() / n;
            assert!(weights.iter().all(|weight| weight.abs() <= bound));
            // Five standard errors of a uniform variable's mean; its variance is bound² / 3.
            assert!(mean.abs() < 5.0 * bound / (3.0 * n).sqrt(), "mean {mean} of {n} weights");
            assert!(
                (variance * 3.0 / bound.powi(2) - 1.0).abs() < 0.15,
                "variance {variance}, bound {bound}"
            );
        }
    }

    #[test]
    fn the_same_stream_gives_the_same_table() {
        assert_eq!(table(&[(5, 1)], 4).weights(), table(&[(5, 1)], 4).weights());
    }

    #[test]
    fn a_lookup_has_the_same_bits_for_any_number_of_threads() {
        let table = table(&[(50, 1), (90, 3)], 24);
        let ids: Vec<u32> = (0..4 * 500).map(|i| if i % 7 == 3 { PADDING } else { i * 37 % 50 }).collect();
        let lookup = table.indices(&ids);
        let expected = with_threads(1, || table.lookup(&lookup));
        for n_threads in [2, 5] {
            assert_eq!(with_threads(n_threads, || table.lookup(&lookup)), expected);
        }
    }

    #[test]
    #[should_panic(expected = "a lookup of a table with another schema")]
    fn a_lookup_of_another_schema_panics() {
        table(&[(5, 1)], 4).lookup(&table(&[(6, 1)], 4).indices(&[0]));
    }
}
