//! What the values of a column are like.

use std::collections::HashSet;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};

use crate::query::raw::instants;

/// A column's values.
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) data_type: DataType,
    /// As text, empty where missing; none of types that are no simple ones.
    pub(super) texts: Option<StringArray>,
    /// Of numbers and booleans; NaN where missing.
    pub(super) numbers: Option<Vec<f64>>,
    /// Of integers and times, as they would be stored.
    pub(super) times: Option<Vec<Option<i64>>>,
    /// Which values are missing: null or blank.
    pub(super) missing: Vec<bool>,
    /// Different values, missing ones left out.
    pub(super) distinct: usize,
    /// The longest list, of lists.
    pub(super) longest: u32,
}

impl Profile {
    pub(super) fn of(name: &str, values: &ArrayRef) -> Result<Self, ArrowError> {
        let data_type = values.data_type().clone();
        let is_list = matches!(data_type, DataType::List(_));
        let is_number = data_type.is_numeric() || data_type == DataType::Boolean;
        let numbers = match is_number {
            true => {
                let numbers = cast(values, &DataType::Float64)?;
                Some(
                    numbers
                        .as_primitive::<Float64Type>()
                        .iter()
                        .map(|value| value.unwrap_or(f64::NAN))
                        .collect(),
                )
            }
            false => None,
        };
        let is_time = data_type.is_integer()
            || matches!(data_type, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
        let times = if is_time { Some(instants(values)?.iter().collect()) } else { None };
        let is_simple = is_number || data_type.is_string() || data_type.is_temporal();
        let texts = match is_simple {
            true => {
                let texts = cast(values, &DataType::Utf8)?;
                let texts = texts.as_string::<i32>().iter().map(|text| text.unwrap_or_default().trim());
                Some(StringArray::from_iter_values(texts))
            }
            false => None,
        };
        let missing: Vec<bool> = match &texts {
            Some(texts) => texts.iter().map(|text| text.unwrap_or_default().is_empty()).collect(),
            None => (0..values.len()).map(|row| values.is_null(row)).collect(),
        };
        let distinct = texts.iter().flat_map(|texts| texts.iter().flatten());
        let distinct = distinct.filter(|text| !text.is_empty()).collect::<HashSet<_>>().len();
        let longest = if is_list { longest_list(values) } else { 0 };
        Ok(Self { name: name.to_owned(), data_type, texts, numbers, times, missing, distinct, longest })
    }

    pub(super) fn rows(&self) -> usize {
        self.missing.len()
    }

    pub(super) fn n_missing(&self) -> usize {
        self.missing.iter().filter(|missing| **missing).count()
    }

    /// Whether the values are 0 and 1, both of them, some perhaps missing.
    pub(super) fn is_zero_one(&self) -> bool {
        let known = |numbers: &Vec<f64>| {
            let mut known = numbers.iter().filter(|number| !number.is_nan());
            known.all(|number| *number == 0.0 || *number == 1.0)
        };
        self.distinct == 2 && self.numbers.as_ref().is_some_and(known)
    }

    /// Labels of 0 and 1; 0 where missing.
    pub(super) fn labels(&self) -> Vec<u8> {
        self.numbers.iter().flatten().map(|number| u8::from(*number == 1.0)).collect()
    }

    /// Whether all numbers are whole.
    pub(super) fn is_whole(&self) -> bool {
        self.numbers.iter().flatten().filter(|number| !number.is_nan()).all(|number| number.fract() == 0.0)
    }

    /// A character that stands between values in at least half of the texts, and the longest list then.
    pub(super) fn separator(&self) -> Option<(char, u32)> {
        let texts = self.texts.as_ref().filter(|_| self.data_type.is_string())?;
        let known = self.rows() - self.n_missing();
        ['|', ';', ','].into_iter().find_map(|separator| {
            let parts = |text: &str| text.split(separator).filter(|part| !part.trim().is_empty()).count();
            let counts: Vec<usize> = texts.iter().flatten().map(parts).collect();
            let lists = counts.iter().filter(|count| **count > 1).count();
            // Sentences have commas as well, and blanks.
            let blanks = texts.iter().flatten().filter(|text| text.trim().contains(' ')).count();
            let longest = counts.iter().max().copied().unwrap_or(0);
            (known > 0 && 2 * lists >= known && 2 * blanks < known).then_some((separator, longest as u32))
        })
    }

    /// Mean number of characters.
    pub(super) fn mean_length(&self) -> f64 {
        let lengths =
            self.texts.iter().flat_map(|texts| texts.iter().flatten().map(|text| text.chars().count()));
        lengths.sum::<usize>() as f64 / (self.rows() - self.n_missing()).max(1) as f64
    }
}

fn longest_list(values: &ArrayRef) -> u32 {
    let lengths = values.as_list::<i32>().iter().flatten().map(|list| list.len() as u32);
    lengths.max().unwrap_or(0)
}
