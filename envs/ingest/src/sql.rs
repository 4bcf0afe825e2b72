//! Logs in files, and queries over them: all there is of DataFusion.

mod depth;
mod engine;
mod failed_cast;
mod join_order;
pub(crate) mod leakage;
mod lineage;
mod materialise;
pub(crate) mod new_rows;
mod query;
pub(crate) mod record_file;
mod register;
mod rows;
pub(crate) mod sample;
mod source_place;

use std::path::Path;

use datafusion::prelude::{DataFrame, SessionContext};
use tokio::runtime::Runtime;

use self::engine::{Engine, default_memory};
use self::query::run_error;
use self::register::Tables;
use self::rows::{SqlRows, wait};
use crate::IngestError;
use crate::build::{Checked, Job};
use crate::dataset_file::DatasetFile;
use crate::query::layout::Layout;
use crate::source::Sources;

/// Makes the dataset of the query's result. DataFusion may hold `memory` bytes, or its share of the machine's, before it
/// spills.
pub(crate) fn build(job: Job<'_>, sources: &Sources, memory: Option<usize>) -> Result<(), IngestError> {
    let Job { file, staging, .. } = job;
    let failed = |error| run_error(file, staging, &error);
    let runtime = runtime(&staging.scratch())?;
    let engine = Engine::new(&staging.scratch(), memory.unwrap_or_else(default_memory)).map_err(failed)?;
    let log = wait(&runtime, job.cancel, async {
        let (tables, plan) = opened(&engine, file, sources, &staging.scratch()).await?;
        let separators = plan.layout.columns.separators.clone();
        let (stated, gap) = (plan.layout.stated, plan.layout.gap);
        let (mut findings, rejects) = materialise::materialise(&engine, &tables, plan, job).await?;
        findings.source_files = tables.warnings;
        Ok(Checked { separators, stated, gap, findings, rejects })
    })?;
    let mut rows = SqlRows::open(&runtime, &engine, job)?;
    job.build(&mut rows, log)
    // The threads end here: nothing may still be writing into the folder when it is renamed.
}

/// Checks `file` against the columns of its log, without running the query.
pub(crate) fn validate(file: &DatasetFile, sources: &Sources) -> Result<(), IngestError> {
    let scratch = tempfile::tempdir()
        .map_err(|error| IngestError::output("make a folder in", &std::env::temp_dir(), error))?;
    let engine = Engine::new(scratch.path(), default_memory())
        .map_err(|error| IngestError::output("work in", scratch.path(), std::io::Error::other(error)))?;
    runtime(scratch.path())?
        .block_on(async { opened(&engine, file, sources, scratch.path()).await.map(|_| ()) })
}

/// As much as a main thread has: expressions are walked through on these threads too.
const STACK_BYTES: usize = 8 << 20;

/// Threads for the work on a dataset in `folder`.
fn runtime(folder: &Path) -> Result<Runtime, IngestError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK_BYTES).build();
    runtime.map_err(|error| IngestError::output("start threads for", folder, error))
}

/// The query, planned, and what its columns mean.
struct Plan {
    query: DataFrame,
    layout: Layout,
}

impl Plan {
    async fn of(context: &SessionContext, file: &DatasetFile) -> Result<Self, IngestError> {
        let query = query::plan(context, file).await?;
        let layout = Layout::of(file, query.schema().as_arrow())?;
        Ok(Self { query, layout })
    }
}

/// Opens the tables and plans the query. It is planned twice: over tables without rows, which shows what becomes of their columns, and
/// over the tables as these uses want them read.
async fn opened(
    engine: &Engine,
    file: &DatasetFile,
    sources: &Sources,
    scratch: &Path,
) -> Result<(Tables, Plan), IngestError> {
    let (context, trial) = (engine.in_order(), engine.in_order());
    let mut tables = Tables::open(&context, file, sources, scratch).await?;
    tables.register_empty(&trial).map_err(|error| query::sql_error(file, &error))?;
    let Plan { query, layout } = Plan::of(&trial, file).await?;
    let columns = layout.columns;
    tables.read_as_text(
        file,
        &lineage::read_as_text(query.logical_plan(), &columns.as_text(), &columns.as_numbers()),
    );
    tables.leave_out_broken(file, scratch)?;
    tables.register(&context).await?;
    let plan = Plan::of(&context, file).await?;
    Ok((tables, plan))
}

#[cfg(test)]
mod tests {
    use rmtl_envs::Cancel;

    use crate::DatasetFile;
    use crate::prepare::prepare_for;
    use crate::purpose::Purpose;

    /// Rows whose sort needs several times the memory given.
    fn log() -> String {
        let row = |row: u64| {
            let random = row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
            format!("user {:020},{row},{},{}\n", random % 50_021, random % 1000, random % 2)
        };
        "user,time,item,click\n".to_owned() + &(0..1_500_000).map(row).collect::<String>()
    }

    #[test]
    fn a_log_larger_than_memory_spills_and_gives_the_same_tables() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("log.csv"), log()).unwrap();
        let text = "name = \"large\"\nquery = \"SELECT * FROM log\"\nsession = \"user\"\ntime = \"time\"\n\
                    categorical = [\"user\", \"item\"]\ntasks = [{ name = \"click\", label = \"click\" }]\n\
                    tables = { log = \"log.csv\" }\n";
        let file = DatasetFile::parse(text, &folder.path().join("large.toml")).unwrap();
        let tables = [96 << 20, 4 << 30].map(|memory| {
            let out = folder.path().join(format!("prepared_{memory}"));
            prepare_for(Purpose::Dataset, Some(memory), &file, None, &out, &|_| {}, &Cancel::default())
                .unwrap_or_else(|error| panic!("{error}"));
            std::fs::read(out.join("train.arrow")).unwrap()
        });
        assert!(tables[0] == tables[1]);
    }
}
