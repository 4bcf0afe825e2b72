//! The whole way from raw files to a prepared dataset.

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, ParquetReadOptions, SessionContext};
use futures::future::{Either, select};
use rmtl_envs::{Cancel, Dataset, FORMAT_VERSION, LogTable, Manifest, NumericField, SessionRule, Split};

use crate::boundary::{self, Boundaries};
use crate::canonical::name;
use crate::columns::Columns;
use crate::dataset_file::{DatasetFile, SplitRule, TaskColumn};
use crate::encode::{Encoder, FarNumber, Fitted};
use crate::engine::{Engine, default_memory};
use crate::materialise::{ROWS_FILE, materialise};
use crate::purpose::Purpose;
use crate::query::run_error;
use crate::register::{Tables, file_url};
use crate::source::Sources;
use crate::staging::{Staging, VOCABULARY_DIR};
use crate::turn::Turn;
use crate::write::{SessionEnds, WriteError};
use crate::{
    IngestError, Progress, content_hash, late_labels, lineage, moments, query, rejects, source, split_end,
    vocabulary, warnings, write,
};

/// A prepared dataset.
#[derive(Debug)]
pub struct Prepared {
    /// Its folder.
    pub directory: PathBuf,
    /// The dataset, opened: whatever comes to stand in the folder later, this stays what was prepared.
    pub dataset: Dataset,
    /// Whether it was there already, made from the same dataset file and the same bytes.
    pub reused: bool,
}

/// Prepares the log that `file` describes in folder `out`, unless it is there already.
///
/// Paths of tables are relative to `root`, or to the dataset file's folder. `progress` is called from this thread, and
/// `cancel` ends the preparation within a moment. Everything is written beside `out` and renamed into place when it is
/// whole; an older dataset at `out` is replaced then and not before. Of several processes that want a dataset at `out` one
/// is at work and the others wait; each gets its own dataset opened.
///
/// # Errors
/// Any [`IngestError`]; `out` is then as it was, and nothing is left beside it.
///
/// # Panics
/// If called from within a tokio runtime.
pub fn prepare(
    file: &DatasetFile,
    root: Option<&Path>,
    out: &Path,
    progress: &dyn Fn(Progress),
    cancel: &Cancel,
) -> Result<Prepared, IngestError> {
    prepare_within(default_memory(), Purpose::Dataset, file, root, out, progress, cancel)
}

/// The same for any purpose, with DataFusion's memory limited to `memory` bytes.
pub(crate) fn prepare_within(
    memory: usize,
    purpose: Purpose,
    file: &DatasetFile,
    root: Option<&Path>,
    out: &Path,
    progress: &dyn Fn(Progress),
    cancel: &Cancel,
) -> Result<Prepared, IngestError> {
    let prepared = || {
        let sources = source::resolve(file, root, cancel)?;
        let content_hash = content_hash::of(file, &sources, progress)?;
        let _turn = Turn::wait(out, progress, cancel)?;
        let is_whole = |dataset: &Dataset| dataset.manifest.content_hash == content_hash;
        if let Some(dataset) = Dataset::open(out).ok().filter(is_whole) {
            return Ok(Prepared { directory: out.to_owned(), dataset, reused: true });
        }
        let staging = Staging::beside(out)?;
        let runtime = runtime(out)?;
        runtime.block_on(async {
            let build = build(memory, purpose, file, &sources, content_hash, &staging, progress);
            match select(pin!(asked(cancel)), pin!(build)).await {
                Either::Left(_) => Err(IngestError::Cancelled),
                Either::Right((built, _)) => built,
            }
        })?;
        // Nothing may still be writing into the folder when it is renamed.
        drop(runtime);
        staging.publish()?;
        Ok(Prepared { directory: out.to_owned(), dataset: Dataset::open(out)?, reused: false })
    };
    // Whatever broke then did so on request.
    prepared().map_err(|error| if cancel.is_asked() { IngestError::Cancelled } else { error })
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

/// Checks `file` against the columns of its log, without running the query: a moment, unless files have to be unpacked.
///
/// # Errors
/// What [`prepare`] finds wrong before it looks at values.
///
/// # Panics
/// If called from within a tokio runtime.
pub fn validate(file: &DatasetFile, root: Option<&Path>) -> Result<(), IngestError> {
    let sources = source::resolve(file, root, &Cancel::default())?;
    let scratch = tempfile::tempdir()
        .map_err(|error| IngestError::output("make a folder in", &std::env::temp_dir(), error))?;
    let engine = Engine::new(scratch.path(), default_memory())
        .map_err(|error| IngestError::output("work in", scratch.path(), std::io::Error::other(error)))?;
    runtime(scratch.path())?
        .block_on(async { opened(&engine, file, &sources, scratch.path()).await.map(|_| ()) })
}

/// Threads for the work on a dataset in `folder`.
pub(crate) fn runtime(folder: &Path) -> Result<tokio::runtime::Runtime, IngestError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| IngestError::output("start threads for", folder, error))
}

