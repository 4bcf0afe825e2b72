//! An actor within its training, as files: parameters, optimisers, average.

use std::fs;
use std::path::Path;

use rmtl_agents::actor::{Actor, AverageState, Course, TableState};
use rmtl_agents::parameter::{NamedTensor, NamedTensors};
use serde::{Deserialize, Serialize};

use super::OptimizerFiles;
use crate::error::{Error, Result};
use crate::output::checkpoint;

/// Where the files of an actor lie, as seen from the run folder, and what they do not say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActorFiles {
    parameters: String,
    n_steps: u64,
    planned_steps: Option<u64>,
    optimizers: OptimizerFiles,
    average: Option<AverageFiles>,
}

/// The same of an average.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AverageFiles {
    values: String,
    /// View by view.
    clocks: Vec<u32>,
}

impl ActorFiles {
    /// Writes `actor` into `place` of a run folder.
    ///
    /// # Errors
    /// There is no room, or the folder cannot be written.
    pub(crate) fn write(folder: &Path, place: &str, actor: &Actor) -> Result<Self> {
        let parameters = format!("{place}/current.safetensors");
        write(folder, &parameters, &actor.weights())?;
        let state =
            actor.optimizer_state().map_err(|error| Error::file("write a checkpoint to", folder, error))?;
        let optimizers = OptimizerFiles::write(folder, &format!("{place}/current"), &state)?;
        drop(state);
        let average =
            actor.average_state().map(|state| AverageFiles::write(folder, place, state)).transpose()?;
        let Course { n_steps, planned_steps } = actor.course();
        Ok(Self { parameters, n_steps, planned_steps, optimizers, average })
    }

    /// The files, as seen from the run folder.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        let average = self.average.iter().map(|average| average.values.clone());
        self.optimizers.names().chain(average).chain([self.parameters.clone()])
    }

    /// `into`, an actor of the same settings, as that one was; its average starts at `decay`, where there is one.
    ///
    /// # Errors
    /// A file is not there, damaged, or of another actor.
    pub(crate) fn read(&self, folder: &Path, into: Actor, decay: Option<f64>) -> Result<Actor> {
        let path = folder.join(&self.parameters);
        let misfit = |error: &dyn std::fmt::Display| Error::file("go on with", &path, error);
        let tensors = checkpoint::read(&path)?.tensors;
        let actor = into.load(&tensors).map_err(|error| misfit(&error))?;
        let state = self.optimizers.read(folder)?;
        let actor = actor
            .at(Course { n_steps: self.n_steps, planned_steps: self.planned_steps })
            .with_optimizer_state(state)
            .map_err(|error| misfit(&error))?;
        match (decay, &self.average) {
            (None, None) => Ok(actor),
            (Some(decay), Some(average)) => {
                let state = average.read(folder)?;
                actor.with_average(decay).with_average_state(state).map_err(|error| misfit(&error))
            }
            _ => Err(misfit(&"`ema` is another")),
        }
    }
}

impl AverageFiles {
    fn write(folder: &Path, place: &str, state: AverageState) -> Result<Self> {
        let values = format!("{place}/average.safetensors");
        let AverageState { network: mut tensors, tables } = state;
        let mut clocks = Vec::new();
        for (view, TableState { weights, clock, row_clocks }) in tables.into_iter().enumerate() {
            clocks.push(clock);
            let mut add = |of: &str, values: Vec<f32>| {
                tensors.insert(table(view, of), NamedTensor { shape: vec![values.len()], values });
            };
            add("weights", weights);
            // Halves, which single precision holds.
            let (high, low) =
                row_clocks.iter().map(|clock| ((clock >> 16) as f32, (clock & 0xffff) as f32)).unzip();
            add("high", high);
            add("low", low);
        }
        write(folder, &values, &tensors)?;
        Ok(Self { values, clocks })
    }

    fn read(&self, folder: &Path) -> Result<AverageState> {
        let path = folder.join(&self.values);
        let mut tensors = checkpoint::read(&path)?.tensors;
        let mut take = |view: usize, of: &str| {
            let name = table(view, of);
            let tensor = tensors.remove(&name).map(|tensor| tensor.values);
            tensor.ok_or_else(|| Error::file("read", &path, format!("no `{name}`")))
        };
        let mut tables = Vec::new();
        for (view, &clock) in self.clocks.iter().enumerate() {
            let (weights, high, low) = (take(view, "weights")?, take(view, "high")?, take(view, "low")?);
            let row_clocks =
                high.iter().zip(&low).map(|(high, low)| ((*high as u32) << 16) | *low as u32).collect();
            tables.push(TableState { weights, clock, row_clocks });
        }
        Ok(AverageState { network: tensors, tables })
    }
}

fn table(view: usize, of: &str) -> String {
    format!("table.{view}.{of}")
}

/// Writes tensors to a file of a run folder, whose own folder is made where it is not there.
pub(super) fn write(folder: &Path, name: &str, tensors: &NamedTensors) -> Result<()> {
    let path = folder.join(name);
    if let Some((place, _)) = name.rsplit_once('/') {
        make(folder, place)?;
    }
    checkpoint::write(&path, tensors)
}

/// Makes `place` in a run folder, which must be there: one that somebody has removed is not made anew.
pub(super) fn make(folder: &Path, place: &str) -> Result<()> {
    let mut path = folder.to_owned();
    for part in place.split('/') {
        path.push(part);
        match fs::create_dir(&path) {
            Err(error) if !path.is_dir() => return Err(Error::file("create", &path, error)),
            _ => {}
        }
    }
    Ok(())
}
