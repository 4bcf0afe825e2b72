//! Sums that do not depend on the order of what is added.

/// A sum of finite numbers, exact until it is read (Shewchuk, 1997, "Adaptive precision floating-point arithmetic and
/// fast robust geometric predicates").
#[derive(Clone, Debug, Default)]
pub(crate) struct ExactSum {
    /// Numbers whose exact sum this is, of growing size, none of which has a bit in the place of another's.
    parts: Vec<f64>,
}

impl ExactSum {
    pub(crate) fn add(&mut self, value: f64) {
        let (mut carried, mut kept) = (value, 0);
        for index in 0..self.parts.len() {
            let (sum, error) = two_sum(carried, self.parts[index]);
            if error != 0.0 {
                self.parts[kept] = error;
                kept += 1;
            }
            carried = sum;
        }
        self.parts.truncate(kept);
        self.parts.push(carried);
    }

    /// The exact sum, rounded once; 0 of nothing.
    pub(crate) fn value(&self) -> f64 {
        let mut smaller = self.parts.iter().rev().copied();
        let mut sum = smaller.next().unwrap_or(0.0);
        let mut error = 0.0;
        for part in smaller.by_ref() {
            (sum, error) = two_sum(sum, part);
            if error != 0.0 {
                break;
            }
        }
        // Where the error is exactly half a step of the sum, what is smaller still says which way to round.
        if let Some(rest) = smaller.next()
            && (error > 0.0) == (rest > 0.0)
        {
            let (rounded, missing) = two_sum(sum, 2.0 * error);
            if missing == 0.0 {
                sum = rounded;
            }
        }
        sum
    }
}

/// The rounded sum, and what rounding lost (Knuth).
fn two_sum(one: f64, other: f64) -> (f64, f64) {
    let sum = one + other;
    let other_in_sum = sum - one;
    let error = (one - (sum - other_in_sum)) + (other - other_in_sum);
    (sum, error)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(values: &[f64]) -> f64 {
        let mut sum = ExactSum::default();
        values.iter().for_each(|&value| sum.add(value));
        sum.value()
    }

    #[test]
    fn nothing_is_lost_to_large_numbers_in_between() {
        assert_eq!(sum(&[]), 0.0);
        assert_eq!(sum(&[1e16, 1.0, -1e16]), 1.0);
        assert_eq!(sum(&[0.1; 10]), 1.0);
        // Half a step above 2^53 rounds to the even neighbour, the least bit more rounds up.
        let large = 2f64.powi(53);
        assert_eq!(sum(&[large, 1.0]), large);
        assert_eq!(sum(&[large, 1.0, 2f64.powi(-60)]), large + 2.0);
    }

    proptest! {
        #[test]
        fn any_order_gives_the_same_bits(
            values in prop::collection::vec((-1e9f64..1e9, -30i32..30), 0..40), seed in any::<u64>()
        ) {
            let values: Vec<f64> = values.into_iter().map(|(value, power)| value * 2f64.powi(power)).collect();
            let mut shuffled = values.clone();
            shuffled.sort_by_key(|value| value.to_bits().wrapping_mul(seed | 1));
            prop_assert_eq!(sum(&values).to_bits(), sum(&shuffled).to_bits());
        }
    }
}
