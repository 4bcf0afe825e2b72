//! Differences seed by seed.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::{LEVEL, Spread};

/// What n paired differences say of their mean. All seeds of an arm and its base start alike and see the same batches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Differences.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation.
    pub std: f64,
    /// Student's interval of the mean at [`LEVEL`].
    pub interval: [f64; 2],
    /// Two-sided p of the paired t-test.
    pub p: f64,
    /// Cohen's d of paired differences, mean over standard deviation; absent where they do not vary.
    pub effect: Option<f64>,
}

/// The paired t-test; nothing for fewer than two differences.
pub fn paired(differences: &[f64]) -> Option<Paired> {
    let n = differences.len();
    if n < 2 || differences.iter().any(|difference| !difference.is_finite()) {
        return None;
    }
    let over_seeds = Spread::of(differences.iter().copied())?;
    let (mean, std, error) = (over_seeds.mean, over_seeds.std?, over_seeds.error()?);
    let student = StudentsT::new(0.0, 1.0, (n - 1) as f64).ok()?;
    let half = student.inverse_cdf((1.0 + LEVEL) / 2.0) * error;
    let p = if error > 0.0 {
        2.0 * (1.0 - student.cdf((mean / error).abs()))
    } else {
        f64::from(u8::from(mean == 0.0))
    };
    let effect = (std > 0.0).then_some(mean / std);
    Some(Paired { n, mean, std, interval: [mean - half, mean + half], p, effect })
}

/// Fewer differences than this cannot be significant at 5 % by their ranks, whatever they are.
const LEAST_FOR_RANKS: usize = 6;

/// Two-sided p of Wilcoxon's signed-rank test: exact up to 25 differences without ties, by the normal approximation with
/// correction for ties otherwise. Nothing for fewer than six differences that are not 0.
pub fn wilcoxon(differences: &[f64]) -> Option<f64> {
    let mut sizes: Vec<f64> = differences.iter().copied().filter(|difference| *difference != 0.0).collect();
    let n = sizes.len();
    if n < LEAST_FOR_RANKS || sizes.iter().any(|size| !size.is_finite()) {
        return None;
    }
    sizes.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let (mut positive, mut ties, mut start) = (0.0, 0.0, 0);
    while start < n {
        let end = start + sizes[start..].iter().take_while(|size| size.abs() == sizes[start].abs()).count();
        let rank = (start + 1 + end) as f64 / 2.0;
        positive += rank * sizes[start..end].iter().filter(|size| **size > 0.0).count() as f64;
        let tied = (end - start) as f64;
        ties += tied.powi(3) - tied;
        start = end;
    }
    let count = n as f64;
    let total = count * (count + 1.0) / 2.0;
    let smaller = positive.min(total - positive);
    if ties == 0.0 && n <= 25 {
        return Some((2.0 * exact_tail(n, smaller as usize)).min(1.0));
    }
    let variance = count * (count + 1.0) * (2.0 * count + 1.0) / 24.0 - ties / 48.0;
    let z = (smaller - total / 2.0 + 0.5) / variance.sqrt();
    Some((2.0 * Normal::standard().cdf(z)).min(1.0))
}

/// P(sum of ranks with positive sign ≤ `most`) where every sign is a coin.
fn exact_tail(n: usize, most: usize) -> f64 {
    let mut ways = vec![0.0; n * (n + 1) / 2 + 1];
    ways[0] = 1.0;
    for rank in 1..=n {
        for sum in (rank..ways.len()).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    ways[..=most].iter().sum::<f64>() / 2.0_f64.powi(n as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_t_test_by_hand() {
        // Mean 2, deviation 1, error 1/√3: t = 3.4641 with 2 degrees of freedom, p = .0742; t(.975) = 4.3027.
        let found = paired(&[1.0, 2.0, 3.0]).unwrap();
        assert!((found.mean - 2.0).abs() < 1e-12 && (found.std - 1.0).abs() < 1e-12);
        assert!((found.p - 0.074_18).abs() < 1e-4, "{}", found.p);
        assert!((found.interval[0] - (2.0 - 4.302_65 / 3.0_f64.sqrt())).abs() < 1e-4, "{:?}", found.interval);
        assert_eq!(found.effect, Some(2.0));
        assert_eq!(paired(&[1.0]), None);
        assert_eq!(paired(&[1.0, f64::NAN]), None);
        let constant = paired(&[0.5, 0.5]).unwrap();
        assert_eq!((constant.p, constant.effect), (0.0, None));
        assert_eq!(paired(&[0.0, 0.0]).unwrap().p, 1.0);
    }

    #[test]
    fn signed_ranks_by_hand() {
        // All six positive: one of 64 ways on each side.
        assert_eq!(wilcoxon(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), Some(2.0 / 64.0));
        // The smallest negative: sums 0 and 1, two ways.
        assert_eq!(wilcoxon(&[-1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), Some(4.0 / 64.0));
        assert_eq!(wilcoxon(&[1.0, 2.0, 3.0, 4.0, 5.0]), None, "five seeds cannot tell");
        assert_eq!(wilcoxon(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), None, "zeros do not count");
    }

    #[test]
    fn tied_ranks_are_shared() {
        // Ranks 1.5 twice, then 3 to 8; the two tied differences have opposite signs, so the smaller sum is 1.5.
        let found = wilcoxon(&[1.0, -1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).unwrap();
        let variance: f64 = 8.0 * 9.0 * 17.0 / 24.0 - 6.0 / 48.0;
        let expected = 2.0 * Normal::standard().cdf((1.5 - 18.0 + 0.5) / variance.sqrt());
        assert!((found - expected).abs() < 1e-12, "{found}");
    }
}
