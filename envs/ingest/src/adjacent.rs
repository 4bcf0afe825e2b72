//! Comparing each row of a stream with the row before it, across batches.

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::compute::and;
use datafusion::arrow::compute::kernels::cmp::not_distinct;
use datafusion::arrow::error::ArrowError;

/// Remembers the last row of the batch before.
#[derive(Default)]
pub(crate) struct Adjacent {
    last: Option<Vec<ArrayRef>>,
}

impl Adjacent {
    /// For each row, whether it equals the row before in all `columns`; the stream's first row equals none.
    pub(crate) fn same_as_previous(&mut self, columns: &[ArrayRef]) -> Result<Vec<bool>, ArrowError> {
        let Some(rows) = columns.first().map(|column| column.len()).filter(|&rows| rows > 0) else {
            return Ok(Vec::new());
        };
        let first = match &self.last {
            None => false,
            Some(last) => all_equal(last, &sliced(columns, 0, 1))?.value(0),
        };
        let others = all_equal(&sliced(columns, 0, rows - 1), &sliced(columns, 1, rows - 1))?;
        self.last = Some(sliced(columns, rows - 1, 1));
        Ok(std::iter::once(first).chain(others.values()).collect())
    }
}

fn sliced(columns: &[ArrayRef], offset: usize, length: usize) -> Vec<ArrayRef> {
    columns.iter().map(|column| column.slice(offset, length)).collect()
}

fn all_equal(one: &[ArrayRef], other: &[ArrayRef]) -> Result<BooleanArray, ArrowError> {
    let mut equal = BooleanArray::from(vec![true; one[0].len()]);
    for (one, other) in one.iter().zip(other) {
        equal = and(&equal, &not_distinct(one, other)?)?;
    }
    Ok(equal)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn rows_are_compared_across_batches_and_null_equals_null() {
        let columns = |numbers: Vec<Option<i64>>, texts: Vec<&str>| -> [ArrayRef; 2] {
            [Arc::new(Int64Array::from(numbers)), Arc::new(StringArray::from(texts))]
        };
        let mut adjacent = Adjacent::default();
        let first = columns(vec![Some(1), Some(1), None], vec!["a", "b", "b"]);
        assert_eq!(adjacent.same_as_previous(&first).unwrap(), [false, false, false]);
        let second = columns(vec![None, None], vec!["b", "b"]);
        assert_eq!(adjacent.same_as_previous(&second).unwrap(), [true, true]);
        assert!(adjacent.same_as_previous(&columns(vec![], vec![])).unwrap().is_empty());
        assert_eq!(adjacent.same_as_previous(&columns(vec![Some(2)], vec!["b"])).unwrap(), [false]);
    }
}
