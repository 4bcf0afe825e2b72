//! What a prepared dataset holds, in a file of its own.

use std::fs;
use std::path::Path;

use rmtl_files::write_whole;
use serde::{Deserialize, Serialize};

use crate::EnvError;
use crate::mdp::session::Sessions;
use crate::schema::Schema;
use crate::split::Split;
use crate::table::{LogTable, Row, SessionEnd};

/// Version of the layout of a prepared dataset; another version must be prepared again.
pub const FORMAT_VERSION: u32 = 2;

/// Name of the manifest inside a dataset's folder.
pub const MANIFEST_FILE: &str = "manifest.json";

/// What a prepared dataset holds, as written in its `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// Name of the dataset.
    pub name: String,
    /// Hash of everything the tables were made from; equal hashes, equal tables.
    pub content_hash: String,
    /// Hash of the dataset file's content alone; empty in datasets made before there was one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dataset_file_hash: String,
    /// How sessions were told apart.
    pub session: SessionRule,
    /// The tables' columns.
    pub schema: Schema,
    /// Whether the tables hold the true probabilities (synthetic logs).
    pub oracle: bool,
    /// Whether rows count differently in training.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub weight: bool,
    /// Training, validation, test.
    pub splits: Vec<SplitSummary>,
    /// What was found odd in the raw log.
    pub warnings: Vec<Warning>,
}

/// How sessions were told apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRule {
    /// The raw log's column with the key; where it is a categorical feature, the field's name.
    pub key: String,
    /// A longer pause begins a new session; in the unit of the log's times: milliseconds where they are timestamps, else the unit of
    /// the integers. Without one no session is known to end.
    pub gap: Option<i64>,
}

/// The size of one split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitSummary {
    /// Which one.
    pub split: Split,
    /// Number of rows.
    pub rows: u64,
    /// Number of sessions, each of rows of this split alone.
    pub sessions: u64,
    /// Of these, the sessions whose end is not known: the split ends before it would show.
    pub cut_sessions: u64,
    /// Rows with label 1, per task.
    pub positives: Vec<u64>,
    /// Earliest time, in milliseconds of the log's clock; 0 of an empty split.
    pub first_time: i64,
    /// Latest time, in milliseconds of the log's clock; 0 of an empty split.
    pub last_time: i64,
    /// The split's end, which with the split's own rows is all its table is made from. Splits by time: the time at
    /// which the next one begins, itself no longer in this one. The last split, and all splits by other rules: the
    /// last time among its own rows.
    pub boundary: i64,
}

/// Rows of the raw log that were not as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    /// A short name for programs to tell warnings apart.
    pub kind: String,
    /// How many rows.
    pub rows: u64,
    /// The same for people.
    pub message: String,
}

impl Manifest {
    /// Reads and checks `dir/manifest.json`.
    ///
    /// # Errors
    /// The file is missing, no manifest, of another [`FORMAT_VERSION`], or contradicts itself.
    pub fn read(dir: &Path) -> Result<Self, EnvError> {
        Self::parse(dir, &Self::read_text(dir)?)
    }

    /// The text of `dir/manifest.json`.
    pub(crate) fn read_text(dir: &Path) -> Result<String, EnvError> {
        let path = dir.join(MANIFEST_FILE);
        fs::read_to_string(&path).map_err(|source| EnvError::io("read", &path, source))
    }

    /// The manifest that `text`, of `dir/manifest.json`, is.
    pub(crate) fn parse(dir: &Path, text: &str) -> Result<Self, EnvError> {
        /// Looked at first: another version may have another shape.
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let path = dir.join(MANIFEST_FILE);
        let invalid = |source| EnvError::Manifest { path: path.clone(), source };
        let version: Version = serde_json::from_str(text).map_err(invalid)?;
        EnvError::unless_equal(&path, "format_version", FORMAT_VERSION, version.format_version)?;
        let manifest: Self = serde_json::from_str(text).map_err(invalid)?;
        manifest.check(&path)?;
        Ok(manifest)
    }

    /// The size of one split.
    pub fn summary(&self, split: Split) -> &SplitSummary {
        &self.splits[split as usize]
    }

    /// Writes `dir/manifest.json`, whole or not at all: a reader sees the old file or the new one.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn write(&self, dir: &Path) -> Result<(), EnvError> {
        let path = dir.join(MANIFEST_FILE);
        let failed = |source| EnvError::io("write", &path, source);
        write_whole(&path, |file| {
            serde_json::to_writer_pretty(&mut *file, self)?;
            file.write_all(b"\n")
        })
        .map_err(failed)
    }

    fn check(&self, path: &Path) -> Result<(), EnvError> {
        self.schema.validate()?;
        let splits: Vec<&str> = self.splits.iter().map(|summary| summary.split.name()).collect();
        EnvError::unless_equal(path, "splits", Split::ALL.map(Split::name).join(", "), splits.join(", "))?;
        for summary in &self.splits {
            let what = format!("positives of split {}", summary.split.name());
            EnvError::unless_equal(path, &what, self.schema.n_tasks(), summary.positives.len())?;
        }
        Ok(())
    }
}

impl SplitSummary {
    /// Share of sessions whose end is not known; 0 of an empty split.
    pub fn cut_share(&self) -> f64 {
        self.cut_sessions as f64 / self.sessions.max(1) as f64
    }

    /// Counts the rows of `table`, which ends at `boundary`, in one pass.
    pub fn of(split: Split, table: &LogTable, boundary: i64) -> Self {
        let mut positives = vec![0; table.n_tasks()];
        let mut cut_sessions = 0;
        for row in table.rows() {
            for (count, &label) in positives.iter_mut().zip(table.labels(row)) {
                *count += u64::from(label);
            }
            cut_sessions += u64::from(table.end(row) == SessionEnd::Cut);
        }
        let time = |row: Row| table.time(row);
        Self {
            split,
            rows: table.n_rows() as u64,
            sessions: Sessions::of(table).len() as u64,
            cut_sessions,
            positives,
            first_time: table.rows().map(time).min().unwrap_or(0),
            last_time: table.rows().map(time).max().unwrap_or(0),
            boundary,
        }
    }
}
