//! Parallel updates of scattered rows.

/// Rows updated by one task of the thread pool at least.
const MIN_ROWS_PER_TASK: usize = 64;

/// A row-major block of `width` columns.
pub(super) struct Block<'a, T> {
    values: &'a mut [T],
    width: usize,
}

impl<'a, T> Block<'a, T> {
    pub(super) fn new(values: &'a mut [T], width: usize) -> Self {
        Self { values, width }
    }

    pub(super) fn row(&mut self, row: usize) -> &mut [T] {
        &mut self.values[row * self.width..][..self.width]
    }
}

/// Blocks of the same rows, a pair of them being blocks again.
pub(super) trait Blocks: Send + Sized {
    /// The rows before `row` and those from `row` on.
    fn split_at_row(self, row: usize) -> (Self, Self);
}

impl<T: Send> Blocks for Block<'_, T> {
    fn split_at_row(self, row: usize) -> (Self, Self) {
        let (before, after) = self.values.split_at_mut(row * self.width);
        (Self::new(before, self.width), Self::new(after, self.width))
    }
}

impl<A: Blocks, B: Blocks> Blocks for (A, B) {
    fn split_at_row(self, row: usize) -> (Self, Self) {
        let (before, after) = (self.0.split_at_row(row), self.1.split_at_row(row));
        ((before.0, after.0), (before.1, after.1))
    }
}

/// Calls `update(index, blocks, row)` for every index of `rows`, which are ascending and distinct. `row` addresses
/// `rows[index]` in the `blocks` handed over, which are a part of those given.
///
/// Tasks share no row, so the outcome does not depend on their number or order.
pub(super) fn update_rows<B: Blocks>(
    rows: &[u32],
    blocks: B,
    update: &(impl Fn(usize, &mut B, usize) + Sync),
) {
    assert!(rows.is_sorted_by(|row, next| row < next), "rows to update are ascending and distinct");
    update_part(rows, 0, 0, blocks, update);
}

/// [`update_rows`] of `rows` that begin at index `first_index`, in blocks that begin at row `first_row`.
fn update_part<B: Blocks>(
    rows: &[u32],
    first_index: usize,
    first_row: usize,
    mut blocks: B,
    update: &(impl Fn(usize, &mut B, usize) + Sync),
) {
    if rows.len() <= MIN_ROWS_PER_TASK {
        for (index, &row) in rows.iter().enumerate() {
            update(first_index + index, &mut blocks, row as usize - first_row);
        }
        return;
    }
    let middle = rows.len() / 2;
    let (left, right) = rows.split_at(middle);
    let middle_row = right[0] as usize;
    let (before, after) = blocks.split_at_row(middle_row - first_row);
    rayon::join(
        || update_part(left, first_index, first_row, before, update),
        || update_part(right, first_index + middle, middle_row, after, update),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_updated_once_and_no_other() {
        let rows: Vec<u32> = (0..1_000).filter(|row| row % 3 != 1).collect();
        let (mut wide, mut narrow) = (vec![0_usize; 2_000], vec![0_u8; 1_000]);
        update_rows(&rows, (Block::new(&mut wide, 2), Block::new(&mut narrow, 1)), &|index, blocks, row| {
            blocks.0.row(row)[1] += index;
            blocks.1.row(row)[0] += 1;
        });
        for row in 0..1_000 {
            let index = rows.binary_search(&(row as u32)).ok();
            assert_eq!(wide[2 * row..2 * row + 2], [0, index.unwrap_or(0)]);
            assert_eq!(narrow[row], u8::from(index.is_some()));
        }
    }

    #[test]
    #[should_panic(expected = "ascending and distinct")]
    fn a_row_given_twice_panics() {
        update_rows(&[4, 4], Block::new(&mut [0.0_f32; 5], 1), &|_, _, _| ());
    }
}
