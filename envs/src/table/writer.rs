//! Writing a table, row by row.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, Float32Type, Int64Type, UInt8Type, UInt32Type};
use arrow_array::{ArrayRef, FixedSizeListArray, PrimitiveArray, RecordBatch};
use arrow_buffer::ScalarBuffer;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};

use super::chunk::{Chunk, ChunkBuilder};
use super::content::Checker;
use super::layout::{self, Column};
use super::{CHUNK_ROWS, Extras, MAX_ROWS, RowValues};
use crate::EnvError;
use crate::schema::Schema;

/// Writes the table [`LogTable::open`](crate::LogTable::open) reads.
///
/// Rows are buffered up to a record batch, checked, and written; so a table that could be finished can be
/// opened. Whoever needs the file whole or not at all writes it elsewhere and renames it.
pub struct TableWriter {
    path: PathBuf,
    schema: Schema,
    extras: Extras,
    columns: Vec<Column>,
    arrow_schema: SchemaRef,
    file: FileWriter<BufWriter<File>>,
    checker: Checker,
    builder: ChunkBuilder,
    rows: u32,
    max_rows: u32,
}

impl TableWriter {
    /// Creates the file at `path`, replacing one that is there. `extras` tells what rows bring beside what every row has.
    ///
    /// # Errors
    /// The schema is not valid, or the file cannot be created.
    pub fn create(path: &Path, schema: &Schema, extras: Extras) -> Result<Self, EnvError> {
        schema.validate()?;
        let columns = layout::columns(schema, extras);
        let arrow_schema = Arc::new(layout::arrow_schema(&columns));
        let file = File::create(path).map_err(|source| EnvError::io("create", path, source))?;
        let file = FileWriter::try_new_buffered(file, &arrow_schema).map_err(|error| failed(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            schema: schema.clone(),
            extras,
            columns,
            arrow_schema,
            file,
            checker: Checker::new(schema),
            builder: ChunkBuilder::new(schema, extras),
            rows: 0,
            max_rows: MAX_ROWS,
        })
    }

    /// Bytes it buffers before they go to the file: a record batch, whatever number of rows there will be.
    pub fn buffered_bytes(schema: &Schema, extras: Extras) -> u64 {
        let of_four = [
            schema.n_slots(),
            schema.n_numeric(),
            schema.n_targets(),
            extras.n_oracle(schema),
            extras.n_weight(),
        ];
        // Labels and the session's end have a byte, the time has eight.
        let row = 4 * of_four.into_iter().sum::<usize>() + schema.n_tasks() + 1 + 8;
        row as u64 * CHUNK_ROWS as u64
    }

    /// Appends a row.
    ///
    /// # Errors
    /// The table is full, the disk is full, or a value is not allowed (noticed once its record batch is
    /// complete: the error names the row).
    ///
    /// # Panics
    /// If the row has more or fewer values than the schema says.
    pub fn push(&mut self, row: RowValues<'_>) -> Result<(), EnvError> {
        if self.rows == self.max_rows {
            return Err(EnvError::TooManyRows { path: self.path.clone(), limit: self.max_rows });
        }
        self.builder.push(row);
        self.rows += 1;
        if self.builder.n_rows() == CHUNK_ROWS { self.write_chunk() } else { Ok(()) }
    }

    /// Writes what is left and the footer, waits until the disk has it, and returns the number of rows.
    ///
    /// # Errors
    /// The disk is full, a value is not allowed, or the last session does not end.
    pub fn finish(mut self) -> Result<u32, EnvError> {
        if self.builder.n_rows() > 0 {
            self.write_chunk()?;
        }
        self.checker.finish().map_err(|wrong| wrong.at(&self.path))?;
        self.file.write_metadata(layout::ROWS, self.rows.to_string());
        self.file.finish().map_err(|error| failed(&self.path, error))?;
        let synced = self.file.get_ref().get_ref().sync_all();
        synced.map_err(|source| EnvError::io("write", &self.path, source))?;
        Ok(self.rows)
    }

    fn write_chunk(&mut self) -> Result<(), EnvError> {
        let builder = std::mem::replace(&mut self.builder, ChunkBuilder::new(&self.schema, self.extras));
        let chunk = builder.finish();
        self.checker.check(&chunk).map_err(|wrong| wrong.at(&self.path))?;
        let arrays = self.columns.iter().map(|column| array(&chunk, column)).collect();
        let batch = RecordBatch::try_new(self.arrow_schema.clone(), arrays).expect("a chunk has its columns");
        self.file.write(&batch).map_err(|error| failed(&self.path, error))
    }
}

impl fmt::Debug for TableWriter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TableWriter")
            .field("path", &self.path)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

fn array(chunk: &Chunk, column: &Column) -> ArrayRef {
    match column.name {
        "categorical" => typed_array::<UInt32Type>(&chunk.categorical, column),
        "numeric" => typed_array::<Float32Type>(&chunk.numeric, column),
        "labels" => typed_array::<UInt8Type>(&chunk.labels, column),
        "time" => typed_array::<Int64Type>(&chunk.time, column),
        "end" => typed_array::<UInt8Type>(&chunk.end, column),
        "targets" => typed_array::<Float32Type>(&chunk.targets, column),
        layout::WEIGHT => typed_array::<Float32Type>(&chunk.weight, column),
        layout::ORACLE => typed_array::<Float32Type>(&chunk.oracle, column),
        name => unreachable!("column `{name}` is not in the layout"),
    }
}

fn typed_array<T: ArrowPrimitiveType>(values: &ScalarBuffer<T::Native>, column: &Column) -> ArrayRef {
    let values = Arc::new(PrimitiveArray::<T>::new(values.clone(), None));
    match column.width {
        None => values,
        Some(width) => Arc::new(FixedSizeListArray::new(column.item_field(), width, values, None)),
    }
}

fn failed(path: &Path, error: ArrowError) -> EnvError {
    let source = match error {
        ArrowError::IoError(_, source) => source,
        other => io::Error::other(other),
    };
    EnvError::io("write", path, source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{rows, schema};
    use crate::table::SessionEnd;

    #[test]
    fn a_table_takes_no_more_rows_than_ids_reach() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.arrow");
        let mut writer =
            TableWriter::create(&path, &schema(1), Extras { oracle: true, weight: false }).unwrap();
        assert_eq!(writer.max_rows, u32::MAX - 1);
        writer.max_rows = 2;
        let rows = rows(1, &[(2, SessionEnd::Terminated), (1, SessionEnd::Terminated)]);
        writer.push(rows[0].values()).unwrap();
        writer.push(rows[1].values()).unwrap();
        let message = writer.push(rows[2].values()).unwrap_err().to_string();
        assert!(message.contains("train.arrow would have more than 2 rows"), "{message}");
        assert_eq!(writer.finish().unwrap(), 2);
    }
}
