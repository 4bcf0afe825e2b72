//! Checkpoints: what a run had come to when a phase ended, or within the training of an actor, from which it goes on after it was
//! stopped.
//!
//! ```text
//! checkpoint/0.json        before the first phase
//! checkpoint/1.json        after the first phase that gave something, or within it, and so on; the last two are kept
//! checkpoint/1/            within a phase: the actor as it is with its optimisers, and the best one so far
//! checkpoint/optimizers/   what the pretrained actor's optimisers remember, where a further training keeps them
//! ```
//!
//! A `.json` is a line with the checksum (BLAKE3) of what follows, then JSON. Parameters are not in it: those that a phase gave
//! are in `model/` anyway. It has the checksums of all files it needs. A finished run has no `checkpoint/`.

mod actor_files;
mod kept_actor;
mod logs;
mod optimizers;
mod origin;
mod saved;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::monitor::WeightsByTask;
use crate::output::report::PhaseTiming;
use crate::phase::{CriticSummary, FitPoint};

pub(crate) use actor_files::ActorFiles;
pub(crate) use kept_actor::{BestActor, KeptActor};
pub(crate) use logs::LogPosition;
pub(crate) use optimizers::{OPTIMIZERS, OptimizerFiles};
pub(crate) use origin::Origin;
pub(crate) use saved::{CHECKPOINTS, exists, is_resumable, latest, place_of, remove, write};

/// What a checkpoint is, as long as it is read by the same rules.
pub(crate) const FORMAT: u32 = 1;

/// What a run has come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Milestone {
    /// [`FORMAT`] of whoever wrote it.
    pub(crate) format: u32,
    /// The version of whoever wrote it.
    pub(crate) version: String,
    /// What the run is of.
    pub(crate) origin: Origin,
    /// The actors that were kept, by [`Model::name`](crate::output::folder::Model::name).
    pub(crate) actors: IndexMap<String, KeptActor>,
    /// Where the training of an actor stood, at a checkpoint within its phase.
    pub(crate) fit: Option<Box<FitPoint>>,
    /// How the training of the critics ended, if it has.
    pub(crate) critics: Option<CriticSummary>,
    /// Time per finished phase.
    pub(crate) timings: Vec<(String, PhaseTiming)>,
    /// Loss weights of the finished trainings, by phase.
    pub(crate) weights: IndexMap<String, WeightsByTask>,
    /// What a reader of the report must know.
    pub(crate) warnings: Vec<String>,
    /// Checksums of the files of the run folder that it needs.
    pub(crate) files: BTreeMap<String, String>,
    /// How far the logs had been written.
    pub(crate) logs: Vec<LogPosition>,
}

#[cfg(test)]
mod tests;
