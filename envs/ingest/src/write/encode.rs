//! From a canonical row to a row of a table.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt8Type, UInt64Type};
use arrow_array::{Array, Float64Array, Int64Array, RecordBatch, StringArray, UInt8Array, UInt64Array};
use rmtl_envs::{
    CategoricalField, Extras, NumberScale, NumericField, OUT_OF_VOCABULARY, PADDING, RowValues, Schema,
    SessionEnd, Split, Task,
};

use crate::dataset_file::DatasetFile;
use crate::fit::vocabulary::{Vocabulary, list_values};
use crate::rows::canonical::name;
use crate::split::boundary::Boundaries;

/// Turns values into ids, standardises numbers, and counts what did not fit.
pub(crate) struct Encoder {
    schema: Schema,
    vocabularies: Vec<Vocabulary>,
    /// Of the fields, in order; categorical ones have none.
    separators: Vec<Option<String>>,
    slots: Vec<Range<usize>>,
    extras: Extras,
    boundaries: Boundaries,
    /// Values out of vocabulary, `[field][split]`.
    pub(crate) unknown: Vec<[u64; 3]>,
    /// Values looked up, `[field][split]`.
    pub(crate) values: Vec<[u64; 3]>,
    /// Rows whose list was longer than its slots, per field.
    pub(crate) shortened: Vec<u64>,
    /// Missing values of the training rows, by numeric field.
    pub(crate) missing_in_training: Vec<u64>,
}

/// What was learnt from the training rows.
pub(crate) struct Fitted {
    pub(crate) vocabularies: Vec<Vocabulary>,
    pub(crate) numeric: Vec<NumericField>,
    /// By task, where its label is a number.
    pub(crate) scales: Vec<Option<NumberScale>>,
}

/// A number that cannot be standardised.
#[derive(Clone, Debug)]
pub(crate) struct FarNumber {
    pub(crate) field: NumericField,
    pub(crate) value: f64,
    /// Row of the query's result, from 1.
    pub(crate) row: u64,
}

/// A row, ready to be written once its session's next row is known.
#[derive(Clone, Debug)]
pub(crate) struct EncodedRow {
    pub(crate) split: Split,
    pub(crate) time: i64,
    pub(crate) labels: Vec<u8>,
    categorical: Vec<u32>,
    numeric: Vec<f32>,
    oracle: Vec<f32>,
    targets: Vec<f32>,
    weight: Vec<f32>,
}

/// A batch of canonical rows, its columns typed.
pub(crate) struct CanonicalBatch {
    pub(crate) position: UInt64Array,
    pub(crate) time: Int64Array,
    split: Option<UInt8Array>,
    ids: Vec<StringArray>,
    numeric: Vec<Float64Array>,
    oracle: Vec<Float64Array>,
    labels: Vec<UInt8Array>,
    /// One per task, of those whose label is a number.
    values: Vec<Option<Float64Array>>,
    /// One, or none where rows count alike.
    weight: Option<Float64Array>,
}

impl Encoder {
    pub(crate) fn new(
        file: &DatasetFile,
        Fitted { vocabularies, numeric, scales }: Fitted,
        separators: Vec<Option<String>>,
        boundaries: Boundaries,
    ) -> Self {
        let lengths =
            file.categorical.iter().map(|_| 1).chain(file.multi_valued.iter().map(|list| list.max_values));
        let categorical =
            file.id_fields().zip(&vocabularies).zip(lengths).map(|((name, vocabulary), n_values)| {
                CategoricalField { name: name.to_owned(), vocabulary_size: vocabulary.size(), n_values }
            });
        let tasks = file.tasks.iter().zip(scales).map(|(task, number)| Task {
            name: task.name.clone(),
            after: task.after.clone(),
            number,
        });
        let schema = Schema { categorical: categorical.collect(), numeric, tasks: tasks.collect() };
        let n_fields = vocabularies.len();
        Self {
            slots: (0..n_fields).map(|field| schema.slots(field)).collect(),
            schema,
            vocabularies,
            separators,
            extras: Extras { oracle: !file.oracle.is_empty(), weight: file.weight.is_some() },
            boundaries,
            unknown: vec![[0; 3]; n_fields],
            values: vec![[0; 3]; n_fields],
            shortened: vec![0; n_fields],
            missing_in_training: vec![0; file.numeric.len()],
        }
    }

