//! Every metric of every task, the block a report holds per task.

use std::ops::Range;

use rayon::prelude::*;
use rmtl_envs::NumberScale;
use serde::{Deserialize, Serialize};

use super::calibration::{CalibrationBin, bins_of, calibration_error_of, pcoc};
use super::conditional_auc;
use super::logloss::{base_entropy, logloss};
use super::number::{NumberMetrics, number_metrics};
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
    /// Those bins, for a reliability diagram; none of a number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calibration: Vec<CalibrationBin>,
    /// Where the label is a number, what is told in place of all of the above but `pcoc`, which is predicted over observed sums.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<NumberMetrics>,
    /// Rows with label 1, or a number above 0.
    pub positives: u64,
    /// All rows.
    pub rows: u64,
}

impl TaskMetrics {
    /// How well rows are ranked: the AUC, or of numbers the XAUC.
    pub fn ranking(&self) -> Option<f64> {
        self.number.map_or(self.auc, |number| number.xauc)
    }

    /// How far predictions are off: the logloss, or of numbers the squared error over that of the training rows' mean.
    pub fn loss(&self) -> Option<f64> {
        self.number.map_or(self.logloss, |number| number.nmse)
    }
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
    /// The labels that are numbers.
    pub numbers: Numbers<'a>,
}

/// The labels of [`Scored`] that are numbers; by default none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers<'a> {
    /// `[row, task]`, shares of the cap.
    pub targets: &'a [f32],
    /// Per task the scale, where its label is a number.
    pub scales: &'a [Option<NumberScale>],
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
    let metrics_of = |(task, (column, parent)): (usize, (&Column, &Option<usize>))| match scored
        .numbers
        .scales
        .get(task)
        .copied()
        .flatten()
    {
        Some(scale) => column.of_number(&scored.targets(task), &scale),
        None => column.metrics(parent.map(|parent| &columns[parent]), scored.sessions),
    };
    Ok(columns.iter().zip(scored.parents).enumerate().map(metrics_of).collect())
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

    fn targets(&self, task: usize) -> Vec<f32> {
        self.numbers.targets.iter().skip(task).step_by(self.n_tasks()).copied().collect()
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
            calibration: ranking.as_ref().map(bins_of).unwrap_or_default(),
            number: None,
            positives,
            rows,
        }
    }

    /// The same of a label that is a number, with its targets.
    fn of_number(&self, targets: &[f32], scale: &NumberScale) -> TaskMetrics {
        let sum = |values: &[f32]| values.iter().map(|&value| f64::from(value)).sum::<f64>();
        let observed = sum(targets);
        TaskMetrics {
            auc: None,
            logloss: None,
            s_logloss: None,
            gauc: None,
            gauc_skipped_sessions: 0,
            conditional_auc: None,
            pcoc: (observed > 0.0).then(|| sum(&self.predictions) / observed),
            ne: None,
            ece: None,
            calibration: Vec::new(),
            number: Some(number_metrics(targets, &self.predictions, scale)),
            positives: count_positives(&self.labels),
            rows: self.labels.len() as u64,
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
        Scored {
            labels: &LABELS,
            predictions: &PREDICTIONS,
            parents: &[None, Some(0)],
            sessions: &SESSIONS,
            numbers: Numbers::default(),
        }
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
        assert_eq!(tasks[0].calibration, metric::calibration_bins(&labels, &predictions));
        assert_eq!((tasks[0].positives, tasks[0].rows, tasks[0].conditional_auc), (3, 5, None));
        // Bought row 0 has .4, the rest .1, .3, .2, .05. On clicked rows: ratio .5 against .75 and .5.
        assert_eq!((tasks[1].auc, tasks[1].positives), (Some(1.0), 1));
        assert_eq!(tasks[1].gauc_skipped_sessions, 1);
        assert_eq!(tasks[1].conditional_auc, Some(0.25));
    }

    #[test]
    fn a_number_has_metrics_of_its_own_beside_the_other_tasks() {
        let scales = [None, Some(NumberScale { cap: 10.0, mean: 2.0, standard_deviation: 2.0 })];
        let targets = [1.0, 0.5, 0.0, 0.1, 1.0, 0.3, 0.0, 0.2, 1.0, 0.0];
        let numbers = Numbers { targets: &targets, scales: &scales };
        let scored = Scored { parents: &[None, None], numbers, ..scored() };
        let tasks = evaluate(&scored).expect("probabilities");
        assert_eq!(tasks[0].auc, Some(2.5 / 6.0));
        let of = tasks[1].number.expect("a number");
        // Predictions .4, .1, .3, .2, .05 of 10 for 5, 1, 3, 2 and 0: off by 1, 0, 0, 0 and 0.5.
        assert!(
            (of.mae.unwrap() - 0.3).abs() < 1e-6 && (of.rmse.unwrap() - (1.25_f64 / 5.0).sqrt()).abs() < 1e-6
        );
        assert_eq!((of.xauc, tasks[1].auc, tasks[1].logloss), (Some(1.0), None, None));
        assert!((tasks[1].pcoc.unwrap() - 10.5 / 11.0).abs() < 1e-6);
        assert_eq!((tasks[1].ranking(), tasks[0].ranking()), (Some(1.0), tasks[0].auc));
    }

    #[test]
    fn undefined_metrics_are_null_in_json() {
        let scored = Scored {
            labels: &[0, 0],
            predictions: &[0.25, 0.5],
            parents: &[None],
            sessions: &SESSIONS[..0],
            ..scored()
        };
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
        let scored =
            Scored { labels: &[], predictions: &[], parents: &[None, Some(0)], sessions: &[], ..scored() };
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
