//! The crate's one error type: what can be wrong with files and configuration.

use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong where this crate meets the outside: files it reads or writes, values it is configured with.
///
/// Every message says where, what was expected and what was found. Mistakes of the calling code (a row of the
/// wrong width, the wrong number of actions) are assertions instead.
#[derive(Debug, thiserror::Error)]
pub enum EnvError {
    /// The operating system refused: no such file, no permission, disk full.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as an infinitive: `open`, `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },

    /// The file is not an Arrow IPC file, is damaged or incomplete, or uses a layout tables never have.
    #[error("{} is not a readable table: {reason}; prepare the dataset again", path.display())]
    NotATable {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },

    /// A table's columns are not those the schema asks for.
    #[error(
        "{}: column `{column}` should be {expected}, found {found}; the table belongs to another schema, \
         prepare the dataset again", path.display()
    )]
    Layout {
        /// The table's file.
        path: PathBuf,
        /// Name of the column.
        column: String,
        /// The type the schema asks for.
        expected: String,
        /// The type in the file.
        found: String,
    },

    /// A value no table may hold.
    #[error("{}: row {row}, `{column}`: expected {expected}, found {found}", path.display())]
    Value {
        /// The table's file.
        path: PathBuf,
        /// Row of the table, counted from 0.
        row: u64,
        /// Name of the column, field or task.
        column: String,
        /// What is allowed there.
        expected: String,
        /// What is there.
        found: String,
    },

    /// Row ids are 32-bit: a split cannot be longer.
    #[error("{} would have more than {limit} rows, the most one split can hold; split the log", path.display())]
    TooManyRows {
        /// The table's file.
        path: PathBuf,
        /// The largest number of rows.
        limit: u32,
    },

    /// A schema that describes no table.
    #[error("schema: {place}: expected {expected}, found {found}")]
    Schema {
        /// The field or task.
        place: String,
        /// What is allowed there.
        expected: String,
        /// What is there.
        found: String,
    },

    /// The manifest is no valid JSON, or not of the shape this version writes.
    #[error("cannot read the manifest {}; prepare the dataset again", path.display())]
    Manifest {
        /// The manifest's file.
        path: PathBuf,
        /// Line, column and reason.
        source: serde_json::Error,
    },

    /// The manifest and this version, or the manifest and its tables, disagree.
    #[error("{}: {what}: expected {expected}, found {found}; prepare the dataset again", path.display())]
    Mismatch {
        /// The file in which the value was found.
        path: PathBuf,
        /// What disagrees.
        what: String,
        /// The expected value.
        expected: String,
        /// The value in the file.
        found: String,
    },

    /// A file is not what was written, which only its checksum shows.
    #[error(
        "{}: its checksum should be {expected}, found {found}: the file is damaged or was changed; prepare the dataset again",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The checksum it was written with.
        expected: String,
        /// Its checksum.
        found: String,
    },

    /// A configuration value outside its range.
    #[error("synthetic log: `{key}`: expected {expected}, found {found}")]
    Config {
        /// The key, as written in a configuration file.
        key: String,
        /// What is allowed there.
        expected: String,
        /// What is there.
        found: String,
    },
}

impl EnvError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    pub(crate) fn not_a_table(path: &Path, reason: impl Into<String>) -> Self {
        Self::NotATable { path: path.to_owned(), reason: reason.into() }
    }

    /// An error about the file at `path` unless what was found there is what it should be.
    pub(crate) fn unless_equal<T: PartialEq + ToString>(
        path: &Path,
        what: &str,
        expected: T,
        found: T,
    ) -> Result<(), Self> {
        if expected == found {
            return Ok(());
        }
        let (expected, found) = (expected.to_string(), found.to_string());
        Err(Self::Mismatch { path: path.to_owned(), what: what.into(), expected, found })
    }
}
