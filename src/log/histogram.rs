//! What is kept of a distribution.

/// Buckets of equal width between the smallest and the largest value.
const N_BUCKETS: usize = 30;

/// Buckets and moments of the finite values among many.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Mean of the values.
    pub mean: f64,
    /// Population standard deviation of the values.
    pub standard_deviation: f64,
    /// Sum of the values.
    pub sum: f64,
    /// Sum of the squared values.
    pub sum_squares: f64,
    /// Upper edge of each bucket, the last one `max`; the first bucket begins at `min`. Buckets are closed
    /// below and open above, the last one closed on both sides.
    pub upper_edges: Vec<f64>,
    /// Values in each bucket.
    pub counts: Vec<u64>,
    /// The nine deciles between 10 % and 90 %: of `n` sorted values number `⌊n · d / 10⌋`.
    pub deciles: [f32; 9],
    /// How many values were left out because they are NaN or infinite.
    pub non_finite: u64,
}

impl Histogram {
    /// Describes the values; `None` when none of them is finite.
    pub fn of(values: &[f32]) -> Option<Self> {
        let mut finite: Vec<f32> = values.iter().copied().filter(|value| value.is_finite()).collect();
        finite.sort_unstable_by(f32::total_cmp);
        let (min, max) = (f64::from(*finite.first()?), f64::from(*finite.last()?));
        let width = (max - min) / N_BUCKETS as f64;
        // Equal values have one bucket of no width.
        let n_buckets = if width > 0.0 { N_BUCKETS } else { 1 };
        let mut upper_edges: Vec<f64> = (1..n_buckets).map(|i| min + width * i as f64).collect();
        upper_edges.push(max);
        let below = |edge: f64| finite.partition_point(|&value| f64::from(value) < edge) as u64;
        let mut ends: Vec<u64> = upper_edges[..n_buckets - 1].iter().map(|&edge| below(edge)).collect();
        ends.push(finite.len() as u64);
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let n_values = finite.len() as f64;
        // Relative to the smallest value, so that equal values deviate by exactly 0.
        let above = |value: &f32| f64::from(*value) - min;
        let mean_above = finite.iter().map(above).sum::<f64>() / n_values;
        let variance = finite.iter().map(|value| (above(value) - mean_above).powi(2)).sum::<f64>() / n_values;
        Some(Self {
            min,
            max,
            mean: min + mean_above,
            standard_deviation: variance.sqrt(),
            sum: finite.iter().map(|&value| f64::from(value)).sum(),
            sum_squares: finite.iter().map(|&value| f64::from(value).powi(2)).sum(),
            counts: starts.zip(&ends).map(|(start, end)| end - start).collect(),
            upper_edges,
            deciles: std::array::from_fn(|decile| finite[finite.len() * (decile + 1) / 10]),
            non_finite: (values.len() - finite.len()) as u64,
        })
    }

    /// Number of finite values, at least 1.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_one_values_in_thirty_buckets() {
        let values: Vec<f32> = (0..=60).rev().map(|i| i as f32).collect();
        let histogram = Histogram::of(&values).expect("finite");
        assert_eq!(
            (histogram.min, histogram.max, histogram.sum, histogram.sum_squares),
            (0.0, 60.0, 1830.0, 73_810.0)
        );
        assert_eq!(histogram.upper_edges, (1..=30).map(|i| 2.0 * f64::from(i)).collect::<Vec<_>>());
        // 0 and 1, 2 and 3, …, and 58, 59, 60 in the last one, closed above.
        assert_eq!(histogram.counts, [vec![2; 29], vec![3]].concat());
        assert_eq!(histogram.deciles, [6.0, 12.0, 18.0, 24.0, 30.0, 36.0, 42.0, 48.0, 54.0]);
        assert_eq!((histogram.count(), histogram.mean), (61, 30.0));
        // Variance of 0..=n is n (n + 2) / 12.
        assert!((histogram.standard_deviation - 310_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn equal_values_share_one_bucket() {
        let histogram = Histogram::of(&[0.1; 7]).expect("finite");
        assert_eq!(
            (histogram.upper_edges.as_slice(), histogram.counts.as_slice()),
            ([histogram.max].as_slice(), [7].as_slice())
        );
        assert_eq!(histogram.min, histogram.max);
        assert_eq!((histogram.mean, histogram.standard_deviation), (histogram.min, 0.0));
    }

    #[test]
    fn values_that_are_not_finite_are_counted_apart() {
        let histogram = Histogram::of(&[f32::NAN, 1.0, f32::INFINITY, 3.0]).expect("two are finite");
        assert_eq!((histogram.count(), histogram.non_finite, histogram.mean), (2, 2, 2.0));
        assert_eq!(Histogram::of(&[f32::NAN]), None);
        assert_eq!(Histogram::of(&[]), None);
    }

    #[test]
    fn the_widest_range_of_floats_does_not_overflow() {
        let histogram = Histogram::of(&[f32::MIN, 0.0, f32::MAX]).expect("finite");
        assert_eq!(histogram.counts.len(), N_BUCKETS);
        assert!(histogram.upper_edges.iter().all(|edge| edge.is_finite()));
    }
}
