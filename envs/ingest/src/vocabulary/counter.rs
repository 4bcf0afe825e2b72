//! How often each value stands in the training rows.

use std::collections::HashMap;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use rmtl_envs::Split;

use crate::boundary::Boundaries;
use crate::canonical::name;

/// The parts of a list: what stands between separators, without blanks around it. An empty list has one value, the
/// empty text, so that every row has at least one.
pub(crate) fn list_values<'a>(list: &'a str, separator: &'a str) -> impl Iterator<Item = &'a str> {
    let mut values = list.split(separator).map(str::trim).filter(|value| !value.is_empty()).peekable();
    let nothing = if values.peek().is_none() { Some("") } else { None };
    values.chain(nothing)
}

/// Counts the values of one field: most frequent first, ties in order of their bytes.
pub(super) struct Counter<'a> {
    pub(super) context: &'a SessionContext,
    /// Its place among the fields that have ids.
    pub(super) field: usize,
    pub(super) boundaries: Boundaries,
    /// Values seen less often are left out.
    pub(super) min_count: u64,
    /// At most this many are kept.
    pub(super) max_size: Option<u32>,
}

impl Counter<'_> {
    /// Of a field with one value per row.
    pub(super) async fn values(&self) -> Result<Vec<(Box<str>, u64)>> {
        let limit = self.max_size.map(|size| format!(" LIMIT {size}")).unwrap_or_default();
        let least = self.min_count;
        let query =
            format!("{} HAVING count(*) >= {least} ORDER BY n DESC, value ASC{limit}", self.grouped());
        let mut counts = Vec::new();
        each(self.context, &query, |value, count| counts.push((value.into(), count))).await?;
        Ok(counts)
    }

    /// Of the first `length` values of lists. DataFusion counts the lists, of which there are fewer than rows.
    pub(super) async fn list_values(&self, separator: &str, length: usize) -> Result<Vec<(Box<str>, u64)>> {
        let mut counts: HashMap<Box<str>, u64> = HashMap::new();
        each(self.context, &self.grouped(), |text, count| {
            for value in list_values(text, separator).take(length) {
                *counts.entry(value.into()).or_default() += count;
            }
        })
        .await?;
        let frequent = counts.into_iter().filter(|&(_, count)| count >= self.min_count);
        let mut counts: Vec<(Box<str>, u64)> = frequent.collect();
        counts.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        counts.truncate(self.max_size.map_or(usize::MAX, |size| size as usize));
        Ok(counts)
    }

    fn grouped(&self) -> String {
        let (id, field, train) = (name::ID, self.field, self.boundaries.condition(Split::Train));
        let rows = name::ROWS;
        format!("SELECT {id}{field} AS value, count(*) AS n FROM {rows} WHERE {train} GROUP BY {id}{field}")
    }
}

/// Calls `row` for each row (value, count) of `query`, in its order.
async fn each(context: &SessionContext, query: &str, mut row: impl FnMut(&str, u64)) -> Result<()> {
    let mut stream = context.sql(query).await?.execute_stream().await?;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let values = batch.column(0).as_string::<i32>();
        let counts = batch.column(1).as_primitive::<Int64Type>();
        for index in 0..values.len() {
            row(values.value(index), counts.value(index).unsigned_abs());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_its_parts_or_the_empty_value() {
        let values = |list| list_values(list, ",").collect::<Vec<_>>();
        assert_eq!(values("12, 65"), ["12", "65"]);
        assert_eq!(values(",7,,"), ["7"]);
        assert_eq!(values(""), [""]);
        assert_eq!(values(" , "), [""]);
    }
}