    /// What stands between the values of lists, by field.
    pub(crate) fn set_separators(&mut self, separators: Vec<Option<String>>) {
        self.separators = separators;
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// What rows bring beside what every row has.
    pub(crate) fn extras(&self) -> Extras {
        self.extras
    }

    /// Id of null and the empty text in each categorical field, [`OUT_OF_VOCABULARY`] where they have none of their own.
    pub(crate) fn null_ids(&self) -> Vec<u32> {
        self.vocabularies.iter().map(|vocabulary| vocabulary.id("")).collect()
    }

    /// A row to encode into.
    pub(crate) fn blank(&self) -> EncodedRow {
        EncodedRow {
            split: Split::Train,
            time: 0,
            labels: vec![0; self.schema.n_tasks()],
            categorical: vec![PADDING; self.schema.n_slots()],
            numeric: vec![0.0; self.schema.n_numeric()],
            oracle: vec![0.0; if self.extras.oracle { self.schema.n_tasks() } else { 0 }],
            targets: vec![0.0; self.schema.n_targets()],
            weight: vec![1.0; usize::from(self.extras.weight)],
        }
    }

    /// Encodes row `row` of `batch` into `target`.
    ///
    /// # Errors
    /// A number is so far from those of the training rows that 32 bits cannot hold it.
    pub(crate) fn encode(
        &mut self,
        batch: &CanonicalBatch,
        row: usize,
        target: &mut EncodedRow,
    ) -> Result<(), FarNumber> {
        target.time = batch.time.value(row);
        target.split = self.boundaries.split(target.time, batch.split.as_ref().map(|marks| marks.value(row)));
        for (field, ids) in batch.ids.iter().enumerate() {
            let slots = &mut target.categorical[self.slots[field].clone()];
            self.encode_field(field, ids.value(row), target.split, slots);
        }
        let missing = &mut self.missing_in_training;
        for (((value, values), field), missing) in
            target.numeric.iter_mut().zip(&batch.numeric).zip(&self.schema.numeric).zip(missing)
        {
            *missing += u64::from(target.split == Split::Train && values.is_null(row));
            *value = standardised(values.is_valid(row).then(|| values.value(row)), field);
            if !value.is_finite() {
                let (value, row) = (values.value(row), batch.position.value(row) + 1);
                return Err(FarNumber { field: field.clone(), value, row });
            }
        }
        for (target, labels) in target.labels.iter_mut().zip(&batch.labels) {
            *target = labels.value(row);
        }
        for (task, (target, &label)) in target.targets.iter_mut().zip(&target.labels).enumerate() {
            *target = match (self.schema.tasks[task].number, &batch.values[task]) {
                (Some(scale), Some(values)) => (values.value(row) / scale.cap) as f32,
                _ => f32::from(label),
            };
        }
        for (target, weights) in target.weight.iter_mut().zip(&batch.weight) {
            *target = weights.value(row) as f32;
        }
        for (target, probabilities) in target.oracle.iter_mut().zip(&batch.oracle) {
            *target = probabilities.value(row) as f32;
        }
        Ok(())
    }

    fn encode_field(&mut self, field: usize, text: &str, split: Split, slots: &mut [u32]) {
        let vocabulary = &self.vocabularies[field];
        let mut filled = 0;
        let mut fill = |value: &str| {
            if let Some(slot) = slots.get_mut(filled) {
                *slot = vocabulary.id(value);
                self.unknown[field][split as usize] += u64::from(*slot == OUT_OF_VOCABULARY);
            }
            filled += 1;
        };
        match &self.separators[field] {
            None => fill(text),
            Some(separator) => list_values(text, separator).for_each(fill),
        }
        let kept = filled.min(slots.len());
        self.values[field][split as usize] += kept as u64;
        self.shortened[field] += u64::from(filled > kept);
        slots[kept..].fill(PADDING);
    }
}

/// A missing value stands at the mean.
fn standardised(value: Option<f64>, field: &NumericField) -> f32 {
    value.map_or(0.0, |value| ((value - field.mean) / field.standard_deviation) as f32)
}

impl EncodedRow {
    /// Its ids `[slot]` and standardised numbers `[numeric field]`.
    pub(crate) fn features(&self) -> (&[u32], &[f32]) {
        (&self.categorical, &self.numeric)
    }

    pub(crate) fn values(&self, end: SessionEnd) -> RowValues<'_> {
        RowValues {
            categorical: &self.categorical,
            numeric: &self.numeric,
            labels: &self.labels,
            time: self.time,
            end,
            oracle: &self.oracle,
            targets: &self.targets,
            weight: &self.weight,
        }
    }
}

impl CanonicalBatch {
    pub(crate) fn of(batch: &RecordBatch) -> Self {
        let column = |name: &str| batch.column_by_name(name).expect("canonical rows have their columns");
        let family =
            |prefix: &'static str| (0..).map_while(move |i| batch.column_by_name(&format!("{prefix}{i}")));
        Self {
            position: column(name::POSITION).as_primitive::<UInt64Type>().clone(),
            time: column(name::TIME).as_primitive::<Int64Type>().clone(),
            split: batch.column_by_name(name::SPLIT).map(|marks| marks.as_primitive::<UInt8Type>().clone()),
            ids: family(name::ID).map(|ids| ids.as_string::<i32>().clone()).collect(),
            numeric: family(name::NUMERIC)
                .map(|values| values.as_primitive::<Float64Type>().clone())
                .collect(),
            oracle: family(name::ORACLE).map(|values| values.as_primitive::<Float64Type>().clone()).collect(),
            labels: family(name::LABEL).map(|values| values.as_primitive::<UInt8Type>().clone()).collect(),
            values: (0..family(name::LABEL).count())
                .map(|task| batch.column_by_name(&format!("{}{task}", name::VALUE)))
                .map(|values| values.map(|values| values.as_primitive::<Float64Type>().clone()))
                .collect(),
            weight: batch
                .column_by_name(name::WEIGHT)
                .map(|weight| weight.as_primitive::<Float64Type>().clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_numbers_stand_at_the_mean() {
        let field = NumericField { name: "x".into(), mean: 10.0, standard_deviation: 2.0 };
        assert_eq!(standardised(Some(14.0), &field), 2.0);
        assert_eq!(standardised(None, &field), 0.0);
    }
}
