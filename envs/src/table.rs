//! The prepared log: fixed-width columns, memory-mapped.

mod chunk;
mod content;
mod layout;
mod reader;
mod writer;

use std::fmt;
use std::path::Path;

use arrow_buffer::Buffer;
use serde::{Deserialize, Serialize};

use self::chunk::{Chunk, ChunkBuilder};
use self::content::Checker;
pub use self::writer::TableWriter;
use crate::EnvError;
use crate::schema::Schema;

/// Rows of a record batch; only a table's last one is shorter. A power of two, so that a row finds its batch
/// with a shift.
pub const CHUNK_ROWS: usize = 1 << 16;

/// The most rows a table can hold.
pub const MAX_ROWS: u32 = u32::MAX - 1;

/// A row of one split's table: a state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Row(pub u32);

/// What comes after a row.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum SessionEnd {
    /// The next row belongs to the same session.
    #[default]
    Continues = 0,
    /// The session is over.
    Terminated = 1,
    /// The split ends, and nobody knows whether the session does.
    Cut = 2,
}

/// The values of one row, on their way into a table; by default none, in a session that goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RowValues<'a> {
    /// Ids: `[slot]`, each below its field's vocabulary size, or [`PADDING`](crate::PADDING).
    pub categorical: &'a [u32],
    /// Standardised numbers: `[numeric field]`, finite.
    pub numeric: &'a [f32],
    /// 0 or 1: `[task]`; 0 wherever the task it comes after is 0.
    pub labels: &'a [u8],
    /// Milliseconds of the log's clock; never earlier than the session's row before.
    pub time: i64,
    /// What comes after the row.
    pub end: SessionEnd,
    /// True P(label = 1): `[task]`, or empty if nobody knows.
    pub oracle: &'a [f32],
    /// What is to be predicted: `[task]`, the label, or where that is a number its share of the cap
    /// ([`NumberScale`](crate::NumberScale)); empty where no label is a number. `labels` then says whether it is above 0.
    pub targets: &'a [f32],
    /// How much the row counts in training: `[1]`, not negative; empty where all count alike.
    pub weight: &'a [f32],
}

/// What the rows of a table have beside what every row has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// The true probabilities of the labels.
    pub oracle: bool,
    /// How much a row counts in training.
    pub weight: bool,
}

impl Extras {
    fn n_oracle(self, schema: &Schema) -> usize {
        if self.oracle { schema.n_tasks() } else { 0 }
    }

    fn n_weight(self) -> usize {
        usize::from(self.weight)
    }
}

/// One split of a prepared log, rows sorted by session, then time.
///
/// Columns are row-major and fixed-width (`FixedSizeList<UInt32, slots>` …) in an Arrow IPC file that any Arrow
/// reader can open. The file is mapped, not loaded: memory holds the pages in use, and several processes share
/// them. Clones share the mapping.
#[derive(Clone)]
pub struct LogTable {
    n_rows: usize,
    n_slots: usize,
    n_numeric: usize,
    n_tasks: usize,
    n_targets: usize,
    extras: Extras,
    chunks: Vec<Chunk>,
}

impl LogTable {
    /// Maps the table at `path` and checks every value in it.
    ///
    /// The check is one sequential pass over the file, as fast as it can be read; afterwards any row can be
    /// trusted. The file must not be changed while the table is open: replace it by renaming a new one.
    ///
    /// # Errors
    /// The file is missing, no complete Arrow IPC file, was written for another schema, or holds a value that
    /// [`RowValues`] does not allow.
    pub fn open(path: &Path, schema: &Schema) -> Result<Self, EnvError> {
        Self::open_checked(path, schema, |_| Ok(()))
    }

    /// The same where `is_whole` has nothing against the bytes of the file.
    pub(crate) fn open_checked(
        path: &Path,
        schema: &Schema,
        is_whole: impl FnOnce(&[u8]) -> Result<(), EnvError>,
    ) -> Result<Self, EnvError> {
        schema.validate()?;
        let file = reader::map(path)?;
        is_whole(&file)?;
        Self::in_file(path, &file, schema)
    }

    /// The table whose file, named `path` in errors, lies in `file`.
    fn in_file(path: &Path, file: &Buffer, schema: &Schema) -> Result<Self, EnvError> {
        let (chunks, extras) = reader::read(path, file, schema)?;
        let mut checker = Checker::new(schema);
        chunks.iter().try_for_each(|chunk| checker.check(chunk)).map_err(|wrong| wrong.at(path))?;
        checker.finish().map_err(|wrong| wrong.at(path))?;
        Ok(Self::new(schema, chunks, extras))
    }

