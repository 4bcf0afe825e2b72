//! From the gradient of a lookup to the gradient of the rows behind it.

use rayon::prelude::*;
use rmtl_envs::PADDING;

use super::lookup::Lookup;

/// The gradient of the rows a batch touched; that of every other row is zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseGradient {
    /// Touched rows, ascending and distinct.
    pub rows: Vec<u32>,
    /// `[row, dim]`, in the order of `rows`.
    pub values: Vec<f32>,
}

/// Values squared and summed by one task of the thread pool, whatever the number of threads.
const VALUES_PER_SUM: usize = 1 << 14;

impl SparseGradient {
    /// The squared Euclidean norm.
    pub fn squared_norm(&self) -> f64 {
        self.dot(self)
    }

    /// Adds the gradient of another batch, which may touch other rows.
    pub fn add(&mut self, other: &Self) {
        let dim = self.values.len() / self.rows.len().max(1);
        let dim = if dim == 0 { other.values.len() / other.rows.len().max(1) } else { dim };
        let mut sum = Self::default();
        let (mut mine, mut theirs) = (0, 0);
        while mine < self.rows.len() || theirs < other.rows.len() {
            let row = match (self.rows.get(mine), other.rows.get(theirs)) {
                (Some(one), Some(other)) => *one.min(other),
                (one, other) => *one.or(other).expect("one of them has a row left"),
            };
            let start = sum.values.len();
            sum.rows.push(row);
            sum.values.resize(start + dim, 0.0);
            for (gradient, at) in [(&*self, &mut mine), (other, &mut theirs)] {
                if gradient.rows.get(*at) == Some(&row) {
                    let values = &gradient.values[*at * dim..][..dim];
                    sum.values[start..].iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                    *at += 1;
                }
            }
        }
        *self = sum;
    }

    /// The inner product with the gradient of another loss on the same batch, which touches the same rows.
    pub fn dot(&self, other: &Self) -> f64 {
        assert_eq!(self.rows.len(), other.rows.len(), "rows of two gradients of one batch");
        inner_product(&self.values, &other.values)
    }
}

/// Euclidean norm over all views.
pub(crate) fn norm(gradients: &[SparseGradient]) -> f64 {
    gradients.iter().map(SparseGradient::squared_norm).sum::<f64>().sqrt()
}

/// `Σ a_i b_i` in double precision, the same whatever the number of threads.
pub(crate) fn inner_product(a: &[f32], b: &[f32]) -> f64 {
    let product = |(a, b): (&f32, &f32)| f64::from(*a) * f64::from(*b);
    let sum = |(a, b): (&[f32], &[f32])| a.iter().zip(b).map(product).sum::<f64>();
    let chunks = a.par_chunks(VALUES_PER_SUM).zip(b.par_chunks(VALUES_PER_SUM));
    let sums: Vec<f64> = chunks.map(sum).collect();
    // One after the other: a parallel sum would depend on how the pool splits it.
    sums.into_iter().sum()
}

/// Sums a lookup's gradient by table row.
///
/// Rows are grouped by sorting the batch's slots: that costs a few per cent of moving the gradient, needs no memory
/// in proportion to the vocabulary, fixes the order of summation (that of the batch), and leaves the rows ascending,
/// which is what lets their updates run in parallel and walk memory forwards. Keep one coalescer per table: its
/// buffers are reused.
#[derive(Clone, Debug, Default)]
pub struct GradientCoalescer {
    /// `row · 2³² + (state · n_fields + field)` of every used slot.
    slots: Vec<u64>,
    /// Where each distinct row's slots begin; the end of the last one closes it.
    starts: Vec<u32>,
    gradient: SparseGradient,
}

