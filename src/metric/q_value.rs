//! How good are a critic's Q values?

use std::iter::zip;
use std::ops::Range;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::correlation::{Mean, correlation, mean};

/// Buckets of positions in a session: name and first position, counted from 1.
pub const POSITIONS: [(&str, usize); 4] = [("1", 1), ("2-5", 2), ("6-20", 6), ("21+", 21)];

/// Points of the calibration curve, at most.
const N_POINTS: usize = 10;

/// A return is known when what it lacks is discounted to this much; a hair over 1 % as `0.1²` rounds up.
const MOST_UNSEEN: f64 = 0.01 + 1e-12;

/// One row of a split as a critic sees it, for one task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QRow {
    /// `Q(s, π(s))`.
    pub q: f64,
    /// `r(π(s), y)`.
    pub reward: f64,
    /// 0 or 1.
    pub label: u8,
}

/// A split's rows in the table's order, for one task.
#[derive(Clone, Copy, Debug)]
pub struct QScored<'a> {
    /// `[row]`
    pub rows: &'a [QRow],
    /// Row ranges of the sessions.
    pub sessions: &'a [Range<u32>],
    /// Per session: `false` where it is cut, its next row being in another split and not to be looked at.
    pub terminated: &'a [bool],
    /// Discount γ, 0 and 1 included.
    pub gamma: f64,
}

/// What a critic's values are worth. `None` is "undefined on these rows", also because a value is not finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QMetrics {
    /// Rows whose discounted return `G_t = r_t + γ G_{t+1}` is known to within 1 %: all rows of terminated
    /// sessions, and of cut ones those with `γ^left ≤ 0.01`, `left` the session's rows from this one on.
    pub return_rows: u64,
    /// [`correlation`] of Q and the return, over the rows with a known one; undefined below two rows or when
    /// either is constant.
    pub correlation: Option<f64>,
    /// Mean `Q − G` over the same rows; undefined without any.
    pub bias: Option<f64>,
    /// Mean `δ²`, with `δ_t = r_t + γ Q_{t+1} − Q_t` and `Q = 0` after the end of a terminated session. The
    /// last row of a cut session is left out, whatever γ. Undefined without other rows.
    pub td_loss: Option<f64>,
    /// Mean `|δ|` of the rows with label 0 and with label 1.
    pub td_error_by_label: [Option<f64>; 2],
    /// Mean `|δ|` by the row's position in its session (the part of it in this split), see [`POSITIONS`].
    pub td_error_by_position: [Option<f64>; POSITIONS.len()],
}

/// Rows of neighbouring Q values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationPoint {
    /// Mean Q of the rows.
    pub q: f64,
    /// Their mean return, the same when Q values mean what they say.
    pub value: f64,
}

/// All that [`evaluate_q`] finds.
#[derive(Clone, Debug, PartialEq)]
pub struct QEvaluation {
    /// The numbers of a report.
    pub metrics: QMetrics,
    /// The rows with a known return in ascending order of Q (equal ones in the table's order), cut into ten
    /// groups of (nearly) equal size; fewer rows make groups of one. Empty when a value is not finite.
    pub calibration: Vec<CalibrationPoint>,
    /// `Q − G` of the rows with a known return, in the table's order; for a histogram.
    pub errors: Vec<f32>,
}

/// Compares one task's Q values with the returns that followed and with each other.
pub fn evaluate_q(scored: &QScored<'_>) -> QEvaluation {
    let QScored { sessions, terminated, gamma, .. } = *scored;
    assert_eq!(sessions.len(), terminated.len(), "one flag per session");
    assert!((0.0..=1.0).contains(&gamma), "a discount in [0, 1], not {gamma}");
    let (qs, returns) = known_returns(scored);
    let errors = || zip(&qs, &returns).map(|(q, value)| q - value);
    let td = TdErrors::of(scored);
    let metrics = QMetrics {
        return_rows: qs.len() as u64,
        correlation: correlation(&qs, &returns),
        bias: mean(errors()),
        td_loss: td.squared.value(),
        td_error_by_label: td.by_label.map(Mean::value),
        td_error_by_position: td.by_position.map(Mean::value),
    };
    QEvaluation {
        metrics,
        calibration: calibration_curve(&qs, &returns),
        errors: errors().map(|error| error as f32).collect(),
    }
}

impl<'a> QScored<'a> {
    /// Rows of each session, and whether it terminated.
    fn walks(&self) -> impl Iterator<Item = (&'a [QRow], bool)> {
        let rows = self.rows;
        zip(self.sessions, self.terminated).map(move |(session, &terminated)| {
            (&rows[session.start as usize..session.end as usize], terminated)
        })
    }
}

