//! What a person writes about a log: its tables, one query, and what the query's columns mean.

mod check;
mod demand;
mod dialect;
mod session;
mod split_rule;
mod table;
mod vocabulary_rules;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(crate) use check::MAX_VALUES;
pub use dialect::Dialect;
pub use session::{Gap, Session};
pub use split_rule::{SplitRule, TimePoint};
pub use table::{ColumnType, FileFormat, FileTable, Table};
pub(crate) use vocabulary_rules::FieldRule;
pub use vocabulary_rules::{FieldVocabulary, VocabularyRules};

use crate::IngestError;
use rmtl_files::toml_file;

/// A dataset file (`configs/datasets/*.toml`), read and checked.
///
/// Its keys are described in `configs/datasets/README.md`. Every column the query yields has exactly one use; only
/// the session column and the time column may be features as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetFile {
    /// Name of the dataset, for reports.
    pub name: String,
    /// One SQL `SELECT` that yields one row per impression. Names are case-sensitive as written. Neither this nor tables where
    /// [a program has the rows](crate::prepare_rows).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// Which rows form a session.
    pub session: Session,
    /// Column with the time: integers in any unit, or timestamps (stored in milliseconds).
    pub time: String,
    /// Columns of any simple type whose values become ids; `1` and `"1"` are the same value.
    #[serde(default)]
    pub categorical: Vec<String>,
    /// Columns of numbers; standardised over the training rows.
    #[serde(default)]
    pub numeric: Vec<String>,
    /// Columns of separated lists whose values become ids; they follow the categorical ones in the schema.
    #[serde(default)]
    pub multi_valued: Vec<MultiValued>,
    /// True probabilities of a synthetic log, one column per task in the order of the tasks, each of the
    /// cumulative label. No feature: they travel beside the labels.
    #[serde(default)]
    pub oracle: Vec<String>,
    /// Columns the query yields and nobody wants.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Column that says how much a row counts in training: numbers, not negative; absent = all alike. No metric looks at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// The labels, from the first step of the chain to the last.
    pub tasks: Vec<TaskColumn>,
    /// The query's tables, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, Table>,
    /// Which rows are for training, validation and test.
    #[serde(default)]
    pub split: SplitRule,
    /// How ids are given to values.
    #[serde(default)]
    pub vocabulary: VocabularyRules,
    /// How many rows may be left out because they cannot be read or hold values that are not allowed; `rejects.csv` lists them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_bad_rows: u64,
    /// Where the file was read from: messages name it, its folder is the default root. Not part of its content.
    #[serde(skip)]
    pub(crate) path: PathBuf,
}

/// A column of lists: the tags of a video, the last items of a history. Text with separators, or (Parquet) lists as such.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiValued {
    /// Name of the column and the field.
    pub name: String,
    /// What stands between two values of a text, a comma unless told; blanks around values are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// How many values of a list are kept, the first ones; the number of slots of the field.
    pub max_values: u32,
}

/// What a task's label is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// 0 or 1.
    #[default]
    Binary,
    /// A number that is not negative: a time watched, a price.
    Number,
}

impl TaskKind {
    fn is_binary(&self) -> bool {
        *self == Self::Binary
    }
}

/// A task and its label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskColumn {
    /// Name of the task.
    pub name: String,
    /// Column with the label: 0 or 1, in any type, or a number.
    pub label: String,
    /// Which of the two.
    #[serde(default, skip_serializing_if = "TaskKind::is_binary")]
    pub kind: TaskKind,
    /// Of a number: larger ones count as this one. Absent = the largest of the training rows, and later ones may be larger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<f64>,
    /// An earlier task that must have happened before: the label becomes this AND that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Column with the time at which a label of 1 became known, of the type of the time column; null where the label is
    /// 0. A label not yet known at the end of its row's split is 0 there. Without it every label is known with its row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_at: Option<String>,
}

impl DatasetFile {
    /// Reads and checks the dataset file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is not valid TOML, has an unknown key, or contradicts itself.
    pub fn read(path: &Path) -> Result<Self, IngestError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| IngestError::DatasetFile { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// The same from `text`; `path` is where it would stand.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str, path: &Path) -> Result<Self, IngestError> {
        let mut file: Self = toml_file::parse(text, path)?;
        file.path = path.to_owned();
        file.check()?;
        Ok(file)
    }

    /// Where the file was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Index of each task's `after`.
    pub(crate) fn parents(&self) -> Vec<Option<usize>> {
        let index = |name: &String| self.tasks.iter().position(|task| task.name == *name);
        self.tasks.iter().map(|task| task.after.as_ref().and_then(index)).collect()
    }

    /// The tasks whose label is a number.
    pub(crate) fn number_tasks(&self) -> impl Iterator<Item = usize> {
        let tasks = self.tasks.iter().enumerate();
        tasks.filter(|(_, task)| task.kind == TaskKind::Number).map(|(index, _)| index)
    }

    /// Names of the fields that have ids: categorical, then multi-valued.
    pub(crate) fn id_fields(&self) -> impl Iterator<Item = &str> {
        let single = self.categorical.iter().map(String::as_str);
        single.chain(self.multi_valued.iter().map(|field| field.name.as_str()))
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
