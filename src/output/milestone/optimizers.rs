//! What an actor's optimisers remember, as files.

use std::fs;
use std::path::Path;

use rmtl_agents::actor::OptimizerState;
use rmtl_agents::embedding::SparseOptimizerState;
use rmtl_agents::parameter::{NamedTensor, NamedTensors};
use rmtl_files::write_whole;
use serde::{Deserialize, Serialize};

use super::CHECKPOINTS;
use crate::error::{Error, Result};
use crate::output::checkpoint;

/// Their folder in that of the checkpoints.
const OPTIMIZERS: &str = "optimizers";

/// The file of the tables' optimisers.
const TABLES: &str = "tables.safetensors";

/// What the files do not say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OptimizerFiles {
    /// See [`OptimizerState::ids`].
    ids: Vec<u64>,
    /// Steps of Adam for every view and loss; nothing where a table has another optimiser.
    table_steps: Vec<Vec<Option<u64>>>,
    /// Optimisers of the dense parameters.
    n_dense: usize,
}

impl OptimizerFiles {
    /// Writes `state` into a run folder.
    ///
    /// # Errors
    /// There is no room, or the folder cannot be written.
    pub(crate) fn write(folder: &Path, state: &OptimizerState) -> Result<Self> {
        let place = folder.join(CHECKPOINTS).join(OPTIMIZERS);
        fs::create_dir_all(&place).map_err(|error| Error::file("create", &place, error))?;
        let mut tensors = NamedTensors::new();
        let mut add = |name: String, values: &[f32]| {
            tensors.insert(name, NamedTensor { shape: vec![values.len()], values: values.to_vec() });
        };
        let mut table_steps = Vec::new();
        for (view, states) in state.tables.iter().enumerate() {
            let mut steps = Vec::new();
            for (loss, state) in states.iter().enumerate() {
                let name = |of: &str| format!("{view}.{loss}.{of}");
                steps.push(match state {
                    SparseOptimizerState::Adam { step, first_moment, second_moment } => {
                        add(name("first_moment"), first_moment);
                        add(name("second_moment"), second_moment);
                        Some(*step)
                    }
                    SparseOptimizerState::RowWiseAdagrad { accumulator } => {
                        add(name("accumulator"), accumulator);
                        None
                    }
                });
            }
            table_steps.push(steps);
        }
        checkpoint::write(&place.join(TABLES), &tensors)?;
        for (index, record) in state.dense.iter().enumerate() {
            let path = place.join(dense(index));
            write_whole(&path, |file| file.write_all(record))
                .map_err(|error| Error::file("write", &path, error))?;
        }
        Ok(Self { ids: state.ids.clone(), table_steps, n_dense: state.dense.len() })
    }

    /// The files, as seen from the run folder.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let dense = (0..self.n_dense).map(dense);
        dense.chain([TABLES.to_owned()]).map(|name| format!("{CHECKPOINTS}/{OPTIMIZERS}/{name}"))
    }

    /// Reads what [`OptimizerFiles::write`] wrote.
    ///
    /// # Errors
    /// A file is not there, or damaged.
    pub(crate) fn read(&self, folder: &Path) -> Result<OptimizerState> {
        let place = folder.join(CHECKPOINTS).join(OPTIMIZERS);
        let path = place.join(TABLES);
        let mut tensors = checkpoint::read(&path)?.tensors;
        let mut take = |view: usize, loss: usize, of: &str| {
            let name = format!("{view}.{loss}.{of}");
            let tensor = tensors.remove(&name);
            tensor
                .map(|tensor| tensor.values)
                .ok_or_else(|| Error::file("read", &path, format!("no `{name}`")))
        };
        let mut tables = Vec::new();
        for (view, steps) in self.table_steps.iter().enumerate() {
            let mut states = Vec::new();
            for (loss, step) in steps.iter().enumerate() {
                states.push(match *step {
                    Some(step) => SparseOptimizerState::Adam {
                        step,
                        first_moment: take(view, loss, "first_moment")?,
                        second_moment: take(view, loss, "second_moment")?,
                    },
                    None => {
                        SparseOptimizerState::RowWiseAdagrad { accumulator: take(view, loss, "accumulator")? }
                    }
                });
            }
            tables.push(states);
        }
        let record = |index| {
            let path = place.join(dense(index));
            fs::read(&path).map_err(|error| Error::file("read", &path, error))
        };
        let dense = (0..self.n_dense).map(record).collect::<Result<_>>()?;
        Ok(OptimizerState { tables, dense, ids: self.ids.clone() })
    }
}

fn dense(index: usize) -> String {
    format!("dense-{index}.burnpack")
}
