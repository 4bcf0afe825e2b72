//! Critics: per task, the expected discounted reward of a state and an action, Q_k(s, a_k).

mod config;
mod learner;
#[cfg(test)]
mod learning_tests;

mod network;
#[cfg(test)]
mod tests;
mod twin;
mod values;

pub use config::{CriticConfig, RewardScale};
pub use learner::{Critic, CriticStep, DEAD_Q, TaskCriticStep};
pub use network::{CriticNetwork, CriticOutput};
pub use values::{RowMarks, Values};
