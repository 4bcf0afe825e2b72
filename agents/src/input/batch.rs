//! The one place where rows of the log become tensors.

use std::sync::{Arc, OnceLock};

use burn::tensor::{Device, Tensor, TensorData};
use rmtl_envs::{LogTable, Row, Schema};

use crate::embedding::Lookup;

/// The states of a batch of rows.
#[derive(Clone, Debug)]
pub struct StateBatch {
    /// Category ids `[batch, slot]`, row-major. They stay on the host, where the embedding tables are.
    pub ids: Vec<u32>,
    /// Standardised numeric columns `[batch, numeric]`, row-major; the encoder decides what becomes of them.
    pub numeric: Vec<f32>,
    /// Rows in the batch.
    pub n_rows: usize,
    /// The table rows of `ids`, resolved by whoever asks first.
    lookup: OnceLock<Arc<Lookup>>,
}

impl StateBatch {
    /// Of `n_rows` rows' ids and numbers, both row-major.
    pub fn new(ids: Vec<u32>, numeric: Vec<f32>, n_rows: usize) -> Self {
        Self { ids, numeric, n_rows, lookup: OnceLock::new() }
    }

    /// The table rows of the batch: those `fits` accepts if they were resolved before, else what `resolve` says. Actor and
    /// critics of one log look up the same rows.
    pub(crate) fn lookup(&self, fits: impl Fn(&Lookup) -> bool, resolve: impl Fn() -> Lookup) -> Arc<Lookup> {
        let known = self.lookup.get_or_init(|| Arc::new(resolve()));
        if fits(known) { known.clone() } else { Arc::new(resolve()) }
    }

    /// The `n_numeric` numeric columns `[batch, numeric]`, without a graph.
    pub fn numeric_tensor(&self, n_numeric: usize, device: &Device) -> Tensor<2> {
        let shape = [self.n_rows, n_numeric];
        Tensor::from_data(TensorData::new(self.numeric.clone(), shape), &device.clone().inner())
    }
}

/// Reads batches of one split.
#[derive(Clone)]
pub struct BatchReader<'a> {
    /// The split.
    pub table: &'a LogTable,
    schema: &'a Schema,
    device: Device,
}

impl<'a> BatchReader<'a> {
    /// A reader of `table` that puts its tensors on `device` (without autodiff: data is never differentiated).
    pub fn new(table: &'a LogTable, schema: &'a Schema, device: &Device) -> Self {
        Self { table, schema, device: device.clone().inner() }
    }

    /// The states of `rows`.
    pub fn states(&self, rows: &[Row]) -> StateBatch {
        let mut ids = Vec::with_capacity(rows.len() * self.schema.n_slots());
        let n_numeric = self.schema.n_numeric();
        let mut numeric = Vec::with_capacity(rows.len() * n_numeric);
        for &row in rows {
            ids.extend_from_slice(self.table.categorical(row));
            if n_numeric > 0 {
                numeric.extend_from_slice(self.table.numeric(row));
            }
        }
        StateBatch::new(ids, numeric, rows.len())
    }

    /// The labels of `rows`, `[batch, task]`: zeros and ones, or for a number its share of the cap.
    pub fn labels(&self, rows: &[Row]) -> Tensor<2> {
        let mut labels = Vec::with_capacity(rows.len() * self.schema.n_tasks());
        for &row in rows {
            match self.table.targets(row) {
                Some(targets) => labels.extend_from_slice(targets),
                None => labels.extend(self.table.labels(row).iter().map(|&label| f32::from(label))),
            }
        }
        self.tensor(labels, rows.len(), self.schema.n_tasks())
    }

    /// `values` (row-major, `width` a row) on the reader's device.
    pub fn tensor(&self, values: Vec<f32>, n_rows: usize, width: usize) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values, [n_rows, width]), &self.device)
    }
}
