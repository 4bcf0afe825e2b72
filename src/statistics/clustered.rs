//! Both sources of variance together: other seeds, and other sessions to test on.
//!
//! The deviation over seeds alone says nothing of how small the test split is; the bootstrap of one seed alone says nothing of
//! what another seed would give. On a small log the second is by far the larger.

use rmtl_agents::stream::Stream;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{LEVEL, resample};

/// A difference with the error that each source gives it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BothSources {
    /// Mean over the seeds of "tried minus base".
    pub difference: f64,
    /// Standard error of that mean from the seeds; absent for one seed.
    pub seed_error: Option<f64>,
    /// Standard error from the sessions of the test split.
    pub session_error: f64,
    /// Interval at [`LEVEL`] from both.
    pub interval: [f64; 2],
}

/// A statistic of every seed, given how often each session counts: once each for what was measured.
pub type OfSessions<'a> = dyn Fn(&[u32]) -> Option<Vec<f64>> + 'a;

/// Nothing where the statistic of the rows as they are is undefined.
pub fn both_sources(
    n_sessions: usize,
    n_resamples: usize,
    stream: &mut Stream,
    by_seed: &OfSessions<'_>,
) -> Option<BothSources> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let measured = by_seed(&vec![1; n_sessions])?;
    let difference = mean(&measured);
    let n = measured.len() as f64;
    let seed_variance = (measured.len() > 1)
        .then(|| measured.iter().map(|value| (value - difference).powi(2)).sum::<f64>() / (n - 1.0) / n);
    let sessions = resample(n_sessions, n_resamples, stream, |counts| Some(mean(&by_seed(counts)?)))?;
    let variance = seed_variance.unwrap_or(0.0) + sessions.error.powi(2);
    // Welch and Satterthwaite: few seeds widen the interval as far as they have a part in it.
    let freedom = match seed_variance {
        Some(of_seeds) if of_seeds > 0.0 => (variance / of_seeds).powi(2) * (n - 1.0),
        _ => f64::INFINITY,
    };
    let student = StudentsT::new(0.0, 1.0, freedom.min(MOST_FREEDOM)).ok()?;
    let half = student.inverse_cdf((1.0 + LEVEL) / 2.0) * variance.sqrt();
    Some(BothSources {
        difference,
        seed_error: seed_variance.map(f64::sqrt),
        session_error: sessions.error,
        interval: [difference - half, difference + half],
    })
}

/// From here on Student's distribution is the normal one.
const MOST_FREEDOM: f64 = 1e6;

/// AUC of rows that count differently often. Sorted once, then every resample is one pass.
pub struct CountedAuc<'a> {
    labels: &'a [u8],
    /// Session of every row.
    sessions: &'a [u32],
    predictions: &'a [f32],
    /// Rows in the order of their predictions.
    order: Vec<u32>,
}

impl<'a> CountedAuc<'a> {
    /// Nothing where a prediction is NaN.
    pub fn new(labels: &'a [u8], sessions: &'a [u32], predictions: &'a [f32]) -> Option<Self> {
        if predictions.iter().any(|prediction| prediction.is_nan()) {
            return None;
        }
        let mut order: Vec<u32> = (0..predictions.len() as u32).collect();
        order.sort_by(|&a, &b| predictions[a as usize].total_cmp(&predictions[b as usize]));
        Some(Self { labels, sessions, predictions, order })
    }

    /// The AUC where a row counts as often as its session.
    pub fn at(&self, counts: &[u32]) -> Option<f64> {
        let (mut wins, mut negatives_below, mut positives) = (0.0, 0.0, 0.0);
        let mut start = 0;
        while start < self.order.len() {
            let value = self.predictions[self.order[start] as usize];
            let (mut tied_positives, mut tied_negatives) = (0.0, 0.0);
            while let Some(&row) = self.order.get(start)
                && self.predictions[row as usize] == value
            {
                let count = f64::from(counts[self.sessions[row as usize] as usize]);
                match self.labels[row as usize] {
                    0 => tied_negatives += count,
                    _ => tied_positives += count,
                }
                start += 1;
            }
            wins += tied_positives * (negatives_below + tied_negatives / 2.0);
            negatives_below += tied_negatives;
            positives += tied_positives;
        }
        let pairs = positives * negatives_below;
        (pairs > 0.0).then(|| wins / pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::auc;
    use rmtl_agents::stream::Streams;

    #[test]
    fn a_counted_auc_is_that_of_rows_written_out_so_often() {
        let (labels, predictions) = ([1, 0, 1, 0, 0], [0.8, 0.5, 0.4, 0.4, 0.1]);
        let sessions = [0, 0, 1, 2, 2];
        let counted = CountedAuc::new(&labels, &sessions, &predictions).unwrap();
        assert_eq!(counted.at(&[1, 1, 1]), Some(0.75));
        // Session 0 twice, session 2 left out.
        assert_eq!(counted.at(&[2, 1, 0]), auc(&[1, 0, 1, 0, 1], &[0.8, 0.5, 0.8, 0.5, 0.4]));
        assert_eq!(counted.at(&[0, 1, 0]), None, "one class");
    }

    #[test]
    fn the_larger_source_rules_the_interval() {
        // 100 sessions whose differences alternate ±.1 around each seed's own level.
        let with_levels = |levels: &'static [f64]| {
            let by_seed = move |counts: &[u32]| {
                let total: u32 = counts.iter().sum();
                let shift: f64 = counts
                    .iter()
                    .enumerate()
                    .map(|(index, &count)| f64::from(count) * if index % 2 == 0 { 0.1 } else { -0.1 })
                    .sum();
                Some(levels.iter().map(|level| level + shift / f64::from(total)).collect())
            };
            both_sources(100, 1000, &mut Streams::new(1).named("bootstrap"), &by_seed).unwrap()
        };
        let quiet = with_levels(&[0.02, 0.02, 0.02]);
        assert!((quiet.difference - 0.02).abs() < 1e-12 && quiet.seed_error == Some(0.0));
        assert!((quiet.session_error - 0.01).abs() < 0.001, "{}", quiet.session_error);
        assert!((quiet.interval[1] - 0.02 - 1.96 * 0.01).abs() < 0.003, "{:?}", quiet.interval);
        let noisy = with_levels(&[-0.38, 0.02, 0.42]);
        // Two degrees of freedom: 4.30 errors of .4 / √3.
        assert!((noisy.interval[1] - noisy.difference - 4.30 * 0.231).abs() < 0.02, "{:?}", noisy.interval);
        assert_eq!(with_levels(&[0.02]).seed_error, None);
    }
}
