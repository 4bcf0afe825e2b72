//! `rmtl prepare`, and the same before a training.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use rmtl_envs::{Manifest, Split};
use rmtl_ingest::{DatasetFile, Prepared, Progress as Stage};

use super::PrepareArguments;
use super::output::print;
use crate::config::DataConfig;
use crate::error::{Error, Result};
use crate::folder::DATASET_FILE;
use crate::log::{Console, Progress};

pub(super) fn command(arguments: &PrepareArguments) -> Result<()> {
    let console = if arguments.quiet { Console::quiet() } else { Console::detect() };
    let file = DatasetFile::read(&arguments.dataset_file)?;
    let out = arguments.out.clone().unwrap_or_else(|| default_folder(&file));
    let prepared = prepared(&file, arguments.root.as_deref(), &out, &console)?;
    if prepared.reused {
        warn(&prepared.manifest, &console);
    }
    print_splits(&prepared.manifest);
    let state = if prepared.reused { "unchanged" } else { "written" };
    print(format_args!("{:<11} {} ({state})", "dataset", prepared.directory.display()));
    Ok(())
}

/// A line per split.
pub(super) fn print_splits(manifest: &Manifest) {
    for (split, summary) in Split::ALL.into_iter().zip(&manifest.splits) {
        let positives = manifest.schema.tasks.iter().zip(&summary.positives);
        let positives: Vec<String> = positives.map(|(task, n)| format!("{} {n}", task.name)).collect();
        print(format_args!(
            "{:<11} {:>10} rows  {:>9} sessions, {:>5.1} % of them cut  positives: {}",
            split.name(),
            summary.rows,
            summary.sessions,
            100.0 * summary.cut_share(),
            positives.join(", ")
        ));
    }
}

/// The data of a run.
pub(super) struct RunData {
    /// The prepared dataset.
    pub(super) directory: PathBuf,
    /// The dataset file as text.
    pub(super) dataset_file: String,
    /// `[data]` of a run file that lies beside a copy of the dataset file and works from any folder.
    pub(super) config: DataConfig,
}

/// The prepared dataset of a run, prepared now unless it is there already.
///
/// # Errors
/// The run asks for a content hash and the data have another: a model must not meet ids of another vocabulary.
pub(super) fn for_run(data: &DataConfig, console: &Console) -> Result<RunData> {
    let file = DatasetFile::read(&data.dataset)?;
    let dataset_file =
        std::fs::read_to_string(&data.dataset).map_err(|error| Error::file("read", &data.dataset, error))?;
    let absolute = |path: &Path| std::path::absolute(path).map_err(|error| Error::file("find", path, error));
    let dataset_path = absolute(&data.dataset)?;
    let root = match &data.root {
        Some(root) => absolute(root)?,
        None => dataset_path.parent().unwrap_or(Path::new("/")).to_owned(),
    };
    let out = data.prepared.clone().unwrap_or_else(|| default_folder(&file));
    let manifest = match (&data.content_hash, Manifest::read(&out)) {
        // The raw files are not needed any more.
        (Some(_), Ok(manifest)) => manifest,
        _ => prepared(&file, Some(&root), &out, console)?.manifest,
    };
    if let Some(expected) = &data.content_hash
        && *expected != manifest.content_hash
    {
        let found = &manifest.content_hash;
        let reason = format!(
            "expected the data of the run, with content hash {expected}, found {found}: the raw log or its dataset file \
             has changed; give the old ones with --root, or prepare them elsewhere and set data.prepared"
        );
        return Err(Error::file("use the prepared dataset", &out, reason));
    }
    let config = DataConfig {
        dataset: DATASET_FILE.into(),
        root: Some(root),
        prepared: Some(absolute(&out)?),
        content_hash: Some(manifest.content_hash),
    };
    Ok(RunData { directory: out, dataset_file, config })
}

fn prepared(file: &DatasetFile, root: Option<&Path>, out: &Path, console: &Console) -> Result<Prepared> {
    let shown = RefCell::new(Shown::on(console));
    let prepared = rmtl_ingest::prepare(file, root, out, &|stage| shown.borrow_mut().hear(&stage))?;
    shown.into_inner().finish_stage();
    if !prepared.reused {
        warn(&prepared.manifest, console);
    }
    Ok(prepared)
}

fn warn(manifest: &Manifest, console: &Console) {
    manifest.warnings.iter().for_each(|warning| console.warn(&warning.message));
}

fn default_folder(file: &DatasetFile) -> PathBuf {
    Path::new("prepared").join(&file.name)
}

/// The stages of a preparation as progress bars.
pub(super) struct Shown<'a> {
    console: &'a Console,
    /// Name, bar and rows of the current stage.
    stage: Option<(&'static str, Progress, u64)>,
}

impl<'a> Shown<'a> {
    pub(super) fn on(console: &'a Console) -> Self {
        Self { console, stage: None }
    }

    pub(super) fn hear(&mut self, stage: &Stage) {
        match stage {
            Stage::Querying { rows } => self.advance("query", *rows, 0),
            Stage::Writing { rows, total } => self.advance("write", *rows, *total),
            Stage::FittingVocabulary { field } => {
                self.advance("vocabulary", 0, 0);
                if let Some((_, bar, _)) = &mut self.stage {
                    bar.message(field.clone());
                }
            }
            // Over in a moment, or seen in the bars around it.
            _ => {}
        }
    }

    fn advance(&mut self, name: &'static str, rows: u64, total: u64) {
        if self.stage.as_ref().is_none_or(|(current, ..)| *current != name) {
            self.finish_stage();
            self.stage = Some((name, self.console.progress(name, total), 0));
        }
        if let Some((_, bar, seen)) = &mut self.stage {
            bar.advance(rows.saturating_sub(*seen));
            *seen = rows;
        }
    }

    pub(super) fn finish_stage(&mut self) {
        if let Some((_, bar, _)) = self.stage.take() {
            bar.finish();
        }
    }
}
