//! The prepared dataset of a run, wherever it is or can be made.

use std::error::Error as _;
use std::path::{Path, PathBuf};

#[cfg(feature = "ingest")]
use rmtl_envs::Manifest;
use rmtl_envs::{Dataset, EnvError};
use rmtl_ingest::{DatasetFile, IngestError};

use crate::config::DataConfig;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::launch::preparation::{default_folder, prepared};
use crate::launch::{LaunchError, Result};
use crate::log::Console;
use crate::observer::Observer;
use crate::output::folder::DATASET_FILE;

/// Digits of a content hash in the name of a folder.
const SHORT: usize = 8;

/// Whether data that are not there may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// They are prepared, where the run file says.
    Prepared,
    /// Nothing is written: a run folder from somebody else must not choose what is read and where something is put.
    Refused,
}

/// The data of a run.
pub(crate) struct RunData {
    /// The prepared dataset.
    pub(crate) dataset: Dataset,
    /// The dataset file as text.
    pub(crate) dataset_file: String,
    /// What a reader of the report must know of where they come from.
    pub(crate) warnings: Vec<String>,
    /// Its folder, and that of the raw log.
    directory: PathBuf,
    root: PathBuf,
}

/// The data that `[data]` asks for, prepared now where they are not there.
///
/// Without a content hash they are those of the raw log as it is, in the place of whatever was prepared there before; where
/// the raw log is not here, those that were prepared elsewhere and brought. With one they are sought, and never in the place
/// of another dataset.
///
/// # Errors
/// Data with that content hash are not there and cannot or may not be made: a model must not meet ids of another vocabulary.
pub(crate) fn of(
    data: &DataConfig,
    missing: Missing,
    console: &Console,
    interrupt: &Interrupt,
) -> Result<RunData> {
    let file = DatasetFile::read(&data.dataset)?;
    let dataset_file =
        std::fs::read_to_string(&data.dataset).map_err(|error| Error::file("read", &data.dataset, error))?;
    let root = root(data)?;
    let mut warnings = Vec::new();
    let place = data.prepared.clone().unwrap_or_else(|| default_folder(&file));
    let (directory, dataset) = match &data.content_hash {
        None if missing == Missing::Refused => {
            (place.clone(), Dataset::open(&place).map_err(|error| refused(&place, &error))?)
        }
        None => match prepared(&file, Some(&root), &place, console, interrupt) {
            Ok(made) => (made.directory, made.dataset),
            Err(LaunchError::Ingest(error)) if data.prepared.is_some() && is_absent(&file, &error) => {
                let dataset = brought(&file, &place)?.ok_or(error)?;
                warnings.push(format!("the raw log is not here: {} is taken as it is", place.display()));
                console.warn(&warnings[0]);
                (place, dataset)
            }
            Err(error) => return Err(error),
        },
        Some(hash) => {
            let wanted = Wanted { hash, file: &file, root: &root, places: places(&place, &file, hash) };
            match (wanted.found(), missing) {
                (Some(found), _) => found,
                (None, Missing::Prepared) => wanted.made(console, interrupt)?,
                (None, Missing::Refused) => return Err(wanted.missing(NOT_ASKED.into())),
            }
        }
    };
    if let Some(warning) = unverified(&directory, &dataset) {
        console.warn(&warning);
        warnings.push(warning);
    }
    Ok(RunData { dataset, dataset_file, warnings, directory: absolute(&directory)?, root })
}

/// What to do where nobody has said that data may be made.
const NOT_ASKED: &str = "nothing is prepared unless you ask: --prepare does, where the run folder says";

fn refused(place: &Path, error: &EnvError) -> LaunchError {
    let source = error.source().map(|source| format!(" ({source})")).unwrap_or_default();
    Error::file("find the data of the run in", place, format!("{error}{source}; {NOT_ASKED}")).into()
}

/// What to say of a dataset whose damage would not be noticed.
pub(crate) fn unverified(directory: &Path, dataset: &Dataset) -> Option<String> {
    (!dataset.is_verified).then(|| {
        format!(
            "{} has no checksums, as datasets of earlier versions: damage to it would not be noticed; remove the folder to have it \
             prepared with them",
            directory.display()
        )
    })
}

