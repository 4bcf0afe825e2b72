//! Comparing each row of a stream with the row before it, across batches.

use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBuffer;
use arrow_ord::cmp::not_distinct;

/// Remembers the last row of the batch before.
#[derive(Default)]
pub(crate) struct Adjacent {
    last: Option<Vec<ArrayRef>>,
}

impl Adjacent {
    /// For each row, whether it equals the row before in all `columns`; the stream's first row equals none.
    pub(crate) fn same_as_previous(&mut self, columns: &[ArrayRef]) -> Vec<bool> {
        let Some(rows) = columns.first().map(|column| column.len()).filter(|&rows| rows > 0) else {
            return Vec::new();
        };
        let first = match &self.last {
            None => false,
            Some(last) => all_equal(last, &sliced(columns, 0, 1)).value(0),
        };
        let others = all_equal(&sliced(columns, 0, rows - 1), &sliced(columns, 1, rows - 1));
        self.last = Some(sliced(columns, rows - 1, 1));
        std::iter::once(first).chain(&others).collect()
    }
}

fn sliced(columns: &[ArrayRef], offset: usize, length: usize) -> Vec<ArrayRef> {
    columns.iter().map(|column| column.slice(offset, length)).collect()
}

fn all_equal(one: &[ArrayRef], other: &[ArrayRef]) -> BooleanBuffer {
    let mut equal = BooleanBuffer::new_set(one[0].len());
    for (one, other) in one.iter().zip(other) {
        let same = not_distinct(one, other).expect("the columns of a stream keep their types");
        equal = &equal & same.values();
    }
    equal
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn rows_are_compared_across_batches_and_null_equals_null() {
        let columns = |numbers: Vec<Option<i64>>, texts: Vec<&str>| -> [ArrayRef; 2] {
            [Arc::new(Int64Array::from(numbers)), Arc::new(StringArray::from(texts))]
        };
        let mut adjacent = Adjacent::default();
        let first = columns(vec![Some(1), Some(1), None], vec!["a", "b", "b"]);
        assert_eq!(adjacent.same_as_previous(&first), [false, false, false]);
        let second = columns(vec![None, None], vec!["b", "b"]);
        assert_eq!(adjacent.same_as_previous(&second), [true, true]);
        assert!(adjacent.same_as_previous(&columns(vec![], vec![])).is_empty());
        assert_eq!(adjacent.same_as_previous(&columns(vec![Some(2)], vec!["b"])), [false]);
    }
}
