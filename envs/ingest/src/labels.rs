//! Labels: what counts as 0 and 1, and the AND along a chain.

use datafusion::arrow::error::ArrowError;

use crate::canonical::Raw;
use crate::findings::{Expectation, Findings};

/// Cumulative labels, `[task][row]`: a task's label is its own AND that of the task it comes after. Rows whose own
/// label is 1 where the one before is 0 break the chain and are counted.
pub(crate) fn chained_labels(
    raw: &Raw<'_>,
    parents: &[Option<usize>],
    findings: &mut Findings,
) -> Result<Vec<Vec<u8>>, ArrowError> {
    let mut chained: Vec<Vec<u8>> = Vec::with_capacity(parents.len());
    for (task, parent) in parents.iter().enumerate() {
        let mut labels = own_labels(raw, raw.columns.labels[task], findings)?;
        if let Some(parent) = parent {
            for (label, &before) in labels.iter_mut().zip(&chained[*parent]) {
                findings.chain_breaks[task] += u64::from(*label > before);
                *label &= before;
            }
        }
        chained.push(labels);
    }
    Ok(chained)
}

fn own_labels(raw: &Raw<'_>, column: usize, findings: &mut Findings) -> Result<Vec<u8>, ArrowError> {
    let expectation = Expectation { key: "tasks.label", column, expected: "0 or 1" };
    let numbers = raw.numbers(column)?;
    let labels = numbers.iter().enumerate().map(|(row, value)| match value {
        Some(0.0) => 0,
        Some(1.0) => 1,
        _ => {
            findings.offend(expectation, || raw.describe(column, row));
            0
        }
    });
    Ok(labels.collect())
}
