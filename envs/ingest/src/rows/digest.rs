//! One number per row that stands for all its columns.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt8Type};
use arrow_array::{Array, ArrayRef, Float64Array, StringArray, UInt8Array, UInt64Array};
use arrow_schema::DataType;

/// Hash of each row of `columns` (text, numbers and bytes): rows of one session and time are ordered by it, and those
/// that share it are equal in `columns`. Comparing it instead of the columns makes a sort of wide rows several times
/// cheaper, and orders ties by nothing that means anything.
pub(crate) fn digests(columns: &[ArrayRef]) -> UInt64Array {
    let columns: Vec<Column<'_>> = columns.iter().map(Column::of).collect();
    let rows = columns.first().map_or(0, Column::len);
    let mut bytes = Vec::new();
    UInt64Array::from_iter_values((0..rows).map(|row| {
        bytes.clear();
        columns.iter().for_each(|column| column.append(row, &mut bytes));
        let hash = blake3::hash(&bytes);
        u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes"))
    }))
}

enum Column<'a> {
    Text(&'a StringArray),
    Number(&'a Float64Array),
    Byte(&'a UInt8Array),
}

impl<'a> Column<'a> {
    fn of(array: &'a ArrayRef) -> Self {
        match array.data_type() {
            DataType::Utf8 => Self::Text(array.as_string()),
            DataType::Float64 => Self::Number(array.as_primitive::<Float64Type>()),
            DataType::UInt8 => Self::Byte(array.as_primitive::<UInt8Type>()),
            other => unreachable!("canonical rows have no column of type {other}"),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(array) => array.len(),
            Self::Number(array) => array.len(),
            Self::Byte(array) => array.len(),
        }
    }

    /// Texts with their length and numbers with a mark for null: no two rows have the same bytes.
    fn append(&self, row: usize, bytes: &mut Vec<u8>) {
        match self {
            Self::Text(array) => {
                let text = array.value(row);
                bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
            Self::Number(array) => {
                bytes.push(u8::from(array.is_valid(row)));
                let value = if array.is_valid(row) { array.value(row) } else { 0.0 };
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            Self::Byte(array) => bytes.push(array.value(row)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn rows_share_a_digest_only_if_they_are_equal() {
        let columns: [ArrayRef; 4] = [
            Arc::new(StringArray::from(vec!["ab", "a", "ab", "ab", "ab"])),
            Arc::new(StringArray::from(vec!["c", "bc", "c", "c", "c"])),
            Arc::new(Float64Array::from(vec![Some(0.0), Some(0.0), Some(0.0), None, Some(0.0)])),
            Arc::new(UInt8Array::from(vec![1, 1, 1, 1, 0])),
        ];
        let digests = digests(&columns);
        let digests: Vec<u64> = digests.values().to_vec();
        assert_eq!(digests[0], digests[2]);
        let mut distinct = digests.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 4, "{digests:?}");
    }
}
