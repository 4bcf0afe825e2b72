//! A vocabulary as a file people and other programs can read.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, StringArray, UInt64Array};
use datafusion::arrow::csv::Writer;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::error::ArrowError;

/// Values per batch handed to the CSV writer.
const BATCH: usize = 1 << 16;

/// Writes value, id (from 1) and count.
pub(super) fn write(path: &Path, counts: &[(Box<str>, u64)]) -> Result<(), ArrowError> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("value", DataType::Utf8, false),
        Field::new("id", DataType::UInt64, false),
        Field::new("count", DataType::UInt64, false),
    ]));
    let mut writer = Writer::new(BufWriter::new(File::create(path)?));
    // A vocabulary without values is a file with a header.
    for start in (0..counts.len().max(1)).step_by(BATCH) {
        let chunk = &counts[start..counts.len().min(start + BATCH)];
        let values = StringArray::from_iter_values(chunk.iter().map(|(value, _)| value));
        let ids = UInt64Array::from_iter_values((1..).skip(start).take(chunk.len()));
        let numbers = UInt64Array::from_iter_values(chunk.iter().map(|(_, count)| *count));
        writer.write(&RecordBatch::try_new(
            schema.clone(),
            vec![Arc::new(values), Arc::new(ids), Arc::new(numbers)],
        )?)?;
    }
    writer.into_inner().into_inner().map_err(|error| error.into_error())?.sync_all()?;
    Ok(())
}
