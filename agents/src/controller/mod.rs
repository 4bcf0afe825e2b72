//! A learnt controller of the task weights: the weight as the action, in an environment whose episode is a training.
//!
//! A state ([`Features`]) describes every task by numbers without a scale of their own, an action is the change of the
//! tasks' log weights over a block of updates. [`Policy`] and critics are one small network each, applied task by task,
//! so that what was learnt with four tasks can steer seven. [`Agent`] learns them, by DDPG or TD3, from what
//! [`episode`] has seen; [`CrossEntropy`] searches without looking, [`population()`] and [`Bandit`] are rivals. Equations: `docs/control.md`.

mod agent;
mod bandit;
mod branching;
mod features;
mod memory;
mod network;
mod policy;
mod population;
mod search;
mod steered;
#[cfg(test)]
mod tests;

pub use agent::{Agent, AgentConfig, AgentKind, AgentUpdate};
pub use bandit::Bandit;
pub use branching::{Block, Branching, Chooser, Lineage, Placebo, Shuffle, Standing, episode};
pub use features::{BlockState, FEATURES, Features};
pub use policy::{POLICY_VERSION, Policy, PolicyError, PolicySettings};
pub use population::{Population, population};
pub use search::CrossEntropy;
pub use steered::{Blocks, LogWeights, Steered};
