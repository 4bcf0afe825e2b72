//! How good are a critic's Q values?

use std::iter::zip;
use std::ops::Range;

use rayon::prelude::*;
use rmtl_envs::{bootstrap_values, discounted_returns};
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
    /// Per session: `false` where it is cut, so that what follows its last row is unknown.
    pub terminated: &'a [bool],
    /// Discount γ, 0 and 1 included.
    pub gamma: f64,
}

/// What a critic's values are worth on the sessions of one kind. `None` is "undefined on these rows", also because a value is
/// not finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QMetrics {
    /// Sessions of this kind: what `td_loss` rests on.
    pub sessions: u64,
    /// Their rows.
    pub rows: u64,
    /// Sessions with a row whose discounted return is known: what `correlation` and `bias` rest on.
    pub return_sessions: u64,
    /// Rows whose discounted return `G_t = r_t + γ G_{t+1}` is known to within 1 %: all rows of terminated
    /// sessions, and of cut ones those with `γ^left ≤ 0.01`, `left` the session's rows from this one on.
    pub return_rows: u64,
    /// [`correlation`] of Q and the return, over the rows with a known one; undefined below two rows or when
    /// either is constant.
    pub correlation: Option<f64>,
    /// Mean `Q − G` over the same rows; undefined without any.
    pub bias: Option<f64>,
    /// Mean `δ²`, with `δ_t = r_t + γ Q_{t+1} − Q_t`. After the last row of a terminated session stands 0, after that of a
    /// cut one its own Q, as in the critics' targets where cut rows bootstrap.
    pub td_loss: Option<f64>,
    /// The rows with a known return in ascending order of Q (equal ones in the table's order), cut into ten
    /// groups of (nearly) equal size; fewer rows make groups of one. Empty when a value is not finite.
    pub calibration: Vec<CalibrationPoint>,
    /// `Q − G` of the rows with a known return, in the table's order; for a histogram.
    #[serde(skip)]
    pub errors: Vec<f32>,
}

/// Rows of neighbouring Q values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationPoint {
    /// Mean Q of the rows.
    pub q: f64,
    /// Their mean return, the same when Q values mean what they say.
    pub value: f64,
}

/// All that [`evaluate_q`] finds. The kinds of sessions are told apart: a critic cannot know where a session will end, so its
/// error on those that do is partly theirs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QEvaluation {
    /// Sessions known to end in this split.
    pub terminated: QMetrics,
    /// Sessions that may go on.
    pub cut: QMetrics,
    /// Mean `|δ|` of the rows with label 0 and with label 1, of all sessions.
    pub td_error_by_label: [Option<f64>; 2],
    /// Mean `|δ|` by the row's position in its session (the part of it in this split), see [`POSITIONS`]; of all sessions.
    pub td_error_by_position: [Option<f64>; POSITIONS.len()],
}

/// Compares one task's Q values with the returns that followed and with each other.
pub fn evaluate_q(scored: &QScored<'_>) -> QEvaluation {
    let QScored { sessions, terminated, gamma, .. } = *scored;
    assert_eq!(sessions.len(), terminated.len(), "one flag per session");
    assert!((0.0..=1.0).contains(&gamma), "a discount in [0, 1], not {gamma}");
    let mut errors = TdErrors::default();
    QEvaluation {
        terminated: metrics(scored, true, &mut errors),
        cut: metrics(scored, false, &mut errors),
        td_error_by_label: errors.by_label.map(Mean::value),
        td_error_by_position: errors.by_position.map(Mean::value),
    }
}

