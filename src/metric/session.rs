//! Metrics that weigh sessions (or users, where a session is a user) instead of rows.

use std::ops::Range;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::logloss::total_logloss;
use super::ranking::Ranking;

/// Sessions one worker handles before the partial sums are added in order.
const CHUNK: usize = 1 << 12;

/// AUC averaged over sessions, and how many sessions could not take part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gauc {
    /// `Σ n_s · AUC_s / Σ n_s` over the sessions with both classes, `n_s` their rows (impressions);
    /// `None` when there is no such session.
    pub value: Option<f64>,
    /// Sessions of one class, which have no AUC and are left out.
    pub skipped_sessions: u64,
}

/// s-logloss: the mean over sessions of the session's mean logloss, `1/S Σ_s 1/n_s Σ_{i∈s} logloss_i`.
/// Empty sessions do not count. `None` without sessions or when a prediction is NaN.
///
/// # Shapes
/// - labels, predictions: `[row]`
/// - sessions: row ranges
pub fn s_logloss(labels: &[u8], predictions: &[f32], sessions: &[Range<u32>]) -> Option<f64> {
    let sum = sum_over_sessions(sessions, |chunk| {
        let mut sum = WeightedSum::default();
        for rows in chunk.iter().map(as_rows).filter(|rows| !rows.is_empty()) {
            let n_rows = rows.len() as f64;
            sum.add(total_logloss(&labels[rows.clone()], &predictions[rows]) / n_rows, 1.0);
        }
        sum
    });
    sum.mean()
}

/// GAUC: AUC within sessions, averaged with the sessions' rows as weights; see [`Gauc`].
///
/// Zhu et al., "Optimized Cost per Click in Taobao Display Advertising", 2017, section 5.2, where the
/// groups are users and positions.
///
/// # Shapes
/// - labels, predictions: `[row]`
/// - sessions: row ranges
pub fn gauc(labels: &[u8], predictions: &[f32], sessions: &[Range<u32>]) -> Gauc {
    let sum = sum_over_sessions(sessions, |chunk| {
        let mut sum = WeightedSum::default();
        let mut ranking = Ranking::default();
        for rows in chunk.iter().map(as_rows) {
            let n_rows = rows.len() as f64;
            // A NaN must make the whole metric undefined, not shrink the set of sessions.
            let ranked = ranking.refill(&labels[rows.clone()], &predictions[rows]);
            match if ranked { ranking.auc() } else { Some(f64::NAN) } {
                Some(auc) => sum.add(auc, n_rows),
                None => sum.skipped += 1,
            }
        }
        sum
    });
    Gauc { value: sum.mean(), skipped_sessions: sum.skipped }
}

#[derive(Clone, Copy, Default)]
struct WeightedSum {
    total: f64,
    weight: f64,
    skipped: u64,
}

impl WeightedSum {
    fn add(&mut self, value: f64, weight: f64) {
        self.total += weight * value;
        self.weight += weight;
    }

    fn join(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            weight: self.weight + other.weight,
            skipped: self.skipped + other.skipped,
        }
    }

    fn mean(self) -> Option<f64> {
        let mean = self.total / self.weight;
        mean.is_finite().then_some(mean)
    }
}

/// Adds the chunks' sums in the order of the sessions, whatever the number of threads.
fn sum_over_sessions(
    sessions: &[Range<u32>],
    sum_of_chunk: impl Fn(&[Range<u32>]) -> WeightedSum + Sync + Send,
) -> WeightedSum {
    let sums: Vec<WeightedSum> = sessions.par_chunks(CHUNK).map(sum_of_chunk).collect();
    sums.into_iter().fold(WeightedSum::default(), WeightedSum::join)
}

fn as_rows(session: &Range<u32>) -> Range<usize> {
    session.start as usize..session.end as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{auc, logloss};

    #[test]
    fn s_logloss_weighs_sessions_not_rows() {
        // Session one: 3 rows of −ln ½; session two: 1 row of −ln ¼.
        let (labels, predictions) = ([1, 0, 1, 1], [0.5, 0.5, 0.5, 0.25]);
        let expected = (2_f64.ln() + 4_f64.ln()) / 2.0;
        let actual = s_logloss(&labels, &predictions, &[0..3, 3..4]).expect("defined");
        assert!((actual - expected).abs() < 1e-12, "{actual} is not {expected}");
        let one_session = s_logloss(&labels, &predictions, std::slice::from_ref(&(0..4)));
        assert_eq!(one_session, logloss(&labels, &predictions));
    }

    #[test]
    fn s_logloss_is_undefined_without_sessions_or_with_nan() {
        assert_eq!(s_logloss(&[], &[], &[]), None);
        assert_eq!(s_logloss(&[1], &[0.5], &[0..0, 1..1]), None);
        assert_eq!(s_logloss(&[1, 1], &[0.5, f32::NAN], &[0..1, 1..2]), None);
    }

    #[test]
    fn gauc_weighs_sessions_by_rows_and_counts_the_skipped() {
        // AUC 1 of two rows; AUC ½ of three (one pair won, one lost); one class.
        let labels = [1, 0, 1, 0, 0, 1, 1];
        let predictions = [0.9, 0.1, 0.5, 0.6, 0.4, 0.2, 0.3];
        let value = gauc(&labels, &predictions, &[0..2, 2..5, 5..7]);
        assert_eq!(value, Gauc { value: Some((2.0 * 1.0 + 3.0 * 0.5) / 5.0), skipped_sessions: 1 });
    }

    #[test]
    fn gauc_of_one_session_is_the_auc() {
        let (labels, predictions) = ([1, 0, 1, 0, 0], [0.8, 0.5, 0.4, 0.4, 0.1]);
        assert_eq!(
            gauc(&labels, &predictions, std::slice::from_ref(&(0..5))).value,
            auc(&labels, &predictions)
        );
    }

    #[test]
    fn gauc_is_undefined_when_every_session_has_one_class_or_a_prediction_is_nan() {
        assert_eq!(
            gauc(&[1, 0, 1], &[0.1, 0.2, 0.3], &[0..1, 1..2, 2..3]),
            Gauc { value: None, skipped_sessions: 3 }
        );
        assert_eq!(gauc(&[1, 0, 1, 0], &[0.9, 0.1, f32::NAN, 0.3], &[0..2, 2..4]).value, None);
    }

    #[test]
    fn sessions_beyond_one_chunk_all_count() {
        let n = 2 * CHUNK + 3;
        let labels: Vec<u8> = (0..2 * n).map(|row| (row % 2) as u8).collect();
        let predictions: Vec<f32> =
            (0..2 * n).map(|row| if row % 4 < 2 { row as f32 } else { -(row as f32) }).collect();
        let sessions: Vec<Range<u32>> = (0..n as u32).map(|session| 2 * session..2 * session + 2).collect();
        // Sessions alternate between won and lost, beginning with a won one; n is odd.
        let expected = n.div_ceil(2) as f64 / n as f64;
        assert_eq!(
            gauc(&labels, &predictions, &sessions),
            Gauc { value: Some(expected), skipped_sessions: 0 }
        );
    }
}