/// The query, planned, and what its columns mean.
pub(crate) struct Plan {
    pub(crate) query: DataFrame,
    pub(crate) columns: Columns,
    stated: Option<Boundaries>,
    gap: Option<i64>,
}

impl Plan {
    async fn of(context: &SessionContext, file: &DatasetFile) -> Result<Self, IngestError> {
        let query = query::plan(context, file).await?;
        let columns = Columns::of(file, query.schema().as_arrow())?;
        let time = query.schema().field(columns.time).data_type();
        let (stated, gap) = (boundary::stated(file, time)?, file.gap(time)?);
        Ok(Self { query, columns, stated, gap })
    }
}

/// Opens the tables and plans the query. It is planned twice: over tables without rows, which shows what becomes of their columns, and
/// over the tables as these uses want them read.
pub(crate) async fn opened(
    engine: &Engine,
    file: &DatasetFile,
    sources: &Sources,
    scratch: &Path,
) -> Result<(Tables, Plan), IngestError> {
    let (context, trial) = (engine.in_order(), engine.in_order());
    let mut tables = Tables::open(&context, file, sources, scratch).await?;
    tables.register_empty(&trial).map_err(|error| query::sql_error(file, &error))?;
    let Plan { query, columns, .. } = Plan::of(&trial, file).await?;
    tables.read_as_text(
        file,
        &lineage::read_as_text(query.logical_plan(), &columns.as_text(), &columns.as_numbers()),
    );
    tables.leave_out_broken(file, scratch)?;
    tables.register(&context).await?;
    let plan = Plan::of(&context, file).await?;
    Ok((tables, plan))
}

