//! What a set of predictions is worth.
//!
//! Every metric is a pure function of labels (`u8`, 0 or 1), predictions (`f32` probabilities) and, where
//! it needs them, sessions (row ranges). Sums are taken in `f64`, over chunks of fixed size in a fixed
//! order, so a value does not depend on the number of threads.
//!
//! A metric that is undefined on the rows it is given (an AUC of one class, a PCOC without positives) is
//! `None`, and `null` in a report. [`evaluate`] computes them all for every task.

mod auc;
mod calibration;
mod correlation;
mod improvement;
mod logloss;
mod number;
mod q_value;
mod ranking;
mod session;
mod sum;
mod task_metrics;

pub use auc::{auc, conditional_auc};
pub use calibration::{CalibrationBin, N_CALIBRATION_BINS, calibration_bins, calibration_error, pcoc};
pub use correlation::correlation;
pub use improvement::{gain, rela_impr};
pub use logloss::{CLIP, logloss, normalized_entropy, row_logloss};
pub use number::{NumberMetrics, number_metrics, xauc};
pub use q_value::{CalibrationPoint, POSITIONS, QEvaluation, QMetrics, QRow, QScored, evaluate_q};
pub use session::{Gauc, gauc, s_logloss};
pub use task_metrics::{MetricError, Numbers, Scored, TaskMetrics, evaluate};
