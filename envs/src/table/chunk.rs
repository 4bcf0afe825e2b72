//! The columns of one record batch, typed.

use arrow_buffer::ScalarBuffer;

use super::{CHUNK_ROWS, Extras, RowValues};
use crate::schema::Schema;

/// Up to [`CHUNK_ROWS`] rows. Cheap to clone: the buffers are shared, whether mapped or in memory.
#[derive(Clone)]
pub(super) struct Chunk {
    pub(super) categorical: ScalarBuffer<u32>,
    pub(super) numeric: ScalarBuffer<f32>,
    pub(super) labels: ScalarBuffer<u8>,
    pub(super) time: ScalarBuffer<i64>,
    pub(super) end: ScalarBuffer<u8>,
    /// Empty where the probabilities are unknown.
    pub(super) oracle: ScalarBuffer<f32>,
    /// Empty where no label is a number.
    pub(super) targets: ScalarBuffer<f32>,
    /// Empty where all rows count alike.
    pub(super) weight: ScalarBuffer<f32>,
}

impl Chunk {
    pub(super) fn n_rows(&self) -> usize {
        self.end.len()
    }
}

/// Collects the rows of one [`Chunk`].
#[derive(Debug)]
pub(super) struct ChunkBuilder {
    widths: Widths,
    categorical: Vec<u32>,
    numeric: Vec<f32>,
    labels: Vec<u8>,
    time: Vec<i64>,
    end: Vec<u8>,
    oracle: Vec<f32>,
    targets: Vec<f32>,
    weight: Vec<f32>,
}

/// Values a row has in each list column.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Widths {
    categorical: usize,
    numeric: usize,
    labels: usize,
    oracle: usize,
    targets: usize,
    weight: usize,
}

impl ChunkBuilder {
    pub(super) fn new(schema: &Schema, extras: Extras) -> Self {
        let widths = Widths {
            categorical: schema.n_slots(),
            numeric: schema.n_numeric(),
            labels: schema.n_tasks(),
            oracle: extras.n_oracle(schema),
            targets: schema.n_targets(),
            weight: extras.n_weight(),
        };
        Self {
            widths,
            categorical: Vec::with_capacity(widths.categorical * CHUNK_ROWS),
            numeric: Vec::with_capacity(widths.numeric * CHUNK_ROWS),
            labels: Vec::with_capacity(widths.labels * CHUNK_ROWS),
            time: Vec::with_capacity(CHUNK_ROWS),
            end: Vec::with_capacity(CHUNK_ROWS),
            oracle: Vec::with_capacity(widths.oracle * CHUNK_ROWS),
            targets: Vec::with_capacity(widths.targets * CHUNK_ROWS),
            weight: Vec::with_capacity(widths.weight * CHUNK_ROWS),
        }
    }

    pub(super) fn n_rows(&self) -> usize {
        self.end.len()
    }

    /// # Panics
    /// If the row has more or fewer values than the schema says.
    pub(super) fn push(&mut self, row: RowValues<'_>) {
        let widths = Widths {
            categorical: row.categorical.len(),
            numeric: row.numeric.len(),
            labels: row.labels.len(),
            oracle: row.oracle.len(),
            targets: row.targets.len(),
            weight: row.weight.len(),
        };
        assert_eq!(widths, self.widths, "values of a row and widths of the table differ");
        self.categorical.extend_from_slice(row.categorical);
        self.numeric.extend_from_slice(row.numeric);
        self.labels.extend_from_slice(row.labels);
        self.time.push(row.time);
        self.end.push(row.end as u8);
        self.oracle.extend_from_slice(row.oracle);
        self.targets.extend_from_slice(row.targets);
        self.weight.extend_from_slice(row.weight);
    }

    pub(super) fn finish(self) -> Chunk {
        Chunk {
            categorical: self.categorical.into(),
            numeric: self.numeric.into(),
            labels: self.labels.into(),
            time: self.time.into(),
            end: self.end.into(),
            oracle: self.oracle.into(),
            targets: self.targets.into(),
            weight: self.weight.into(),
        }
    }
}