impl GradientCoalescer {
    /// The gradient by row. A row of a multi-valued field gets its share of the mean, `gradient / values present`.
    ///
    /// # Shapes
    /// - gradient: `[batch, field, dim]`
    pub fn coalesce(&mut self, lookup: &Lookup, gradient: &[f32], dim: usize) -> &SparseGradient {
        let n_fields = lookup.layout.fields.len();
        let shape = [lookup.batch_size(), n_fields, dim];
        assert_eq!(
            gradient.len(),
            shape.iter().product::<usize>(),
            "gradient of a lookup of shape {shape:?}"
        );
        self.sort_slots(lookup);
        self.group_by_row();

        let Self { slots, starts, gradient: sums } = self;
        sums.values.resize(sums.rows.len() * dim, 0.0);
        sums.values.par_chunks_exact_mut(dim).zip(starts.par_windows(2)).for_each(|(sum, bounds)| {
            let mut embeddings = slots[bounds[0] as usize..bounds[1] as usize].iter().map(|slot| {
                let embedding = *slot as u32 as usize;
                (&gradient[embedding * dim..][..dim], lookup.scales[embedding])
            });
            let (values, scale) = embeddings.next().expect("a row was touched by at least one slot");
            for (sum, value) in sum.iter_mut().zip(values) {
                *sum = scale * value;
            }
            for (values, scale) in embeddings {
                for (sum, value) in sum.iter_mut().zip(values) {
                    *sum += scale * value;
                }
            }
        });
        &self.gradient
    }

    fn sort_slots(&mut self, lookup: &Lookup) {
        let layout = &lookup.layout;
        assert!(lookup.scales.len() < u32::MAX as usize, "{} embeddings in a batch", lookup.scales.len());
        self.slots.clear();
        for (state, rows) in lookup.rows.chunks_exact(layout.n_slots).enumerate() {
            for (index, field) in layout.fields.iter().enumerate() {
                let embedding = (state * layout.fields.len() + index) as u64;
                let present = rows[field.slots.clone()].iter().filter(|&&row| row != PADDING);
                self.slots.extend(present.map(|&row| u64::from(row) << 32 | embedding));
            }
        }
        self.slots.par_sort_unstable();
    }

