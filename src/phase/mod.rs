//! The phases of a run. A phase is a function: data in, data out; the types carry the order.

pub(crate) mod batches;
mod collect;
pub(crate) mod control;
mod critics;
pub(crate) mod evaluate;
mod fit;
mod fit_point;
mod joint;
mod online_critics;
mod rollout;
pub(crate) mod row_counts;
mod row_marks;
mod td;

pub use collect::{Collected, collect, frozen_policy};
pub use critics::{CriticSummary, critics};
pub use evaluate::{Evaluator, Scores};
pub(crate) use fit::bind_losses;
pub use fit::{Critics, Fit, fit};
pub(crate) use fit_point::FitPoint;
pub use joint::joint;
pub use online_critics::OnlineCritics;
