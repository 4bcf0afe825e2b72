//! What a controller of the task weights is shown of a training: where a block ends, its mean losses, and the actor on a
//! control slice, which is left out of the rows it trains on.

use std::ops::Range;

use burn::tensor::Tensor;
use rmtl_agents::actor::{Actor, ActorStep};
use rmtl_agents::controller::{BlockState, Blocks};
use rmtl_agents::input::{BatchReader, StateBatch};
use rmtl_agents::loss::Losses;
use rmtl_agents::weighting::LossWeighting;
use rmtl_envs::{
    LogTable, NumberObjective, Reward, Rewards, Row, RowValues, Sessions, Split, SplitSummary, Task,
};

use super::evaluate::{Evaluator, Scores};
use crate::error::{Error, Result};
use crate::log::tags::{self, Phase};
use crate::metric::TaskMetrics;
use crate::run::Run;

/// The control slice: the sessions that began last in the training period, as wholes, and what is measured on it.
pub(crate) struct ControlSlice {
    /// Its rows, in memory.
    table: LogTable,
    /// By row of the training table.
    is_held: Vec<bool>,
    /// By task: what knowing nothing of a row loses; losses are told in shares of it.
    base_losses: Vec<f64>,
    base_rates: Vec<f64>,
    /// Evenly spaced rows whose gradients are compared.
    probe: (StateBatch, Tensor<2>),
}

impl ControlSlice {
    /// The last `share` of the training rows, whole sessions.
    ///
    /// # Errors
    /// It would hold nothing, or everything.
    pub(crate) fn of(run: &Run<'_>, share: f64) -> Result<Self> {
        let (train, schema) = (&run.dataset.train, run.schema());
        let wanted = (share * train.n_rows() as f64).ceil() as usize;
        let held = last_sessions(train, wanted);
        let mut is_held = vec![false; train.n_rows()];
        held.iter().cloned().flatten().for_each(|row| is_held[row as usize] = true);
        let rows: Vec<Row> = train.rows().filter(|row| is_held[row.0 as usize]).collect();
        if rows.is_empty() || rows.len() == train.n_rows() {
            return Err(Error::Usage(format!(
                "a control slice of {} of {} training rows leaves nothing to measure or to train on; the log needs several \
                 sessions, and `control_share` another value",
                rows.len(),
                train.n_rows()
            )));
        }
        let table = part(train, schema, &rows);
        let reader = run.reader(Split::Train);
        let every = rows.len().div_ceil(run.config.batch_size);
        let probe: Vec<Row> = rows.into_iter().step_by(every).collect();
        let probe = (reader.states(&probe), reader.labels(&probe));
        let summary = run.dataset.manifest.summary(Split::Train);
        let rate = |(task, &positives): (&Task, &u64)| match task.number {
            None => (positives as f64 + 0.5) / (summary.rows as f64 + 1.0),
            Some(scale) => scale.mean / scale.cap,
        };
        let base_rates: Vec<f64> = schema.tasks.iter().zip(&summary.positives).map(rate).collect();
        let base_losses = base_losses(train, run.config.number_objectives(schema), &base_rates);
        Ok(Self { table, is_held, base_losses, base_rates, probe })
    }

    /// Rows in it.
    pub(crate) fn n_rows(&self) -> usize {
        self.table.n_rows()
    }

    /// Rows whose gradients are compared.
    pub(crate) fn n_probed(&self) -> usize {
        self.probe.0.n_rows
    }

    /// Takes its rows out of those to train on.
    pub(crate) fn leave_out(&self, rows: &mut Vec<Row>) {
        rows.retain(|row| !self.is_held[row.0 as usize]);
    }

    /// What a block has come to, `progress` the share of the training that is done. Metrics are those of the actor's average
    /// where it has one.
    ///
    /// # Errors
    /// Predictions are no numbers.
    pub(crate) fn measure(
        &self,
        run: &Run<'_>,
        actor: &mut Actor,
        losses: &Losses,
        trained: Option<&MeanLosses>,
        progress: f64,
    ) -> Result<(BlockState, Scores)> {
        let reader = BatchReader::new(&self.table, run.schema(), &run.device);
        let evaluator = Evaluator::new(reader, run.schema());
        let scores = match actor.has_average() {
            true => evaluator.evaluate(&actor.averaged())?,
            false => evaluator.evaluate(actor)?,
        };
        let (states, labels) = &self.probe;
        let gram = actor.gram(states, labels, losses);
        let state = BlockState {
            progress,
            train_losses: trained.map(|trained| trained.over(&self.base_losses)),
            control_losses: scores.tasks.iter().map(relative_loss).collect(),
            control_aucs: scores.tasks.iter().map(|task| task.ranking().unwrap_or(0.5)).collect(),
            gram: (!gram.is_degenerate()).then_some(gram),
            base_rates: self.base_rates.clone(),
        };
        Ok((state, scores))
    }
}

