//! Which training rows the actor trains on, and how much each counts for every task.

use burn::tensor::Tensor;
use rand::RngExt;
use rmtl_agents::batch::BatchReader;
use rmtl_envs::{LogTable, Row};

use crate::run::Run;

/// The training rows of a run. Drawn from a stream of its own, they are the same in all its phases.
pub(super) struct RowCounts {
    /// By task and row, where only a share of the negatives is kept: whether the row counts for the task.
    kept: Vec<Kept>,
    /// Mean of the rows' weights; none where all count alike.
    mean_weight: Option<f32>,
}

/// The rows that count for a task.
struct Kept {
    rows: Vec<bool>,
    /// How much each of them counts, so that the mean over the rows trained on is that of the task's own.
    count: f32,
}

impl RowCounts {
    /// Draws the negatives that are kept; gives the rows that count for any task, too.
    pub(super) fn of(run: &Run<'_>) -> (Self, Vec<Row>) {
        let table = &run.dataset.train;
        let rates = run.config.task_losses(run.schema()).kept_negatives;
        let mut stream = run.streams.named("negatives");
        let mut kept: Vec<Vec<bool>> = rates
            .iter()
            .enumerate()
            .map(|(task, &rate)| {
                let mut counts = |row: Row| table.labels(row)[task] == 1 || stream.random::<f64>() < rate;
                table.rows().map(&mut counts).collect()
            })
            .collect();
        let counts_for_any = |row: &Row| kept.is_empty() || kept.iter().any(|rows| rows[row.0 as usize]);
        let rows: Vec<Row> = table.rows().filter(counts_for_any).collect();
        let n_rows = rows.len() as f32;
        let kept = kept.drain(..).map(|kept| {
            let n_kept = kept.iter().filter(|kept| **kept).count().max(1);
            Kept { rows: kept, count: n_rows / n_kept as f32 }
        });
        let mean_weight = table.has_weight().then(|| mean_weight(table, &rows));
        (Self { kept: kept.collect(), mean_weight }, rows)
    }

    /// How much `rows` count, `[batch, task]`; nothing where all count alike.
    pub(super) fn read(&self, reader: &BatchReader<'_>, rows: &[Row]) -> Option<Tensor<2>> {
        if self.kept.is_empty() && self.mean_weight.is_none() {
            return None;
        }
        let n_tasks = reader.table.n_tasks();
        let mut counts = Vec::with_capacity(rows.len() * n_tasks);
        for &row in rows {
            let weight = self.mean_weight.map_or(1.0, |mean| reader.table.weight(row) / mean);
            counts.extend((0..n_tasks).map(|task| match self.kept.get(task) {
                Some(kept) if kept.rows[row.0 as usize] => weight * kept.count,
                Some(_) => 0.0,
                None => weight,
            }));
        }
        Some(reader.tensor(counts, rows.len(), n_tasks))
    }
}

fn mean_weight(table: &LogTable, rows: &[Row]) -> f32 {
    let sum: f64 = rows.iter().map(|&row| f64::from(table.weight(row))).sum();
    (sum / rows.len().max(1) as f64).max(f64::MIN_POSITIVE) as f32
}
