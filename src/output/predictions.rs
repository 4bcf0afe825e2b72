//! Predictions of a run for every row of a split, one Arrow file each: `session`, `label/<task>`, and `<actor>/<task>`.
//!
//! Two runs on the same rows can be compared row by row and session by session, and a notebook reads the file as it is.

use std::fs::File;
use std::iter::repeat_n;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt8Type, UInt32Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, Float32Array, RecordBatch, UInt8Array, UInt32Array};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use indexmap::IndexMap;
use rmtl_envs::Split;
use rmtl_files::write_whole;

use crate::error::{Error, Result};

/// Where the run in `folder` keeps those of a split.
pub fn predictions_path(folder: &Path, split: Split) -> PathBuf {
    folder.join("predictions").join(format!("{}.arrow", split.name()))
}

/// Predictions of a split, and what they are measured by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// The session of every row, counted from 0; rows of a session are neighbours.
    pub sessions: Vec<u32>,
    /// Labels by task, `[row]`; 1 where a number is above 0.
    pub labels: IndexMap<String, Vec<u8>>,
    /// Predictions by actor and task, `[row]`.
    pub actors: IndexMap<String, IndexMap<String, Vec<f32>>>,
}

impl Predictions {
    /// Rows that nobody has predicted yet.
    ///
    /// # Shapes
    /// - `labels`: `[row, task]`, row-major
    ///
    /// # Panics
    /// If there are not as many labels as the sessions have rows of all tasks.
    pub fn of(sessions: &[Range<u32>], tasks: &[&str], labels: &[u8]) -> Self {
        let of_session = |(index, rows): (usize, &Range<u32>)| repeat_n(index as u32, rows.len());
        let sessions: Vec<u32> = sessions.iter().enumerate().flat_map(of_session).collect();
        assert_eq!(labels.len(), sessions.len() * tasks.len(), "labels of {tasks:?}");
        let of_task = |task: usize| labels.iter().skip(task).step_by(tasks.len()).copied().collect();
        let labels = tasks.iter().enumerate().map(|(task, name)| ((*name).to_owned(), of_task(task)));
        Self { sessions, labels: labels.collect(), actors: IndexMap::new() }
    }

    /// Number of sessions.
    pub fn n_sessions(&self) -> usize {
        self.sessions.last().map_or(0, |last| *last as usize + 1)
    }

    /// Adds an actor's predictions, `[row, task]` row-major.
    ///
    /// # Panics
    /// If they are not those of all rows and tasks, or the name is taken by other columns.
    pub fn add(&mut self, actor: &str, predictions: &[f32]) {
        let n_tasks = self.labels.len();
        assert_eq!(predictions.len(), self.sessions.len() * n_tasks, "predictions of {actor}");
        assert!(actor != "label" && !actor.contains('/'), "`{actor}` is no name of an actor");
        let of_task = |task: usize| predictions.iter().skip(task).step_by(n_tasks).copied().collect();
        let tasks = self.labels.keys().enumerate().map(|(task, name)| (name.clone(), of_task(task)));
        self.actors.insert(actor.into(), tasks.collect());
    }

    /// Writes the file, whole or not at all, and makes its folder where that is not there.
    pub fn write(self, path: &Path) -> Result<()> {
        // Where this fails, writing fails too.
        path.parent().into_iter().for_each(|folder| drop(std::fs::create_dir(folder)));
        let mut columns: Vec<(String, ArrayRef)> =
            vec![("session".into(), Arc::new(UInt32Array::from(self.sessions)))];
        for (task, labels) in self.labels {
            columns.push((format!("label/{task}"), Arc::new(UInt8Array::from(labels))));
        }
        for (actor, tasks) in self.actors {
            for (task, values) in tasks {
                columns.push((format!("{actor}/{task}"), Arc::new(Float32Array::from(values))));
            }
        }
        let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
        write_whole(path, |file| {
            let write = |file| -> std::result::Result<(), arrow_schema::ArrowError> {
                let mut writer = FileWriter::try_new(file, &batch.schema())?;
                writer.write(&batch)?;
                writer.finish()
            };
            write(file).map_err(std::io::Error::other)
        })
        .map_err(|error| Error::file("write", path, error))
    }

    /// Reads what [`Predictions::write`] wrote.
    ///
    /// # Errors
    /// The file is not there, not whole, or of another layout.
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |reason: String| Error::file("read", path, reason);
        let file = File::open(path).map_err(|error| failed(error.to_string()))?;
        let batches: std::result::Result<Vec<_>, _> =
            FileReader::try_new(file, None).and_then(Iterator::collect);
        let batches = batches.map_err(|error| failed(error.to_string()))?;
        let [batch] = batches.as_slice() else {
            return Err(failed(format!("expected one batch of predictions, found {}", batches.len())));
        };
        let mut read = Self::default();
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let wrong = || failed(format!("column `{}` is none of predictions", field.name()));
            match field.name().split_once('/') {
                None if field.name() == "session" => {
                    read.sessions = values::<UInt32Type>(column).ok_or_else(wrong)?;
                }
                Some(("label", task)) => {
                    read.labels.insert(task.into(), values::<UInt8Type>(column).ok_or_else(wrong)?);
                }
                Some((actor, task)) => {
                    let values = values::<Float32Type>(column).ok_or_else(wrong)?;
                    read.actors.entry(actor.into()).or_default().insert(task.into(), values);
                }
                None => return Err(wrong()),
            }
        }
        if batch.num_rows() > 0 && read.sessions.is_empty() {
            return Err(failed("expected a column `session`, found none".into()));
        }
        Ok(read)
    }
}

fn values<T: ArrowPrimitiveType>(column: &ArrayRef) -> Option<Vec<T::Native>> {
    let column = column.as_primitive_opt::<T>()?;
    (column.null_count() == 0).then(|| column.values().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = predictions_path(folder.path(), Split::Test);
        let mut predictions = Predictions::of(&[0..2, 2..3], &["click", "a/b"], &[1, 0, 0, 0, 0, 1]);
        assert_eq!((&predictions.sessions, &predictions.labels["click"]), (&vec![0, 0, 1], &vec![1, 0, 0]));
        assert_eq!(predictions.labels["a/b"], [0, 0, 1]);
        predictions.add("actor", &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
        assert_eq!(predictions.actors["actor"]["a/b"], [0.2, 0.4, 0.6]);
        predictions.clone().write(&path).unwrap();
        assert_eq!(Predictions::read(&path).unwrap(), predictions);
        assert_eq!(predictions.n_sessions(), 2);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(Predictions::read(&path).unwrap_err().to_string().contains("test.arrow"));
    }
}