/// A loss over that of the base rate; of numbers the squared error over the variance.
pub(crate) fn relative_loss(task: &TaskMetrics) -> f64 {
    task.number.map_or(task.ne, |number| number.nmse).unwrap_or(1.0)
}

/// What always predicting the mean loses: the entropy of a task's base rate, and of numbers the mean of their own loss.
fn base_losses(table: &LogTable, numbers: Vec<Option<NumberObjective>>, base_rates: &[f64]) -> Vec<f64> {
    let of_mean = Rewards::new(Reward::NegativeBce, numbers.clone()).of_mean(table);
    let base_loss = |((number, &p), paid): ((&Option<NumberObjective>, &f64), f32)| match number {
        None => -(p * p.ln() + (1.0 - p) * (1.0 - p).ln()),
        Some(_) if paid < 0.0 => -f64::from(paid),
        Some(_) => 1.0,
    };
    numbers.iter().zip(base_rates).zip(of_mean).map(base_loss).collect()
}

/// The rows of the sessions that began last, latest first, until there are `wanted`.
fn last_sessions(table: &LogTable, wanted: usize) -> Vec<Range<u32>> {
    let mut sessions: Vec<Range<u32>> = Sessions::of(table).iter().collect();
    sessions.sort_by_key(|rows| std::cmp::Reverse((table.time(Row(rows.start)), rows.start)));
    let mut n_before = 0;
    let is_wanted = |rows: &Range<u32>| {
        let is_wanted = n_before < wanted;
        n_before += rows.len();
        is_wanted
    };
    sessions.into_iter().take_while(is_wanted).collect()
}

/// Some rows of a table, whole sessions in their order, as one in memory.
pub(crate) fn part(table: &LogTable, schema: &rmtl_envs::Schema, rows: &[Row]) -> LogTable {
    let weights: Vec<f32> = match table.has_weight() {
        true => rows.iter().map(|&row| table.weight(row)).collect(),
        false => Vec::new(),
    };
    let values = |(index, &row): (usize, &Row)| RowValues {
        categorical: table.categorical(row),
        numeric: table.numeric(row),
        labels: table.labels(row),
        time: table.time(row),
        end: table.end(row),
        oracle: table.oracle(row).unwrap_or_default(),
        targets: table.targets(row).unwrap_or_default(),
        weight: weights.get(index..index + 1).unwrap_or_default(),
    };
    LogTable::from_rows(schema, rows.iter().enumerate().map(values))
}

/// Mean losses over the rows since the last look.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct MeanLosses {
    sums: Vec<f64>,
    n_rows: f64,
}

impl MeanLosses {
    /// Adds a batch of `n_rows`.
    pub(crate) fn add(&mut self, losses: &[f64], n_rows: usize) {
        self.sums.resize(losses.len(), 0.0);
        self.sums.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += loss * n_rows as f64);
        self.n_rows += n_rows as f64;
    }

    fn over(&self, base_losses: &[f64]) -> Vec<f64> {
        let of_task = |(sum, base_loss): (&f64, &f64)| sum / self.n_rows / base_loss;
        self.sums.iter().zip(base_losses).map(of_task).collect()
    }
}

/// A controller beside a training, if its weighting is one.
pub(super) struct Control(Option<Steering>);

struct Steering {
    slice: ControlSlice,
    blocks: Blocks,
    losses: MeanLosses,
}

impl Control {
    /// Takes the control slice out of the rows to train on, where `weighting` wants one.
    pub(super) fn of(
        run: &mut Run<'_>,
        phase: Phase,
        weighting: &dyn LossWeighting,
        rows: &mut Vec<Row>,
    ) -> Result<Self> {
        let Some(blocks) = weighting.blocks() else { return Ok(Self(None)) };
        let slice = ControlSlice::of(run, blocks.control_share)?;
        slice.leave_out(rows);
        run.warn_once(format!(
            "the controller measures on {} training rows, the last sessions, which are not trained on; it left {} rows to train on",
            slice.n_rows(),
            rows.len()
        ));
        if phase != Phase::Pretrain {
            run.warn_once(format!(
                "before `{}`, pretraining and the critics' learning have seen the rows that the controller measures on: what it \
                 sees there is better than on new rows",
                phase.name()
            ));
        }
        Ok(Self(Some(Steering { slice, blocks, losses: MeanLosses::default() })))
    }

