//! Checkpoints: what a run had come to when a phase ended, from which it goes on after it was stopped.
//!
//! ```text
//! checkpoint/0.json        before the first phase
//! checkpoint/1.json        after the first phase that gave something, and so on; the last two are kept
//! checkpoint/optimizers/   what the pretrained actor's optimisers remember, where a further training keeps them
//! ```
//!
//! A file is a line with the checksum (BLAKE3) of what follows, then JSON. Parameters are not in it: they are in `model/`, where a
//! phase leaves them anyway, and the checkpoint has their checksums. A finished run has no `checkpoint/`.

mod logs;
mod optimizers;
mod origin;
mod saved;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::metric::TaskMetrics;
use crate::monitor::WeightsByTask;
use crate::output::report::PhaseTiming;
use crate::phase::CriticSummary;

pub(crate) use logs::LogPosition;
pub(crate) use optimizers::OptimizerFiles;
pub(crate) use origin::Origin;
pub(crate) use saved::{CHECKPOINTS, exists, is_resumable, latest, remove, write};

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

/// What is known of an actor that was kept, beside its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptActor {
    /// The phase that trained it.
    pub(crate) phase: String,
    /// The step after which it was validated.
    pub(crate) step: u64,
    /// The early stop's value there.
    pub(crate) value: Option<f64>,
    /// Its metrics on the validation split.
    pub(crate) scores: Vec<TaskMetrics>,
    /// What its backbone shows of itself.
    pub(crate) diagnostics: IndexMap<String, f32>,
    /// Steps since it was untrained.
    pub(crate) n_steps: u64,
    /// Those that its first training took at most.
    pub(crate) planned_steps: Option<u64>,
    /// What its optimisers remember, where a further training keeps that.
    pub(crate) optimizers: Option<OptimizerFiles>,
}

#[cfg(test)]
mod tests;
