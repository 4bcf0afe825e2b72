//! What an actor's optimisers remember, as files: of tables bare numbers, little endian, since they are as large as the tables
//! themselves and are written without another copy; of dense parameters burn's records.

use std::fs;
use std::path::Path;

use rmtl_agents::actor::OptimizerState;
use rmtl_agents::embedding::SparseOptimizerState;
use rmtl_files::write_whole;
use serde::{Deserialize, Serialize};

use super::actor_files::make;
use crate::error::{Error, Result};

/// The place of the pretrained actor's, as seen from the run folder.
pub(crate) const OPTIMIZERS: &str = "checkpoint/optimizers";

/// Where the files are, and what they do not say. Their checksums are the checkpoint's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OptimizerFiles {
    /// Their folder, as seen from the run folder.
    place: String,
    /// See [`OptimizerState::ids`].
    ids: Vec<u64>,
    /// Steps of Adam for every view and loss; nothing where a table has another optimiser.
    table_steps: Vec<Vec<Option<u64>>>,
    /// Optimisers of the dense parameters.
    n_dense: usize,
}

impl OptimizerFiles {
    /// Writes `state` into `place` of a run folder.
    ///
    /// # Errors
    /// There is no room, or the folder cannot be written.
    pub(crate) fn write(folder: &Path, place: &str, state: &OptimizerState) -> Result<Self> {
        make(folder, place)?;
        let files = Self {
            place: place.to_owned(),
            ids: state.ids.clone(),
            table_steps: state.tables.iter().map(|states| states.iter().map(steps).collect()).collect(),
            n_dense: state.dense.len(),
        };
        for (view, states) in state.tables.iter().enumerate() {
            for (loss, state) in states.iter().enumerate() {
                let names = table_names(view, loss, steps(state).is_some());
                for (name, values) in names.iter().zip(numbers(state)) {
                    let path = folder.join(place).join(name);
                    write_whole(&path, |file| {
                        values.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))
                    })
                    .map_err(|error| Error::file("write", &path, error))?;
                }
            }
        }
        for (index, record) in state.dense.iter().enumerate() {
            let path = folder.join(place).join(dense_name(index));
            write_whole(&path, |file| file.write_all(record))
                .map_err(|error| Error::file("write", &path, error))?;
        }
        Ok(files)
    }

    /// The files, as seen from the run folder.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let tables = self.table_steps.iter().enumerate().flat_map(|(view, losses)| {
            let names = move |(loss, steps): (usize, &Option<u64>)| table_names(view, loss, steps.is_some());
            losses.iter().enumerate().flat_map(names)
        });
        let all = tables.chain((0..self.n_dense).map(dense_name));
        all.map(|name| format!("{}/{name}", self.place))
    }

    /// Reads what [`OptimizerFiles::write`] wrote.
    ///
    /// # Errors
    /// A file is not there.
    pub(crate) fn read(&self, folder: &Path) -> Result<OptimizerState> {
        let bytes = |name: &str| {
            let path = folder.join(&self.place).join(name);
            fs::read(&path).map_err(|error| Error::file("read", &path, error))
        };
        let values = |name: &str| -> Result<Vec<f32>> {
            let bytes = bytes(name)?;
            let (numbers, _) = bytes.as_chunks::<4>();
            Ok(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
        };
        let table = |view: usize, loss: usize, step: Option<u64>| -> Result<SparseOptimizerState> {
            let names = table_names(view, loss, step.is_some());
            Ok(match (step, &names[..]) {
                (Some(step), [first, second]) => SparseOptimizerState::Adam {
                    step,
                    first_moment: values(first)?,
                    second_moment: values(second)?,
                },
                _ => SparseOptimizerState::RowWiseAdagrad { accumulator: values(&names[0])? },
            })
        };
        let of_view = |(view, losses): (usize, &Vec<Option<u64>>)| {
            losses.iter().enumerate().map(|(loss, &step)| table(view, loss, step)).collect::<Result<_>>()
        };
        let tables = self.table_steps.iter().enumerate().map(of_view).collect::<Result<_>>()?;
        let dense = (0..self.n_dense).map(|index| bytes(&dense_name(index))).collect::<Result<_>>()?;
        Ok(OptimizerState { tables, dense, ids: self.ids.clone() })
    }
}

/// Steps of Adam; nothing of another optimiser.
fn steps(state: &SparseOptimizerState) -> Option<u64> {
    match state {
        SparseOptimizerState::Adam { step, .. } => Some(*step),
        SparseOptimizerState::RowWiseAdagrad { .. } => None,
    }
}

/// What it remembers, file by file.
fn numbers(state: &SparseOptimizerState) -> Vec<&[f32]> {
    match state {
        SparseOptimizerState::Adam { first_moment, second_moment, .. } => vec![first_moment, second_moment],
        SparseOptimizerState::RowWiseAdagrad { accumulator } => vec![accumulator],
    }
}

/// The files of a table's optimiser.
fn table_names(view: usize, loss: usize, is_adam: bool) -> Vec<String> {
    let kinds: &[&str] = if is_adam { &["first", "second"] } else { &["accumulator"] };
    kinds.iter().map(|kind| format!("table-{view}-{loss}-{kind}.f32")).collect()
}

fn dense_name(index: usize) -> String {
    format!("dense-{index}.burnpack")
}