    fn group_by_row(&mut self) {
        self.starts.clear();
        self.gradient.rows.clear();
        for (start, slot) in self.slots.iter().enumerate() {
            let row = (slot >> 32) as u32;
            if self.gradient.rows.last() != Some(&row) {
                self.gradient.rows.push(row);
                self.starts.push(start as u32);
            }
        }
        self.starts.push(self.slots.len() as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::super::EmbeddingTable;
    use super::super::testing::{schema, with_threads};
    use super::*;
    use crate::stream::Streams;
    use proptest::prelude::*;

    fn table(fields: &[(u32, u32)], dim: usize) -> EmbeddingTable {
        EmbeddingTable::new(&schema(fields), dim, &mut Streams::new(1).named("init"))
    }

    #[test]
    fn gradients_of_two_batches_add_up_by_row() {
        let of =
            |rows: &[u32], values: &[f32]| SparseGradient { rows: rows.to_vec(), values: values.to_vec() };
        let mut sum = of(&[1, 4], &[1.0, 2.0, 3.0, 4.0]);
        sum.add(&of(&[0, 4, 9], &[5.0, 6.0, 7.0, 8.0, 9.0, 10.0]));
        assert_eq!(sum, of(&[0, 1, 4, 9], &[5.0, 6.0, 1.0, 2.0, 10.0, 12.0, 9.0, 10.0]));
        let mut none = SparseGradient::default();
        none.add(&sum);
        assert_eq!(none, sum);
        sum.add(&SparseGradient::default());
        assert_eq!(none, sum);
    }

    #[test]
    fn a_rows_gradient_is_the_sum_over_the_batch() {
        let table = table(&[(3, 1), (2, 1)], 2);
        let lookup = table.indices(&[2, 0, 0, 1, 2, 1]);
        let gradient = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0];
        let mut coalescer = GradientCoalescer::default();
        let sparse = coalescer.coalesce(&lookup, &gradient, 2);
        assert_eq!(sparse.rows, [0, 2, 3, 4]);
        assert_eq!(sparse.values, [5.0, 6.0, 10.0, 12.0, 3.0, 4.0, 18.0, 20.0]);
    }

    #[test]
    fn the_values_of_a_multi_valued_field_share_its_gradient() {
        let table = table(&[(4, 3)], 1);
        let lookup = table.indices(&[1, 1, 2, PADDING, PADDING, PADDING, 3, PADDING, PADDING]);
        let mut coalescer = GradientCoalescer::default();
        let sparse = coalescer.coalesce(&lookup, &[6.0, 100.0, 7.0], 1);
        assert_eq!(sparse.rows, [1, 2, 3]);
        assert_eq!(sparse.values, [4.0, 2.0, 7.0]);
    }

    #[test]
    fn the_squared_norm_by_hand_and_with_the_same_bits_for_any_number_of_threads() {
        let gradient = SparseGradient { rows: vec![3, 5], values: vec![3.0, -4.0, 12.0, 0.0] };
        assert_eq!(gradient.squared_norm(), 169.0);
        let values: Vec<f32> = (0..100_000).map(|i| (i as f32 * 0.37).sin()).collect();
        let gradient = SparseGradient { rows: (0..100_000).collect(), values };
        let expected = with_threads(1, || gradient.squared_norm());
        assert!([2, 5].into_iter().all(|n| with_threads(n, || gradient.squared_norm()) == expected));
    }

    #[test]
    fn nothing_of_an_earlier_batch_is_left() {
        let table = table(&[(4, 1)], 1);
        let mut coalescer = GradientCoalescer::default();
        coalescer.coalesce(&table.indices(&[0, 1, 2, 3]), &[1.0; 4], 1);
        let sparse = coalescer.coalesce(&table.indices(&[2]), &[5.0], 1);
        assert_eq!((&sparse.rows[..], &sparse.values[..]), (&[2][..], &[5.0][..]));
        assert_eq!(*coalescer.coalesce(&table.indices(&[]), &[], 1), SparseGradient::default());
    }

    #[test]
    fn the_sum_has_the_same_bits_for_any_number_of_threads() {
        let table = table(&[(3, 1), (400, 2)], 8);
        let ids: Vec<u32> = (0..700).flat_map(|i| [i % 3, i * i % 400, i * 7 % 400]).collect();
        let lookup = table.indices(&ids);
        let gradient: Vec<f32> = (0..700 * 2 * 8).map(|i| (i as f32 * 0.37).sin()).collect();
        let sum = || GradientCoalescer::default().coalesce(&lookup, &gradient, 8).clone();
        let expected = with_threads(1, sum);
        assert!([2, 5].into_iter().all(|n_threads| with_threads(n_threads, sum) == expected));
    }

    proptest! {
        /// `⟨lookup(W), G⟩` is linear in W, and the coalesced gradient is its derivative: `⟨coalesce(G), W⟩`.
        #[test]
        fn coalescing_is_the_adjoint_of_the_lookup(
            ids in prop::collection::vec((0_u32..5, 0_u32..8, 0_u32..8), 1..40), seed in any::<u64>(),
        ) {
            let ids: Vec<u32> = ids.into_iter()
                .flat_map(|(a, b, c)| [a, if b == 7 { PADDING } else { b }, if c == 7 { PADDING } else { c }])
                .collect();
            let schema = schema(&[(5, 1), (7, 2)]);
            let table = EmbeddingTable::new(&schema, 3, &mut Streams::new(seed).named("init"));
            let lookup = table.indices(&ids);
            let embedded = table.lookup(&lookup);
            let gradient: Vec<f32> = (0..embedded.len()).map(|i| ((i as f32) * 1.7).cos()).collect();
            let dot = |a: &[f32], b: &[f32]| {
                a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
            };
            let mut coalescer = GradientCoalescer::default();
            let sparse = coalescer.coalesce(&lookup, &gradient, 3);
            let touched: Vec<f32> = sparse.rows.iter()
                .flat_map(|&row| table.weights()[row as usize * 3..][..3].to_vec())
                .collect();
            let (forward, adjoint) = (dot(&embedded, &gradient), dot(&touched, &sparse.values));
            prop_assert!((forward - adjoint).abs() < 1e-4, "{forward} against {adjoint}");
        }
    }
}
