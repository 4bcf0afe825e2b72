//! The query's rows in the one shape every later step reads: fixed names, fixed types, checked values.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, UInt8Array, UInt64Array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::array_value_to_string;

use crate::columns::Columns;
use crate::dataset_file::DatasetFile;
use crate::digest::digests;
use crate::findings::{Expectation, Findings};
use crate::labels::Labels;
use crate::late_labels::late_tasks;
use crate::split_marks::SplitMarks;

/// The canonical tables' and columns' names: the query's may hold anything, these need no quoting in SQL.
pub(crate) mod name {
    /// Table of the query's rows, labels as they will be once everything is known.
    pub(crate) const RESULT: &str = "result_rows";
    /// The same with labels as they count in their split.
    pub(crate) const ROWS: &str = "rows";
    /// Position of the row in the query's result.
    pub(crate) const POSITION: &str = "position";
    /// Session key: `Int64` or `Utf8`.
    pub(crate) const SESSION: &str = "session";
    /// Time: `Int64`.
    pub(crate) const TIME: &str = "time";
    /// What orders rows of one session and time: [`digests`](crate::digest::digests) of all columns but the labels,
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
    marks: Option<SplitMarks>,
    schema: SchemaRef,
}

impl Canonical {
    pub(crate) fn new(file: &DatasetFile, columns: Columns, result: &Schema) -> Self {
        let session = session_type(result.field(columns.session).data_type());
        let mut fields = vec![
            Field::new(name::POSITION, DataType::UInt64, false),
            Field::new(name::SESSION, session, false),
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
        Self { columns, parents: file.parents(), late_tasks, marks, schema: Arc::new(Schema::new(fields)) }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Converts `batch`; mistakes go to `findings` and leave an arbitrary valid value behind.
    pub(crate) fn convert(
        &self,
        batch: &RecordBatch,
        findings: &mut Findings,
    ) -> Result<RecordBatch, ArrowError> {
        let raw = Raw { batch, columns: &self.columns, first_row: findings.rows };
        let rows = batch.num_rows() as u64;
        let position = UInt64Array::from_iter_values(findings.rows..findings.rows + rows);
        let (session, time) = (raw.session(findings)?, raw.time(findings)?);
        let mut arrays: Vec<ArrayRef> = Vec::new();
        if let Some(marks) = &self.marks {
            arrays.push(match self.columns.split {
                Some(column) => raw.split(column, marks, findings)?,
                None => Arc::new(marks.of_sessions(&session)?),
            });
        }
        for &column in &self.columns.ids {
            arrays.push(text(batch.column(column))?);
        }
        for (field, &column) in self.columns.numeric.iter().enumerate() {
            arrays.push(raw.numeric(field, column, findings)?);
        }
        for &column in &self.columns.oracle {
            arrays.push(raw.probability(column, findings)?);
        }
        let digests = digests(&arrays);
        let Labels { eventual, mut known } = Labels::of(&raw, &self.parents, findings)?;
        for labels in eventual {
            arrays.push(Arc::new(UInt8Array::from(labels)));
        }
        for &task in &self.late_tasks {
            arrays.push(Arc::new(Int64Array::from(std::mem::take(&mut known[task]))));
        }
        findings.rows += rows;
        let keys: [ArrayRef; 4] = [Arc::new(position), session, time, Arc::new(digests)];
        arrays.splice(..0, keys);
        RecordBatch::try_new(self.schema.clone(), arrays)
    }
}

/// A batch of the query's result.
pub(crate) struct Raw<'a> {
    pub(crate) batch: &'a RecordBatch,
    pub(crate) columns: &'a Columns,
    /// Rows of the result before this batch.
    first_row: u64,
}

impl Raw<'_> {
    /// The value at `row` of `column`, and where that is, for a message.
    pub(crate) fn describe(&self, column: usize, row: usize) -> (String, String) {
        let value = |column: usize| {
            let array = self.batch.column(column);
            if array.is_null(row) {
                "null".into()
            } else {
                array_value_to_string(array, row).unwrap_or_default()
            }
        };
        let (session, time) = (value(self.columns.session), value(self.columns.time));
        let number = self.first_row + row as u64 + 1;
        (value(column), format!("row {number} of the query's result (session {session}, time {time})"))
    }

    fn session(&self, findings: &mut Findings) -> Result<ArrayRef, ArrowError> {
        let array = self.batch.column(self.columns.session);
        self.offend_nulls("session", self.columns.session, array, findings);
        match session_type(array.data_type()) {
            DataType::Int64 => {
                let values = cast(array, &DataType::Int64)?;
                Ok(Arc::new(Int64Array::from_iter_values(
                    values.as_primitive::<Int64Type>().iter().map(Option::unwrap_or_default),
                )))
            }
            _ => text(array),
        }
    }

