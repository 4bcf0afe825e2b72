//! Canonical rows in a Parquet file, asked in SQL.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_cast::cast;
use arrow_schema::DataType;
use datafusion::error::Result as QueryResult;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use futures::StreamExt;
use futures::future::{Either, select};
use rmtl_envs::{Cancel, Split};
use tokio::runtime::Runtime;
use tokio::task::yield_now;

use super::engine::Engine;
use super::materialise::ROWS_FILE;
use super::query::run_error;
use super::register::file_url;
use crate::IngestError;
use crate::build::Job;
use crate::rows::canonical::name;
use crate::rows::{Rows, Wanted};
use crate::split::boundary::{Boundaries, SplitCounts};
use crate::split::end::SplitEnd;

/// Table of the rows, labels as they will be once everything is known.
const EVENTUAL: &str = "result_rows";

/// The same with labels as they count in their split.
const COUNTED: &str = "rows";

/// Rows of any number, on disk.
pub(super) struct SqlRows<'a> {
    runtime: &'a Runtime,
    context: SessionContext,
    job: Job<'a>,
    /// Table of the rows as they are now.
    table: &'static str,
}

impl<'a> SqlRows<'a> {
    /// Those that lie in the scratch folder.
    pub(super) fn open(runtime: &'a Runtime, engine: &Engine, job: Job<'a>) -> Result<Self, IngestError> {
        let rows = Self { runtime, context: engine.in_parallel(), job, table: EVENTUAL };
        rows.run(async {
            let path = file_url(&job.staging.scratch().join(ROWS_FILE))?;
            rows.context.register_parquet(EVENTUAL, path, ParquetReadOptions::default()).await
        })?;
        Ok(rows)
    }

    /// Waits for `work`, as long as nobody asks for the end.
    fn run<T>(&self, work: impl Future<Output = QueryResult<T>>) -> Result<T, IngestError> {
        let failed = |error| run_error(self.job.file, self.job.staging, &error);
        wait(self.runtime, self.job.cancel, async { work.await.map_err(failed) })
    }

    /// Hands on the batches of a query's result, in its order.
    fn each_batch(
        &self,
        query: &str,
        each: &mut dyn FnMut(&RecordBatch) -> Result<(), IngestError>,
    ) -> Result<(), IngestError> {
        let failed = |error| run_error(self.job.file, self.job.staging, &error);
        wait(self.runtime, self.job.cancel, async {
            let frame = self.context.sql(query).await.map_err(failed)?;
            let mut stream = frame.execute_stream().await.map_err(failed)?;
            while let Some(batch) = stream.next().await {
                each(&batch.map_err(failed)?)?;
                // Rows that are ready come without a pause, in which others could look.
                yield_now().await;
            }
            Ok(())
        })
    }

    /// The one row of an aggregate.
    fn aggregate(&self, query: &str) -> Result<RecordBatch, IngestError> {
        let batches = self.run(async { self.context.sql(query).await?.collect().await })?;
        Ok(batches.into_iter().find(|batch| batch.num_rows() == 1).expect("an aggregate yields one row"))
    }
}

