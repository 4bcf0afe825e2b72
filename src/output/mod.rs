//! What a run leaves behind: its folder, the parameters, the report, and which actor did best.

pub mod checkpoint;
pub mod folder;
pub mod predictions;
pub mod report;
pub mod selection;
