//! The models of a run folder, asked about rows that are in no prepared dataset.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, RecordBatch, UInt64Array};
use arrow_schema::{ArrowError, Field, Schema as ArrowSchema};
use burn::tensor::{Device, Tensor};
use rmtl_agents::actor::{Actor, Predict};
use rmtl_agents::critic::Critic;
use rmtl_agents::input::StateBatch;
use rmtl_agents::parameter::host;
use rmtl_agents::stream::Streams;
use rmtl_envs::Schema;
use rmtl_ingest::EncodedRows;

use crate::config::RunFile;
use crate::error::{Error, Result};
use crate::output::folder::{Model, RunFolder};

/// Rows that go through the networks at once, as in evaluations.
const BATCH: usize = 4096;

/// Name of the column with a row's position in the query's result.
const ROW: &str = "row";

/// An actor, and critics that judge it.
pub(crate) struct Predictor {
    schema: Schema,
    name: &'static str,
    actor: Actor,
    critic: Option<Critic>,
}

/// What the networks say of rows, by task.
struct Answers {
    actor: Vec<Vec<f32>>,
    /// None without critics.
    critic: Vec<Vec<f32>>,
}

impl Predictor {
    /// Loads `model` of a run whose data have `schema`, and the critics where they are wanted.
    ///
    /// # Errors
    /// The folder does not have it, or it is of another schema.
    pub(crate) fn load(
        folder: &RunFolder,
        config: &RunFile,
        schema: &Schema,
        (model, with_critics): (Model, bool),
        device: &Device,
    ) -> Result<Self> {
        let streams = Streams::new(config.seed);
        let misfit = |model| move |source| Error::Model { path: folder.model_path(model), source };
        let saved = saved(folder, model)?;
        let actor = Actor::new(&config.actor(), schema, &streams, device);
        let actor = actor.load(&saved).map_err(misfit(model))?;
        let critic = with_critics.then(|| {
            // Where they start is overwritten.
            let mean_returns = vec![0.0; schema.n_tasks()];
            let critic =
                Critic::new(&config.critic, schema, actor.encoder(), &mean_returns, &streams, device);
            critic.load(&self::saved(folder, Model::Critic)?).map_err(misfit(Model::Critic))
        });
        Ok(Self { schema: schema.clone(), name: model.name(), critic: critic.transpose()?, actor })
    }

    /// What the actor predicts, and the critics of it, beside what is kept of the rows: columns `row`, those kept,
    /// `<actor>/<task>` and `critic/<task>`. Of a task whose label is a number, the prediction is in the label's unit.
    pub(crate) fn predict(&self, rows: &EncodedRows) -> std::result::Result<RecordBatch, ArrowError> {
        let Answers { actor, critic } = self.answers(rows);
        let last_row = rows.first_row + rows.n_rows as u64;
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        let kept = rows.kept.schema();
        if kept.fields().iter().all(|field| field.name() != ROW) {
            columns.push((ROW.into(), Arc::new(UInt64Array::from_iter_values(rows.first_row..last_row))));
        }
        let kept =
            kept.fields().iter().map(|field| field.name().clone()).zip(rows.kept.columns().iter().cloned());
        columns.extend(kept);
        for (who, answers) in [(self.name, actor), (Model::Critic.name(), critic)] {
            for (task, values) in self.schema.tasks.iter().zip(answers) {
                columns.push((format!("{who}/{}", task.name), Arc::new(Float32Array::from(values))));
            }
        }
        // Whether a batch happens to hold a null must not be part of its type.
        let fields = columns.iter().map(|(name, values)| Field::new(name, values.data_type().clone(), true));
        let schema = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
        RecordBatch::try_new(schema, columns.into_iter().map(|(_, values)| values).collect())
    }

    fn answers(&self, rows: &EncodedRows) -> Answers {
        let (n_slots, n_numeric) = (self.schema.n_slots(), self.schema.n_numeric());
        let n_tasks = self.schema.n_tasks();
        let mut answers = Answers {
            actor: vec![Vec::with_capacity(rows.n_rows); n_tasks],
            critic: vec![Vec::new(); if self.critic.is_some() { n_tasks } else { 0 }],
        };
        for start in (0..rows.n_rows).step_by(BATCH) {
            let end = rows.n_rows.min(start + BATCH);
            let ids = rows.categorical[start * n_slots..end * n_slots].to_vec();
            let numeric = rows.numeric[start * n_numeric..end * n_numeric].to_vec();
            let states = StateBatch::new(ids, numeric, end - start);
            let actions: Tensor<2> = self.actor.predict(&states);
            if let Some(critic) = &self.critic {
                append(&mut answers.critic, host(critic.q_values(&states, actions.clone())));
            }
            append(&mut answers.actor, host(actions));
        }
        for (task, values) in self.schema.tasks.iter().zip(&mut answers.actor) {
            if let Some(scale) = task.number {
                values.iter_mut().for_each(|value| *value = (f64::from(*value) * scale.cap) as f32);
            }
        }
        answers
    }
}

/// Appends `[row, task]` to `[task][row]`.
fn append(tasks: &mut [Vec<f32>], values: Vec<f32>) {
    let n_tasks = tasks.len();
    for (task, column) in tasks.iter_mut().enumerate() {
        column.extend(values.iter().skip(task).step_by(n_tasks));
    }
}

/// The parameters of `model`; where they are not there, what is.
fn saved(folder: &RunFolder, model: Model) -> Result<rmtl_agents::parameter::NamedTensors> {
    let path = folder.model_path(model);
    if path.exists() {
        return Ok(folder.load(model)?.tensors);
    }
    let all = [Model::Actor, Model::Baseline, Model::EqualBudget, Model::LastGood, Model::Critic];
    let there: Vec<&str> =
        all.into_iter().filter(|model| folder.model_path(*model).exists()).map(Model::name).collect();
    let state = match folder.is_in_use() {
        true => "the run is still going on; ",
        false => "",
    };
    let there = if there.is_empty() { "no model".to_owned() } else { there.join(", ") };
    Err(Error::file("read", &path, format!("no such file: {state}the folder has {there}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_by_task_become_tasks_by_row() {
        let mut tasks = vec![vec![0.5], vec![0.25]];
        append(&mut tasks, vec![1.0, 2.0, 3.0, 4.0]);
        assert_eq!(tasks, [[0.5, 1.0, 3.0], [0.25, 2.0, 4.0]]);
    }
}
