//! What the passes over the rows of the query found: mistakes that end it, and what is worth a warning.

pub(crate) mod suspicion;
pub(crate) mod time_unit;
pub(crate) mod warnings;

use std::collections::BTreeMap;

use rmtl_envs::Warning;

use crate::dataset_file::DatasetFile;
use crate::findings::time_unit::TimeUnit;
use crate::rows::rejects::Reject;
use crate::{IngestError, OffendingValue};

/// Counts of what is odd row by row.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Rows kept.
    pub(crate) rows: u64,
    /// Whether the rows came in the order of the source files.
    pub(crate) in_source_order: bool,
    /// What integer times are counted in.
    pub(crate) time_unit: TimeUnit,
    /// Mistakes, one entry per column, in the order they were met.
    offences: Vec<Offence>,
    /// How many rows may be left out.
    max_bad_rows: u64,
    /// Rows of the current batch that are to be left out, by index, and the first reason of each.
    pub(crate) bad_rows: BTreeMap<usize, (Expectation, Found)>,
    /// Rows left out, as many as are needed to see that there are too many.
    rejects: Vec<(Expectation, Found)>,
    /// How many rows were left out.
    pub(crate) rejected: u64,
    /// Per task: rows with its raw label 1 whose predecessor's label is 0.
    pub(crate) chain_breaks: Vec<u64>,
    /// Per numeric field: rows with null or NaN.
    pub(crate) missing_numeric: Vec<u64>,
    /// Labels of 1 that were known before their row's own time, by task.
    pub(crate) early_labels: Vec<u64>,
    /// Numbers above their task's cap, by task.
    pub(crate) capped: Vec<u64>,
    /// Positives by task once everything is known, all splits together.
    pub(crate) eventual_positives: Vec<u64>,
    /// Names of numeric fields with one value in all training rows; known once they are fitted.
    pub(crate) constant_numeric: Vec<String>,
    /// Labels that become 1 too late to count, already in words; known once the splits are.
    pub(crate) late_labels: Vec<Warning>,
    /// What is odd in the source files.
    pub(crate) source_files: Vec<Warning>,
}

/// Values of one column that are not allowed.
#[derive(Debug)]
struct Offence {
    use_of_column: Expectation,
    first: Found,
    rows: u64,
}

/// A row with a value that is not allowed.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The row's number in the query's result, from 1.
    row: u64,
    /// Columns of the result and their values: the one that is not allowed, the session, the time.
    pub(crate) cells: [(usize, Option<String>); 3],
    /// File and place within it, where known.
    pub(crate) source: Option<(String, String)>,
}

impl Found {
    pub(crate) fn new(row: u64, cells: [(usize, Option<String>); 3]) -> Self {
        Self { row, cells, source: None }
    }

    fn value(&self, cell: usize) -> &str {
        self.cells[cell].1.as_deref().unwrap_or("null")
    }

    fn place(&self) -> String {
        let (row, session, time) = (self.row, self.value(1), self.value(2));
        let place = format!("row {row} of the query's result (session {session}, time {time})");
        match &self.source {
            Some((file, within)) => format!("{file}, {within}: {place}"),
            None => place,
        }
    }
}

/// What a column is for and what it must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expectation {
    pub(crate) key: &'static str,
    /// Position in the query's result.
    pub(crate) column: usize,
    pub(crate) expected: &'static str,
}

impl Findings {
    pub(crate) fn new(file: &DatasetFile) -> Self {
        Self {
            chain_breaks: vec![0; file.tasks.len()],
            missing_numeric: vec![0; file.numeric.len()],
            early_labels: vec![0; file.tasks.len()],
            capped: vec![0; file.tasks.len()],
            max_bad_rows: file.max_bad_rows,
            ..Self::default()
        }
    }

    /// Notes a value that is not allowed, in row `index` of the batch.
    pub(crate) fn offend(&mut self, expectation: Expectation, index: usize, describe: impl Fn() -> Found) {
        match self.offences.iter_mut().find(|offence| offence.use_of_column == expectation) {
            Some(offence) => offence.rows += 1,
            None => self.offences.push(Offence { use_of_column: expectation, first: describe(), rows: 1 }),
        }
        if self.may_reject() && !self.bad_rows.contains_key(&index) {
            self.bad_rows.insert(index, (expectation, describe()));
        }
    }

    /// Whether rows may be left out.
    pub(crate) fn may_reject(&self) -> bool {
        self.max_bad_rows > 0
    }

    /// Findings of another batch, to be [added](Self::add) or thrown away.
    pub(crate) fn of_batch(&self) -> Self {
        Self {
            rows: 0,
            max_bad_rows: self.max_bad_rows,
            time_unit: self.time_unit,
            chain_breaks: vec![0; self.chain_breaks.len()],
            missing_numeric: vec![0; self.missing_numeric.len()],
            early_labels: vec![0; self.early_labels.len()],
            capped: vec![0; self.capped.len()],
            ..Self::default()
        }
    }

    /// Adds the findings of a batch without bad rows.
    pub(crate) fn add(&mut self, batch: &Self) {
        let sum =
            |sums: &mut [u64], more: &[u64]| sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        self.rows += batch.rows;
        self.time_unit = batch.time_unit;
        sum(&mut self.chain_breaks, &batch.chain_breaks);
        sum(&mut self.missing_numeric, &batch.missing_numeric);
        sum(&mut self.early_labels, &batch.early_labels);
        sum(&mut self.capped, &batch.capped);
    }

    /// Leaves out the bad rows of a batch.
    pub(crate) fn reject(&mut self, batch: Self) {
        self.rejected += batch.bad_rows.len() as u64;
        let room = usize::try_from(self.max_bad_rows).unwrap_or(usize::MAX).saturating_add(1);
        let room = room - self.rejects.len().min(room);
        self.rejects.extend(batch.bad_rows.into_values().take(room));
    }

    /// The rows whose places in the source files a message needs.
    pub(crate) fn places(&mut self) -> Vec<&mut Found> {
        let first = self.offences.first_mut().map(|offence| &mut offence.first);
        first.into_iter().chain(self.rejects.iter_mut().map(|(_, found)| found)).collect()
    }

    /// The rows left out; `names` are the columns of the query's result.
    pub(crate) fn rejects(&self, names: &[String]) -> Vec<Reject> {
        let reject = |(Expectation { key, column, expected }, found): &(Expectation, Found)| {
            let (file, place) = found.source.clone().unwrap_or_else(|| (String::new(), found.place()));
            let name = &names[*column];
            let reason = format!("`{key}`: column `{name}`: expected {expected}, found {}", found.value(0));
            Reject { file, place, reason }
        };
        self.rejects.iter().map(reject).collect()
    }

    /// The first mistake, as an error; `names` are the columns of the query's result.
    pub(crate) fn check(&self, file: &DatasetFile, names: &[String]) -> Result<(), IngestError> {
        let Some(Offence { use_of_column: Expectation { key, column, expected }, first, rows }) =
            self.offences.first()
        else {
            return match self.rows {
                0 => Err(IngestError::NoRows { path: file.path().to_owned() }),
                _ => Ok(()),
            };
        };
        Err(IngestError::Value(Box::new(OffendingValue {
            path: file.path().to_owned(),
            key: (*key).to_owned(),
            column: names[*column].clone(),
            expected: (*expected).to_owned(),
            found: first.value(0).to_owned(),
            place: first.place(),
            rows: *rows,
        })))
    }
}
