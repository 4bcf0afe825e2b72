//! Labels: what counts as 0 and 1, the AND along a chain, and when a label of 1 became known.

use arrow_array::{Array, Int64Array};
use arrow_schema::ArrowError;

use crate::findings::{Expectation, Findings};
use crate::query::raw::Raw;

/// The labels of a batch's rows.
pub(crate) struct Labels {
    /// Cumulative labels once everything is known, `[task][row]`: a task's label is its own AND that of the task it
    /// comes after.
    pub(crate) eventual: Vec<Vec<u8>>,
    /// Since when a cumulative label is 1, `[task][row]`: the later of its own time and that of the task before. None
    /// where the label is 0, or was known with the row.
    pub(crate) known: Vec<Vec<Option<i64>>>,
}

impl Labels {
    /// Reads the labels; of `numbers`, whether they are above 0. Rows whose own label is 1 where the one before is 0 break the chain and are counted.
    pub(crate) fn of(
        raw: &Raw<'_>,
        parents: &[Option<usize>],
        numbers: &[(usize, Vec<f64>)],
        row_times: &Int64Array,
        findings: &mut Findings,
    ) -> Result<Self, ArrowError> {
        let mut labels = Self { eventual: Vec::new(), known: Vec::new() };
        for (task, parent) in parents.iter().enumerate() {
            let mut eventual = match numbers.iter().find(|(number, _)| *number == task) {
                Some((_, values)) => values.iter().map(|value| u8::from(*value > 0.0)).collect(),
                None => own_labels(raw, raw.columns.labels[task], findings)?,
            };
            let mut known = own_times(raw, raw.columns.known[task], &eventual, findings)?;
            let is_early = |(known, time): (&Option<i64>, &i64)| known.is_some_and(|known| known < *time);
            findings.early_labels[task] +=
                known.iter().zip(row_times.values()).filter(|pair| is_early(*pair)).count() as u64;
            if let Some(parent) = *parent {
                for (row, label) in eventual.iter_mut().enumerate() {
                    let before = labels.eventual[parent][row];
                    findings.chain_breaks[task] += u64::from(*label > before);
                    *label &= before;
                    // None is less than any time.
                    known[row] = known[row].max(labels.known[parent][row]).filter(|_| *label == 1);
                }
            }
            labels.eventual.push(eventual);
            labels.known.push(known);
        }
        Ok(labels)
    }
}

fn own_labels(raw: &Raw<'_>, column: usize, findings: &mut Findings) -> Result<Vec<u8>, ArrowError> {
    let expectation = Expectation { key: "tasks.label", column, expected: "0 or 1" };
    let numbers = raw.numbers("tasks.label", column, findings)?;
    let labels = numbers.iter().enumerate().map(|(row, value)| match value {
        Some(0.0) => 0,
        Some(1.0) => 1,
        _ => {
            findings.offend(expectation, row, || raw.describe(column, row));
            0
        }
    });
    Ok(labels.collect())
}

/// When each label of 1 became known, by `column`.
fn own_times(
    raw: &Raw<'_>,
    column: Option<usize>,
    labels: &[u8],
    findings: &mut Findings,
) -> Result<Vec<Option<i64>>, ArrowError> {
    let Some(column) = column else { return Ok(vec![None; labels.len()]) };
    let expected = "a time in every row whose label is 1";
    let expectation = Expectation { key: "tasks.known_at", column, expected };
    let times = raw.times("tasks.known_at", column, findings)?;
    let mut known = Vec::with_capacity(labels.len());
    for (row, &label) in labels.iter().enumerate() {
        let time = (label == 1 && times.is_valid(row)).then(|| times.value(row));
        if label == 1 && time.is_none() {
            findings.offend(expectation, row, || raw.describe(column, row));
        }
        known.push(time);
    }
    Ok(known)
}
