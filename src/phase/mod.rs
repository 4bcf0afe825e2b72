//! The phases of a run. A phase is a function: data in, data out; the types carry the order.

mod alarm;
mod collect;
mod critic_health;
mod critics;
mod diagnose;
mod evaluate;
mod fit;
mod joint;
mod negative;
mod row_counts;
mod segments;
mod td;
mod validation;
mod walk;

pub use collect::{Collected, collect};
pub use critics::{CriticSummary, critics};
pub use diagnose::TaskCriticSummary;
pub use evaluate::{Evaluator, Scores};
pub use fit::{Critics, Fit, fit};
pub use joint::{Companion, joint};
pub use segments::WeightsBySegment;
pub use validation::{Fitted, Kept};
