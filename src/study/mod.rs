//! Studies: many runs of one run file, and one table of them.

mod arm_runs;

pub use arm_runs::{ArmRuns, SeedRun, TaskScores, mean_auc, mean_logloss};
