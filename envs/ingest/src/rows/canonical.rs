//! The query's rows in the one shape every later step reads: fixed names, fixed types, checked values.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, UInt8Array, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;

use crate::dataset_file::DatasetFile;
use crate::findings::Findings;
use crate::query::columns::Columns;
use crate::query::raw::Raw;
use crate::rows::digest::digests;
use crate::rows::labels::Labels;
use crate::split::late_labels::late_tasks;
use crate::split::marks::SplitMarks;

/// The canonical columns' names: the query's may hold anything, these need no quoting in SQL.
pub(crate) mod name {
    /// Position of the row in the query's result.
    pub(crate) const POSITION: &str = "position";
    /// Session key, where it is an integer as integers are written: `Int64`. Such keys sort by size.
    pub(crate) const SESSION_NUMBER: &str = "session_number";
    /// Any other session key: `Utf8`, empty beside a number.
    pub(crate) const SESSION: &str = "session";
    /// Time: `Int64`.
    pub(crate) const TIME: &str = "time";
    /// What orders rows of one session and time: [`digests`](crate::rows::digest::digests) of all columns but the labels,
    /// which may not be known yet. Rows that share it are ordered by the labels that count.
    pub(crate) const DIGEST: &str = "digest";
    /// Split as a number, for rules that do not depend on time.
    pub(crate) const SPLIT: &str = "split";
    /// Prefix of the categorical and multi-valued fields: `Utf8`, null as the empty text.
    pub(crate) const ID: &str = "id";
    /// Prefix of the numeric fields: `Float64`, NaN as null.
    pub(crate) const NUMERIC: &str = "numeric";
    /// Prefix of the tasks' cumulative labels: `UInt8`.
    pub(crate) const LABEL: &str = "label";
    /// Prefix of the labels that are numbers, of tasks that have such: `Float64`.
    pub(crate) const VALUE: &str = "value";
    /// How much the row counts in training, where rows differ: `Float64`.
    pub(crate) const WEIGHT: &str = "weight";
    /// Prefix of the times at which they became known, of tasks that have such: `Int64`.
    pub(crate) const KNOWN: &str = "known";
    /// Prefix of the true probabilities: `Float64`.
    pub(crate) const ORACLE: &str = "oracle";
}

/// Brings batches of the query's result into canonical form.
pub(crate) struct Canonical {
    columns: Columns,
    parents: Vec<Option<usize>>,
    late_tasks: Vec<usize>,
    /// Of tasks whose label is a number: the task and its cap.
    numbers: Vec<(usize, Option<f64>)>,
    marks: Option<SplitMarks>,
    schema: SchemaRef,
}