/// What new rows have to be read with: everything of a prepared dataset but its rows.
#[cfg(feature = "ingest")]
pub(crate) struct Fitted {
    /// The dataset file.
    pub(crate) file: DatasetFile,
    /// What was fitted on the training rows, beside the vocabularies.
    pub(crate) manifest: Manifest,
    /// The folder of the prepared dataset, with its vocabularies.
    pub(crate) directory: PathBuf,
    /// Where the raw log is.
    pub(crate) root: PathBuf,
}

/// The same of the data of a run; its tables are neither opened nor needed, unless the data have to be prepared.
///
/// # Errors
/// As [`of`].
#[cfg(feature = "ingest")]
pub(crate) fn fitted(
    data: &DataConfig,
    missing: Missing,
    console: &Console,
    interrupt: &Interrupt,
) -> Result<Fitted> {
    let (file, root) = (DatasetFile::read(&data.dataset)?, root(data)?);
    let named = data.prepared.clone().unwrap_or_else(|| default_folder(&file));
    let known = data.content_hash.iter().flat_map(|hash| {
        let manifests = places(&named, &file, hash).into_iter().filter_map(|place| {
            let manifest = Manifest::read(&place).ok()?;
            (manifest.content_hash == *hash).then_some((place, manifest))
        });
        manifests.collect::<Vec<_>>()
    });
    if let Some((directory, manifest)) = known.into_iter().next() {
        return Ok(Fitted { file, manifest, directory, root });
    }
    let RunData { dataset, directory, root, .. } = of(data, missing, console, interrupt)?;
    Ok(Fitted { file, manifest: dataset.manifest, directory, root })
}

fn root(data: &DataConfig) -> Result<PathBuf> {
    match &data.root {
        Some(root) => absolute(root),
        None => Ok(absolute(&data.dataset)?.parent().unwrap_or(Path::new("/")).to_owned()),
    }
}

/// A dataset that was prepared elsewhere, if it was from the same dataset file.
fn brought(file: &DatasetFile, place: &Path) -> Result<Option<Dataset>> {
    match Dataset::open(place) {
        // Worth more than that the raw log is missing too.
        Err(error @ EnvError::Damaged { .. }) => Err(error.into()),
        opened => Ok(opened
            .ok()
            .filter(|dataset| dataset.manifest.dataset_file_hash == rmtl_ingest::dataset_file_hash(file))),
    }
}

/// Whether the log is somewhere else: in other files, or in the memory of the program that prepared it.
fn is_absent(file: &DatasetFile, error: &IngestError) -> bool {
    file.query.is_empty() || matches!(error, IngestError::MissingSource { .. })
}

impl RunData {
    /// `[data]` of a run file in `folder`, beside a copy of the dataset file: what lies in the same project is named from
    /// there, so that the project may move.
    pub(crate) fn config(&self, folder: &Path) -> Result<DataConfig> {
        let (project, folder) = (absolute(Path::new("."))?, absolute(folder)?);
        let named = |path: &Path| relative(&project, &folder, path).unwrap_or_else(|| path.to_owned());
        Ok(DataConfig {
            dataset: DATASET_FILE.into(),
            root: Some(named(&self.root)),
            prepared: Some(named(&self.directory)),
            content_hash: Some(self.dataset.manifest.content_hash.clone()),
        })
    }

    /// `[data]` of a run file anywhere on this machine, with the dataset file at `dataset`: the same data, whatever is
    /// prepared meanwhile.
    pub(crate) fn located(&self, dataset: &Path) -> Result<DataConfig> {
        Ok(DataConfig {
            dataset: absolute(dataset)?,
            root: Some(self.root.clone()),
            prepared: Some(self.directory.clone()),
            content_hash: Some(self.dataset.manifest.content_hash.clone()),
        })
    }
}

/// A dataset of which the content is known.
struct Wanted<'a> {
    hash: &'a str,
    file: &'a DatasetFile,
    root: &'a Path,
    places: Vec<PathBuf>,
}

