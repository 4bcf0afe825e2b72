//! Which training rows the actor trains on, and how much each counts for every task.

use burn::tensor::Tensor;
use rand::RngExt;
use rmtl_agents::input::BatchReader;
use rmtl_agents::loss::TaskLosses;
use rmtl_agents::stream::Stream;
use rmtl_envs::{LogTable, Row, Schema, Task};

use crate::error::{Error, Result};
use crate::run::Run;
use crate::streams::NEGATIVES;

/// The training rows of a run. Drawn from a stream of its own, they are the same in all its phases.
pub(crate) struct RowCounts {
    /// By task; empty where all rows count alike for all tasks.
    tasks: Vec<TaskCounts>,
}

/// What the rows count for one task.
struct TaskCounts {
    /// By row, where only a share of the negatives is kept or the task is local: whether the row counts.
    kept: Option<Vec<bool>>,
    /// What a row of weight 1 counts, so that the mean over the rows trained on is the weighted mean over the task's own.
    of_weight: f64,
}

impl RowCounts {
    /// Draws the negatives that are kept and leaves out the rows that are not a local task's; gives the rows that count
    /// for any task, too.
    ///
    /// # Errors
    /// The rows of a task weigh nothing.
    pub(crate) fn of(run: &Run<'_>) -> Result<(Self, Vec<Row>)> {
        let losses = run.config.task_losses(run.schema());
        Self::draw(&run.dataset.train, run.schema(), &losses, run.streams.named(NEGATIVES))
    }

    fn draw(
        table: &LogTable,
        schema: &Schema,
        TaskLosses { kept_negatives: rates, local, .. }: &TaskLosses,
        mut stream: Stream,
    ) -> Result<(Self, Vec<Row>)> {
        if rates.is_empty() && local.is_empty() && !table.has_weight() {
            return Ok((Self { tasks: Vec::new() }, table.rows().collect()));
        }
        let mut kept: Vec<Option<Vec<bool>>> = vec![None; table.n_tasks()];
        for (task, &rate) in rates.iter().enumerate().filter(|(_, rate)| **rate < 1.0) {
            let mut counts = |row: Row| table.labels(row)[task] == 1 || stream.random::<f64>() < rate;
            kept[task] = Some(table.rows().map(&mut counts).collect());
        }
        for (task, parent) in schema.parents().into_iter().enumerate() {
            let Some(parent) = parent.filter(|_| local.get(task) == Some(&true)) else { continue };
            let kept = kept[task].get_or_insert_with(|| vec![true; table.n_rows()]);
            table.rows().zip(kept).for_each(|(row, kept)| *kept &= table.labels(row)[parent] == 1);
        }
        let is_kept =
            |kept: &Option<Vec<bool>>, row: Row| kept.as_ref().is_none_or(|kept| kept[row.0 as usize]);
        let rows: Vec<Row> = table.rows().filter(|&row| kept.iter().any(|kept| is_kept(kept, row))).collect();
        let mut tasks = Vec::new();
        for (kept, task) in kept.into_iter().zip(&schema.tasks) {
            let own = rows.iter().filter(|&&row| is_kept(&kept, row));
            let sum: f64 = own.map(|&row| f64::from(table.weight(row))).sum();
            if sum <= 0.0 {
                return Err(Error::Usage(format!(
                    "the training rows of task `{}` have a `weight` of 0 in all, so nothing could be learnt of it; look at the \
                     weight's column, keep more of its negatives, or take it out of `local_tasks`",
                    task.name
                )));
            }
            tasks.push(TaskCounts { kept, of_weight: rows.len() as f64 / sum });
        }
        Ok((Self { tasks }, rows))
    }

    /// For every task, the share of label 1 among the rows it is trained on, as much as they count; 0 where the label is
    /// a number.
    pub(crate) fn positive_rates(&self, table: &LogTable, schema: &Schema) -> Vec<f64> {
        let mut sums = vec![[0.0, 0.0]; schema.n_tasks()];
        for row in table.rows() {
            let weight = f64::from(table.weight(row));
            for (task, [all, positive]) in sums.iter_mut().enumerate() {
                let kept = self.tasks.get(task).and_then(|task| task.kept.as_ref());
                if kept.is_none_or(|kept| kept[row.0 as usize]) {
                    *all += weight;
                    *positive += weight * f64::from(table.labels(row)[task]);
                }
            }
        }
        let rate = |(task, [all, positive]): (&Task, [f64; 2])| match task.number {
            None if all > 0.0 => positive / all,
            _ => 0.0,
        };
        schema.tasks.iter().zip(sums).map(rate).collect()
    }

    /// How much `rows` count, `[batch, task]`; nothing where all count alike.
    pub(crate) fn read(&self, reader: &BatchReader<'_>, rows: &[Row]) -> Option<Tensor<2>> {
        if self.tasks.is_empty() {
            return None;
        }
        let mut counts = Vec::with_capacity(rows.len() * self.tasks.len());
        for &row in rows {
            let weight = f64::from(reader.table.weight(row));
            counts.extend(self.tasks.iter().map(|task| match &task.kept {
                Some(kept) if !kept[row.0 as usize] => 0.0,
                _ => (weight * task.of_weight) as f32,
            }));
        }
        Some(reader.tensor(counts, rows.len(), self.tasks.len()))
    }
}

#[cfg(test)]
mod tests {
    use rmtl_agents::stream::Streams;
    use rmtl_envs::{RowValues, SessionEnd};

    use super::*;

    /// Of eight rows the first four are clicks and the first is bought.
    fn log() -> (Schema, LogTable) {
        let schema = Schema::of_ids(&[("user", 3)], &[("click", None), ("buy", Some("click"))]);
        let labels: [&[u8]; 8] = std::array::from_fn(|row| match row {
            0 => &[1, 1][..],
            1..4 => &[1, 0],
            _ => &[0, 0],
        });
        let row = |(labels, time)| RowValues {
            categorical: &[1],
            labels,
            time,
            end: SessionEnd::Terminated,
            ..RowValues::default()
        };
        let table = LogTable::from_rows(&schema, labels.into_iter().zip(0..).map(row));
        (schema, table)
    }

    #[test]
    fn rates_are_those_of_the_rows_a_task_is_trained_on() {
        let (schema, table) = log();
        let rates = |losses: &TaskLosses| {
            let (counts, _) =
                RowCounts::draw(&table, &schema, losses, Streams::new(1).named("negatives")).unwrap();
            (counts.positive_rates(&table, &schema), counts)
        };
        assert_eq!(rates(&TaskLosses::default()).0, [0.5, 0.125]);
        // Of the four clicks one is bought.
        let local = TaskLosses { local: vec![false, true], ..TaskLosses::default() };
        assert_eq!(rates(&local).0, [0.5, 0.25]);
        // Next to no negative is left.
        let thinned = TaskLosses { kept_negatives: vec![1e-12, 1.0], ..TaskLosses::default() };
        assert_eq!(rates(&thinned).0, [1.0, 0.125]);
        let half = TaskLosses { kept_negatives: vec![0.5, 1.0], ..TaskLosses::default() };
        let (found, counts) = rates(&half);
        let n_kept = counts.tasks[0].kept.iter().flatten().filter(|&&kept| kept).count() as f64;
        assert_eq!(found, [4.0 / n_kept, 0.125]);
    }
}
