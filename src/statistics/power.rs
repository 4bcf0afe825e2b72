//! How many seeds a difference needs to be seen.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::LEVEL;

/// With this chance a difference that is there is found.
const POWER: f64 = 0.8;

/// More than this nobody trains.
const MOST: usize = 100_000;

/// The fewest seeds with which the paired t-test finds a true difference of `wanted` with a chance of 80 %, where single
/// differences deviate by `std`. Nothing where that is not a number of seeds anybody trains.
///
/// By the noncentral t-distribution's normal approximation, solved for n.
pub fn seeds_needed(std: f64, wanted: f64) -> Option<usize> {
    if !(std.is_finite() && std >= 0.0 && wanted > 0.0) {
        return None;
    }
    let power = Normal::standard().inverse_cdf(POWER);
    let is_enough = |n: usize| {
        let student = StudentsT::new(0.0, 1.0, (n - 1) as f64).ok()?;
        let critical = student.inverse_cdf((1.0 + LEVEL) / 2.0);
        Some(wanted / std * (n as f64).sqrt() >= critical + power)
    };
    // No fewer than the normal distribution asks for, whose quantiles are nearer.
    let normal = Normal::standard().inverse_cdf((1.0 + LEVEL) / 2.0) + power;
    let least = (std / wanted * normal).powi(2).floor();
    if least > MOST as f64 {
        return None;
    }
    (least.max(2.0) as usize..=MOST).find(|&n| is_enough(n) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_by_hand() {
        // One deviation: (t + .842)² with t(.975, 9) = 2.262 is 9.63 ≤ 10; with n = 9, t = 2.306: 9.91 > 9.
        assert_eq!(seeds_needed(1.0, 1.0), Some(10));
        assert_eq!(seeds_needed(0.0, 0.001), Some(2));
        assert_eq!(seeds_needed(1.0, 0.0), None);
        assert_eq!(seeds_needed(f64::NAN, 1.0), None);
        // A tenth of a deviation: about (1.963 + .842)² · 100.
        let many = seeds_needed(1.0, 0.1).unwrap();
        assert!((785..=790).contains(&many), "{many}");
    }
}