async fn build(
    memory: usize,
    purpose: Purpose,
    file: &DatasetFile,
    sources: &Sources,
    content_hash: String,
    staging: &Staging,
    progress: &dyn Fn(Progress),
) -> Result<(), IngestError> {
    let failed = |error: DataFusionError| run_error(file, staging, &error);
    let engine = Engine::new(&staging.scratch(), memory).map_err(failed)?;
    let (tables, plan) = opened(&engine, file, sources, &staging.scratch()).await?;
    let (stated, gap, separators) = (plan.stated, plan.gap, plan.columns.separators.clone());
    let (mut findings, rejects) =
        materialise(&engine, &tables, plan, file, purpose, staging, progress).await?;
    rejects::write(&staging.dataset(), &rejects)?;
    findings.rejected = rejects.len() as u64;
    findings.source_files = tables.warnings;

    let in_parallel = engine.in_parallel();
    register_result(&in_parallel, staging).await.map_err(failed)?;
    progress(Progress::Splitting);
    let boundaries = match (stated, &file.split) {
        (None, SplitRule::TimeRatio { ratios }) => {
            boundary::by_ratio(&in_parallel, ratios, findings.rows).await.map_err(failed)?
        }
        (stated, _) => stated.unwrap_or(Boundaries::Marked),
    };
    let ends = split_end::ends(&in_parallel, boundaries).await.map_err(failed)?;
    late_labels::register(&in_parallel, file, boundaries, &ends).await.map_err(failed)?;
    let counts = |table| boundary::count(&in_parallel, table, boundaries, file.tasks.len());
    let (eventual, counted) =
        (counts(name::RESULT).await.map_err(failed)?, counts(name::ROWS).await.map_err(failed)?);
    findings.late_labels = late_labels::warnings(file, &eventual, &counted);
    findings.eventual_positives = eventual.of_all_splits();
    if purpose == Purpose::Dataset {
        boundary::check(file, boundaries, &counted)?;
    }

    let folder = staging.dataset();
    let values = folder.join(VOCABULARY_DIR);
    let vocabularies = vocabulary::fit(&in_parallel, file, &separators, boundaries, &values, progress)
        .await
        .map_err(failed)?;
    progress(Progress::FittingNumeric);
    let (numeric, constant) = moments::fit(&in_parallel, &file.numeric, boundaries).await.map_err(failed)?;
    findings.constant_numeric = constant;
    let scales = moments::scales(&in_parallel, file, boundaries).await.map_err(failed)?.map_err(|task| {
        let TaskColumn { name, label, .. } = &file.tasks[task];
        let capped = if findings.capped[task] > 0 { ", those above its `cap` taken for it" } else { "" };
        let found = format!("the same number in `{label}` in all of them{capped}");
        file.setting(format!("tasks.{name}.label"), "numbers that differ in the training rows", found)
    })?;
    if file.weight.is_some() && !moments::has_weight(&in_parallel, boundaries).await.map_err(failed)? {
        return Err(file.setting("weight", "a number above 0 in some training row", "none"));
    }
    let fitted = Fitted { vocabularies, numeric, scales };
    let mut encoder = Encoder::new(file, fitted, separators, boundaries);
    let sessions = SessionEnds { gap, ends };
    let written = write::tables(&in_parallel, &mut encoder, sessions, &folder, findings.rows, progress).await;
    let (splits, oddities) = written.map_err(|error| match error {
        WriteError::DataFusion(error) => failed(error),
        WriteError::Envs(error) => error.into(),
        WriteError::Number(FarNumber { field, value, row }) => {
            let NumericField { name, mean, standard_deviation } = field;
            let expected = format!(
                "values of `{name}` whose distance from the training rows' mean {mean:e}, in standard deviations {standard_deviation:e}, \
                 32 bits can hold"
            );
            file.setting("numeric", expected, format!("{value:e} in row {row} of the query's result"))
        }
    })?;

    let train = LogTable::open(&folder.join(Split::Train.file_name()), encoder.schema())?;
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        name: file.name.clone(),
        content_hash,
        session: SessionRule { key: file.session.key.clone(), gap },
        schema: encoder.schema().clone(),
        oracle: encoder.extras().oracle,
        weight: encoder.extras().weight,
        warnings: warnings::all(file, &findings, &oddities, &encoder, &splits, &train),
        splits,
    };
    Ok(manifest.write(&folder)?)
}

async fn register_result(context: &SessionContext, staging: &Staging) -> Result<(), DataFusionError> {
    let path = file_url(&staging.scratch().join(ROWS_FILE))?;
    context.register_parquet(name::RESULT, path, ParquetReadOptions::default()).await
}

#[cfg(test)]
mod tests {
    use super::*;

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
            prepare_within(memory, Purpose::Dataset, &file, None, &out, &|_| {}, &Cancel::default())
                .unwrap_or_else(|error| panic!("{error}"));
            std::fs::read(out.join("train.arrow")).unwrap()
        });
        assert!(tables[0] == tables[1]);
    }
}
