//! The query over new rows, run.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::DataFrame;
use futures::{StreamExt, stream};
use tokio::task::yield_now;

use super::chosen::Chosen;
use super::{EncodedRows, RowCounts, ValueCount, lent};
use crate::IngestError;
use crate::dataset_file::DatasetFile;
use crate::findings::Findings;
use crate::query::columns::Columns;
use crate::rows::canonical;
use crate::source::Sources;
use crate::sql::engine::Engine;
use crate::sql::query::{self, run_error_in};
use crate::sql::register::Tables;
use crate::sql::{failed_cast, lineage};
use crate::write::encode::{CanonicalBatch, Encoder};
use crate::write::too_far;

/// New rows, their files found.
pub(super) struct Job<'a> {
    pub(super) file: &'a DatasetFile,
    /// The table the rows stand for.
    pub(super) table: &'a str,
    pub(super) keep: &'a [String],
    pub(super) scratch: &'a Path,
    pub(super) input: &'a [String],
}

impl Job<'_> {
    pub(super) async fn run(
        &self,
        engine: &Engine,
        sources: &Sources,
        encoder: &mut Encoder,
        each: &mut dyn FnMut(&EncodedRows) -> Result<(), IngestError>,
    ) -> Result<RowCounts, IngestError> {
        let context = engine.in_order();
        let mut tables = Tables::open(&context, self.file, sources, self.scratch).await?;
        let (lent, trial) = lent::plan(engine, self, &tables).await?;
        let chosen = Chosen::of(self, &trial, &lent)?;
        // Over tables without rows: which columns are read as they are spelt.
        let columns = Columns::of_features(self.file, chosen.frame.schema().as_arrow())?;
        let plan = chosen.frame.logical_plan();
        tables
            .read_as_text(self.file, &lineage::read_as_text(plan, &columns.as_text(), &columns.as_numbers()));
        tables.register(&context).await?;
        lent.lend(&context, self.table).await.map_err(|error| self.error(&error))?;
        let query = query::plan(&context, self.file).await?;
        let frame = Chosen::of(self, &query, &lent)?.frame;
        let columns = Columns::of_features(self.file, frame.schema().as_arrow())?;
        encoder.set_separators(columns.separators.clone());
        let (state, plan) = frame.clone().into_parts();
        self.stream(frame, &columns, &chosen.kept, encoder, each, (&tables, state, plan)).await
    }

    async fn stream(
        &self,
        frame: DataFrame,
        columns: &Columns,
        kept: &[usize],
        encoder: &mut Encoder,
        each: &mut dyn FnMut(&EncodedRows) -> Result<(), IngestError>,
        (tables, state, plan): (&Tables, SessionState, LogicalPlan),
    ) -> Result<RowCounts, IngestError> {
        let names: Vec<String> =
            frame.schema().as_arrow().fields().iter().map(|field| field.name().clone()).collect();
        let mut findings = Findings::new(self.file);
        let task = Arc::new(frame.task_ctx());
        let physical = frame.create_physical_plan().await.map_err(|error| self.error(&error))?;
        let stream = execute_stream(physical, task).map_err(|error| self.error(&error))?;
        // Where there is no row, there are columns.
        let empty = RecordBatch::new_empty(stream.schema());
        let mut stream = stream.chain(stream::iter([Ok(empty)]));
        while let Some(batch) = stream.next().await {
            let batch = match batch {
                Ok(batch) if batch.num_rows() == 0 && findings.rows > 0 => continue,
                Ok(batch) => batch,
                Err(error) => {
                    let found = failed_cast::find(self.file, state, &plan, &error).await;
                    return Err(found
                        .or_else(|| tables.first_broken())
                        .unwrap_or_else(|| self.error(&error)));
                }
            };
            let first_row = findings.rows;
            let rows = canonical::features(&batch, columns, &mut findings)
                .map_err(|error| self.error(&error.into()))?;
            if findings.rows > 0 {
                findings.check(self.file, &names)?;
            }
            let kept = batch.project(kept).map_err(|error| self.error(&error.into()))?;
            each(&encoded(self.file, encoder, &rows, first_row, kept)?)?;
            // Rows that are ready come without a pause, in which others could look.
            yield_now().await;
        }
        // No row is no mistake here.
        if findings.rows > 0 {
            findings.check(self.file, &names)?;
        }
        Ok(counts(encoder, &findings))
    }

    fn error(&self, error: &DataFusionError) -> IngestError {
        run_error_in(self.scratch, self.file, error)
    }
}

fn encoded(
    file: &DatasetFile,
    encoder: &mut Encoder,
    rows: &RecordBatch,
    first_row: u64,
    kept: RecordBatch,
) -> Result<EncodedRows, IngestError> {
    let typed = CanonicalBatch::of(rows);
    let n_rows = rows.num_rows();
    let mut row = encoder.blank();
    let mut categorical = Vec::with_capacity(n_rows * encoder.schema().n_slots());
    let mut numeric = Vec::with_capacity(n_rows * encoder.schema().n_numeric());
    for index in 0..n_rows {
        encoder.encode(&typed, index, &mut row).map_err(|number| too_far(file, number))?;
        let (ids, numbers) = row.features();
        categorical.extend_from_slice(ids);
        numeric.extend_from_slice(numbers);
    }
    Ok(EncodedRows { categorical, numeric, n_rows, first_row, kept })
}

fn counts(encoder: &Encoder, findings: &Findings) -> RowCounts {
    let sum = |counts: &[u64; 3]| counts.iter().sum();
    let schema = encoder.schema();
    let ids = schema.categorical.iter().zip(encoder.values.iter().zip(&encoder.unknown));
    let numbers = schema.numeric.iter().zip(&findings.missing_numeric);
    RowCounts {
        rows: findings.rows,
        ids: ids
            .map(|(field, (values, unknown))| ValueCount {
                field: field.name.clone(),
                values: sum(values),
                unknown: sum(unknown),
            })
            .collect(),
        numbers: numbers
            .map(|(field, &unknown)| ValueCount { field: field.name.clone(), values: findings.rows, unknown })
            .collect(),
    }
}