impl Rows for SqlRows<'_> {
    fn times(&self, each: &mut dyn FnMut(i64)) -> Result<(), IngestError> {
        let query = format!("SELECT {time} FROM {} ORDER BY {time}", self.table, time = name::TIME);
        self.each_batch(&query, &mut |batch| {
            batch.column(0).as_primitive::<Int64Type>().values().iter().copied().for_each(&mut *each);
            Ok(())
        })
    }

    fn last_time(&self, boundaries: Boundaries, split: Split) -> Result<Option<i64>, IngestError> {
        let (time, of_split) = (name::TIME, condition(boundaries, split));
        let batch = self.aggregate(&format!("SELECT max({time}) FROM {} WHERE {of_split}", self.table))?;
        Ok(batch.column(0).as_primitive::<Int64Type>().iter().next().flatten())
    }

    fn count_labels(
        &mut self,
        tasks: &[usize],
        boundaries: Boundaries,
        ends: &[SplitEnd; 3],
    ) -> Result<(), IngestError> {
        if tasks.is_empty() {
            return Ok(());
        }
        let columns = |prefix: &'static str| tasks.iter().map(move |task| format!("{prefix}{task}"));
        let replaced: Vec<String> = columns(name::LABEL).chain(columns(name::KNOWN)).collect();
        let counted: Vec<String> = tasks.iter().map(|&task| counted(task, boundaries, ends)).collect();
        let (replaced, counted) = (replaced.join(", "), counted.join(", "));
        let query = format!("SELECT * EXCEPT ({replaced}), {counted} FROM {EVENTUAL}");
        self.run(async {
            let view = self.context.sql(&query).await?.into_view();
            self.context.register_table(COUNTED, view)
        })?;
        self.table = COUNTED;
        Ok(())
    }

    fn counts(&self, boundaries: Boundaries, n_tasks: usize) -> Result<SplitCounts, IngestError> {
        let mut counts = SplitCounts { rows: [0; 3], positives: Default::default() };
        let sums: String =
            (0..n_tasks).map(|task| format!(", coalesce(sum({}{task}), 0)", name::LABEL)).collect();
        for split in Split::ALL {
            let of_split = condition(boundaries, split);
            let batch =
                self.aggregate(&format!("SELECT count(*){sums} FROM {} WHERE {of_split}", self.table))?;
            let mut numbers = batch.columns().iter().map(|column| {
                let number = cast(column, &DataType::Int64).expect("counts and sums of bytes are integers");
                number.as_primitive::<Int64Type>().value(0).unsigned_abs()
            });
            counts.rows[split as usize] = numbers.next().expect("the first column counts the rows");
            counts.positives[split as usize] = numbers.collect();
        }
        Ok(counts)
    }

    fn frequencies(
        &self,
        field: usize,
        boundaries: Boundaries,
        wanted: Option<Wanted>,
        each: &mut dyn FnMut(&str, u64),
    ) -> Result<(), IngestError> {
        let (column, train) = (format!("{}{field}", name::ID), condition(boundaries, Split::Train));
        let chosen = wanted.map(|Wanted { least, most }| {
            let limit = most.map(|most| format!(" LIMIT {most}")).unwrap_or_default();
            format!("HAVING count(*) >= {least} ORDER BY n DESC, value ASC{limit}")
        });
        let query = format!(
            "SELECT {column} AS value, count(*) AS n FROM {} WHERE {train} GROUP BY {column} {}",
            self.table,
            chosen.unwrap_or_default()
        );
        self.each_batch(&query, &mut |batch| {
            let values = batch.column(0).as_string::<i32>();
            let counts = batch.column(1).as_primitive::<Int64Type>();
            (0..values.len()).for_each(|row| each(values.value(row), counts.value(row).unsigned_abs()));
            Ok(())
        })
    }

    fn training_numbers(
        &self,
        columns: &[String],
        boundaries: Boundaries,
        each: &mut dyn FnMut(usize, f64),
    ) -> Result<(), IngestError> {
        let (columns, train) = (columns.join(", "), condition(boundaries, Split::Train));
        let query = format!("SELECT {columns} FROM {} WHERE {train}", self.table);
        self.each_batch(&query, &mut |batch| {
            for (index, column) in batch.columns().iter().enumerate() {
                column.as_primitive::<Float64Type>().iter().flatten().for_each(|value| each(index, value));
            }
            Ok(())
        })
    }

    fn sorted(
        &self,
        keys: &[String],
        each: &mut dyn FnMut(&RecordBatch) -> Result<(), IngestError>,
    ) -> Result<(), IngestError> {
        let keys = keys.join(", ");
        self.each_batch(&format!("SELECT * FROM {} ORDER BY {keys}, {}", self.table, name::POSITION), each)
    }
}

/// The rows of `split`, as a condition.
fn condition(boundaries: Boundaries, split: Split) -> String {
    let time = name::TIME;
    match (boundaries, split) {
        (Boundaries::Marked, _) => format!("{} = {}", name::SPLIT, split as u8),
        (Boundaries::Times { validation_from, .. }, Split::Train) => format!("{time} < {validation_from}"),
        (Boundaries::Times { validation_from, test_from }, Split::Validation) => {
            format!("{time} >= {validation_from} AND {time} < {test_from}")
        }
        (Boundaries::Times { test_from, .. }, Split::Test) => format!("{time} >= {test_from}"),
    }
}

/// The label of `task` as it counts.
fn counted(task: usize, boundaries: Boundaries, ends: &[SplitEnd; 3]) -> String {
    let (label, known) = (format!("{}{task}", name::LABEL), format!("{}{task}", name::KNOWN));
    // Null, where a label was known with its row, is not later than anything.
    let later =
        |end: &SplitEnd| format!("{known} {} {}", if end.inclusive { ">" } else { ">=" }, end.boundary);
    let late: Vec<String> = Split::ALL
        .iter()
        .zip(ends)
        .map(|(&split, end)| format!("({} AND {})", condition(boundaries, split), later(end)))
        .collect();
    format!("CASE WHEN {} THEN CAST(0 AS TINYINT UNSIGNED) ELSE {label} END AS {label}", late.join(" OR "))
}

/// Waits for `work`, as long as nobody asks for the end.
pub(super) fn wait<T>(
    runtime: &Runtime,
    cancel: &Cancel,
    work: impl Future<Output = Result<T, IngestError>>,
) -> Result<T, IngestError> {
    runtime.block_on(async {
        match select(pin!(asked(cancel)), pin!(work)).await {
            Either::Left(_) => Err(IngestError::Cancelled),
            Either::Right((done, _)) => done,
        }
    })
}

/// Waits until `cancel` is asked; looks whenever it is polled, and again after a while.
async fn asked(cancel: &Cancel) {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    let look = |context: &mut Context<'_>| {
        while ticks.poll_tick(context).is_ready() {}
        if cancel.is_asked() { Poll::Ready(()) } else { Poll::Pending }
    };
    poll_fn(look).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_half_open_and_late_labels_are_those_after_the_end() {
        let boundaries = Boundaries::Times { validation_from: 10, test_from: 20 };
        assert_eq!(condition(boundaries, Split::Validation), "time >= 10 AND time < 20");
        let ends = [(10, false), (20, false), (29, true)]
            .map(|(boundary, inclusive)| SplitEnd { boundary, inclusive });
        let sql = counted(1, boundaries, &ends);
        assert!(sql.contains("(time < 10 AND known1 >= 10)") && sql.contains("(time >= 20 AND known1 > 29)"));
    }
}
