//! Both sources of variance together: other seeds, and other sessions to test on.
//!
//! The deviation over seeds alone says nothing of how small the test split is; the bootstrap of one seed alone says nothing of
//! what another seed would give. On a small log the second is by far the larger.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{LEVEL, Spread};

/// A difference with the error that each source gives it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BothSources {
    /// Mean over the seeds of "tried minus base".
    pub difference: f64,
    /// Standard error of that mean from the seeds; absent for one seed.
    pub seed_error: Option<f64>,
    /// Standard error from the sessions of the split.
    pub session_error: f64,
    /// Interval at [`LEVEL`] from both.
    pub interval: [f64; 2],
}

impl BothSources {
    /// Of the difference of every seed, and the standard error that [`resample`](super::resample) finds for their mean. Nothing
    /// without a seed.
    pub fn of(differences: &[f64], session_error: f64) -> Option<Self> {
        let over_seeds = Spread::of(differences.iter().copied())?;
        let (difference, seed_error) = (over_seeds.mean, over_seeds.error());
        let variance = seed_error.unwrap_or(0.0).powi(2) + session_error.powi(2);
        // Welch and Satterthwaite: few seeds widen the interval as far as they have a part in it.
        let freedom = match seed_error {
            Some(error) if error > 0.0 => (variance / error.powi(2)).powi(2) * (differences.len() - 1) as f64,
            _ => f64::INFINITY,
        };
        let student = StudentsT::new(0.0, 1.0, freedom.min(MOST_FREEDOM)).ok()?;
        let half = student.inverse_cdf((1.0 + LEVEL) / 2.0) * variance.sqrt();
        let interval = [difference - half, difference + half];
        Some(Self { difference, seed_error, session_error, interval })
    }
}

/// From here on Student's distribution is the normal one.
const MOST_FREEDOM: f64 = 1e6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::resample;
    use rmtl_agents::stream::Streams;

    #[test]
    fn the_larger_source_rules_the_interval() {
        // 100 sessions whose differences alternate ±.1 around each seed's own level.
        let with_levels = |levels: &[f64]| {
            let shift = |counts: &[u32]| {
                let total: u32 = counts.iter().sum();
                let sum: f64 = counts
                    .iter()
                    .enumerate()
                    .map(|(index, &count)| f64::from(count) * if index % 2 == 0 { 0.1 } else { -0.1 })
                    .sum();
                Some(sum / f64::from(total))
            };
            let sessions = resample(100, 1000, &mut Streams::new(1).named("bootstrap"), shift).unwrap();
            BothSources::of(levels, sessions.error).unwrap()
        };
        let quiet = with_levels(&[0.02, 0.02, 0.02]);
        assert!((quiet.difference - 0.02).abs() < 1e-12 && quiet.seed_error.unwrap() < 1e-12);
        assert!((quiet.session_error - 0.01).abs() < 0.001, "{}", quiet.session_error);
        assert!((quiet.interval[1] - 0.02 - 1.96 * 0.01).abs() < 0.003, "{:?}", quiet.interval);
        let noisy = with_levels(&[-0.38, 0.02, 0.42]);
        // Two degrees of freedom: 4.30 errors of .4 / √3.
        assert!((noisy.interval[1] - noisy.difference - 4.30 * 0.231).abs() < 0.02, "{:?}", noisy.interval);
        assert_eq!(with_levels(&[0.02]).seed_error, None);
        assert_eq!(BothSources::of(&[], 0.1), None);
    }

    #[test]
    fn both_errors_by_hand() {
        // Errors .3 of two seeds (.6 apart) and .4: together .5, with (.25 / .09)² = 7.716 degrees of freedom, t = 2.3207.
        let found = BothSources::of(&[0.7, 1.3], 0.4).unwrap();
        assert!((found.difference - 1.0).abs() < 1e-12 && (found.seed_error.unwrap() - 0.3).abs() < 1e-12);
        let t = (found.interval[1] - 1.0) / 0.5;
        // Between t(.975, 8) = 2.306 and t(.975, 7) = 2.365.
        assert!((2.306..2.365).contains(&t), "{t}");
    }
}
