//! Canonical rows in one batch.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt8Type};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, UInt8Array};
use arrow_ord::sort::{SortColumn, SortOptions, lexsort_to_indices};
use arrow_select::take::take_record_batch;
use rmtl_envs::{Cancel, Split};

use super::BATCH_ROWS;
use crate::rows::canonical::name;
use crate::rows::{Rows, Wanted};
use crate::split::boundary::{Boundaries, SplitCounts};
use crate::split::end::SplitEnd;
use crate::{IngestError, cancelled};

/// A log that fits into memory.
pub(crate) struct MemoryRows<'a> {
    rows: RecordBatch,
    cancel: &'a Cancel,
}

impl<'a> MemoryRows<'a> {
    /// `rows` are in canonical form.
    pub(crate) fn new(rows: RecordBatch, cancel: &'a Cancel) -> Self {
        Self { rows, cancel }
    }

    fn column(&self, name: &str) -> &ArrayRef {
        self.rows.column_by_name(name).expect("canonical rows have their columns")
    }

    fn time(&self) -> &Int64Array {
        self.column(name::TIME).as_primitive::<Int64Type>()
    }

    fn labels(&self, task: usize) -> &UInt8Array {
        self.column(&format!("{}{task}", name::LABEL)).as_primitive::<UInt8Type>()
    }

    /// The split of each row.
    fn splits(&self, boundaries: Boundaries) -> impl Iterator<Item = Split> {
        let marks = self.rows.column_by_name(name::SPLIT).map(|marks| marks.as_primitive::<UInt8Type>());
        let times = self.time().values().iter().enumerate();
        times.map(move |(row, &time)| boundaries.split(time, marks.map(|marks| marks.value(row))))
    }

    fn training_rows(&self, boundaries: Boundaries) -> impl Iterator<Item = usize> {
        let splits = self.splits(boundaries).enumerate();
        splits.filter(|(_, split)| *split == Split::Train).map(|(row, _)| row)
    }
}

impl Rows for MemoryRows<'_> {
    fn times(&self, each: &mut dyn FnMut(i64)) -> Result<(), IngestError> {
        cancelled::check(self.cancel)?;
        let mut times = self.time().values().to_vec();
        times.sort_unstable();
        times.into_iter().for_each(each);
        Ok(())
    }

    fn last_time(&self, boundaries: Boundaries, split: Split) -> Result<Option<i64>, IngestError> {
        let of_split = self.splits(boundaries).zip(self.time().values()).filter(|(of, _)| *of == split);
        Ok(of_split.map(|(_, &time)| time).max())
    }

    fn count_labels(
        &mut self,
        tasks: &[usize],
        boundaries: Boundaries,
        ends: &[SplitEnd; 3],
    ) -> Result<(), IngestError> {
        let mut columns = self.rows.columns().to_vec();
        for &task in tasks {
            let known = self.column(&format!("{}{task}", name::KNOWN)).as_primitive::<Int64Type>();
            let rows = self.splits(boundaries).zip(known).zip(self.labels(task).values());
            let counted: UInt8Array = rows
                .map(|((split, known), &label)| match known {
                    Some(known) if ends[split as usize].is_before(known) => 0,
                    _ => label,
                })
                .collect::<Vec<u8>>()
                .into();
            let index = self.rows.schema().index_of(&format!("{}{task}", name::LABEL));
            columns[index.expect("every task has labels")] = Arc::new(counted);
        }
        self.rows = RecordBatch::try_new(self.rows.schema(), columns).expect("labels stay labels");
        Ok(())
    }

    fn counts(&self, boundaries: Boundaries, n_tasks: usize) -> Result<SplitCounts, IngestError> {
        let labels: Vec<&UInt8Array> = (0..n_tasks).map(|task| self.labels(task)).collect();
        let none = || vec![0; n_tasks];
        let mut counts = SplitCounts { rows: [0; 3], positives: [none(), none(), none()] };
        for (row, split) in self.splits(boundaries).enumerate() {
            counts.rows[split as usize] += 1;
            for (positives, labels) in counts.positives[split as usize].iter_mut().zip(&labels) {
                *positives += u64::from(labels.value(row));
            }
        }
        Ok(counts)
    }

    fn frequencies(
        &self,
        field: usize,
        boundaries: Boundaries,
        wanted: Option<Wanted>,
        each: &mut dyn FnMut(&str, u64),
    ) -> Result<(), IngestError> {
        cancelled::check(self.cancel)?;
        let values = self.column(&format!("{}{field}", name::ID)).as_string::<i32>();
        let mut counts: HashMap<&str, u64> = HashMap::new();
        for row in self.training_rows(boundaries) {
            *counts.entry(values.value(row)).or_default() += 1;
        }
        let Wanted { least, most } = wanted.unwrap_or(Wanted { least: 1, most: None });
        let mut counts: Vec<(&str, u64)> = counts.into_iter().filter(|&(_, count)| count >= least).collect();
        counts.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
        counts.truncate(most.map_or(usize::MAX, |most| most as usize));
        counts.into_iter().for_each(|(value, count)| each(value, count));
        Ok(())
    }

    fn training_numbers(
        &self,
        columns: &[String],
        boundaries: Boundaries,
        each: &mut dyn FnMut(usize, f64),
    ) -> Result<(), IngestError> {
        cancelled::check(self.cancel)?;
        for (index, column) in columns.iter().enumerate() {
            let values = self.column(column).as_primitive::<Float64Type>();
            for row in self.training_rows(boundaries).filter(|&row| values.is_valid(row)) {
                each(index, values.value(row));
            }
        }
        Ok(())
    }

    fn sorted(
        &self,
        keys: &[String],
        each: &mut dyn FnMut(&RecordBatch) -> Result<(), IngestError>,
    ) -> Result<(), IngestError> {
        cancelled::check(self.cancel)?;
        let options = Some(SortOptions { descending: false, nulls_first: false });
        let keys = keys.iter().map(String::as_str).chain([name::POSITION]);
        let columns: Vec<SortColumn> =
            keys.map(|key| SortColumn { values: self.column(key).clone(), options }).collect();
        let order = lexsort_to_indices(&columns, None).expect("canonical columns have an order");
        for start in (0..order.len()).step_by(BATCH_ROWS) {
            let rows = order.slice(start, BATCH_ROWS.min(order.len() - start));
            let batch = take_record_batch(&self.rows, &rows).expect("the order names rows that are there");
            each(&batch)?;
            cancelled::check(self.cancel)?;
        }
        Ok(())
    }
}
