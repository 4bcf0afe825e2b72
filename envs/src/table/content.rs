//! What the values of a table must be, checked before a table is trusted and before it is written.

use std::fmt;
use std::path::Path;

use super::SessionEnd;
use super::chunk::Chunk;
use crate::EnvError;
use crate::schema::{PADDING, Schema};

/// Checks a table chunk by chunk, in order.
#[derive(Debug)]
pub(super) struct Checker {
    /// Field and vocabulary size of every slot.
    slots: Vec<(String, u32)>,
    limits: Vec<u32>,
    numeric: Vec<String>,
    tasks: Vec<String>,
    parents: Vec<Option<usize>>,
    rows_before: u64,
    /// Time of the last row if its session continues.
    open_session: Option<i64>,
}

/// A value no table may hold.
#[derive(Debug, PartialEq)]
pub(super) struct WrongValue {
    row: u64,
    column: String,
    expected: String,
    found: String,
}

impl Checker {
    pub(super) fn new(schema: &Schema) -> Self {
        let slots: Vec<_> = schema
            .categorical
            .iter()
            .flat_map(|field| {
                std::iter::repeat_n((field.name.clone(), field.vocabulary_size), field.n_values as usize)
            })
            .collect();
        Self {
            limits: slots.iter().map(|&(_, size)| size).collect(),
            slots,
            numeric: schema.numeric.iter().map(|field| field.name.clone()).collect(),
            tasks: schema.tasks.iter().map(|task| task.name.clone()).collect(),
            parents: schema.parents(),
            rows_before: 0,
            open_session: None,
        }
    }

    pub(super) fn check(&mut self, chunk: &Chunk) -> Result<(), WrongValue> {
        self.check_categorical(chunk)?;
        self.check_numbers(&chunk.numeric, &self.numeric, "a finite number", |value| value.is_finite())?;
        self.check_labels(chunk)?;
        let probability = |value: f32| (0.0..=1.0).contains(&value);
        self.check_numbers(&chunk.oracle, &self.tasks, "a probability", probability)?;
        let amount = |value: f32| value >= 0.0 && value.is_finite();
        self.check_numbers(&chunk.targets, &self.tasks, "a number that is not negative", amount)?;
        self.check_numbers(&chunk.weight, &["weight".to_owned()], "a number that is not negative", amount)?;
        self.check_sessions(chunk)?;
        self.rows_before += chunk.n_rows() as u64;
        Ok(())
    }

    /// Checks what only the end of the table shows.
    pub(super) fn finish(&self) -> Result<(), WrongValue> {
        match self.open_session {
            None => Ok(()),
            Some(_) => {
                let row = self.rows_before - 1;
                Err(wrong(row, "end", "1 (terminated) or 2 (cut) in the table's last row", "0 (continues)"))
            }
        }
    }

    fn check_categorical(&self, chunk: &Chunk) -> Result<(), WrongValue> {
        if self.limits.is_empty() {
            return Ok(());
        }
        // Folded without a branch first: this is the widest column, and it is nearly always right.
        let fits = |id: u32, limit: u32| (id < limit) | (id == PADDING);
        let rows = || chunk.categorical.chunks_exact(self.limits.len());
        let row_fits =
            |ids: &[u32]| ids.iter().zip(&self.limits).fold(true, |all, (&id, &limit)| all & fits(id, limit));
        let Some(row) = rows().position(|ids| !row_fits(ids)) else {
            return Ok(());
        };
        let ids = &chunk.categorical[row * self.limits.len()..];
        let slot = (0..self.limits.len()).find(|&slot| !fits(ids[slot], self.limits[slot]));
        let slot = slot.expect("the row has an id that does not fit");
        let (field, size) = &self.slots[slot];
        let expected = format!("an id below {size}, or {PADDING} (padding)");
        Err(wrong(self.row(row), field, &expected, ids[slot]))
    }

    fn check_numbers(
        &self,
        values: &[f32],
        names: &[String],
        expected: &str,
        fits: impl Fn(f32) -> bool,
    ) -> Result<(), WrongValue> {
        match values.iter().position(|&value| !fits(value)) {
            None => Ok(()),
            Some(index) => {
                let (row, column) = (index / names.len(), index % names.len());
                Err(wrong(self.row(row), &names[column], expected, values[index]))
            }
        }
    }

    fn check_labels(&self, chunk: &Chunk) -> Result<(), WrongValue> {
        let n_tasks = self.tasks.len();
        if let Some(index) = chunk.labels.iter().position(|&label| label > 1) {
            let (row, task) = (self.row(index / n_tasks), index % n_tasks);
            return Err(wrong(row, &self.tasks[task], "a label 0 or 1", chunk.labels[index]));
        }
        for (task, parent) in self.parents.iter().enumerate() {
            let Some(parent) = *parent else { continue };
            let breaks = |labels: &[u8]| labels[task] > labels[parent];
            if let Some(row) = chunk.labels.chunks_exact(n_tasks).position(breaks) {
                let expected = format!("0, as `{}` is 0", self.tasks[parent]);
                return Err(wrong(self.row(row), &self.tasks[task], &expected, 1));
            }
        }
        Ok(())
    }

    fn check_sessions(&mut self, chunk: &Chunk) -> Result<(), WrongValue> {
        for (row, (&end, &time)) in chunk.end.iter().zip(chunk.time.iter()).enumerate() {
            if end > SessionEnd::Cut as u8 {
                return Err(wrong(self.row(row), "end", "0, 1 or 2", end));
            }
            if let Some(before) = self.open_session.filter(|&before| time < before) {
                let expected = format!("at least {before}, the time of the session's row before");
                return Err(wrong(self.row(row), "time", &expected, time));
            }
            self.open_session = (end == SessionEnd::Continues as u8).then_some(time);
        }
        Ok(())
    }

    fn row(&self, row_of_chunk: usize) -> u64 {
        self.rows_before + row_of_chunk as u64
    }
}

impl WrongValue {
    /// The same as an error about the file at `path`.
    pub(super) fn at(self, path: &Path) -> EnvError {
        let Self { row, column, expected, found } = self;
        EnvError::Value { path: path.to_owned(), row, column, expected, found }
    }
}

impl fmt::Display for WrongValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, column, expected, found } = self;
        write!(formatter, "row {row}, `{column}`: expected {expected}, found {found}")
    }
}

fn wrong(row: u64, column: &str, expected: &str, found: impl ToString) -> WrongValue {
    WrongValue { row, column: column.into(), expected: expected.into(), found: found.to_string() }
}