impl Canonical {
    pub(crate) fn new(file: &DatasetFile, columns: Columns) -> Self {
        let mut fields = vec![
            Field::new(name::POSITION, DataType::UInt64, false),
            Field::new(name::SESSION_NUMBER, DataType::Int64, true),
            Field::new(name::SESSION, DataType::Utf8, false),
            Field::new(name::TIME, DataType::Int64, false),
            Field::new(name::DIGEST, DataType::UInt64, false),
        ];
        let marks = SplitMarks::new(&file.split);
        fields.extend(marks.iter().map(|_| Field::new(name::SPLIT, DataType::UInt8, false)));
        let families = [
            (name::ID, columns.ids.len(), DataType::Utf8),
            (name::NUMERIC, columns.numeric.len(), DataType::Float64),
            (name::ORACLE, columns.oracle.len(), DataType::Float64),
            (name::LABEL, columns.labels.len(), DataType::UInt8),
        ];
        for (prefix, count, data_type) in families {
            let nullable = prefix == name::NUMERIC;
            fields
                .extend((0..count).map(|i| Field::new(format!("{prefix}{i}"), data_type.clone(), nullable)));
        }
        let late_tasks: Vec<usize> = late_tasks(file).collect();
        let known = |task: &usize| Field::new(format!("{}{task}", name::KNOWN), DataType::Int64, true);
        fields.extend(late_tasks.iter().map(known));
        let numbers: Vec<(usize, Option<f64>)> =
            file.number_tasks().map(|task| (task, file.tasks[task].cap)).collect();
        let value =
            |(task, _): &(usize, _)| Field::new(format!("{}{task}", name::VALUE), DataType::Float64, false);
        fields.extend(numbers.iter().map(value));
        fields.extend(columns.weight.map(|_| Field::new(name::WEIGHT, DataType::Float64, false)));
        Self {
            numbers,
            columns,
            parents: file.parents(),
            late_tasks,
            marks,
            schema: Arc::new(Schema::new(fields)),
        }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Converts `batch`; mistakes go to `findings` and leave an arbitrary valid value behind, unless rows with mistakes may be
    /// left out.
    pub(crate) fn convert(
        &self,
        batch: &RecordBatch,
        findings: &mut Findings,
    ) -> Result<RecordBatch, ArrowError> {
        let (first, kept) = (findings.rows + findings.rejected, findings.rows);
        if !findings.may_reject() {
            return self.convert_all(batch, first, kept, findings);
        }
        let mut found = findings.of_batch();
        let mut converted = self.convert_all(batch, first, kept, &mut found)?;
        if !found.bad_rows.is_empty() {
            let is_good = (0..batch.num_rows()).map(|row| Some(!found.bad_rows.contains_key(&row)));
            let good = filter_record_batch(batch, &is_good.collect())?;
            findings.reject(found);
            found = findings.of_batch();
            converted = self.convert_all(&good, first, kept, &mut found)?;
        }
        findings.add(&found);
        Ok(converted)
    }

    /// The same; `first_row` rows of the result came before, and `kept` of them were kept.
    fn convert_all(
        &self,
        batch: &RecordBatch,
        first_row: u64,
        kept: u64,
        findings: &mut Findings,
    ) -> Result<RecordBatch, ArrowError> {
        let raw = Raw { batch, columns: &self.columns, first_row };
        let rows = batch.num_rows() as u64;
        let position = UInt64Array::from_iter_values(kept..kept + rows);
        let (session, time) = (raw.session(findings)?, raw.time(findings)?);
        let (session_number, session_text) = numbers_and_texts(&session);
        let mut arrays: Vec<ArrayRef> = Vec::new();
        if let Some(marks) = &self.marks {
            arrays.push(match self.columns.split {
                Some(column) => raw.split(column, marks, findings)?,
                None => Arc::new(marks.of_sessions(&session)),
            });
        }
        arrays.extend(raw.ids()?);
        for (field, &column) in self.columns.numeric.iter().enumerate() {
            arrays.push(raw.numeric(field, column, findings)?);
        }
        for &column in &self.columns.oracle {
            arrays.push(raw.probability(column, findings)?);
        }
        let digests = digests(&arrays);
        let row_times = time.as_primitive();
        let values = self.values(&raw, findings)?;
        let Labels { eventual, mut known } = Labels::of(&raw, &self.parents, &values, row_times, findings)?;
        for labels in eventual {
            arrays.push(Arc::new(UInt8Array::from(labels)));
        }
        for &task in &self.late_tasks {
            arrays.push(Arc::new(Int64Array::from(std::mem::take(&mut known[task]))));
        }
        for (_, values) in values {
            arrays.push(Arc::new(Float64Array::from(values)));
        }
        if let Some(column) = self.columns.weight {
            arrays.push(Arc::new(Float64Array::from(raw.amounts("weight", column, findings)?)));
        }
        findings.rows += rows;
        let keys: [ArrayRef; 5] = [Arc::new(position), session_number, session_text, time, Arc::new(digests)];
        arrays.splice(..0, keys);
        RecordBatch::try_new(self.schema.clone(), arrays)
    }
}

impl Canonical {
    /// The labels that are numbers, with their tasks.
    fn values(&self, raw: &Raw<'_>, findings: &mut Findings) -> Result<Vec<(usize, Vec<f64>)>, ArrowError> {
        let mut found = Vec::new();
        for &(task, cap) in &self.numbers {
            let mut values = raw.amounts("tasks.label", self.columns.labels[task], findings)?;
            if let Some(cap) = cap {
                findings.capped[task] += values.iter().filter(|value| **value > cap).count() as u64;
                values.iter_mut().for_each(|value| *value = value.min(cap));
            }
            found.push((task, values));
        }
        Ok(found)
    }
}

/// The features of `batch` in canonical form, and nothing else: of rows whose outcomes nobody knows yet. Their time is 0. Mistakes
/// go to `findings`.
pub(crate) fn features(
    batch: &RecordBatch,
    columns: &Columns,
    findings: &mut Findings,
) -> Result<RecordBatch, ArrowError> {
    let (first_row, n_rows) = (findings.rows, batch.num_rows());
    let raw = Raw { batch, columns, first_row };
    let positions = UInt64Array::from_iter_values(first_row..first_row + n_rows as u64);
    let mut arrays: Vec<(String, ArrayRef)> = vec![
        (name::POSITION.into(), Arc::new(positions)),
        (name::TIME.into(), Arc::new(Int64Array::from(vec![0; n_rows]))),
    ];
    arrays.extend(raw.ids()?.into_iter().enumerate().map(|(i, ids)| (format!("{}{i}", name::ID), ids)));
    for (field, &column) in columns.numeric.iter().enumerate() {
        arrays.push((format!("{}{field}", name::NUMERIC), raw.numeric(field, column, findings)?));
    }
    findings.rows += n_rows as u64;
    RecordBatch::try_from_iter(arrays)
}

/// Keys that are integers, written as integers are, and the others.
fn numbers_and_texts(keys: &StringArray) -> (ArrayRef, ArrayRef) {
    let number = |key: &str| key.parse().ok().filter(|number: &i64| number.to_string() == key);
    let numbers: Int64Array = keys.iter().map(|key| key.and_then(number)).collect();
    let texts =
        keys.iter().zip(&numbers).map(|(key, number)| key.filter(|_| number.is_none()).unwrap_or_default());
    let texts = StringArray::from_iter_values(texts);
    (Arc::new(numbers), Arc::new(texts))
}
