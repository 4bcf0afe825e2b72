//! Recommendation logs as session environments.
//!
//! A prepared log is a [`Dataset`]: three [`LogTable`]s (training, validation, test) and a [`Manifest`]. A row
//! of a table is a state; [`Sessions`] are contiguous ranges of rows, so the next state of row `r` is `r + 1`
//! unless the session ends there. [`SessionEnv`] walks many sessions in lockstep and pays every action a
//! [`Reward`] in closed form:
//!
//! ```
//! # use rmtl_envs::*;
//! # fn actor(_: &[Row]) -> Vec<f32> { vec![0.3] }
//! # let schema = Schema::of_ids(&[("user", 3)], &[("click", None)]);
//! # let row = |user, end| RowValues { categorical: user, labels: &[1], end, ..RowValues::default() };
//! # let table = LogTable::from_rows(
//! #     &schema, [row(&[1], SessionEnd::Continues), row(&[1], SessionEnd::Terminated)]);
//! let sessions = Sessions::of(&table);
//! let mut environment = SessionEnv::new(&table, &sessions, EnvironmentConfig::default());
//! environment.reset(0..sessions.len() as u32);
//! while !environment.rows().is_empty() {
//!     let actions = actor(environment.rows()); // one predicted probability per lane and task
//!     let step = environment.step(&actions);
//!     assert_eq!(step.rewards.len(), actions.len());
//! }
//! ```
//!
//! The crate knows neither tensors nor devices, reads no raw logs and owns no random generator: whoever calls
//! [`generate`] brings one.

mod cancel;
mod dataset;
mod error;
#[cfg(test)]
mod fixture;
mod manifest;
mod mdp;
mod memory;
mod number;
mod precision;
mod schema;
mod split;
mod synthetic;
mod table;

pub use cancel::Cancel;
pub use dataset::Dataset;
pub use error::EnvError;
pub use manifest::{FORMAT_VERSION, MANIFEST_FILE, Manifest, SessionRule, SplitSummary, Warning};
pub use mdp::block::{BlockEnvironment, BlockRule, BlockStep, BlockViolation, check_blocks};
pub use mdp::check::{ContractViolation, Environment, Rule, WalkSummary, check_environment};
pub use mdp::environment::{EnvironmentConfig, SessionEnv, Step};
pub use mdp::reward::{MAX_ACTION, MIN_ACTION, Reward};
pub use mdp::session::Sessions;
pub use mdp::trajectory::{Trajectory, bootstrap_state, bootstrap_values, discounted_returns};
pub use memory::{MemoryDemand, TooMuchMemory, available_memory, bytes_of, check_memory, format_bytes};
pub use number::{NumberLoss, NumberObjective, Rewards, SHARE_MARGIN};
pub use precision::auc_standard_error;
pub use schema::{CategoricalField, NumberScale, NumericField, OUT_OF_VOCABULARY, PADDING, Schema, Task};
pub use split::Split;
pub use synthetic::{Planted, PlantedTask, SyntheticConfig, generate};
pub use table::{CHUNK_ROWS, Extras, LogTable, MAX_ROWS, Row, RowValues, SessionEnd, TableWriter};
