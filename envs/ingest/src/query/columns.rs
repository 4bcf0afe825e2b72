//! Which column of the query's result is what.

use arrow_schema::{DataType, Schema};

use crate::IngestError;
use crate::dataset_file::{DatasetFile, MultiValued, SplitRule, TaskColumn};
use rmtl_files::nearest;

/// Positions of the dataset file's columns in the query's result, names and types checked.
#[derive(Debug)]
pub(crate) struct Columns {
    pub(crate) session: usize,
    pub(crate) time: usize,
    /// One per categorical and multi-valued field, in the schema's order.
    pub(crate) ids: Vec<usize>,
    /// What stands between the values of each of those fields in the canonical rows; categorical ones have none.
    pub(crate) separators: Vec<Option<String>>,
    pub(crate) numeric: Vec<usize>,
    /// One per task.
    pub(crate) labels: Vec<usize>,
    /// When its label became known; one per task, or none.
    pub(crate) known: Vec<Option<usize>>,
    /// One per task, or none.
    pub(crate) oracle: Vec<usize>,
    /// Of [`SplitRule::Column`].
    pub(crate) split: Option<usize>,
    pub(crate) weight: Option<usize>,
}

/// A use of a column, and what it allows.
struct Use {
    key: &'static str,
    expected: &'static str,
    allows: fn(&DataType) -> bool,
    advice: &'static str,
}

impl Columns {
    pub(crate) fn of(file: &DatasetFile, result: &Schema) -> Result<Self, IngestError> {
        check_unique(file, result)?;
        let one = |used: &Use, name: &str| position(file, result, used, name);
        let all =
            |used: &Use, names: &[String]| names.iter().map(|name| one(used, name)).collect::<Result<_, _>>();
        let (ids, separators) = ids(file, result)?;
        let split = match &file.split {
            SplitRule::Column { column, .. } => Some(one(&SPLIT, column)?),
            _ => None,
        };
        let time = one(&TIME, &file.time)?;
        let known_use = if result.field(time).data_type().is_integer() { &KNOWN_NUMBER } else { &KNOWN_TIME };
        let known = |task: &TaskColumn| task.known_at.as_deref().map(|name| one(known_use, name)).transpose();
        let columns = Self {
            session: one(&SESSION, &file.session.key)?,
            time,
            ids,
            separators,
            numeric: all(&NUMERIC, &file.numeric)?,
            labels: file.tasks.iter().map(|task| one(&LABEL, &task.label)).collect::<Result<_, _>>()?,
            known: file.tasks.iter().map(known).collect::<Result<_, _>>()?,
            oracle: all(&ORACLE, &file.oracle)?,
            split,
            weight: file.weight.as_deref().map(|name| one(&WEIGHT, name)).transpose()?,
        };
        let ignored: Vec<usize> = all(&IGNORED, &file.ignore)?;
        columns.check_all_listed(file, result, &ignored)?;
        Ok(columns)
    }

    /// Of rows whose outcomes nobody knows yet: session, time and features alone; other columns of the result have no use.
    pub(crate) fn of_features(file: &DatasetFile, result: &Schema) -> Result<Self, IngestError> {
        check_unique(file, result)?;
        let (ids, separators) = ids(file, result)?;
        let numeric = file.numeric.iter().map(|name| position(file, result, &NUMERIC, name));
        Ok(Self {
            session: position(file, result, &SESSION, &file.session.key)?,
            time: position(file, result, &TIME, &file.time)?,
            ids,
            separators,
            numeric: numeric.collect::<Result<_, _>>()?,
            labels: Vec::new(),
            known: Vec::new(),
            oracle: Vec::new(),
            split: None,
            weight: None,
        })
    }

    /// Columns whose values are compared as they are spelt.
    pub(crate) fn as_text(&self) -> Vec<usize> {
        let columns = self.ids.iter().chain(&self.split).chain([&self.session]);
        columns.copied().collect()
    }

    /// Columns that are numbers or times.
    pub(crate) fn as_numbers(&self) -> Vec<usize> {
        let columns = [&self.numeric[..], &self.labels, &self.oracle].concat();
        columns
            .into_iter()
            .chain([self.time])
            .chain(self.weight)
            .chain(self.known.iter().flatten().copied())
            .collect()
    }

    fn check_all_listed(
        &self,
        file: &DatasetFile,
        result: &Schema,
        ignored: &[usize],
    ) -> Result<(), IngestError> {
        let lists =
            [&self.ids[..], &self.numeric, &self.labels, &self.oracle, self.split.as_slice(), ignored];
        let listed = |column: &usize| {
            lists.iter().any(|list| list.contains(column))
                || [Some(self.session), Some(self.time), self.weight].contains(&Some(*column))
                || self.known.contains(&Some(*column))
        };
        let unlisted: Vec<String> = (0..result.fields().len())
            .filter(|column| !listed(column))
            .map(|column| format!("`{}`", result.field(column).name()))
            .collect();
        if unlisted.is_empty() {
            return Ok(());
        }
        Err(IngestError::UnlistedColumns { path: file.path().to_owned(), columns: unlisted.join(", ") })
    }
}

