//! Sums that are fast and do not depend on the number of threads.

use std::iter::Sum;
use std::ops::Range;

use rayon::prelude::*;

/// Items one worker adds up before the partial sums are added in order.
const CHUNK: usize = 1 << 16;

/// `Σ part(chunk)` over `0..n` cut into chunks of fixed size, the parts added in order.
pub(super) fn chunked_sum<T: Send + Sum>(n: usize, part: impl Fn(Range<usize>) -> T + Sync) -> T {
    let parts: Vec<T> =
        (0..n.div_ceil(CHUNK)).into_par_iter().map(|i| part(i * CHUNK..((i + 1) * CHUNK).min(n))).collect();
    parts.into_iter().sum()
}

/// Sum of values in `f64`.
pub(super) fn sum(values: &[f32]) -> f64 {
    chunked_sum(values.len(), |rows| values[rows].iter().map(|&value| f64::from(value)).sum::<f64>())
}

/// Number of positive labels.
pub(super) fn count_positives(labels: &[u8]) -> u64 {
    chunked_sum(labels.len(), |rows| labels[rows].iter().map(|&label| u64::from(label != 0)).sum::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_added_once_across_chunk_borders() {
        for n in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            assert_eq!(sum(&vec![0.5; n]), n as f64 / 2.0);
            assert_eq!(count_positives(&vec![1; n]), n as u64);
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_the_sum() {
        let values: Vec<f32> = (0..5 * CHUNK).map(|i| 1.0 / (i + 1) as f32).collect();
        let with_threads = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("a thread pool");
            pool.install(|| sum(&values))
        };
        assert_eq!(with_threads(1).to_bits(), with_threads(7).to_bits());
    }
}
