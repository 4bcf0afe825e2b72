//! A batch of the query's result, its columns read by their use; what is not allowed there is noted.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, UInt8Array};
use arrow_cast::cast;
use arrow_cast::display::array_value_to_string;
use arrow_schema::{ArrowError, DataType, Field, TimeUnit};

use crate::findings::{Expectation, Findings, Found};
use crate::query::columns::{Columns, is_list};
use crate::split::marks::SplitMarks;

/// A batch of the query's result.
pub(crate) struct Raw<'a> {
    pub(crate) batch: &'a RecordBatch,
    pub(crate) columns: &'a Columns,
    /// Rows of the result before this batch.
    pub(crate) first_row: u64,
}

impl Raw<'_> {
    /// The value at `row` of `column`, and what tells the row from others.
    pub(crate) fn describe(&self, column: usize, row: usize) -> Found {
        let cell = |column: usize| {
            let array = self.batch.column(column);
            (column, array.is_valid(row).then(|| array_value_to_string(array, row).unwrap_or_default()))
        };
        let cells = [column, self.columns.session, self.columns.time].map(cell);
        Found::new(self.first_row + row as u64 + 1, cells)
    }

    pub(crate) fn session(&self, findings: &mut Findings) -> Result<StringArray, ArrowError> {
        let column = self.columns.session;
        let expectation = Expectation { key: "session", column, expected: "a value in every row" };
        let keys = text(self.batch.column(column))?.as_string::<i32>().clone();
        for row in (0..keys.len()).filter(|&row| keys.value(row).trim().is_empty()) {
            findings.offend(expectation, row, || self.describe(column, row));
        }
        Ok(keys)
    }

    pub(crate) fn time(&self, findings: &mut Findings) -> Result<ArrayRef, ArrowError> {
        let column = self.columns.time;
        let expectation = Expectation { key: "time", column, expected: "a time in every row" };
        let times = self.times("time", column, findings)?;
        for row in (0..times.len()).filter(|&row| self.batch.column(column).is_null(row)) {
            findings.offend(expectation, row, || self.describe(column, row));
        }
        Ok(Arc::new(Int64Array::from_iter_values(times.iter().map(Option::unwrap_or_default))))
    }

    /// The times in `column`; null where there is none.
    pub(crate) fn times(
        &self,
        key: &'static str,
        column: usize,
        findings: &mut Findings,
    ) -> Result<Int64Array, ArrowError> {
        let expected = "times that a signed integer of 64 bits can hold (timestamps: in milliseconds)";
        let array = self.batch.column(column);
        let times = instants(array)?;
        for row in (0..times.len()).filter(|&row| times.is_null(row) && array.is_valid(row)) {
            findings.offend(Expectation { key, column, expected }, row, || self.describe(column, row));
        }
        if array.data_type().is_integer() {
            for (row, time) in times.iter().enumerate() {
                if let Some(expected) = time.and_then(|time| findings.time_unit.other_than(time)) {
                    findings
                        .offend(Expectation { key, column, expected }, row, || self.describe(column, row));
                }
            }
        }
        Ok(times)
    }

    pub(crate) fn split(
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
                findings.offend(expectation, row, || self.describe(column, row));
                0
            })
        });
        Ok(Arc::new(UInt8Array::from_iter_values(splits)))
    }

    /// The values of every field that has ids, as text.
    pub(crate) fn ids(&self) -> Result<Vec<ArrayRef>, ArrowError> {
        let fields = self.columns.ids.iter().zip(&self.columns.separators);
        fields
            .map(|(&column, separator)| {
                let array = self.batch.column(column);
                match separator {
                    Some(separator) if is_list(array.data_type()) => joined(array, separator),
                    _ => text(array),
                }
            })
            .collect()
    }

    pub(crate) fn numeric(
        &self,
        field: usize,
        column: usize,
        findings: &mut Findings,
    ) -> Result<ArrayRef, ArrowError> {
        let expected = "finite numbers of at most 3.4e38 (32 bits)";
        let expectation = Expectation { key: "numeric", column, expected };
        let mut values = Vec::with_capacity(self.batch.num_rows());
        for (row, value) in self.numbers("numeric", column, findings)?.iter().enumerate() {
            let known = value.filter(|value| !value.is_nan());
            findings.missing_numeric[field] += u64::from(known.is_none());
            if known.is_some_and(|value| value.abs() > f64::from(f32::MAX)) {
                findings.offend(expectation, row, || self.describe(column, row));
            }
            values.push(known);
        }
        Ok(Arc::new(Float64Array::from(values)))
    }

    /// Numbers that are not negative, one in every row.
    pub(crate) fn amounts(
        &self,
        key: &'static str,
        column: usize,
        findings: &mut Findings,
    ) -> Result<Vec<f64>, ArrowError> {
        let expected = "a number from 0 to 3.4e38 (32 bits) in every row";
        let mut values = Vec::with_capacity(self.batch.num_rows());
        for (row, value) in self.numbers(key, column, findings)?.iter().enumerate() {
            let value = value.unwrap_or(f64::NAN);
            if !(0.0..=f64::from(f32::MAX)).contains(&value) {
                findings.offend(Expectation { key, column, expected }, row, || self.describe(column, row));
            }
            values.push(if value.is_finite() { value.max(0.0) } else { 0.0 });
        }
        Ok(values)
    }

    pub(crate) fn probability(&self, column: usize, findings: &mut Findings) -> Result<ArrayRef, ArrowError> {
        let expectation = Expectation { key: "oracle", column, expected: "probabilities from 0 to 1" };
        let mut values = Vec::with_capacity(self.batch.num_rows());
        for (row, value) in self.numbers("oracle", column, findings)?.iter().enumerate() {
            let value = value.unwrap_or(f64::NAN);
            if !(0.0..=1.0).contains(&value) {
                findings.offend(expectation, row, || self.describe(column, row));
            }
            values.push(value);
        }
        Ok(Arc::new(Float64Array::from(values)))
    }

    /// The numbers in `column`, which may be spelt as text; null where there is none.
    pub(crate) fn numbers(
        &self,
        key: &'static str,
        column: usize,
        findings: &mut Findings,
    ) -> Result<Float64Array, ArrowError> {
        let array = self.batch.column(column);
        if !array.data_type().is_string() {
            return Ok(cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone());
        }
        let expected = "numbers (a word for a missing value belongs under `null` in the long form of its table; in the query, \
                        TRY_CAST(x AS DOUBLE) takes whatever is no number as missing)";
        let texts = text(array)?;
        let numbers = texts.as_string::<i32>().iter().enumerate().map(|(row, spelt)| {
            let spelt = spelt.unwrap_or_default().trim();
            let number = spelt.parse().ok();
            if number.is_none() && !spelt.is_empty() {
                findings.offend(Expectation { key, column, expected }, row, || self.describe(column, row));
            }
            number
        });
        Ok(numbers.collect())
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

/// Values as text. Null and the empty text are one value: text files cannot tell them apart.
fn text(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let array = cast(array, &DataType::Utf8)?;
    if array.null_count() == 0 {
        return Ok(array);
    }
    let values = array.as_string::<i32>().iter().map(Option::unwrap_or_default);
    Ok(Arc::new(StringArray::from_iter_values(values)))
}

/// Lists as text, with `separator` between their values.
fn joined(lists: &ArrayRef, separator: &str) -> Result<ArrayRef, ArrowError> {
    let items = Arc::new(Field::new_list_field(DataType::Utf8, true));
    let lists = cast(lists, &DataType::List(items))?;
    let joined = lists.as_list::<i32>().iter().map(|list| {
        let list = list.unwrap_or_else(|| Arc::new(StringArray::new_null(0)));
        let values: Vec<&str> = list.as_string::<i32>().iter().flatten().collect();
        values.join(separator)
    });
    Ok(Arc::new(StringArray::from_iter_values(joined)))
}
