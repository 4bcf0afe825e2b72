//! A first dataset file for a log nobody has described yet: what its columns look like, and why.

mod evidence;
mod gap;
mod guess;
mod name;
mod profile;
mod role;
mod text;

use std::path::Path;

use arrow_array::RecordBatch;

use self::profile::Profile;
use crate::IngestError;
use crate::dataset_file::FileTable;

/// What is known of a log beforehand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes<'a> {
    /// The label columns, from the first step of the chain to the last; none = to be found.
    pub tasks: &'a [String],
    /// The session's key.
    pub session: Option<&'a str>,
    /// The column with the time.
    pub time: Option<&'a str>,
}

/// What a column is taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The session's key; a gap as it is written in a dataset file, and whether the key is a feature as well.
    Session {
        /// See [`Session`](crate::Session).
        gap: Option<String>,
        /// Whether it is the id of something that comes back.
        is_feature: bool,
    },
    /// When the row was shown.
    Time,
    /// A label, and the task it comes after.
    Task {
        /// The other task's name.
        after: Option<String>,
    },
    /// An id.
    Id,
    /// A list of ids.
    List {
        /// Between the values of a text; none of a list as such.
        separator: Option<char>,
        /// The longest list seen.
        max_values: u32,
    },
    /// A number.
    Number,
    /// Of no use.
    Ignored,
    /// Ignored because it looks like an outcome.
    Suspicious,
}

/// What a column is taken for, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// The column in the log.
    pub column: String,
    /// Its name in the dataset file.
    pub name: String,
    /// What it is taken for.
    pub role: Role,
    /// Why.
    pub why: String,
}

/// A log, as far as its first rows show it.
#[derive(Clone, Debug)]
pub struct Sketch {
    /// Rows looked at.
    pub rows: usize,
    /// Every column, in the log's order.
    pub columns: Vec<Guess>,
    /// Those of the tasks, each behind the one it comes after.
    tasks: Vec<usize>,
    /// How its files are to be read.
    files: FileTable,
}

impl Sketch {
    /// Of a log's first rows.
    pub(crate) fn of(
        log: &str,
        files: FileTable,
        rows: &RecordBatch,
        wishes: &Wishes<'_>,
    ) -> Result<Self, IngestError> {
        let failed = |message| IngestError::Sketch { log: log.to_owned(), message };
        let schema = rows.schema();
        let profiles = schema.fields().iter().zip(rows.columns()).map(|(field, values)| {
            Profile::of(field.name(), values).map_err(|error| failed(error.to_string()))
        });
        let profiles: Vec<Profile> = profiles.collect::<Result<_, _>>()?;
        let (columns, tasks) = guess::guesses(&profiles, wishes).map_err(failed)?;
        Ok(Self { rows: rows.num_rows(), columns, tasks, files })
    }

    /// The dataset file called `name`, with comments; its table has the files `paths`.
    pub fn dataset_file(&self, name: &str, paths: &[String]) -> String {
        text::dataset_file(self, name, paths)
    }

    /// The tasks, each behind the one it comes after.
    pub fn tasks(&self) -> impl Iterator<Item = &Guess> {
        self.tasks.iter().map(|&task| &self.columns[task])
    }
}

/// A name that datasets and files can have, made of the file name of a log.
pub fn dataset_name(log: &str) -> String {
    let file = Path::new(log).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = file.split('.').next().unwrap_or_default();
    let name = name::plain(stem);
    if name.is_empty() { "log".into() } else { name }
}

#[cfg(test)]
mod tests;
