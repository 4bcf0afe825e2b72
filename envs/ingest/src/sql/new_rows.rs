//! New rows through the dataset's own query and the vocabularies that were fitted for it: rows to predict.
//!
//! Nobody knows their labels yet, so the query runs for the features alone: it is cut down to them before it is run, and a
//! column of the rows that only labels are made from need not be there.

mod chosen;
mod input;
mod job;
mod lent;

use std::fs;
use std::path::Path;

use datafusion::arrow::array::RecordBatch;
use rmtl_envs::{Cancel, MANIFEST_FILE, Schema};
use rmtl_files::{CHECKSUMS_FILE, Checksums};

use self::job::Job;
use super::engine::{Engine, default_memory};
use super::query::run_error_in;
use super::rows::wait;
use super::runtime;
use crate::dataset_file::DatasetFile;
use crate::fit::vocabulary;
use crate::split::boundary::Boundaries;
use crate::write::encode::{Encoder, Fitted};
use crate::write::staging::VOCABULARY_DIR;
use crate::{IngestError, cancelled, source};

/// Rows that are to be predicted, and what encodes them.
#[derive(Clone, Debug)]
pub struct NewRows<'a> {
    /// The dataset file the model was trained with.
    pub file: &'a DatasetFile,
    /// Where its other tables are; the default is the folder of the dataset file.
    pub root: Option<&'a Path>,
    /// The prepared dataset: its `vocabulary/` is read, and that and its manifest are checked against its checksums, if it has any.
    pub prepared: &'a Path,
    /// The prepared dataset's schema.
    pub schema: &'a Schema,
    /// The table the rows stand for; needed where the query has several.
    pub table: Option<&'a str>,
    /// Their files or globs, of any format a table can have; `-` is the standard input.
    pub input: &'a [String],
    /// Columns of the query's result to hand on beside session and time.
    pub keep: &'a [String],
}

/// A batch of rows as models read them.
#[derive(Clone, Debug)]
pub struct EncodedRows {
    /// Ids `[row, slot]`, row-major.
    pub categorical: Vec<u32>,
    /// Standardised numbers `[row, numeric field]`, row-major.
    pub numeric: Vec<f32>,
    /// Number of rows.
    pub n_rows: usize,
    /// Rows of the query's result before these.
    pub first_row: u64,
    /// Session and time, where the rows have them, and what else is to be kept.
    pub kept: RecordBatch,
}

/// What was found in the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Rows encoded.
    pub rows: u64,
    /// Of every field with ids: its values, and those that the model has never seen.
    pub ids: Vec<ValueCount>,
    /// Of every number: its values, and those that are missing, which stand at the training rows' mean.
    pub numbers: Vec<ValueCount>,
}

/// Values of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueCount {
    /// The field.
    pub field: String,
    /// All of them.
    pub values: u64,
    /// Those that say nothing.
    pub unknown: u64,
}

impl NewRows<'_> {
    /// Hands on the rows batch by batch, in the order of the query's result: that of the files, unless the query sorts or a
    /// join changes it.
    ///
    /// The table named by [`table`](Self::table) is read from [`input`](Self::input) instead of its own files. Columns that
    /// the query names and the input lacks are taken as null where no feature, filter or join depends on them. Memory holds
    /// one batch, the vocabularies, and what the query's joins, sorts and windows hold. Rows are never left out: one that cannot
    /// be read is an error, whatever `max_bad_rows`. Where the query yields no row, a batch without rows has the columns.
    ///
    /// # Errors
    /// Any [`IngestError`], or one of `each`.
    ///
    /// # Panics
    /// If called from within a tokio runtime.
    pub fn read(
        &self,
        cancel: &Cancel,
        each: &mut dyn FnMut(&EncodedRows) -> Result<(), IngestError>,
    ) -> Result<RowCounts, IngestError> {
        let scratch = tempfile::Builder::new().prefix("rmtl-rows-").tempdir();
        let scratch =
            scratch.map_err(|error| IngestError::output("make a folder in", &std::env::temp_dir(), error))?;
        let scratch = scratch.path();
        let (file, table) = input::replaced(self, scratch)?;
        let sources = source::resolve(&file, self.root, cancel)?;
        let mut encoder = self.encoder(&file)?;
        let engine = Engine::new(scratch, default_memory()).map_err(|e| run_error_in(scratch, &file, &e))?;
        let rows = Job { file: &file, table: &table, keep: self.keep, scratch, input: self.input };
        let read = wait(&runtime(scratch)?, cancel, rows.run(&engine, &sources, &mut encoder, each));
        cancelled::on_request(read, cancel)
    }

    /// What turns values into ids and numbers as the training rows' were.
    fn encoder(&self, file: &DatasetFile) -> Result<Encoder, IngestError> {
        self.verify(file)?;
        let folder = self.prepared.join(VOCABULARY_DIR);
        let vocabularies = vocabulary::read(file, &folder)?;
        let fields = self.schema.categorical.iter();
        for ((name, vocabulary), field) in file.id_fields().zip(&vocabularies).zip(fields) {
            if name != field.name || vocabulary.size() != field.vocabulary_size {
                let message = format!(
                    "expected the {} ids of `{}`, found {} of `{name}`",
                    field.vocabulary_size,
                    field.name,
                    vocabulary.size()
                );
                return Err(IngestError::Vocabulary { path: folder, message });
            }
        }
        // Without labels there are no targets to scale.
        let scales = vec![None; file.tasks.len()];
        let fitted = Fitted { vocabularies, numeric: self.schema.numeric.clone(), scales };
        let separators = vec![None; self.schema.categorical.len()];
        let all_alike = Boundaries::Times { validation_from: i64::MAX, test_from: i64::MAX };
        Ok(Encoder::new(file, fitted, separators, all_alike))
    }

    /// Refuses a manifest or a vocabulary that is not what was written.
    fn verify(&self, file: &DatasetFile) -> Result<(), IngestError> {
        let damaged =
            |name: &str, message: String| IngestError::Vocabulary { path: self.prepared.join(name), message };
        let list =
            Checksums::read(self.prepared).map_err(|error| damaged(CHECKSUMS_FILE, error.to_string()))?;
        let Some(list) = list else { return Ok(()) };
        let vocabularies = file.id_fields().map(|field| format!("{VOCABULARY_DIR}/{field}.csv"));
        // Hashed values have none.
        let there = vocabularies.filter(|name| self.prepared.join(name).exists());
        for name in there.chain([MANIFEST_FILE.to_owned()]) {
            let bytes = fs::read(self.prepared.join(&name));
            let bytes = bytes.map_err(|error| damaged(&name, error.to_string()))?;
            list.verify(&name, &bytes).map_err(|error| damaged(&name, error.to_string()))?;
        }
        Ok(())
    }
}
