//! Runs the query once, in order, and keeps its checked rows on disk for every later step.

use std::fs::File;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::{DataFusionError, Result};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use tokio::task::yield_now;

use super::engine::Engine;
use super::query::run_error;
use super::register::Tables;
use super::{Plan, failed_cast, source_place};
use crate::build::Job;
use crate::findings::Findings;
use crate::purpose::Purpose;
use crate::rows::canonical::Canonical;
use crate::rows::rejects::{self, Reject};
use crate::{IngestError, Progress};

/// Rows of a row group: what the writer holds in memory, and what a later step reads in parallel.
const GROUP_ROWS: usize = 1 << 17;

/// Name of the file with the query's rows, in the scratch folder.
pub(super) const ROWS_FILE: &str = "rows.parquet";

/// Streams the result of `query` through the checks into a Parquet file.
pub(super) async fn materialise(
    engine: &Engine,
    tables: &Tables,
    Plan { query, layout }: Plan,
    job: Job<'_>,
) -> Result<(Findings, Vec<Reject>), IngestError> {
    let Job { file, purpose, staging, .. } = job;
    let result = query.schema().as_arrow();
    let names: Vec<String> = result.fields().iter().map(|field| field.name().clone()).collect();
    let canonical = Canonical::new(file, layout.columns);
    let mut findings = Findings::new(file);
    let (state, plan) = query.clone().into_parts();
    if let Err(error) = write(query, &canonical, job, &mut findings).await {
        // Of what went wrong in the query's words, a line of a file says more.
        return Err(
            match failed_cast::find(file, state, &plan, &error).await.or_else(|| tables.first_broken()) {
                Some(found) => found,
                None => run_error(file, staging, &error),
            },
        );
    }
    let mut rejects = tables.rejects.clone();
    if purpose == Purpose::Dataset {
        let placed = source_place::fill(engine, tables, &plan, &mut findings.places()).await;
        placed.map_err(|error| run_error(file, staging, &error))?;
        findings.check(file, &names)?;
        rejects.extend(findings.rejects(&names));
        rejects::too_many(file, &rejects)?;
    }
    Ok((findings, rejects))
}

async fn write(query: DataFrame, canonical: &Canonical, job: Job<'_>, findings: &mut Findings) -> Result<()> {
    let target = File::create(job.staging.scratch().join(ROWS_FILE))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .build();
    let mut writer = ArrowWriter::try_new(target, canonical.schema(), Some(properties))?;
    let task = Arc::new(query.task_ctx());
    let plan = query.create_physical_plan().await?;
    findings.in_source_order = keeps_order(plan.as_ref());
    let mut stream = execute_stream(plan, task)?;
    while let Some(batch) = stream.next().await {
        let batch: RecordBatch = canonical.convert(&batch?, findings)?;
        writer.write(&batch)?;
        (job.progress)(Progress::Querying { rows: findings.rows });
        // Rows that are ready come without a pause, in which others could look.
        yield_now().await;
    }
    writer.close().map_err(DataFusionError::from)?;
    Ok(())
}

/// Whether rows leave `plan` in the order of the source files: nothing in it sorts or groups.
fn keeps_order(plan: &dyn ExecutionPlan) -> bool {
    let reorders = ["SortExec", "AggregateExec", "SortMergeJoinExec"].contains(&plan.name());
    !reorders && plan.children().into_iter().all(|input| keeps_order(input.as_ref()))
}
