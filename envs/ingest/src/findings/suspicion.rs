//! Features that tell too much, or nothing: found in the training rows as they were written.
//!
//! A feature that ranks a label by itself nearly without error is, as a rule, the label under another name or something that
//! only became known with it. The time is O(rows × fields × tasks); what is sorted is a sample.

mod identifiers;
mod numbers;
mod outcome;
pub(crate) mod rank;
mod sample;

use rmtl_envs::{LogTable, OUT_OF_VOCABULARY, Schema, Warning};

use self::identifiers::Identifiers;
use self::numbers::Numbers;
use self::outcome::Training;
use self::sample::Sample;
use crate::findings::warnings::warning;

/// AUC of a single feature from which it is taken for the label: honest features of recommendation logs stay far below.
const TELLING_AUC: f64 = 0.99;

/// Rows of the rarer outcome below which nothing is said: so few can be told apart by chance, where there are many features.
const MIN_OUTCOMES: u64 = 10;

/// Values per training row from which a field numbers the rows.
const ROW_ID_SHARE: f64 = 0.9;

/// How a feature tells a label.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Evidence {
    /// It has two values, one for each outcome.
    Copy,
    /// It is missing on all rows of an outcome and on no others.
    MissingWhere(u8),
    /// Whether it is missing ranks the rows.
    Missing { auc: f64 },
    /// Its value ranks the rows.
    Value { auc: f64 },
}

/// The warnings about single features of the training rows `table`.
///
/// `null_ids` has the id of a missing value per categorical field ([`OUT_OF_VOCABULARY`] where it has none of its own),
/// `missing` the number of values of `table` missing per numeric field.
pub(crate) fn all(table: &LogTable, schema: &Schema, null_ids: &[u32], missing: &[u64]) -> Vec<Warning> {
    let sample = Sample::of(table);
    let training = Training::of(table, schema);
    let mut warnings = Vec::new();
    for (index, (field, &null_id)) in schema.categorical.iter().zip(null_ids).enumerate() {
        let null_id = Some(null_id).filter(|&id| id != OUT_OF_VOCABULARY);
        let identifiers = Identifiers::count(&training, schema.slots(index), field.vocabulary_size, null_id);
        warnings.extend(of_task_evidence(table, schema, &field.name, |task| {
            identifiers.evidence(&training, &sample, task)
        }));
        let n_distinct = identifiers.n_distinct();
        if n_distinct == 1 {
            warnings.push(constant(table, &field.name, identifiers.only_unknown()));
        } else if field.n_values == 1 && n_distinct as f64 >= ROW_ID_SHARE * table.n_rows() as f64 {
            warnings.push(row_id(table, &field.name, n_distinct));
        }
    }
    for (index, (field, &missing)) in schema.numeric.iter().zip(missing).enumerate() {
        warnings.extend(of_task_evidence(table, schema, &field.name, |task| {
            Numbers::count(&training, index, task, missing > 0).evidence(&training, &sample)
        }));
    }
    warnings
}

/// What a field tells of each task.
fn of_task_evidence(
    table: &LogTable,
    schema: &Schema,
    field: &str,
    evidence: impl Fn(usize) -> Option<Evidence>,
) -> Vec<Warning> {
    let tasks = schema.tasks.iter().enumerate();
    let found = tasks.filter_map(|(index, task)| Some((&task.name, evidence(index)?)));
    found.map(|(task, evidence)| telling(table.n_rows() as u64, field, task, evidence)).collect()
}

fn telling(rows: u64, field: &str, task: &str, evidence: Evidence) -> Warning {
    let (kind, finding) = match evidence {
        Evidence::Copy => {
            ("label_copy", format!("`{field}` equals the label of task `{task}` in all training rows"))
        }
        Evidence::MissingWhere(label) => (
            "missing_with_label",
            format!(
                "`{field}` is missing exactly where the label of task `{task}` is {label} in the training rows"
            ),
        ),
        Evidence::Missing { auc } => (
            "telling_feature",
            format!(
                "whether `{field}` is missing ranks task `{task}` with an AUC of {auc:.4} on training rows"
            ),
        ),
        Evidence::Value { auc } => (
            "telling_feature",
            format!("`{field}` alone ranks task `{task}` with an AUC of {auc:.4} on training rows"),
        ),
    };
    warning(kind, rows, |_| {
        format!(
            "{finding}: this is the outcome, not a feature, unless it was known when the row was shown; move it to `ignore` or \
             take its value from before the row"
        )
    })
}

fn constant(table: &LogTable, field: &str, only_unknown: bool) -> Warning {
    warning("constant_category", table.n_rows() as u64, |_| match only_unknown {
        true => {
            format!("no value of `{field}` is frequent enough for an id of its own: lower its `min_count`")
        }
        false => {
            format!("`{field}` has one value in all training rows: it tells nothing; move it to `ignore`")
        }
    })
}

fn row_id(table: &LogTable, field: &str, n_distinct: usize) -> Warning {
    warning("row_id", table.n_rows() as u64, |rows| {
        format!(
            "`{field}` has {n_distinct} values in {rows} training rows: nearly every row has one of its own, from which nothing \
             can be learnt for other rows; move it to `ignore` or use something coarser"
        )
    })
}

#[cfg(test)]
mod tests;
