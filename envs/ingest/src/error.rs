//! The crate's one error type. Every message says where, what was expected, what was found, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rmtl_envs::{EnvError, TooMuchMemory};

use rmtl_files::suggestion;
use rmtl_files::toml_file::TomlError;

/// Why a dataset could not be prepared. Nothing half-written is left behind, whichever it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The dataset file itself cannot be read.
    #[error("cannot read the dataset file {}", path.display())]
    DatasetFile {
        /// The dataset file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },

    /// The dataset file is not TOML, lacks a key, has one that means nothing, or a value of the wrong type.
    #[error(transparent)]
    Toml(#[from] TomlError),

    /// The dataset file contradicts itself or asks for the impossible.
    #[error("{}: `{key}`: expected {expected}, found {found}", path.display())]
    Setting {
        /// The dataset file.
        path: PathBuf,
        /// The key, with its table: `tasks.buy.after`.
        key: String,
        /// What is allowed there.
        expected: String,
        /// What is there.
        found: String,
    },

    /// What the dataset file asks for does not fit into memory.
    #[error("{}: {reason}", path.display())]
    Memory {
        /// The dataset file.
        path: PathBuf,
        /// What asks for how much.
        reason: TooMuchMemory,
    },

    /// A table's files are not there.
    #[error("table `{table}`: {problem}: {}; check `--root` and the path in [tables]", path.display())]
    MissingSource {
        /// Name of the table.
        table: String,
        /// What is missing.
        problem: &'static str,
        /// The path or pattern, with the folder it was looked for in.
        path: PathBuf,
    },

    /// A table's files are there but cannot be read, or do not belong together.
    #[error("table `{table}`, {}: {message}", path.display())]
    Source {
        /// Name of the table.
        table: String,
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        message: String,
    },

    /// The SQL query cannot be planned.
    #[error("{}: `query`: {message}{}", path.display(), suggestion(nearest.as_deref()))]
    Sql {
        /// The dataset file.
        path: PathBuf,
        /// DataFusion's reason, shortened.
        message: String,
        /// The column or table most like the unknown one.
        nearest: Option<String>,
    },

    /// The SQL query failed while it ran.
    #[error("{}: `query` failed: {message}{advice}", path.display())]
    Query {
        /// The dataset file.
        path: PathBuf,
        /// DataFusion's reason, shortened.
        message: String,
        /// What usually helps, starting with a separator; empty where nothing is known.
        advice: &'static str,
    },

    /// A column the dataset file names is not in the query's result.
    #[error(
        "{}: `{key}` names column `{column}`, which the query does not yield{}; it yields {found}", path.display(),
        suggestion(nearest.as_deref())
    )]
    MissingColumn {
        /// The dataset file.
        path: PathBuf,
        /// The key that names the column.
        key: String,
        /// The column.
        column: String,
        /// The column of the result most like it.
        nearest: Option<String>,
        /// The columns of the result.
        found: String,
    },

    /// New rows lack a column that a feature is made from.
    #[error(
        "{input}: no column `{column}`, which {} needs for what the model reads{}; found {found}", path.display(),
        suggestion(nearest.as_deref())
    )]
    MissingFeature {
        /// The rows' file.
        input: String,
        /// The dataset file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The column that is there and most like it.
        nearest: Option<String>,
        /// The columns that are there.
        found: String,
    },

    /// What the columns of a log mean cannot be guessed.
    #[error("{log}: {message}")]
    Sketch {
        /// The log.
        log: String,
        /// What was looked for, what was found, and how to say it.
        message: String,
    },

    /// A vocabulary of a prepared dataset cannot be read.
    #[error("{}: {message}; prepare the dataset again", path.display())]
    Vocabulary {
        /// Its file.
        path: PathBuf,
        /// What was expected and found.
        message: String,
    },

    /// The query yields columns the dataset file says nothing about.
    #[error(
        "{}: the query yields columns no list names: {columns}; list them under `categorical`, `numeric`, \
         `multi_valued` or `ignore`, or leave them out of the query", path.display()
    )]
    UnlistedColumns {
        /// The dataset file.
        path: PathBuf,
        /// The columns.
        columns: String,
    },

    /// A column has a type its use does not allow.
    #[error("{}: `{key}`: column `{column}` has type {found}, expected {expected}{advice}", path.display())]
    WrongType {
        /// The dataset file.
        path: PathBuf,
        /// The key that names the column.
        key: String,
        /// The column.
        column: String,
        /// What is allowed there.
        expected: &'static str,
        /// The type the query yields.
        found: String,
        /// What usually helps, starting with a separator.
        advice: &'static str,
    },

    /// The log holds values that are not allowed.
    #[error("{0}")]
    Value(Box<OffendingValue>),

    /// Rows that are in memory are not what they should be.
    #[error("{}: the rows cannot be read: {message}", path.display())]
    Rows {
        /// The dataset file.
        path: PathBuf,
        /// arrow's reason.
        message: String,
    },

    /// The dataset has to be made with SQL, which this build does not have.
    #[error(
        "{}: `query` needs SQL, which this build of rmtl is without: build it with `cargo build --release --workspace`; to train or \
         evaluate, a dataset that was prepared elsewhere will do (--prepared)", path.display()
    )]
    NeedsSql {
        /// The dataset file.
        path: PathBuf,
    },

    /// The query yields no row.
    #[error("{}: the query yields no row; check the files and its WHERE and JOIN clauses", path.display())]
    NoRows {
        /// The dataset file.
        path: PathBuf,
    },

    /// A split without rows.
    #[error("the {split} split is empty: {rule}; change [split]")]
    EmptySplit {
        /// Name of the split.
        split: &'static str,
        /// How the log of how many rows was split.
        rule: String,
    },

    /// A task that cannot be learnt.
    #[error(
        "task `{task}`: none of the {rows} training rows has label 1 (after the AND along its chain); check the \
         label column `{column}` and [split]"
    )]
    NoPositives {
        /// Name of the task.
        task: String,
        /// Its label column.
        column: String,
        /// Number of training rows.
        rows: u64,
    },

    /// The output folder holds something else than a prepared dataset, which is not ours to replace.
    #[error("{} is in the way: expected a prepared dataset or nothing, found {found}; choose another --out", path.display())]
    OutputTaken {
        /// The output folder.
        path: PathBuf,
        /// What is there.
        found: String,
    },

    /// The output cannot be written: no permission, no space.
    #[error("cannot {action} {}{}", path.display(), space(source))]
    Output {
        /// What was tried, as an infinitive.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },

    /// Somebody asked for the end.
    #[error("the preparation was asked to end; nothing of it is left")]
    Cancelled,

    /// A table or the manifest could not be written.
    #[error(transparent)]
    Envs(#[from] EnvError),
}

/// Values of one column that are not allowed: the first of them, and how many there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffendingValue {
    /// The dataset file.
    pub path: PathBuf,
    /// The key that names the column.
    pub key: String,
    /// The column.
    pub column: String,
    /// What is allowed there.
    pub expected: String,
    /// The first value that is not.
    pub found: String,
    /// Where that one is: its row in the query's result, session and time.
    pub place: String,
    /// How many rows have such a value.
    pub rows: u64,
}

impl fmt::Display for OffendingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, key, column, expected, found, place, rows } = self;
        write!(
            f,
            "{}: `{key}`: column `{column}`: expected {expected}, found {found} in {rows} row(s), first in {place}; \
             correct the log or the query",
            path.display()
        )
    }
}

impl IngestError {
    pub(crate) fn output(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Output { action, path: path.to_owned(), source }
    }
}

fn space(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; make room on that disk or choose another --out"
        }
        _ => "",
    }
}