/// Of the sessions of one kind; |δ| by label and position goes to `errors`.
fn metrics(scored: &QScored<'_>, terminated: bool, errors: &mut TdErrors) -> QMetrics {
    let mut known = KnownReturns::default();
    let mut squared = Mean::default();
    let (mut n_sessions, mut n_rows) = (0, 0);
    for (session, _) in zip(scored.sessions, scored.terminated).filter(|(_, found)| **found == terminated) {
        let rows = &scored.rows[session.start as usize..session.end as usize];
        known.add(rows, terminated, scored.gamma);
        errors.add(rows, terminated, scored.gamma, &mut squared);
        n_sessions += 1;
        n_rows += rows.len() as u64;
    }
    let KnownReturns { qs, returns, sessions } = known;
    let errors = || zip(&qs, &returns).map(|(q, value)| q - value);
    QMetrics {
        sessions: n_sessions,
        rows: n_rows,
        return_sessions: sessions,
        return_rows: qs.len() as u64,
        correlation: correlation(&qs, &returns),
        bias: mean(errors()),
        td_loss: squared.value(),
        calibration: calibration_curve(&qs, &returns),
        errors: errors().map(|error| error as f32).collect(),
    }
}

/// Q values and returns of the rows that have a known return.
#[derive(Default)]
struct KnownReturns {
    qs: Vec<f64>,
    returns: Vec<f64>,
    sessions: u64,
}

impl KnownReturns {
    fn add(&mut self, rows: &[QRow], terminated: bool, gamma: f64) {
        let before = self.qs.len();
        let rewards: Vec<f64> = rows.iter().map(|row| row.reward).collect();
        for (index, value) in discounted_returns(&rewards, gamma).into_iter().enumerate() {
            let n_left = i32::try_from(rows.len() - index).expect("rows of a session fit 31 bits");
            if terminated || gamma.powi(n_left) <= MOST_UNSEEN {
                self.qs.push(rows[index].q);
                self.returns.push(value);
            }
        }
        self.sessions += u64::from(self.qs.len() > before);
    }
}

#[derive(Default)]
struct TdErrors {
    by_label: [Mean; 2],
    by_position: [Mean; POSITIONS.len()],
}