    /// Lets the controller act before the first step.
    pub(super) fn begin(
        &mut self,
        run: &mut Run<'_>,
        phase: Phase,
        actor: &mut Actor,
        losses: &Losses,
        weighting: &mut dyn LossWeighting,
    ) -> Result<()> {
        let Some(steering) = &self.0 else { return Ok(()) };
        let (state, _) = steering.slice.measure(run, actor, losses, None, 0.0)?;
        log(run, (phase, 0), &state);
        weighting.end_block(&state);
        Ok(())
    }

    /// Takes in a step on `n_rows`; where it ends a block the controller acts for the next one.
    pub(super) fn after_step(
        &mut self,
        run: &mut Run<'_>,
        (phase, step, planned): (Phase, u64, u64),
        (actor, losses): (&mut Actor, &Losses),
        (done, n_rows): (&ActorStep, usize),
        weighting: &mut dyn LossWeighting,
    ) -> Result<()> {
        let Some(steering) = &mut self.0 else { return Ok(()) };
        steering.losses.add(&done.task_losses, n_rows);
        if step == planned || !steering.blocks.end_at(step, planned) {
            return Ok(());
        }
        let trained = std::mem::take(&mut steering.losses);
        let progress = step as f64 / planned as f64;
        let (state, _) = steering.slice.measure(run, actor, losses, Some(&trained), progress)?;
        log(run, (phase, step), &state);
        weighting.end_block(&state);
        Ok(())
    }
}

fn log(run: &mut Run<'_>, (phase, step): (Phase, u64), state: &BlockState) {
    run.logger.per_task(tags::control_auc, phase, step, state.control_aucs.iter().copied());
    run.logger.per_task(tags::control_loss, phase, step, state.control_losses.iter().copied());
}

/// The summary of a table that is part of another split's.
pub(crate) fn summary_of(split: &SplitSummary, table: &LogTable) -> SplitSummary {
    SplitSummary::of(split.split, table, split.boundary)
}

#[cfg(test)]
mod tests {
    use rmtl_envs::{NumberLoss, NumberScale, Schema, SessionEnd};

    use super::*;

    /// Sessions of the given first times and lengths.
    fn table(sessions: &[(i64, u32)]) -> LogTable {
        let schema = Schema::of_ids(&[("user", 3)], &[("click", None)]);
        let rows = sessions.iter().flat_map(|&(time, length)| {
            (0..length).map(move |index| RowValues {
                categorical: &[1],
                labels: &[1],
                time: time + i64::from(index),
                end: if index + 1 == length { SessionEnd::Terminated } else { SessionEnd::Continues },
                ..RowValues::default()
            })
        });
        LogTable::from_rows(&schema, rows)
    }

    #[test]
    fn the_slice_is_the_sessions_that_began_last_as_wholes() {
        let table = table(&[(10, 2), (70, 3), (30, 1), (50, 2)]);
        let rows = |wanted| last_sessions(&table, wanted).into_iter().flatten().collect::<Vec<_>>();
        assert_eq!(rows(1), [2, 3, 4]);
        assert_eq!(rows(4), [2, 3, 4, 6, 7]);
        assert!(rows(0).is_empty());
    }

    #[test]
    fn knowing_nothing_loses_the_entropy_and_of_numbers_half_the_variance() {
        let mut schema = Schema::of_ids(&[("user", 3)], &[("click", None), ("seconds", None)]);
        // Numbers 2 and 6, whose deviation is 2.
        let scale = NumberScale { cap: 8.0, mean: 4.0, standard_deviation: 2.0 };
        schema.tasks[1].number = Some(scale);
        let rows = [([0, 1], [0.0, 0.25]), ([1, 1], [1.0, 0.75])];
        let of_row = |((labels, targets), time)| RowValues {
            categorical: &[1],
            labels,
            targets,
            time,
            end: SessionEnd::Terminated,
            ..RowValues::default()
        };
        let rows = rows.iter().map(|(labels, targets)| (&labels[..], &targets[..]));
        let table = LogTable::from_rows(&schema, rows.zip(0..).map(of_row));
        let objective = NumberObjective { loss: NumberLoss::Squared, scale };
        let found = base_losses(&table, vec![None, Some(objective)], &[0.5, 0.5]);
        assert!((found[0] - 2.0_f64.ln()).abs() < 1e-12 && (found[1] - 0.5).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn losses_of_a_block_are_means_over_its_rows_in_shares_of_the_entropy() {
        let mut losses = MeanLosses::default();
        losses.add(&[0.2, 1.0], 30);
        losses.add(&[0.6, 2.0], 10);
        let found = losses.over(&[0.5, 1.0]);
        // (.2 · 30 + .6 · 10) / 40 = .3, over a half; (30 + 20) / 40.
        assert!((found[0] - 0.6).abs() < 1e-12 && (found[1] - 1.25).abs() < 1e-12, "{found:?}");
    }
}
