//! What a prepared log is like, before anything is trained on it.

mod bar;
mod show;
mod split;
mod time;

use rmtl_envs::{Dataset, LogTable, OUT_OF_VOCABULARY, PADDING, Schema, SessionRule, Split, Warning};
use serde::Serialize;

pub use split::{Lengths, Part, SplitView};

/// What a prepared log is like.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// Its name.
    pub name: String,
    /// Hash of everything it was made from.
    pub content_hash: String,
    /// How sessions were told apart.
    pub session: SessionRule,
    /// The tasks, in order.
    pub tasks: Vec<String>,
    /// The fields with ids.
    pub ids: Vec<IdField>,
    /// The fields of numbers.
    pub numbers: Vec<NumberField>,
    /// Training, validation, test.
    pub splits: Vec<SplitView>,
    /// Of the training rows with the label of one task, the share that has another's: `[task][other task]`; none where no row
    /// has the first.
    pub together: Vec<Vec<Option<f64>>>,
    /// What was odd in the raw log.
    pub warnings: Vec<Warning>,
}

/// A field with ids.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IdField {
    /// Its name.
    pub name: String,
    /// Its ids, that of unknown values included.
    pub ids: u32,
    /// The most values a row has.
    pub slots: u32,
    /// Share of its values that are unknown, by split; none without values.
    pub unknown: [Option<f64>; 3],
}

/// A field of numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NumberField {
    /// Its name.
    pub name: String,
    /// Mean of the training rows.
    pub mean: f64,
    /// Standard deviation of the training rows.
    pub standard_deviation: f64,
}

impl Inspection {
    /// Looks at every row of `dataset`.
    pub fn of(dataset: &Dataset) -> Self {
        let manifest = &dataset.manifest;
        let schema = &manifest.schema;
        let unknown = Split::ALL.map(|split| unknown_shares(dataset.split(split), schema));
        let ids = schema.categorical.iter().enumerate().map(|(index, field)| IdField {
            name: field.name.clone(),
            ids: field.vocabulary_size,
            slots: field.n_values,
            unknown: [0, 1, 2].map(|split: usize| unknown[split][index]),
        });
        let numbers = schema.numeric.iter().map(|field| NumberField {
            name: field.name.clone(),
            mean: field.mean,
            standard_deviation: field.standard_deviation,
        });
        Self {
            name: manifest.name.clone(),
            content_hash: manifest.content_hash.clone(),
            session: manifest.session.clone(),
            tasks: schema.tasks.iter().map(|task| task.name.clone()).collect(),
            ids: ids.collect(),
            numbers: numbers.collect(),
            splits: Split::ALL
                .into_iter()
                .map(|split| SplitView::of(manifest.summary(split), dataset.split(split)))
                .collect(),
            together: together(&dataset.train),
            warnings: manifest.warnings.clone(),
        }
    }
}

/// Share of unknown values by field.
fn unknown_shares(table: &LogTable, schema: &Schema) -> Vec<Option<f64>> {
    let slots: Vec<_> = (0..schema.categorical.len()).map(|field| schema.slots(field)).collect();
    let mut counts = vec![(0_u64, 0_u64); slots.len()];
    for row in table.rows() {
        let ids = table.categorical(row);
        for (slots, (values, unknown)) in slots.iter().zip(&mut counts) {
            for &id in ids[slots.clone()].iter().filter(|id| **id != PADDING) {
                *values += 1;
                *unknown += u64::from(id == OUT_OF_VOCABULARY);
            }
        }
    }
    counts.into_iter().map(|(values, unknown)| share(unknown, values)).collect()
}

/// See [`Inspection::together`].
fn together(table: &LogTable) -> Vec<Vec<Option<f64>>> {
    let n_tasks = table.n_tasks();
    let mut counts = vec![vec![0_u64; n_tasks]; n_tasks];
    for row in table.rows() {
        let labels = table.labels(row);
        for (_, counts) in counts.iter_mut().enumerate().filter(|(one, _)| labels[*one] == 1) {
            counts.iter_mut().zip(labels).for_each(|(count, label)| *count += u64::from(*label));
        }
    }
    let shares =
        |(one, counts): (usize, &Vec<u64>)| counts.iter().map(|count| share(*count, counts[one])).collect();
    counts.iter().enumerate().map(shares).collect()
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests;
