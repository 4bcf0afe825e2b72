//! Every metric of every task, the block a report holds per task.

use std::ops::Range;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::calibration::{calibration_error_of, pcoc};
use super::conditional_auc;
use super::logloss::{base_entropy, logloss};
use super::ranking::Ranking;
use super::session::{gauc, s_logloss};
use super::sum::count_positives;

/// The metrics of one task. `None` is "undefined on these rows" and `null` in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskMetrics {
    /// Exact AUC, ties averaged; undefined when either class is missing.
    pub auc: Option<f64>,
    /// Mean logloss in nats, predictions clipped to `[1e-7, 1 − 1e-7]`.
    pub logloss: Option<f64>,
    /// Mean over sessions of the session's mean logloss.
    pub s_logloss: Option<f64>,
    /// AUC within sessions, averaged with the sessions' rows as weights.
    pub gauc: Option<f64>,
    /// Sessions of one class, which GAUC leaves out.
    pub gauc_skipped_sessions: u64,
    /// AUC on the rows where the task before this one happened (CVR AUC); undefined for a first task.
    pub conditional_auc: Option<f64>,
    /// Predicted over observed positives.
    pub pcoc: Option<f64>,
    /// Normalised entropy, logloss over the logloss of the base rate.
    pub ne: Option<f64>,
    /// Expected calibration error over ten bins of equal size.
    pub ece: Option<f64>,
    /// Rows with label 1.
    pub positives: u64,
    /// All rows.
    pub rows: u64,
}

/// Rows to evaluate: what happened, and what was predicted.
#[derive(Clone, Copy, Debug)]
pub struct Scored<'a> {
    /// `[row, task]`, 0 or 1.
    pub labels: &'a [u8],
    /// `[row, task]`, probabilities.
    pub predictions: &'a [f32],
    /// Per task the index of the task that must have happened before it (`Schema::parents`).
    pub parents: &'a [Option<usize>],
    /// Row ranges of the sessions.
    pub sessions: &'a [Range<u32>],
}

/// A number that no metric can be computed from.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum MetricError {
    /// A diverged model, usually.
    #[error(
        "row {row}, task {task}: expected a probability, found a prediction of {found}; \
         the model has diverged, try a lower learning rate"
    )]
    NotAProbability {
        /// Row of the evaluated split.
        row: usize,
        /// Index of the task.
        task: usize,
        /// The prediction.
        found: f32,
    },
    /// A label outside {0, 1}.
    #[error("row {row}, task {task}: expected a label of 0 or 1, found {found}")]
    NotALabel {
        /// Row of the evaluated split.
        row: usize,
        /// Index of the task.
        task: usize,
        /// The label.
        found: u8,
    },
}

/// Computes [`TaskMetrics`] for each task.
///
/// # Errors
/// The first prediction (in row order) that is not in `[0, 1]`, NaN included, or else the first label that
/// is neither 0 nor 1.
pub fn evaluate(scored: &Scored<'_>) -> Result<Vec<TaskMetrics>, MetricError> {
    scored.check()?;
    let columns: Vec<Column> = (0..scored.n_tasks()).map(|task| scored.column(task)).collect();
    let metrics_of = |(column, parent): (&Column, &Option<usize>)| {
        column.metrics(parent.map(|parent| &columns[parent]), scored.sessions)
    };
    Ok(columns.iter().zip(scored.parents).map(metrics_of).collect())
}

impl Scored<'_> {
    fn n_tasks(&self) -> usize {
        self.parents.len()
    }

    fn check(&self) -> Result<(), MetricError> {
        let n_tasks = self.n_tasks();
        assert!(n_tasks > 0, "at least one task");
        assert_eq!(self.labels.len(), self.predictions.len(), "one prediction per label");
        assert_eq!(
            self.labels.len() % n_tasks,
            0,
            "{} labels are no rows of {n_tasks} tasks",
            self.labels.len()
        );
        let place = |index: usize| (index / n_tasks, index % n_tasks);
        if let Some(index) = self.predictions.par_iter().position_first(|p| !(0.0..=1.0).contains(p)) {
            let (row, task) = place(index);
            return Err(MetricError::NotAProbability { row, task, found: self.predictions[index] });
        }
        if let Some(index) = self.labels.par_iter().position_first(|&label| label > 1) {
            let (row, task) = place(index);
            return Err(MetricError::NotALabel { row, task, found: self.labels[index] });
        }
        Ok(())
    }

    fn column(&self, task: usize) -> Column {
        let n_tasks = self.n_tasks();
        Column {
            labels: self.labels.iter().skip(task).step_by(n_tasks).copied().collect(),
            predictions: self.predictions.iter().skip(task).step_by(n_tasks).copied().collect(),
        }
    }
}

/// One task of [`Scored`], contiguous.
struct Column {
    labels: Vec<u8>,
    predictions: Vec<f32>,
}