    /// A table in memory, for tests and examples. The oracle is known if the first row's is.
    ///
    /// # Panics
    /// If a row is none of this schema's.
    pub fn from_rows<'a>(schema: &Schema, rows: impl IntoIterator<Item = RowValues<'a>>) -> Self {
        schema.validate().unwrap_or_else(|error| panic!("{error}"));
        let mut rows = rows.into_iter().peekable();
        let first = rows.peek();
        let extras = Extras {
            oracle: first.is_some_and(|row| !row.oracle.is_empty()),
            weight: first.is_some_and(|row| !row.weight.is_empty()),
        };
        let mut checker = Checker::new(schema);
        let mut chunks = Vec::new();
        while rows.peek().is_some() {
            let mut builder = ChunkBuilder::new(schema, extras);
            rows.by_ref().take(CHUNK_ROWS).for_each(|row| builder.push(row));
            let chunk = builder.finish();
            checker.check(&chunk).unwrap_or_else(|wrong| panic!("{wrong}"));
            chunks.push(chunk);
        }
        checker.finish().unwrap_or_else(|wrong| panic!("{wrong}"));
        Self::new(schema, chunks, extras)
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of ids a row has.
    pub fn n_slots(&self) -> usize {
        self.n_slots
    }

    /// Number of numbers a row has.
    pub fn n_numeric(&self) -> usize {
        self.n_numeric
    }

    /// Number of labels a row has.
    pub fn n_tasks(&self) -> usize {
        self.n_tasks
    }

    /// Whether the true probabilities are known.
    pub fn has_oracle(&self) -> bool {
        self.extras.oracle
    }

    /// Whether rows count differently in training.
    pub fn has_weight(&self) -> bool {
        self.extras.weight
    }

    /// Every row, in the table's order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row> + DoubleEndedIterator {
        (0..self.n_rows as u32).map(Row)
    }

    /// Ids of a row: `[slot]`.
    #[inline]
    pub fn categorical(&self, row: Row) -> &[u32] {
        let (chunk, index) = self.locate(row);
        &chunk.categorical[index * self.n_slots..][..self.n_slots]
    }

    /// Standardised numbers of a row: `[numeric field]`.
    #[inline]
    pub fn numeric(&self, row: Row) -> &[f32] {
        let (chunk, index) = self.locate(row);
        &chunk.numeric[index * self.n_numeric..][..self.n_numeric]
    }

    /// Labels of a row, 0 or 1: `[task]`.
    #[inline]
    pub fn labels(&self, row: Row) -> &[u8] {
        let (chunk, index) = self.locate(row);
        &chunk.labels[index * self.n_tasks..][..self.n_tasks]
    }

    /// Time of a row, in milliseconds of the log's clock.
    #[inline]
    pub fn time(&self, row: Row) -> i64 {
        let (chunk, index) = self.locate(row);
        chunk.time[index]
    }

    /// What comes after a row.
    #[inline]
    pub fn end(&self, row: Row) -> SessionEnd {
        let (chunk, index) = self.locate(row);
        match chunk.end[index] {
            0 => SessionEnd::Continues,
            1 => SessionEnd::Terminated,
            _ => SessionEnd::Cut,
        }
    }

    /// True P(label = 1) of a row: `[task]`; of synthetic logs only.
    #[inline]
    pub fn oracle(&self, row: Row) -> Option<&[f32]> {
        let (chunk, index) = self.locate(row);
        self.extras.oracle.then(|| &chunk.oracle[index * self.n_tasks..][..self.n_tasks])
    }

    /// What is to be predicted of a row: `[task]`, the label or, where that is a number, its share of the cap; of tables where
    /// the label of a task is a number only.
    #[inline]
    pub fn targets(&self, row: Row) -> Option<&[f32]> {
        let (chunk, index) = self.locate(row);
        (self.n_targets > 0).then(|| &chunk.targets[index * self.n_targets..][..self.n_targets])
    }

    /// What is to be predicted of a row for one task.
    #[inline]
    pub fn target(&self, row: Row, task: usize) -> f32 {
        self.targets(row).map_or_else(|| f32::from(self.labels(row)[task]), |targets| targets[task])
    }

    /// How much a row counts in training; 1 where all count alike.
    #[inline]
    pub fn weight(&self, row: Row) -> f32 {
        let (chunk, index) = self.locate(row);
        chunk.weight.get(index).copied().unwrap_or(1.0)
    }

    /// The `end` column as stored, chunk by chunk.
    pub(crate) fn ends(&self) -> impl Iterator<Item = &[u8]> {
        self.chunks.iter().map(|chunk| &*chunk.end)
    }

    fn new(schema: &Schema, chunks: Vec<Chunk>, extras: Extras) -> Self {
        let n_rows = chunks.iter().map(Chunk::n_rows).sum();
        assert!(n_rows <= MAX_ROWS as usize, "{n_rows} rows of at most {MAX_ROWS}");
        Self {
            n_rows,
            n_slots: schema.n_slots(),
            n_numeric: schema.n_numeric(),
            n_tasks: schema.n_tasks(),
            n_targets: schema.n_targets(),
            extras,
            chunks,
        }
    }

    #[inline]
    fn locate(&self, row: Row) -> (&Chunk, usize) {
        let row = row.0 as usize;
        (&self.chunks[row / CHUNK_ROWS], row % CHUNK_ROWS)
    }
}

impl fmt::Debug for LogTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LogTable")
            .field("n_rows", &self.n_rows)
            .field("n_slots", &self.n_slots)
            .field("n_numeric", &self.n_numeric)
            .field("n_tasks", &self.n_tasks)
            .field("extras", &self.extras)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
