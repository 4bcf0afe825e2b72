//! The phases of a run. A phase is a function: data in, data out; the types carry the order.

mod collect;
mod critics;
mod evaluate;
mod fit;

pub use collect::{Collected, collect};
pub use critics::{CriticSummary, critics};
pub use evaluate::{Evaluator, Scores};
pub use fit::{Fit, fit};
