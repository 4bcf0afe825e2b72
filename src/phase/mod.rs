//! The phases of a run. A phase is a function: data in, data out; the types carry the order.

mod batches;
mod collect;
mod critics;
pub(crate) mod evaluate;
mod fit;
mod joint;
mod online_critics;
mod rollout;
mod row_counts;
mod row_marks;
mod td;

pub use collect::{Collected, collect};
pub use critics::{CriticSummary, critics};
pub use evaluate::{Evaluator, Scores};
pub use fit::{Critics, Fit, fit};
pub use joint::joint;
pub use online_critics::OnlineCritics;
