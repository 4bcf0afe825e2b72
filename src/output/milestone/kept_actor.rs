//! An actor that was kept: what is known of it beside its parameters.

use std::path::Path;

use indexmap::IndexMap;
use rmtl_agents::actor::{Actor, Course};
use serde::{Deserialize, Serialize};

use super::OptimizerFiles;
use crate::error::{Error, Result};
use crate::log::tags::Phase;
use crate::metric::TaskMetrics;
use crate::monitor::Kept;
use crate::output::checkpoint;
use crate::phase::Scores;

/// What is known of an actor that was kept, beside its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptActor {
    /// The phase that trained it.
    pub(super) phase: String,
    /// The step after which it was validated.
    pub(super) step: u64,
    /// The early stop's value there.
    pub(super) value: Option<f64>,
    /// Its metrics on the validation split.
    pub(super) scores: Vec<TaskMetrics>,
    /// What its backbone shows of itself.
    pub(super) diagnostics: IndexMap<String, f32>,
    /// Steps since it was untrained.
    pub(super) n_steps: u64,
    /// Those that its first training took at most.
    pub(super) planned_steps: Option<u64>,
    /// What its optimisers remember, where a further training keeps that.
    pub(super) optimizers: Option<OptimizerFiles>,
}

impl KeptActor {
    /// Of `kept`, whose optimisers are written into `place` of a run folder where one is given.
    ///
    /// # Errors
    /// They cannot be written.
    pub(crate) fn of(kept: &Kept, folder: &Path, place: Option<&str>) -> Result<Self> {
        let write = |place: &str| {
            let state = kept.actor.optimizer_state();
            let state = state.map_err(|error| Error::file("write a checkpoint to", folder, error))?;
            OptimizerFiles::write(folder, place, &state)
        };
        let Course { n_steps, planned_steps } = kept.actor.course();
        Ok(Self {
            phase: kept.phase.name().to_owned(),
            step: kept.step,
            value: kept.value,
            scores: kept.scores.tasks.clone(),
            diagnostics: kept.diagnostics.clone(),
            n_steps,
            planned_steps,
            optimizers: place.map(write).transpose()?,
        })
    }

    /// The actor once more, its parameters from the file `parameters`; `into` is one of the same settings.
    ///
    /// # Errors
    /// A file is not there, damaged, or of another actor.
    pub(crate) fn read(&self, folder: &Path, parameters: &Path, into: Actor) -> Result<Kept> {
        let misfit = |reason: String| Error::file("go on with", parameters, reason);
        let tensors = checkpoint::read(parameters)?.tensors;
        let actor = into.load(&tensors);
        let actor = actor.map_err(|source| Error::Model { path: parameters.to_owned(), source })?;
        let actor = actor.at(Course { n_steps: self.n_steps, planned_steps: self.planned_steps });
        let actor = match &self.optimizers {
            Some(files) => {
                actor.with_optimizer_state(files.read(folder)?).map_err(|error| misfit(error.to_string()))?
            }
            None => actor,
        };
        let phase = Phase::ALL.into_iter().find(|phase| phase.name() == self.phase);
        Ok(Kept {
            actor,
            phase: phase.ok_or_else(|| misfit(format!("there is no phase `{}`", self.phase)))?,
            step: self.step,
            value: self.value,
            scores: Scores { tasks: self.scores.clone() },
            diagnostics: self.diagnostics.clone(),
        })
    }

    /// The files of its optimisers, as seen from the run folder.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.optimizers.iter().flat_map(OptimizerFiles::names)
    }
}

/// The best actor of a training that goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BestActor {
    kept: KeptActor,
    parameters: String,
}

impl BestActor {
    /// Writes `kept` into `place` of a run folder, with its optimisers where a further training may want them.
    ///
    /// # Errors
    /// There is no room, or the folder cannot be written.
    pub(crate) fn write(kept: &Kept, folder: &Path, place: &str, with_optimizers: bool) -> Result<Self> {
        let parameters = format!("{place}/best.safetensors");
        super::actor_files::write(folder, &parameters, &kept.actor.weights())?;
        let optimizers = with_optimizers.then(|| format!("{place}/best"));
        Ok(Self { kept: KeptActor::of(kept, folder, optimizers.as_deref())?, parameters })
    }

    /// The files, as seen from the run folder.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.kept.names().chain([self.parameters.clone()])
    }

    /// See [`KeptActor::read`].
    ///
    /// # Errors
    /// As there.
    pub(crate) fn read(&self, folder: &Path, into: Actor) -> Result<Kept> {
        self.kept.read(folder, &folder.join(&self.parameters), into)
    }
}
