//! Predictions and metrics of a whole split.

use std::ops::Range;

use rmtl_agents::actor::{Actor, Predict};
use rmtl_agents::input::BatchReader;
use rmtl_agents::parameter::host;
use rmtl_envs::{NumberScale, Row, Schema, Sessions};

use crate::error::Result;
use crate::metric::{Numbers, Scored, TaskMetrics, evaluate};

/// Rows of an evaluation batch: large enough for the matrix products, small enough for the cache.
pub(crate) const BATCH: usize = 4096;

/// Evaluates actors on one split.
pub struct Evaluator<'a> {
    reader: BatchReader<'a>,
    labels: Vec<u8>,
    targets: Vec<f32>,
    scales: Vec<Option<NumberScale>>,
    sessions: Vec<Range<u32>>,
    parents: Vec<Option<usize>>,
}

/// What an evaluation found.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Metrics of every task.
    pub tasks: Vec<TaskMetrics>,
}

impl Scores {
    /// Mean AUC over the tasks that have one, or an XAUC: what early stops look at.
    pub fn mean_auc(&self) -> Option<f64> {
        let aucs: Vec<f64> = self.tasks.iter().filter_map(TaskMetrics::ranking).collect();
        (!aucs.is_empty()).then(|| aucs.iter().sum::<f64>() / aucs.len() as f64)
    }
}

/// The actor's predictions for every row of a split, `[row, task]`.
pub(super) fn predict(reader: &BatchReader<'_>, actor: &dyn Predict) -> Vec<f32> {
    let rows: Vec<Row> = reader.table.rows().collect();
    let mut predictions = Vec::with_capacity(rows.len() * reader.table.n_tasks());
    for rows in rows.chunks(BATCH) {
        predictions.extend(host(actor.predict(&reader.states(rows))));
    }
    predictions
}

impl<'a> Evaluator<'a> {
    /// An evaluator of the split that `reader` reads.
    pub fn new(reader: BatchReader<'a>, schema: &Schema) -> Self {
        let table = reader.table;
        let targets = table.rows().filter_map(|row| table.targets(row)).flatten().copied().collect();
        let scales = schema.tasks.iter().map(|task| task.number).collect();
        let labels = table.rows().flat_map(|row| table.labels(row).iter().copied()).collect();
        let sessions = Sessions::of(table).iter().collect();
        Self { reader, labels, targets, scales, sessions, parents: schema.parents() }
    }

    /// The rows of every session.
    pub fn sessions(&self) -> &[Range<u32>] {
        &self.sessions
    }

    /// The labels of every row, `[row, task]`; 1 where a number is above 0.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The labels of every row, `[row, task]`; nothing where a label is a number.
    pub fn binary_labels(&self) -> Option<&[u8]> {
        self.scales.iter().all(Option::is_none).then_some(&self.labels[..])
    }

    /// The actor's predictions for every row, `[row, task]`.
    pub fn predict(&self, actor: &dyn Predict) -> Vec<f32> {
        predict(&self.reader, actor)
    }

    /// The actor's metrics.
    pub fn evaluate(&self, actor: &dyn Predict) -> Result<Scores> {
        self.score(&self.predict(actor))
    }

    /// Means over all rows of what the actor's backbone shows of itself, by name.
    pub fn diagnostics(&self, actor: &Actor) -> Vec<(&'static str, f32)> {
        let rows: Vec<Row> = self.reader.table.rows().collect();
        let mut means: Vec<(&'static str, f64)> = Vec::new();
        for batch in rows.chunks(BATCH) {
            let shown = actor.diagnostics(&self.reader.states(batch));
            if shown.is_empty() {
                break;
            }
            means.resize(shown.len(), ("", 0.0));
            for (mean, (name, values)) in means.iter_mut().zip(shown) {
                let sum: f64 = values.into_iter().map(f64::from).sum();
                *mean = (name, mean.1 + sum / rows.len() as f64);
            }
        }
        means.into_iter().map(|(name, mean)| (name, mean as f32)).collect()
    }

    /// The metrics of the true probabilities; `None` where the log does not know them.
    pub fn oracle(&self) -> Result<Option<Scores>> {
        let table = self.reader.table;
        let probabilities: Option<Vec<&[f32]>> = table.rows().map(|row| table.oracle(row)).collect();
        probabilities.map(|rows| self.score(&rows.concat())).transpose()
    }

    /// The metrics of predictions `[row, task]`.
    pub fn score(&self, predictions: &[f32]) -> Result<Scores> {
        let scored = Scored {
            labels: &self.labels,
            predictions,
            parents: &self.parents,
            sessions: &self.sessions,
            numbers: Numbers { targets: &self.targets, scales: &self.scales },
        };
        Ok(Scores { tasks: evaluate(&scored)? })
    }
}
