//! Everything odd but harmless, counted.

use rmtl_envs::{Schema, Split, SplitSummary, Warning};

use crate::dataset_file::DatasetFile;
use crate::encode::Encoder;
use crate::findings::Findings;
use crate::write::Oddities;

/// Share of unknown values of a field from which it is worth a word.
const NOTABLE_SHARE: f64 = 0.01;

/// The warnings of a whole preparation; none for counts of zero.
pub(crate) fn all(
    file: &DatasetFile,
    findings: &Findings,
    oddities: &Oddities,
    encoder: &Encoder,
    splits: &[SplitSummary],
) -> Vec<Warning> {
    let mut warnings = of_rows(file, findings, oddities);
    warnings.extend(findings.late_labels.iter().cloned());
    warnings.extend(of_fields(encoder));
    warnings.extend(splits.iter().flat_map(|summary| one_class(summary, encoder.schema())));
    warnings.retain(|warning| warning.rows > 0);
    warnings
}

fn of_rows(file: &DatasetFile, findings: &Findings, oddities: &Oddities) -> Vec<Warning> {
    let mut warnings = vec![
        warning("duplicate_rows", oddities.duplicates, |rows| {
            format!("{rows} rows repeat another row in every column used; they are kept")
        }),
        // Where the query itself sorts or groups, the order says nothing about the log.
        warning("unsorted_time", if findings.in_source_order { oddities.unsorted } else { 0 }, |rows| {
            format!("{rows} rows came before an earlier row of their session; sessions are sorted by time")
        }),
        warning("single_row_sessions", oddities.single_rows, |rows| {
            format!("{rows} sessions have one row in their split: no state follows it")
        }),
    ];
    for ((task, parent), &rows) in file.tasks.iter().zip(file.parents()).zip(&findings.chain_breaks) {
        if let Some(parent) = parent {
            let before = &file.tasks[parent].name;
            warnings.push(warning("chain_breaks", rows, |rows| {
                format!("{rows} rows have {} without {before}; their label {} is 0", task.name, task.name)
            }));
        }
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

/// Tasks of which a split knows only one outcome: AUC is undefined there.
fn one_class(summary: &SplitSummary, schema: &Schema) -> Vec<Warning> {
    let split = summary.split.name();
    let tasks = schema.tasks.iter().zip(&summary.positives);
    let one_sided = tasks.filter(|&(_, &positives)| positives == 0 || positives == summary.rows);
    one_sided
        .map(|(task, positives)| {
            warning("one_class", summary.rows, |rows| {
                format!(
                    "task `{}`: {positives} of {rows} {split} rows have label 1; AUC is undefined there",
                    task.name
                )
            })
        })
        .collect()
}

pub(crate) fn warning(kind: &str, rows: u64, message: impl FnOnce(u64) -> String) -> Warning {
    Warning { kind: kind.into(), rows, message: message(rows) }
}