impl Column {
    fn metrics(&self, parent: Option<&Column>, sessions: &[Range<u32>]) -> TaskMetrics {
        let Self { labels, predictions } = self;
        let ranking = Ranking::of(labels, predictions);
        let gauc = gauc(labels, predictions, sessions);
        let logloss = logloss(labels, predictions);
        let (positives, rows) = (count_positives(labels), labels.len() as u64);
        TaskMetrics {
            auc: ranking.as_ref().and_then(Ranking::auc),
            logloss,
            s_logloss: s_logloss(labels, predictions, sessions),
            gauc: gauc.value,
            gauc_skipped_sessions: gauc.skipped_sessions,
            conditional_auc: parent
                .and_then(|parent| conditional_auc(labels, predictions, &parent.labels, &parent.predictions)),
            pcoc: pcoc(labels, predictions),
            ne: logloss.zip(base_entropy(positives, rows)).map(|(logloss, entropy)| logloss / entropy),
            ece: ranking.as_ref().and_then(calibration_error_of),
            positives,
            rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric;

    // Sessions of 3 and 2 rows; click, then buy.
    const LABELS: [u8; 10] = [1, 1, 0, 0, 1, 0, 0, 0, 1, 0];
    const PREDICTIONS: [f32; 10] = [0.8, 0.4, 0.5, 0.1, 0.4, 0.3, 0.4, 0.2, 0.1, 0.05];
    const SESSIONS: [Range<u32>; 2] = [0..3, 3..5];

    fn scored() -> Scored<'static> {
        Scored { labels: &LABELS, predictions: &PREDICTIONS, parents: &[None, Some(0)], sessions: &SESSIONS }
    }

    #[test]
    fn each_task_gets_its_own_column() {
        let tasks = evaluate(&scored()).expect("probabilities");
        let (labels, predictions) = ([1, 0, 1, 0, 1], [0.8, 0.5, 0.4, 0.4, 0.1]);
        // Clicks .8, .4, .1 against .5, .4: 2 + ½ + 0 of 6 pairs. Sessions: 1 of 2 pairs, then 0 of 1.
        assert_eq!(tasks[0].auc, Some(2.5 / 6.0));
        assert_eq!(tasks[0].gauc, Some(3.0 * 0.5 / 5.0));
        assert_eq!(tasks[0].logloss, metric::logloss(&labels, &predictions));
        assert_eq!(tasks[0].s_logloss, metric::s_logloss(&labels, &predictions, &SESSIONS));
        assert_eq!(tasks[0].pcoc, metric::pcoc(&labels, &predictions));
        assert_eq!(tasks[0].ne, metric::normalized_entropy(&labels, &predictions));
        assert_eq!(tasks[0].ece, metric::calibration_error(&labels, &predictions));
        assert_eq!((tasks[0].positives, tasks[0].rows, tasks[0].conditional_auc), (3, 5, None));
        // Bought row 0 has .4, the rest .1, .3, .2, .05. On clicked rows: ratio .5 against .75 and .5.
        assert_eq!((tasks[1].auc, tasks[1].positives), (Some(1.0), 1));
        assert_eq!(tasks[1].gauc_skipped_sessions, 1);
        assert_eq!(tasks[1].conditional_auc, Some(0.25));
    }

    #[test]
    fn undefined_metrics_are_null_in_json() {
        let scored =
            Scored { labels: &[0, 0], predictions: &[0.25, 0.5], parents: &[None], sessions: &SESSIONS[..0] };
        let tasks = evaluate(&scored).expect("probabilities");
        let json = serde_json::to_value(&tasks[0]).expect("serialisable");
        for name in ["auc", "s_logloss", "gauc", "pcoc", "ne", "conditional_auc"] {
            assert!(json[name].is_null(), "{name}: {}", json[name]);
        }
        assert!(json["logloss"].is_number() && json["ece"].is_number());
        assert_eq!((json["positives"].as_u64(), json["rows"].as_u64()), (Some(0), Some(2)));
    }

    #[test]
    fn no_rows_are_undefined_not_a_crash() {
        let scored = Scored { labels: &[], predictions: &[], parents: &[None, Some(0)], sessions: &[] };
        let tasks = evaluate(&scored).expect("nothing to refuse");
        assert_eq!(
            (tasks.len(), tasks[1].auc, tasks[1].logloss, tasks[1].ece, tasks[1].rows),
            (2, None, None, None, 0)
        );
    }

    #[test]
    fn a_prediction_that_is_no_probability_is_refused_with_its_place() {
        let mut predictions = PREDICTIONS;
        for found in [f32::NAN, -0.1, 1.5, f32::INFINITY] {
            predictions[7] = found;
            let error = evaluate(&Scored { predictions: &predictions, ..scored() }).expect_err("refused");
            let MetricError::NotAProbability { row: 3, task: 1, found: reported } = error else {
                panic!("{error:?}");
            };
            assert_eq!(reported.to_bits(), found.to_bits());
            assert!(error.to_string().starts_with("row 3, task 1: expected a probability"), "{error}");
        }
    }

    #[test]
    fn a_label_other_than_0_and_1_is_refused_with_its_place() {
        let mut labels = LABELS;
        labels[4] = 2;
        let error = evaluate(&Scored { labels: &labels, ..scored() }).expect_err("refused");
        assert_eq!(error, MetricError::NotALabel { row: 2, task: 0, found: 2 });
    }
}
