//! The whole way from a log to a prepared dataset.

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use rmtl_envs::{Cancel, Dataset};

use crate::build::Job;
use crate::dataset_file::DatasetFile;
use crate::purpose::Purpose;
use crate::query::layout::Layout;
use crate::rows::memory;
use crate::source::content_hash;
use crate::write::staging::{self, Staging};
use crate::write::turn::Turn;
use crate::{IngestError, Progress, cancelled, source, sql};

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
    prepare_for(Purpose::Dataset, None, file, root, out, progress, cancel)
}

/// The same for any purpose, with DataFusion's memory limited to `memory` bytes, or to its share of the machine's.
pub(crate) fn prepare_for(
    purpose: Purpose,
    memory: Option<usize>,
    file: &DatasetFile,
    root: Option<&Path>,
    out: &Path,
    progress: &dyn Fn(Progress),
    cancel: &Cancel,
) -> Result<Prepared, IngestError> {
    let prepared = || {
        check_query(file)?;
        file.check_memory()?;
        let sources = source::resolve(file, root, cancel)?;
        let content_hash = content_hash::of(file, &sources, progress)?;
        put(out, content_hash, progress, cancel, &|staging, content_hash| {
            let job = Job { file, purpose, content_hash, staging, progress, cancel };
            match memory::whole_table(file)? {
                Some(rows) => memory::build(job, &rows),
                None => sql::build(job, &sources, memory),
            }
        })
    };
    cancelled::on_request(prepared(), cancel)
}

/// Prepares rows that are in memory, in place of a query's result; `file` has neither `query` nor `tables`. Otherwise as
/// [`prepare`].
///
/// # Errors
/// Any [`IngestError`]; `out` is then as it was, and nothing is left beside it.
pub fn prepare_rows(
    file: &DatasetFile,
    rows: &RecordBatch,
    out: &Path,
    progress: &dyn Fn(Progress),
    cancel: &Cancel,
) -> Result<Prepared, IngestError> {
    if !file.query.is_empty() {
        return Err(file.setting("query", "none beside rows that are in memory", &file.query));
    }
    let prepared = || {
        file.check_memory()?;
        let content_hash = content_hash::of_rows(file, rows)?;
        put(out, content_hash, progress, cancel, &|staging, content_hash| {
            memory::build(
                Job { file, purpose: Purpose::Dataset, content_hash, staging, progress, cancel },
                rows,
            )
        })
    };
    cancelled::on_request(prepared(), cancel)
}

/// Has a dataset `made` and puts it at `out`, unless it is there already.
fn put(
    out: &Path,
    content_hash: String,
    progress: &dyn Fn(Progress),
    cancel: &Cancel,
    made: &dyn Fn(&Staging, &str) -> Result<(), IngestError>,
) -> Result<Prepared, IngestError> {
    let place = staging::behind_links(out).map_err(|source| IngestError::output("resolve", out, source))?;
    let turn = Turn::wait(&place, progress, cancel)?;
    if turn.may_replace() {
        staging::clear_leftovers(&place);
    }
    let is_whole = |dataset: &Dataset| dataset.manifest.content_hash == content_hash;
    if let Some(dataset) = Dataset::open(&place).ok().filter(is_whole) {
        return Ok(Prepared { directory: out.to_owned(), dataset, reused: true });
    }
    let staging = Staging::beside(&place)?;
    made(&staging, &content_hash)?;
    cancelled::check(cancel)?;
    staging.publish()?;
    Ok(Prepared { directory: out.to_owned(), dataset: Dataset::open(&place)?, reused: false })
}

/// Checks `file` against the columns of its log, without running the query: a moment, unless files have to be unpacked.
///
/// # Errors
/// What [`prepare`] finds wrong before it looks at values.
///
/// # Panics
/// If called from within a tokio runtime.
pub fn validate(file: &DatasetFile, root: Option<&Path>) -> Result<(), IngestError> {
    check_query(file)?;
    file.check_memory()?;
    let sources = source::resolve(file, root, &Cancel::default())?;
    match memory::whole_table(file)? {
        Some(rows) => Layout::of(file, &rows.schema()).map(|_| ()),
        None => sql::validate(file, &sources),
    }
}

fn check_query(file: &DatasetFile) -> Result<(), IngestError> {
    if !file.query.is_empty() {
        return Ok(());
    }
    Err(file.setting(
        "query",
        "one SQL SELECT over [tables]",
        "none: its rows are in the memory of a program",
    ))
}
