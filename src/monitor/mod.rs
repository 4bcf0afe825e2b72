//! What is watched while actors and critics learn, and what is said of it.

pub(crate) mod convergence;
pub(crate) mod critic_health;
pub(crate) mod diagnosis;
pub(crate) mod floor;
pub mod metric_warnings;
pub(crate) mod negative;
pub(crate) mod segments;
pub(crate) mod training_log;
pub(crate) mod validation;
pub(crate) mod weight_summary;

pub use diagnosis::TaskCriticSummary;
pub use segments::WeightsBySegment;
pub use validation::{Fitted, Kept};
pub use weight_summary::{WeightSummary, WeightsByTask};
