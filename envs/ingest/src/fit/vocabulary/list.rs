//! Fields whose values are lists.

use std::collections::HashMap;

use super::Counts;
use crate::IngestError;
use crate::rows::{Rows, Wanted};
use crate::split::boundary::Boundaries;

/// The parts of a list: what stands between separators, without blanks around it. An empty list has one value, the
/// empty text, so that every row has at least one.
pub(crate) fn list_values<'a>(list: &'a str, separator: &'a str) -> impl Iterator<Item = &'a str> {
    let mut values = list.split(separator).map(str::trim).filter(|value| !value.is_empty()).peekable();
    let nothing = if values.peek().is_none() { Some("") } else { None };
    values.chain(nothing)
}

/// Of the first `length` values of lists. The lists are counted as such, of which there are fewer than rows.
pub(super) fn counts(
    rows: &dyn Rows,
    field: usize,
    boundaries: Boundaries,
    wanted: Wanted,
    separator: &str,
    length: usize,
) -> Result<Counts, IngestError> {
    let mut counts: HashMap<Box<str>, u64> = HashMap::new();
    rows.frequencies(field, boundaries, None, &mut |text, count| {
        for value in list_values(text, separator).take(length) {
            *counts.entry(value.into()).or_default() += count;
        }
    })?;
    let mut counts: Counts = counts.into_iter().filter(|&(_, count)| count >= wanted.least).collect();
    counts.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    counts.truncate(wanted.most.map_or(usize::MAX, |most| most as usize));
    Ok(counts)
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