/// Q values and returns of the rows that have a known return.
fn known_returns(scored: &QScored<'_>) -> (Vec<f64>, Vec<f64>) {
    let (mut qs, mut returns) = (Vec::new(), Vec::new());
    for (rows, terminated) in scored.walks() {
        let first = qs.len();
        let mut value = 0.0;
        let mut unseen = if terminated { 0.0 } else { 1.0 };
        for row in rows.iter().rev() {
            value = row.reward + scored.gamma * value;
            unseen *= scored.gamma;
            if unseen <= MOST_UNSEEN {
                qs.push(row.q);
                returns.push(value);
            }
        }
        qs[first..].reverse();
        returns[first..].reverse();
    }
    (qs, returns)
}

#[derive(Default)]
struct TdErrors {
    squared: Mean,
    by_label: [Mean; 2],
    by_position: [Mean; POSITIONS.len()],
}

impl TdErrors {
    fn of(scored: &QScored<'_>) -> Self {
        let mut errors = Self::default();
        for (rows, terminated) in scored.walks() {
            let after_last = terminated.then_some(0.0);
            for (index, row) in rows.iter().enumerate() {
                let Some(next_q) = rows.get(index + 1).map(|next| next.q).or(after_last) else { break };
                let error = row.reward + scored.gamma * next_q - row.q;
                errors.squared.add(error * error);
                errors.by_label[usize::from(row.label != 0)].add(error.abs());
                let begun = POSITIONS.partition_point(|&(_, first)| first <= index + 1);
                errors.by_position[begun - 1].add(error.abs());
            }
        }
        errors
    }
}

