//! Names of a run's random streams, and what begins those of a phase. Trainings that are to be compared share theirs, and
//! so see the same batches and dropout masks.
//!
//! The names are part of what a seed means: another name is another run.

/// Batches and masks of pretraining.
pub const PRETRAIN: &str = "pretrain";
/// Batches and masks of every training beside critics, and of the one with all weights 1 that it is compared with.
pub const WEIGHTED: &str = "weighted";
/// Sessions and actions of the walk that fills the replay.
pub const COLLECT: &str = "collect";
/// Sessions and actions of the walk that goes on while actor and critics learn.
pub const JOINT: &str = "joint";
/// Draws, masks and noise of the critics' updates.
pub const CRITICS: &str = "critics";
/// What a weighting draws.
pub const WEIGHTING: &str = "weighting";
/// Which negatives are kept.
pub const NEGATIVES: &str = "negatives";
/// Which test sessions the bootstrap of the report's difference draws.
pub const OUTCOME: &str = "outcome";
