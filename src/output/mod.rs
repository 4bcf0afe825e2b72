//! What a run leaves behind: its folder, the parameters, the report, what came out, and which actor did best.

pub mod checkpoint;
pub mod folder;
pub(crate) mod milestone;
pub mod outcome;
pub mod policy_file;
pub mod predictions;
pub mod report;
pub mod selection;