/// Where it may be: in the place that was named, where datasets go, or beside another dataset that has its place now.
fn places(named: &Path, file: &DatasetFile, hash: &str) -> Vec<PathBuf> {
    let mut places = Vec::new();
    for place in [named.to_owned(), default_folder(file)] {
        let mut beside = place.as_os_str().to_owned();
        beside.push(format!("-{}", &hash[..hash.len().min(SHORT)]));
        for place in [place, beside.into()] {
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    places
}

impl Wanted<'_> {
    fn found(&self) -> Option<(PathBuf, Dataset)> {
        self.places.iter().find_map(|place| {
            let dataset = Dataset::open(place).ok()?;
            (dataset.manifest.content_hash == self.hash).then(|| (place.clone(), dataset))
        })
    }

    /// Prepares it in the first place that is free and can be written.
    fn made(&self, console: &Console, interrupt: &Interrupt) -> Result<(PathBuf, Dataset)> {
        let hash = rmtl_ingest::content_hash(self.file, Some(self.root), interrupt.cancel());
        match hash {
            Err(error @ IngestError::Cancelled) => return Err(error.into()),
            Err(error) => return Err(self.missing(format!("it cannot be prepared again, because {error}"))),
            Ok(hash) if hash != self.hash => {
                return Err(self.missing(format!(
                    "the raw log in {} gives {hash}: it, its dataset file or rmtl itself has changed",
                    self.root.display()
                )));
            }
            Ok(_) => {}
        }
        let mut refused = None;
        for place in self.places.iter().filter(|place| !place.exists()) {
            match prepared(self.file, Some(self.root), place, console, interrupt) {
                Ok(made) if made.dataset.manifest.content_hash == self.hash => {
                    return Ok((made.directory, made.dataset));
                }
                Err(error @ LaunchError::Ingest(IngestError::Output { .. })) => refused = Some(error),
                Err(error) => return Err(error),
                // The raw log is being written.
                Ok(_) => break,
            }
        }
        Err(refused.unwrap_or_else(|| self.missing("there is no room for it".into())))
    }

    fn missing(&self, reason: String) -> LaunchError {
        let seen = self.places.iter().filter_map(|place| match Dataset::open(place) {
            Ok(dataset) => Some(format!("{} holds {}; ", place.display(), dataset.manifest.content_hash)),
            Err(error) => place.exists().then(|| format!("{error}; ")),
        });
        let reason = format!(
            "expected content hash {}; {}{reason}. Give the raw log of that time with --root, or the prepared dataset with \
             --prepared",
            self.hash,
            seen.collect::<String>()
        );
        Error::file("find the data of the run in", &self.places[0], reason).into()
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    Ok(std::path::absolute(path).map_err(|error| Error::file("find", path, error))?)
}

/// `to` as seen from `from`, if both lie in `project`.
fn relative(project: &Path, from: &Path, to: &Path) -> Option<PathBuf> {
    let (from, to) = (from.strip_prefix(project).ok()?, to.strip_prefix(project).ok()?);
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| std::path::Component::ParentDir);
    let path: PathBuf = up.chain(to.components().skip(shared)).collect();
    Some(if path.as_os_str().is_empty() { PathBuf::from(".") } else { path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_within_the_project_are_seen_from_the_run_folder() {
        let seen = |from: &str, to: &str| {
            relative(Path::new("/project"), Path::new(from), Path::new(to))
                .map(|path| path.display().to_string())
        };
        assert_eq!(seen("/project/runs/a", "/project/prepared/x").as_deref(), Some("../../prepared/x"));
        assert_eq!(seen("/project/runs/a", "/project/runs").as_deref(), Some(".."));
        assert_eq!(seen("/project/runs", "/project/runs").as_deref(), Some("."));
        assert_eq!(seen("/project/runs/a", "/project").as_deref(), Some("../.."));
        assert_eq!(seen("/project/runs/a", "/data/logs"), None);
        assert_eq!(seen("/tmp/a", "/project/prepared/x"), None);
    }
}
