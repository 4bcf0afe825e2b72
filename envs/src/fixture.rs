//! Small schemas and tables for the crate's tests.

use crate::schema::{CategoricalField, NumericField, PADDING, Schema, Task};
use crate::table::{LogTable, RowValues, SessionEnd};

/// Fields `user` (7 ids), `tags` (5 ids, 2 slots) and `price`; a chain of tasks.
pub(crate) fn schema(n_tasks: usize) -> Schema {
    let names = ["click", "cart", "buy", "keep"];
    let field = |name: &str, vocabulary_size, n_values| CategoricalField {
        name: name.into(),
        vocabulary_size,
        n_values,
    };
    Schema {
        categorical: vec![field("user", 7, 1), field("tags", 5, 2)],
        numeric: vec![NumericField { name: "price".into(), mean: 1.0, standard_deviation: 2.0 }],
        tasks: (0..n_tasks)
            .map(|task| Task {
                name: names[task].into(),
                after: task.checked_sub(1).map(|parent| names[parent].into()),
                number: None,
            })
            .collect(),
    }
}

/// The values of one row, owned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OwnedRow {
    pub(crate) categorical: Vec<u32>,
    pub(crate) numeric: Vec<f32>,
    pub(crate) labels: Vec<u8>,
    pub(crate) time: i64,
    pub(crate) end: SessionEnd,
    pub(crate) oracle: Vec<f32>,
}

impl OwnedRow {
    pub(crate) fn values(&self) -> RowValues<'_> {
        RowValues {
            categorical: &self.categorical,
            numeric: &self.numeric,
            labels: &self.labels,
            time: self.time,
            end: self.end,
            oracle: &self.oracle,
            targets: &[],
            weight: &[],
        }
    }
}

/// Rows of sessions of these lengths and ends. Row `r` is told by its values; the first `r % (tasks + 1)` of its
/// labels are 1.
pub(crate) fn rows(n_tasks: usize, sessions: &[(u32, SessionEnd)]) -> Vec<OwnedRow> {
    let mut rows = Vec::new();
    for &(length, end) in sessions {
        for place in 1..=length {
            let row = rows.len();
            rows.push(OwnedRow {
                categorical: vec![row as u32 % 7, row as u32 % 5, PADDING],
                numeric: vec![row as f32 / 8.0],
                labels: (0..n_tasks).map(|task| u8::from(task < row % (n_tasks + 1))).collect(),
                time: 1_000 + row as i64,
                end: if place == length { end } else { SessionEnd::Continues },
                oracle: (0..n_tasks).map(|task| 0.5_f32.powi(task as i32 + 1)).collect(),
            });
        }
    }
    rows
}

/// The same as a table in memory.
pub(crate) fn table(n_tasks: usize, sessions: &[(u32, SessionEnd)]) -> LogTable {
    LogTable::from_rows(&schema(n_tasks), rows(n_tasks, sessions).iter().map(OwnedRow::values))
}
