//! A copy of a raw table whose later rows are not what they were.

use std::fs::File;
use std::io;
use std::path::Path;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::error::ArrowError;
use datafusion::error::Result as QueryResult;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::Variant;
use super::raw_table::{RawTable, cannot_copy, writer};
use crate::IngestError;
use crate::query::raw::instants;

/// Rows that change places among themselves: what is held in memory.
const BATCH_ROWS: usize = 1 << 16;

/// Rows on either side of a boundary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sides {
    pub(super) before: u64,
    /// At the boundary or after it.
    pub(super) after: u64,
}

/// Writes `table` into `target`, the rows at or after `boundary` treated as `variant` says. Earlier rows keep their values
/// and their order, rows without a time count as earlier.
pub(super) fn tamper(
    table: &RawTable,
    boundary: i64,
    variant: Variant,
    target: &Path,
) -> Result<Sides, IngestError> {
    let rewritten = rewrite(table, boundary, variant, target);
    rewritten.map_err(|error| cannot_copy(target, io::Error::other(error.strip_backtrace())))
}

fn rewrite(table: &RawTable, boundary: i64, variant: Variant, target: &Path) -> QueryResult<Sides> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&table.path)?)?;
    let schema = reader.schema().clone();
    let time = schema.index_of(&table.time)?;
    let mut writer = writer(target, schema)?;
    let mut sides = Sides::default();
    for batch in reader.with_batch_size(BATCH_ROWS).build()? {
        let batch = batch?;
        let later = later_rows(&instants(batch.column(time))?, boundary);
        sides.after += later.len() as u64;
        sides.before += (batch.num_rows() - later.len()) as u64;
        writer.write(&tampered(&batch, time, &later, variant)?)?;
    }
    writer.close()?;
    Ok(sides)
}

fn later_rows(times: &Int64Array, boundary: i64) -> Vec<u32> {
    (0..times.len() as u32)
        .filter(|&row| times.is_valid(row as usize) && times.value(row as usize) >= boundary)
        .collect()
}

/// `batch` with its rows `later` treated as `variant` says; column `time` holds the times.
fn tampered(
    batch: &RecordBatch,
    time: usize,
    later: &[u32],
    variant: Variant,
) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().enumerate().map(|(column, values)| {
        // Neighbouring columns are shifted differently, so that no row stays whole; half of the values stand twice and the
        // others are lost, so that sums and counts change too.
        let shift = 1 + column % later.len().saturating_sub(1).max(1);
        let from: Vec<u32> = match variant {
            Variant::Unchanged => return Ok(values.clone()),
            Variant::Removed => Vec::new(),
            Variant::Permuted => later.iter().rev().copied().collect(),
            Variant::Changed if column == time => later.to_vec(),
            Variant::Changed => {
                (0..later.len()).map(|place| later[(place / 2 + shift) % later.len()]).collect()
            }
        };
        take(values, &sources(batch.num_rows(), later, &from), None)
    });
    RecordBatch::try_new(batch.schema(), columns.collect::<Result<Vec<ArrayRef>, _>>()?)
}

/// For each row of the result the row its value comes from: earlier ones from themselves, the later ones from `from`,
/// which may be empty.
fn sources(n_rows: usize, later: &[u32], from: &[u32]) -> UInt32Array {
    let mut next = 0;
    let source = |row: u32| match later.get(next) {
        Some(&later) if later == row => {
            next += 1;
            from.get(next - 1).copied()
        }
        _ => Some(row),
    };
    UInt32Array::from((0..n_rows as u32).filter_map(source).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::Int64Type;

    use super::*;

    /// Five rows at times 1, 9, none, 8, 7, numbered in two more columns.
    fn tampered_with(variant: Variant) -> Vec<Vec<Option<i64>>> {
        let times: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(9), None, Some(8), Some(7)]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![0, 1, 2, 3, 4]));
        let columns = [("time", times), ("a", numbers.clone()), ("b", numbers)];
        let batch =
            RecordBatch::try_from_iter_with_nullable(columns.map(|(name, c)| (name, c, true))).unwrap();
        let later = later_rows(batch.column(0).as_primitive::<Int64Type>(), 7);
        assert_eq!(later, [1, 3, 4]);
        let columns = tampered(&batch, 0, &later, variant).unwrap();
        columns.columns().iter().map(|c| c.as_primitive::<Int64Type>().iter().collect()).collect()
    }

    #[test]
    fn earlier_rows_stay_and_later_ones_do_not() {
        let some = |numbers: &[i64]| numbers.iter().copied().map(Some).collect::<Vec<_>>();
        let [removed, permuted, changed] =
            [Variant::Removed, Variant::Permuted, Variant::Changed].map(tampered_with);
        assert_eq!(removed, [vec![Some(1), None], some(&[0, 2]), some(&[0, 2])]);
        let permuted_times = vec![Some(1), Some(7), None, Some(8), Some(9)];
        assert_eq!(permuted, [permuted_times, some(&[0, 4, 2, 3, 1]), some(&[0, 4, 2, 3, 1])]);
        // Times stay; the columns are shifted by two and by one.
        let times = vec![Some(1), Some(9), None, Some(8), Some(7)];
        assert_eq!(changed, [times, some(&[0, 4, 2, 4, 1]), some(&[0, 3, 2, 3, 4])]);
    }
}