    fn time(&self, findings: &mut Findings) -> Result<ArrayRef, ArrowError> {
        let array = self.batch.column(self.columns.time);
        self.offend_nulls("time", self.columns.time, array, findings);
        let times = instants(array)?;
        Ok(Arc::new(Int64Array::from_iter_values(times.iter().map(Option::unwrap_or_default))))
    }

    pub(crate) fn times(&self, column: usize) -> Result<Int64Array, ArrowError> {
        instants(self.batch.column(column))
    }

    fn split(
        &self,
        column: usize,
        marks: &SplitMarks,
        findings: &mut Findings,
    ) -> Result<ArrayRef, ArrowError> {
        let expectation =
            Expectation { key: "split.column", column, expected: "a value listed under [split]" };
        let values = text(self.batch.column(column))?;
        let splits = values.as_string::<i32>().iter().enumerate().map(|(row, value)| {
            marks.of_value(value.unwrap_or_default()).unwrap_or_else(|| {
                findings.offend(expectation, || self.describe(column, row));
                0
            })
        });
        Ok(Arc::new(UInt8Array::from_iter_values(splits)))
    }

    fn numeric(&self, field: usize, column: usize, findings: &mut Findings) -> Result<ArrayRef, ArrowError> {
        let expectation = Expectation { key: "numeric", column, expected: "finite numbers" };
        let mut values = Vec::with_capacity(self.batch.num_rows());
        for (row, value) in self.numbers(column)?.iter().enumerate() {
            let known = value.filter(|value| !value.is_nan());
            findings.missing_numeric[field] += u64::from(known.is_none());
            if known.is_some_and(f64::is_infinite) {
                findings.offend(expectation, || self.describe(column, row));
            }
            values.push(known);
        }
        Ok(Arc::new(Float64Array::from(values)))
    }

    fn probability(&self, column: usize, findings: &mut Findings) -> Result<ArrayRef, ArrowError> {
        let expectation = Expectation { key: "oracle", column, expected: "probabilities from 0 to 1" };
        let mut values = Vec::with_capacity(self.batch.num_rows());
        for (row, value) in self.numbers(column)?.iter().enumerate() {
            let value = value.unwrap_or(f64::NAN);
            if !(0.0..=1.0).contains(&value) {
                findings.offend(expectation, || self.describe(column, row));
            }
            values.push(value);
        }
        Ok(Arc::new(Float64Array::from(values)))
    }

    pub(crate) fn numbers(&self, column: usize) -> Result<Float64Array, ArrowError> {
        Ok(cast(self.batch.column(column), &DataType::Float64)?.as_primitive::<Float64Type>().clone())
    }

    fn offend_nulls(&self, key: &'static str, column: usize, array: &ArrayRef, findings: &mut Findings) {
        let expectation = Expectation { key, column, expected: "a value in every row" };
        for row in (0..array.len()).filter(|&row| array.is_null(row)) {
            findings.offend(expectation, || self.describe(column, row));
        }
    }
}

/// Times as they are stored: integers as they are, timestamps and dates in milliseconds.
pub(crate) fn instants(array: &ArrayRef) -> Result<Int64Array, ArrowError> {
    let (array, units_per_milli) = match array.data_type() {
        DataType::Date32 | DataType::Date64 => {
            (cast(array, &DataType::Timestamp(TimeUnit::Millisecond, None))?, 1)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => (array.clone(), 1_000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => (array.clone(), 1_000_000),
        DataType::Timestamp(TimeUnit::Second, zone) => {
            (cast(array, &DataType::Timestamp(TimeUnit::Millisecond, zone.clone()))?, 1)
        }
        _ => (array.clone(), 1),
    };
    let values = cast(&array, &DataType::Int64)?;
    Ok(values.as_primitive::<Int64Type>().unary(|time| time.div_euclid(units_per_milli)))
}

/// Integers sort as integers; everything else is compared as text.
fn session_type(found: &DataType) -> DataType {
    if found.is_integer() && *found != DataType::UInt64 { DataType::Int64 } else { DataType::Utf8 }
}

/// Values as text. Null and the empty text are one value: text files cannot tell them apart.
fn text(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let array = cast(array, &DataType::Utf8)?;
    if array.null_count() == 0 {
        return Ok(array);
    }
    let values = array.as_string::<i32>().iter().map(Option::unwrap_or_default);
    Ok(Arc::new(StringArray::from_iter_values(values)))
}
