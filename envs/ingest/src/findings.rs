//! What the passes over the query's rows found: mistakes that end it, and oddities worth a warning.

use rmtl_envs::Warning;

use crate::dataset_file::DatasetFile;
use crate::{IngestError, OffendingValue};

/// Counts of what is odd row by row.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Rows seen.
    pub(crate) rows: u64,
    /// Whether the rows came in the order of the source files.
    pub(crate) in_source_order: bool,
    /// Mistakes, one entry per column, in the order they were met.
    offences: Vec<Offence>,
    /// Per task: rows with its raw label 1 whose predecessor's label is 0.
    pub(crate) chain_breaks: Vec<u64>,
    /// Per numeric field: rows with null or NaN.
    pub(crate) missing_numeric: Vec<u64>,
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
    found: String,
    place: String,
    rows: u64,
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
            ..Self::default()
        }
    }

    /// Notes a value that is not allowed; `describe` (value, place) is asked for the first of its column only.
    pub(crate) fn offend(&mut self, expectation: Expectation, describe: impl FnOnce() -> (String, String)) {
        match self.offences.iter_mut().find(|offence| offence.use_of_column == expectation) {
            Some(offence) => offence.rows += 1,
            None => {
                let (found, place) = describe();
                self.offences.push(Offence { use_of_column: expectation, found, place, rows: 1 });
            }
        }
    }

    /// The first mistake, as an error; `names` are the columns of the query's result.
    pub(crate) fn check(&self, file: &DatasetFile, names: &[String]) -> Result<(), IngestError> {
        let Some(Offence { use_of_column: Expectation { key, column, expected }, found, place, rows }) =
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
            found: found.clone(),
            place: place.clone(),
            rows: *rows,
        })))
    }
}
