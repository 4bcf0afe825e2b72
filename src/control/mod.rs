//! Learning a controller of the task weights: trainings as episodes, and what is learnt or searched from them.
//!
//! [`ControlEnv`] is a training that is acted on block by block and can be taken back. A [`Study`] says on which log, how
//! and for how much work; [`learn()`] leaves a policy or a schedule in a folder, to be used by `[weighting.controller]`.

mod env;
mod learn;
mod objective;
mod sample;
mod study;

pub use env::{ControlEnv, Snapshot, Steering, Work};
pub use learn::{LEARN_FILE, Learnt, SCHEDULE_FILE, learn};
pub use objective::{Objective, RewardOf};
pub use sample::sample;
pub use study::{Method, Study};
