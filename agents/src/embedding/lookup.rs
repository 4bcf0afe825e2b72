//! Ids of a batch, resolved to the rows of a table.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use rmtl_envs::{PADDING, Schema};

/// Where every categorical field's rows are in a table, and its slots in a row of the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) fields: Vec<FieldRows>,
    pub(super) n_rows: usize,
    pub(super) n_slots: usize,
}

/// One field's share of a [`Layout`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FieldRows {
    pub(super) first_row: u32,
    pub(super) vocabulary_size: u32,
    pub(super) slots: Range<usize>,
}

impl Layout {
    pub(super) fn of(schema: &Schema) -> Self {
        assert!(!schema.categorical.is_empty(), "a schema without categorical fields has no embedding table");
        let (mut n_rows, mut n_slots) = (0_usize, 0_usize);
        let mut fields = Vec::with_capacity(schema.categorical.len());
        for field in &schema.categorical {
            let first_row = u32::try_from(n_rows).expect("the last row was below u32::MAX");
            let slots = n_slots..n_slots + field.n_values as usize;
            n_rows += field.vocabulary_size as usize;
            n_slots = slots.end;
            // u32::MAX itself is PADDING.
            assert!(n_rows < u32::MAX as usize, "{n_rows} rows, found at field {}: ids are u32", field.name);
            fields.push(FieldRows { first_row, vocabulary_size: field.vocabulary_size, slots });
        }
        Self { fields, n_rows, n_slots }
    }
}

/// The table rows of a batch of states, good for every table made from the same schema, whatever its dimension.
#[derive(Clone, Debug)]
pub struct Lookup {
    pub(super) layout: Arc<Layout>,
    /// `[batch, slot]`: row of the table, or [`PADDING`].
    pub(super) rows: Vec<u32>,
    /// `[batch, field]`: one over the number of values present, so that a field is `scale · Σ rows`.
    pub(super) scales: Vec<f32>,
}

impl Lookup {
    pub(super) fn new(layout: &Arc<Layout>, ids: &[u32]) -> Self {
        let n_slots = layout.n_slots;
        assert!(ids.len().is_multiple_of(n_slots), "{} ids are no multiple of {n_slots} slots", ids.len());
        let batch_size = ids.len() / n_slots;
        let mut rows = Vec::with_capacity(ids.len());
        let mut scales = Vec::with_capacity(batch_size * layout.fields.len());
        for ids in ids.chunks_exact(n_slots) {
            for (index, field) in layout.fields.iter().enumerate() {
                let mut n_present = 0_u32;
                for &id in &ids[field.slots.clone()] {
                    if id == PADDING {
                        rows.push(PADDING);
                    } else {
                        let size = field.vocabulary_size;
                        assert!(
                            id < size,
                            "id {id} of categorical field {index}: its vocabulary has {size} ids"
                        );
                        rows.push(field.first_row + id);
                        n_present += 1;
                    }
                }
                scales.push(1.0 / n_present.max(1) as f32);
            }
        }
        Self { layout: Arc::clone(layout), rows, scales }
    }

    /// Number of states looked up.
    pub fn batch_size(&self) -> usize {
        self.rows.len() / self.layout.n_slots
    }

    /// `[batch, slot]`: the row of every slot, [`PADDING`] where it is unused.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Every row looked up, once, ascending; replaces what `into` held.
    pub fn distinct_rows(&self, into: &mut Vec<u32>) {
        into.clear();
        into.extend(self.rows.iter().filter(|&&row| row != PADDING));
        into.par_sort_unstable();
        into.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::schema;
    use super::*;

    const NONE: u32 = PADDING;

    fn lookup(fields: &[(u32, u32)], ids: &[u32]) -> Lookup {
        Lookup::new(&Arc::new(Layout::of(&schema(fields))), ids)
    }

    #[test]
    fn rows_of_a_field_follow_those_of_the_field_before_it() {
        let lookup = lookup(&[(3, 1), (5, 2), (2, 1)], &[2, 0, 4, 1, 0, 3, NONE, 0]);
        assert_eq!(lookup.batch_size(), 2);
        assert_eq!(lookup.rows(), [2, 3, 7, 9, 0, 6, NONE, 8]);
        assert_eq!(lookup.scales, [1.0, 0.5, 1.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn distinct_rows_are_ascending_and_without_padding() {
        let lookup = lookup(&[(3, 1), (5, 2)], &[2, 4, 4, 0, NONE, NONE, 2, 0, 4]);
        let mut rows = vec![99];
        lookup.distinct_rows(&mut rows);
        assert_eq!(rows, [0, 2, 3, 7]);
    }

    #[test]
    #[should_panic(expected = "id 5 of categorical field 1: its vocabulary has 5 ids")]
    fn an_id_outside_its_vocabulary_panics() {
        lookup(&[(3, 1), (5, 1)], &[0, 5]);
    }

    #[test]
    #[should_panic(expected = "3 ids are no multiple of 2 slots")]
    fn an_incomplete_row_panics() {
        lookup(&[(3, 1), (5, 1)], &[0, 1, 2]);
    }
}