/// Positions of the fields that have ids, and what stands between the values of each.
fn ids(file: &DatasetFile, result: &Schema) -> Result<(Vec<usize>, Vec<Option<String>>), IngestError> {
    let (mut ids, mut separators) = (Vec::new(), Vec::new());
    for name in &file.categorical {
        ids.push(position(file, result, &CATEGORICAL, name)?);
        separators.push(None);
    }
    for field in &file.multi_valued {
        let column = position(file, result, &MULTI_VALUED, &field.name)?;
        ids.push(column);
        separators.push(Some(separator(file, field, result.field(column).data_type())?));
    }
    Ok((ids, separators))
}

fn check_unique(file: &DatasetFile, result: &Schema) -> Result<(), IngestError> {
    let names: Vec<&String> = result.fields().iter().map(|field| field.name()).collect();
    match (1..names.len()).find(|&index| names[..index].contains(&names[index])) {
        Some(index) => {
            let found = format!("column `{}` twice; rename one with AS", names[index]);
            Err(file.setting("query", "columns whose names differ", found))
        }
        None => Ok(()),
    }
}

fn position(file: &DatasetFile, result: &Schema, used: &Use, name: &str) -> Result<usize, IngestError> {
    let names = || result.fields().iter().map(|field| field.name().as_str());
    let (path, key, column) = (file.path().to_owned(), used.key.to_owned(), name.to_owned());
    let Some(index) = names().position(|found| found == name) else {
        let likely = nearest(name, names()).map(str::to_owned);
        let found = names().collect::<Vec<_>>().join(", ");
        return Err(IngestError::MissingColumn { path, key, column, nearest: likely, found });
    };
    let found = result.field(index).data_type();
    if (used.allows)(found) {
        return Ok(index);
    }
    let (expected, advice, found) = (used.expected, used.advice, found.to_string());
    Err(IngestError::WrongType { path, key, column, expected, found, advice })
}

/// Between the values of what came as a list: a character that separates units and stands in no value.
const UNIT_SEPARATOR: &str = "\u{1F}";

fn separator(file: &DatasetFile, field: &MultiValued, found: &DataType) -> Result<String, IngestError> {
    match (is_list(found), &field.separator) {
        (false, separator) => Ok(separator.as_deref().unwrap_or(",").to_owned()),
        (true, None) => Ok(UNIT_SEPARATOR.to_owned()),
        (true, Some(_)) => {
            let expected = format!("no `separator` for `{}`, whose values are lists already", field.name);
            Err(file.setting("multi_valued", expected, "one"))
        }
    }
}

pub(crate) fn is_list(found: &DataType) -> bool {
    matches!(found, DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..))
}

/// The type of a list's values; any other type as it is.
fn item(found: &DataType) -> &DataType {
    match found {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            item.data_type()
        }
        other => other,
    }
}

const SESSION: Use = Use { key: "session", ..CATEGORICAL };
const TIME: Use = Use {
    key: "time",
    expected: "integers or timestamps",
    allows: |found| found.is_integer() || is_instant(found),
    advice: "; CAST it in the query: CAST(x AS BIGINT), CAST(x AS TIMESTAMP) or to_timestamp(x)",
};
const KNOWN_NUMBER: Use = Use {
    key: "tasks.known_at",
    expected: "integers, in the unit of `time`",
    allows: DataType::is_integer,
    ..TIME
};
const KNOWN_TIME: Use =
    Use { key: "tasks.known_at", expected: "timestamps, as in `time`", allows: is_instant, ..TIME };
const CATEGORICAL: Use = Use {
    key: "categorical",
    expected: "a simple type: text, integers, numbers, booleans, dates",
    allows: is_simple,
    advice: "; turn it into text in the query",
};
const MULTI_VALUED: Use = Use {
    key: "multi_valued",
    expected: "text, integers or lists of them",
    allows: |found| item(found).is_string() || item(found).is_integer(),
    advice: "; turn it into text with a separator in the query",
};
const NUMERIC: Use = Use {
    key: "numeric",
    expected: "numbers",
    allows: |found| {
        found.is_numeric() || found.is_string() || matches!(found, DataType::Boolean | DataType::Null)
    },
    advice: "; CAST(x AS DOUBLE) it in the query",
};
const LABEL: Use = Use { key: "tasks.label", expected: "booleans or numbers", ..NUMERIC };
const WEIGHT: Use = Use { key: "weight", ..NUMERIC };
const ORACLE: Use = Use { key: "oracle", expected: "probabilities", ..NUMERIC };
const SPLIT: Use = Use { key: "split.column", ..CATEGORICAL };
const IGNORED: Use = Use { key: "ignore", expected: "anything", allows: |_| true, advice: "" };

fn is_instant(found: &DataType) -> bool {
    matches!(found, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
}

fn is_simple(found: &DataType) -> bool {
    found.is_string()
        || found.is_numeric()
        || found.is_temporal()
        || matches!(found, DataType::Boolean | DataType::Null)
}