fn calibration_curve(qs: &[f64], returns: &[f64]) -> Vec<CalibrationPoint> {
    let mut rows: Vec<(f64, f64)> = zip(qs, returns).map(|(&q, &value)| (q, value)).collect();
    // A stable sort; adding 0 makes −0 and +0 equal.
    rows.par_sort_by(|a, b| (a.0 + 0.0).total_cmp(&(b.0 + 0.0)));
    let n_points = rows.len().min(N_POINTS);
    let border = |point: usize| point * rows.len() / n_points;
    let point_of = |point: usize| {
        let group = &rows[border(point)..border(point + 1)];
        Some(CalibrationPoint {
            q: mean(group.iter().map(|row| row.0))?,
            value: mean(group.iter().map(|row| row.1))?,
        })
    };
    (0..n_points).map(point_of).collect::<Option<_>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[(f64, f64, u8)]) -> Vec<QRow> {
        rows.iter().map(|&(q, reward, label)| QRow { q, reward, label }).collect()
    }

    fn one_session(rows: &[QRow], terminated: bool, gamma: f64) -> QEvaluation {
        let session = 0..rows.len() as u32;
        evaluate_q(&QScored { rows, sessions: &[session], terminated: &[terminated], gamma })
    }

    /// Terminated, with the returns −2, −16; cut, with −6 and an unknown one (γ = 1/16, γ² < 0.01 < γ).
    const TWO_SESSIONS: [(f64, f64, u8); 4] =
        [(-1.0, -1.0, 1), (-12.0, -16.0, 1), (-4.0, -4.0, 0), (-16.0, -32.0, 1)];

    #[test]
    fn two_sessions_by_hand() {
        let rows = rows(&TWO_SESSIONS);
        let scored = |terminated| {
            let gamma = 1.0 / 16.0;
            evaluate_q(&QScored { rows: &rows, sessions: &[0..2, 2..4], terminated, gamma })
        };
        let QEvaluation { metrics, calibration, errors } = scored(&[true, false]);
        // Deviations of Q 14/3, −19/3, 5/3 and of the returns 6, −8, 2: 82 / √(582/9 · 104).
        let correlation = metrics.correlation.expect("defined");
        assert!((correlation - 246.0 / 60_528_f64.sqrt()).abs() < 1e-12, "{correlation}");
        // δ: −1 − 12/16 + 1, −16 + 12, −4 − 16/16 + 4, left out.
        let expected = QMetrics {
            return_rows: 3,
            correlation: Some(correlation),
            bias: Some(7.0 / 3.0),
            td_loss: Some((0.5625 + 16.0 + 1.0) / 3.0),
            td_error_by_label: [Some(1.0), Some(2.375)],
            td_error_by_position: [Some(0.875), Some(4.0), None, None],
        };
        assert_eq!(metrics, expected);
        assert_eq!(errors, [1.0, 4.0, 2.0]);
        let points = [(-12.0, -16.0), (-4.0, -6.0), (-1.0, -2.0)];
        assert_eq!(calibration, points.map(|(q, value)| CalibrationPoint { q, value }));
        // Had the second session ended, its last row would count: G = −32, δ = −32 + 16.
        let ended = scored(&[true, true]);
        assert_eq!(ended.errors, [1.0, 4.0, 2.0, 16.0]);
        assert_eq!(ended.metrics.td_loss, Some((0.5625 + 16.0 + 1.0 + 256.0) / 4.0));
    }

    #[test]
    fn of_a_cut_session_the_rows_far_from_the_cut_are_known() {
        let rows = rows(&[(0.0, -1.0, 0); 5]);
        let known = |terminated, gamma| one_session(&rows, terminated, gamma).metrics.return_rows;
        assert_eq!([1.0, 0.9, 0.1, 0.01, 0.0].map(|gamma| known(false, gamma)), [0, 0, 4, 5, 5]);
        assert_eq!([1.0, 0.9, 0.1, 0.01, 0.0].map(|gamma| known(true, gamma)), [5; 5]);
    }

    #[test]
    fn returns_add_up_with_gamma_one_and_are_rewards_with_gamma_zero() {
        let rows = rows(&[(0.0, -1.0, 0), (0.0, -2.0, 0), (0.0, -4.0, 0)]);
        assert_eq!(one_session(&rows, true, 1.0).errors, [7.0, 6.0, 4.0]);
        let immediate = one_session(&rows, false, 0.0);
        assert_eq!(immediate.errors, [1.0, 2.0, 4.0]);
        assert_eq!(immediate.metrics.td_loss, Some(2.5), "the last row of a cut session is left out");
    }

    #[test]
    fn td_errors_by_position() {
        // |δ| is the position.
        let rows: Vec<QRow> =
            (1..=25).map(|position| QRow { q: 0.0, reward: -f64::from(position), label: 0 }).collect();
        let metrics = one_session(&rows, true, 0.5).metrics;
        assert_eq!(metrics.td_error_by_position, [Some(1.0), Some(3.5), Some(13.0), Some(23.0)]);
        assert_eq!(metrics.td_error_by_label, [Some(13.0), None]);
    }

    #[test]
    fn a_perfect_critic_and_two_that_are_not() {
        // γ = ½: returns −3, −4, −4 and −1, −2.
        let rewards = [-1.0, -2.0, -4.0, 0.0, -2.0];
        let critic = |qs: [f64; 5]| {
            let rows: Vec<QRow> = zip(qs, rewards).map(|(q, reward)| QRow { q, reward, label: 0 }).collect();
            let (sessions, terminated) = (&[0..3, 3..5], &[true, true]);
            evaluate_q(&QScored { rows: &rows, sessions, terminated, gamma: 0.5 }).metrics
        };
        let values = |metrics: QMetrics| (metrics.correlation, metrics.bias, metrics.td_loss);
        let returns = [-3.0, -4.0, -4.0, -1.0, -2.0];
        assert_eq!(values(critic(returns)), (Some(1.0), Some(0.0), Some(0.0)));
        // One too high: δ is −½, and −1 in last rows.
        let shifted = values(critic(returns.map(|q| q + 1.0)));
        assert_eq!(shifted, (Some(1.0), Some(1.0), Some((3.0 * 0.25 + 2.0) / 5.0)));
        // Upside down, Q = −5 − G: errors 1, 3, 3, −3, −1; δ ½, −3/2, −3, 5/2, 1.
        let (correlation, bias, td_loss) = values(critic(returns.map(|q| -5.0 - q)));
        assert!(correlation.is_some_and(|value| (value + 1.0).abs() < 1e-12), "{correlation:?}");
        assert_eq!((bias, td_loss), (Some(0.6), Some(3.75)));
    }

    #[test]
    fn undefined_without_rows_or_with_nan() {
        let none = one_session(&[], true, 0.9);
        assert_eq!((none.metrics.return_rows, none.metrics.bias, none.metrics.td_loss), (0, None, None));
        assert!(none.calibration.is_empty() && none.errors.is_empty());
        let diverged = one_session(&rows(&[(f64::NAN, -1.0, 1), (-1.0, -2.0, 0)]), true, 0.5);
        let QMetrics { correlation, bias, td_loss, td_error_by_label, .. } = diverged.metrics;
        assert_eq!((correlation, bias, td_loss, td_error_by_label), (None, None, None, [Some(1.0), None]));
        assert!(diverged.calibration.is_empty() && diverged.errors[0].is_nan());
    }

    #[test]
    fn ten_groups_in_the_order_of_q_and_of_rows() {
        // 25 rows, Q descending: groups of 2 and 3 by turns. γ = 0, so a row's return is its reward.
        let descending: Vec<QRow> =
            (0..25).map(|row| QRow { q: -f64::from(row), reward: -2.0 * f64::from(row), label: 0 }).collect();
        let calibration = one_session(&descending, true, 0.0).calibration;
        assert_eq!(calibration.len(), 10);
        assert_eq!(calibration[0], CalibrationPoint { q: -23.5, value: -47.0 });
        assert_eq!(calibration[9], CalibrationPoint { q: -1.0, value: -2.0 });
        let tied: Vec<QRow> =
            (0..20).map(|row| QRow { q: [0.0, -0.0][row % 2], reward: row as f64, label: 0 }).collect();
        let values = one_session(&tied, true, 0.0).calibration.into_iter().map(|point| point.value);
        assert!(values.eq((0..10).map(|point| 2.0 * f64::from(point) + 0.5)));
    }
}
