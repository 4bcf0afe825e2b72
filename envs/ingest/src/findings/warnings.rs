//! Findings that do not end a preparation, as warnings with their counts.

use rmtl_envs::{LogTable, Schema, Split, SplitSummary, Warning};

use crate::dataset_file::DatasetFile;
use crate::findings::Findings;
use crate::findings::suspicion;
use crate::rows::rejects::REJECTS_FILE;
use crate::split::warnings as split_warnings;
use crate::split::warnings::percent;
use crate::write::OrderFindings;
use crate::write::encode::Encoder;

/// Share of unknown values of a field from which it is worth a word.
const NOTABLE_SHARE: f64 = 0.01;

/// Share of a task's positives lost to the chain from which the task is no longer the one its name says.
const NOTABLE_LOSS: f64 = 0.2;

/// Standard deviations in the cap of a number from which it is far from what is usual.
const DISTANT_CAP: f64 = 30.0;

/// The warnings of a whole preparation, what spoils results first; none for counts of zero. `train` are the rows as written.
pub(crate) fn all(
    file: &DatasetFile,
    findings: &Findings,
    order: &OrderFindings,
    encoder: &Encoder,
    splits: &[SplitSummary],
    train: &LogTable,
) -> Vec<Warning> {
    let schema = encoder.schema();
    let mut warnings = suspicion::all(train, schema, &encoder.null_ids(), &encoder.missing_in_training);
    warnings.push(warning("bad_rows", findings.rejected, |rows| {
        format!("{rows} rows cannot be used and are left out; {REJECTS_FILE}, beside the tables, says where they are and why")
    }));
    warnings.extend(of_chain(file, findings));
    warnings.extend(split_warnings::all(schema, splits));
    warnings.extend(findings.source_files.iter().chain(&findings.late_labels).cloned());
    warnings.extend(of_rows(file, schema, findings, order));
    warnings.extend(of_fields(encoder));
    warnings.retain(|warning| warning.rows > 0);
    warnings
}

/// Labels that are 0 because the task before did not happen, as a share of those that were ever 1.
fn of_chain(file: &DatasetFile, findings: &Findings) -> Vec<Warning> {
    let tasks = file.tasks.iter().zip(file.parents()).zip(&findings.chain_breaks).enumerate();
    let broken = tasks.filter_map(|(index, ((task, parent), &rows))| {
        let before = &file.tasks[parent?].name;
        let kept = findings.eventual_positives[index];
        let share = rows as f64 / (rows + kept).max(1) as f64;
        Some(warning("chain_breaks", rows, |rows| chain_break(&task.name, before, rows, share)))
    });
    broken.collect()
}

fn chain_break(task: &str, before: &str, rows: u64, share: f64) -> String {
    let lost = percent(share);
    if share < NOTABLE_LOSS {
        return format!(
            "{rows} rows ({lost} of the positives of {task}) have {task} without {before}; their label {task} is 0"
        );
    }
    format!(
        "task `{task}` loses {lost} of its positives: {rows} rows have {task} without {before}, and their label {task} is 0; if \
         {task} can happen without {before}, remove `after = \"{before}\"` from the task"
    )
}

fn of_rows(file: &DatasetFile, schema: &Schema, findings: &Findings, order: &OrderFindings) -> Vec<Warning> {
    let mut warnings = vec![
        warning("duplicate_rows", order.duplicates, |rows| {
            format!("{rows} rows repeat another row in every column used; they are kept")
        }),
        // Where the query itself sorts or groups, the order says nothing about the log.
        warning("unsorted_time", if findings.in_source_order { order.unsorted } else { 0 }, |rows| {
            format!("{rows} rows came before an earlier row of their session; sessions are sorted by time")
        }),
        warning("single_row_sessions", order.single_rows, |rows| {
            format!("{rows} sessions have one row in their split: no state follows it")
        }),
    ];
    for (task, &rows) in file.tasks.iter().zip(&findings.capped) {
        warnings.push(warning("capped_labels", rows, |rows| {
            format!("{rows} rows have a label of `{}` above its `cap`; they count as the cap", task.name)
        }));
    }
    for task in &schema.tasks {
        let Some(scale) = task.number else { continue };
        let deviations = scale.cap / scale.standard_deviation;
        let rows = if deviations > DISTANT_CAP { findings.rows } else { 0 };
        warnings.push(warning("distant_cap", rows, |_| {
            format!(
                "the cap {} of `{}` is {deviations:.0} standard deviations: exploration and losses are on its scale, so set a `cap` near \
                 the usual values",
                scale.cap, task.name
            )
        }));
    }
    for (task, &rows) in file.tasks.iter().zip(&findings.early_labels) {
        warnings.push(warning("early_labels", rows, |rows| {
            format!(
                "label `{}` of {rows} rows was known before the row's own time; it counts as known with the row, but `known_at` or `time` may \
                 be another column than was meant",
                task.name
            )
        }));
    }
    for (field, &rows) in file.numeric.iter().zip(&findings.missing_numeric) {
        warnings.push(warning("missing_numbers", rows, |rows| {
            format!("{rows} rows have null or NaN in `{field}`; they stand at the mean of the training rows")
        }));
    }
    for field in &findings.constant_numeric {
        warnings.push(warning("constant_number", findings.rows, |_| {
            format!("`{field}` has one value in all training rows: it tells nothing")
        }));
    }
    warnings
}

fn of_fields(encoder: &Encoder) -> Vec<Warning> {
    let schema = encoder.schema();
    let mut warnings = Vec::new();
    for (index, field) in schema.categorical.iter().enumerate() {
        let name = &field.name;
        warnings.push(warning("shortened_lists", encoder.shortened[index], |rows| {
            format!(
                "{rows} rows have more than {} values in `{name}`; the first ones are kept",
                field.n_values
            )
        }));
        let shares: Vec<(Split, u64, f64)> = [Split::Validation, Split::Test]
            .map(|split| {
                (split, encoder.unknown[index][split as usize], encoder.values[index][split as usize])
            })
            .map(|(split, unknown, values)| (split, unknown, unknown as f64 / values.max(1) as f64))
            .to_vec();
        if shares.iter().any(|&(_, _, share)| share >= NOTABLE_SHARE) {
            let unknown = shares.iter().map(|&(_, unknown, _)| unknown).sum();
            let parts: Vec<String> = shares
                .iter()
                .map(|(split, _, share)| format!("{:.1} % of {}", 100.0 * share, split.name()))
                .collect();
            warnings.push(warning("out_of_vocabulary", unknown, |_| {
                format!("`{name}`: {} values are not in the vocabulary", parts.join(" and "))
            }));
        }
    }
    warnings
}

/// A warning about `rows` rows.
pub(crate) fn warning(kind: &str, rows: u64, message: impl FnOnce(u64) -> String) -> Warning {
    Warning { kind: kind.into(), rows, message: message(rows) }
}