impl TdErrors {
    fn add(&mut self, rows: &[QRow], terminated: bool, gamma: f64, squared: &mut Mean) {
        let qs: Vec<f64> = rows.iter().map(|row| row.q).collect();
        for (index, (row, after)) in zip(rows, bootstrap_values(&qs, terminated)).enumerate() {
            let error = row.reward + gamma * after - row.q;
            squared.add(error * error);
            self.by_label[usize::from(row.label != 0)].add(error.abs());
            let begun = POSITIONS.partition_point(|&(_, first)| first <= index + 1);
            self.by_position[begun - 1].add(error.abs());
        }
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

    /// One session: what is found of its kind.
    fn one_session(rows: &[QRow], terminated: bool, gamma: f64) -> QMetrics {
        let session = 0..rows.len() as u32;
        let found = evaluate_q(&QScored { rows, sessions: &[session], terminated: &[terminated], gamma });
        if terminated { found.terminated } else { found.cut }
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
        let found = scored(&[true, false]);
        // δ: −1 − 12/16 + 1 and −16 + 12; −4 − 16/16 + 4 and, its own Q standing for the next one, −32 − 16/16 + 16.
        let point = |q, value| CalibrationPoint { q, value };
        let terminated = QMetrics {
            sessions: 1,
            rows: 2,
            return_sessions: 1,
            return_rows: 2,
            correlation: Some(1.0),
            bias: Some(2.5),
            td_loss: Some((0.5625 + 16.0) / 2.0),
            calibration: vec![point(-12.0, -16.0), point(-1.0, -2.0)],
            errors: vec![1.0, 4.0],
        };
        assert_eq!(found.terminated, terminated);
        let cut = QMetrics {
            sessions: 1,
            rows: 2,
            return_sessions: 1,
            return_rows: 1,
            correlation: None,
            bias: Some(2.0),
            td_loss: Some((1.0 + 289.0) / 2.0),
            calibration: vec![point(-4.0, -6.0)],
            errors: vec![2.0],
        };
        assert_eq!(found.cut, cut);
        assert_eq!(found.td_error_by_label, [Some(1.0), Some((0.75 + 4.0 + 17.0) / 3.0)]);
        assert_eq!(found.td_error_by_position, [Some(0.875), Some(10.5), None, None]);
        // Had the second session ended, its last row would count: G = −32, δ = −32 + 16. Deviations of Q 29/4, −15/4, 17/4, −31/4
        // and of the returns 12, −2, 8, −18.
        let ended = scored(&[true, true]);
        assert_eq!((ended.cut.sessions, ended.cut.td_loss), (0, None));
        assert_eq!(ended.terminated.errors, [1.0, 4.0, 2.0, 16.0]);
        assert_eq!(ended.terminated.td_loss, Some((0.5625 + 16.0 + 1.0 + 256.0) / 4.0));
        let correlation = ended.terminated.correlation.expect("defined");
        assert!((correlation - 268.0 / (144.75_f64 * 536.0).sqrt()).abs() < 1e-12, "{correlation}");
    }

    #[test]
    fn of_a_cut_session_the_rows_far_from_the_cut_are_known() {
        let rows = rows(&[(0.0, -1.0, 0); 5]);
        let known = |terminated, gamma| one_session(&rows, terminated, gamma).return_rows;
        assert_eq!([1.0, 0.9, 0.1, 0.01, 0.0].map(|gamma| known(false, gamma)), [0, 0, 4, 5, 5]);
        assert_eq!([1.0, 0.9, 0.1, 0.01, 0.0].map(|gamma| known(true, gamma)), [5; 5]);
        let sessions = |gamma| one_session(&rows, false, gamma).return_sessions;
        assert_eq!((sessions(0.9), sessions(0.1)), (0, 1));
    }

    #[test]
    fn returns_add_up_with_gamma_one_and_are_rewards_with_gamma_zero() {
        let rows = rows(&[(0.0, -1.0, 0), (0.0, -2.0, 0), (0.0, -4.0, 0)]);
        assert_eq!(one_session(&rows, true, 1.0).errors, [7.0, 6.0, 4.0]);
        let immediate = one_session(&rows, false, 0.0);
        assert_eq!(immediate.errors, [1.0, 2.0, 4.0]);
        assert_eq!(immediate.td_loss, Some(7.0));
    }

    #[test]
    fn td_errors_by_position() {
        // |δ| is the position.
        let rows: Vec<QRow> =
            (1..=25).map(|position| QRow { q: 0.0, reward: -f64::from(position), label: 0 }).collect();
        let scored = QScored {
            rows: &rows,
            sessions: std::slice::from_ref(&(0..25)),
            terminated: &[true],
            gamma: 0.5,
        };
        let found = evaluate_q(&scored);
        assert_eq!(found.td_error_by_position, [Some(1.0), Some(3.5), Some(13.0), Some(23.0)]);
        assert_eq!(found.td_error_by_label, [Some(13.0), None]);
    }

    #[test]
    fn a_perfect_critic_and_two_that_are_not() {
        // γ = ½: returns −3, −4, −4 and −1, −2.
        let rewards = [-1.0, -2.0, -4.0, 0.0, -2.0];
        let critic = |qs: [f64; 5]| {
            let rows: Vec<QRow> = zip(qs, rewards).map(|(q, reward)| QRow { q, reward, label: 0 }).collect();
            let (sessions, terminated) = (&[0..3, 3..5], &[true, true]);
            evaluate_q(&QScored { rows: &rows, sessions, terminated, gamma: 0.5 }).terminated
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
        assert_eq!((none.return_rows, none.bias, none.td_loss), (0, None, None));
        assert!(none.calibration.is_empty() && none.errors.is_empty());
        let rows = rows(&[(f64::NAN, -1.0, 1), (-1.0, -2.0, 0)]);
        let scored =
            QScored { rows: &rows, sessions: std::slice::from_ref(&(0..2)), terminated: &[true], gamma: 0.5 };
        let found = evaluate_q(&scored);
        let QMetrics { correlation, bias, td_loss, .. } = found.terminated;
        assert_eq!((correlation, bias, td_loss), (None, None, None));
        assert_eq!(found.td_error_by_label, [Some(1.0), None]);
        assert!(found.terminated.calibration.is_empty() && found.terminated.errors[0].is_nan());
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
