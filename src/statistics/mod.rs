//! Whether one training is better than another: differences over seeds, over sessions, and over both.
//!
//! Everything here is a function of numbers. A difference is always "what is tried minus the base, on the same seed or
//! the same rows"; which direction is better is [`Direction`]'s to say.

mod bootstrap;
mod clustered;
mod counted;
mod delong;
mod holm;
mod paired;
mod pareto;
mod power;
mod robust;
mod spread;
mod verdict;

pub use bootstrap::{Resampling, draw, resample};
pub use clustered::BothSources;
pub use counted::{CountedAuc, CountedLogloss};
pub use delong::{AucDifference, delong};
pub use holm::holm;
pub use paired::{Paired, paired, wilcoxon};
pub use pareto::{delta_m, hypervolume, pareto_front};
pub use power::seeds_needed;
pub use robust::{interquartile_mean, mean_ranks};
pub use spread::Spread;
pub use verdict::{Direction, Verdict};

/// Of intervals and of verdicts.
pub const LEVEL: f64 = 0.95;
