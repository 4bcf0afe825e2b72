//! `rmtl prepare`, and the same before a training.

use std::path::{Path, PathBuf};

use rmtl_envs::Split;
use rmtl_ingest::{DatasetFile, Prepared};

use super::PrepareArguments;
use crate::config::DataConfig;
use crate::error::{Error, Result};
use crate::folder::DATASET_FILE;
use crate::log::Console;

pub(super) fn command(arguments: &PrepareArguments) -> Result<()> {
    let console = if arguments.quiet {
        Console::quiet()
    } else {
        Console::detect()
    };
    let file = DatasetFile::read(&arguments.dataset_file)?;
    let out = arguments.out.clone().unwrap_or_else(|| default_folder(&file));
    let prepared = prepared(&file, arguments.root.as_deref(), &out, &console)?;
    let manifest = &prepared.manifest;
    for (split, summary) in Split::ALL.into_iter().zip(&manifest.splits) {
        let positives = manifest.schema.tasks.iter().zip(&summary.positives);
        let positives: Vec<String> = positives.map(|(task, n)| format!("{} {n}", task.name)).collect();
        println!(
            "{:<11} {:>10} rows  {:>9} sessions  positives: {}",
            split.name(),
            summary.rows,
            summary.sessions,
            positives.join(", ")
        );
    }
    let state = if prepared.reused { "unchanged" } else { "written" };
    println!("{:<11} {} ({state})", "dataset", prepared.directory.display());
    Ok(())
}

/// The data of a run.
pub(super) struct RunData {
    /// The prepared dataset.
    pub(super) prepared: Prepared,
    /// The dataset file as text.
    pub(super) dataset_file: String,
    /// `[data]` of a run file that lies beside a copy of the dataset file and works from any folder.
    pub(super) config: DataConfig,
}

/// The prepared dataset of a run, prepared now unless it is there already.
pub(super) fn for_run(data: &DataConfig, console: &Console) -> Result<RunData> {
    let file = DatasetFile::read(&data.dataset)?;
    let out = data.prepared.clone().unwrap_or_else(|| default_folder(&file));
    let prepared = prepared(&file, data.root.as_deref(), &out, console)?;
    let absolute = |path: &Path| std::path::absolute(path).map_err(|error| Error::file("find", path, error));
    let root = match &data.root {
        Some(root) => absolute(root)?,
        None => absolute(data.dataset.parent().unwrap_or(Path::new(".")))?,
    };
    Ok(RunData {
        dataset_file: std::fs::read_to_string(&data.dataset)
            .map_err(|error| Error::file("read", &data.dataset, error))?,
        config: DataConfig {
            dataset: DATASET_FILE.into(),
            root: Some(root),
            prepared: Some(absolute(&prepared.directory)?),
        },
        prepared,
    })
}

fn prepared(file: &DatasetFile, root: Option<&Path>, out: &Path, console: &Console) -> Result<Prepared> {
    let prepared = rmtl_ingest::prepare(file, root, out, &|progress| console.say(&progress.to_string()))?;
    if !prepared.reused {
        for warning in &prepared.manifest.warnings {
            console.warn(&warning.message);
        }
    }
    Ok(prepared)
}

fn default_folder(file: &DatasetFile) -> PathBuf {
    Path::new("prepared").join(&file.name)
}
