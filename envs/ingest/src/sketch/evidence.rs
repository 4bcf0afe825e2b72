//! Whether a column tells a label by itself: then it is, as a rule, the outcome under another name.

use std::collections::HashMap;

use super::name;
use super::profile::Profile;
use crate::findings::suspicion::rank::auc;

/// AUC of a column from which it is taken for an outcome.
const TELLING: f64 = 0.95;

/// The same of a column whose name says that it is one.
const TELLING_WITH_NAME: f64 = 0.70;

/// Rows of the rarer outcome below which nothing is said.
const MIN_OUTCOMES: usize = 10;

/// Values of an id whose rates are counted.
const MAX_VALUES: usize = 1_000;

/// Why `column` looks like an outcome, if it does; `labels` are those of the tasks, by name.
pub(super) fn against(column: &Profile, labels: &[(String, Vec<u8>)]) -> Option<String> {
    labels.iter().find_map(|(task, labels)| {
        let positives = labels.iter().filter(|label| **label == 1).count();
        if positives.min(labels.len() - positives) < MIN_OUTCOMES {
            return None;
        }
        let threshold = if name::is_outcome(&column.name) { TELLING_WITH_NAME } else { TELLING };
        let (how, found) = strongest(column, labels)?;
        (found > threshold).then(|| {
            format!("{how} ranks `{task}` with an AUC of {found:.3}: was it known when the row was shown?")
        })
    })
}

/// The larger of what its values tell and what their absence tells.
fn strongest(column: &Profile, labels: &[u8]) -> Option<(&'static str, f64)> {
    let by_absence = either_way(column.missing.iter().map(|missing| f32::from(u8::from(*missing))), labels);
    let by_value = match &column.numbers {
        Some(numbers) => either_way_known(numbers, labels),
        None => by_rate(column, labels),
    };
    let found = [("its value", by_value), ("whether it is missing", by_absence)];
    found
        .into_iter()
        .filter_map(|(how, auc)| Some((how, auc?)))
        .max_by(|one, other| one.1.total_cmp(&other.1))
}

/// AUC of scores, up or down.
fn either_way(scores: impl Iterator<Item = f32>, labels: &[u8]) -> Option<f64> {
    let mut rows: Vec<(f32, u8)> = scores.zip(labels.iter().copied()).collect();
    auc(&mut rows).map(|auc| auc.max(1.0 - auc))
}

/// The same of the numbers that are there.
fn either_way_known(numbers: &[f64], labels: &[u8]) -> Option<f64> {
    let known = numbers.iter().zip(labels).filter(|(number, _)| !number.is_nan());
    let mut rows: Vec<(f32, u8)> = known.map(|(number, label)| (*number as f32, *label)).collect();
    let positives = rows.iter().filter(|row| row.1 == 1).count();
    if positives.min(rows.len() - positives) < MIN_OUTCOMES {
        return None;
    }
    auc(&mut rows).map(|auc| auc.max(1.0 - auc))
}

/// AUC of every value's rate of positives, counted on every second row and used for the others: a value that stands in one
/// row ranks no other.
fn by_rate(column: &Profile, labels: &[u8]) -> Option<f64> {
    let texts = column.texts.as_ref().filter(|_| column.distinct <= MAX_VALUES)?;
    let mut counts: HashMap<&str, (u32, u32)> = HashMap::new();
    let rows = || texts.iter().map(Option::unwrap_or_default).zip(labels.iter().copied()).enumerate();
    for (_, (text, label)) in rows().filter(|(row, _)| row % 2 == 0) {
        let (positives, all) = counts.entry(text).or_default();
        *positives += u32::from(label);
        *all += 1;
    }
    let mean = labels.iter().map(|label| f64::from(*label)).sum::<f64>() / labels.len().max(1) as f64;
    let rate = |text: &str| {
        let (positives, all) = counts.get(text).copied().unwrap_or_default();
        // One row more with the mean of all.
        ((f64::from(positives) + mean) / (f64::from(all) + 1.0)) as f32
    };
    let mut scored: Vec<(f32, u8)> =
        rows().filter(|(row, _)| row % 2 == 1).map(|(_, (text, label))| (rate(text), label)).collect();
    auc(&mut scored)
}
