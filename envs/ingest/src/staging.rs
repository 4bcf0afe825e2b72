//! The folder a dataset grows in until it is whole.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rmtl_envs::{MANIFEST_FILE, Manifest, Split};
use tempfile::TempDir;

use crate::IngestError;
use crate::rejects::REJECTS_FILE;

/// Folder of the vocabulary files within a dataset.
pub(crate) const VOCABULARY_DIR: &str = "vocabulary";

const LOCK_FILE: &str = "lock";

/// A temporary folder beside the output, on the same file system, so that the finished dataset can be renamed into
/// place. Dropped before [`publish`](Self::publish), it takes everything with it, the parent folders it had to
/// create included; what a killed process left is removed by the next one.
#[derive(Debug)]
pub(crate) struct Staging {
    output: PathBuf,
    /// Always there but while dropping.
    folder: Option<TempDir>,
    /// Held for as long as this process lives: tells a folder in use from one left behind.
    _lock: File,
    created_parents: Vec<PathBuf>,
}

impl Staging {
    /// Makes the folder, if `output` is free or holds a prepared dataset.
    pub(crate) fn beside(output: &Path) -> Result<Self, IngestError> {
        let failed = |source| IngestError::output("create a folder beside", output, source);
        let output = std::path::absolute(output).map_err(failed)?;
        let (Some(parent), Some(name)) = (output.parent(), output.file_name()) else {
            return Err(IngestError::OutputTaken { path: output, found: "the root of a file system".into() });
        };
        check_replaceable(&output)?;
        let prefix = format!(".{}.preparing-", name.to_string_lossy());
        let created_parents = create_parents(parent).map_err(failed)?;
        remove_leftovers(parent, &prefix);
        let opened = open(parent, &prefix);
        if opened.is_err() {
            remove_empty(&created_parents);
        }
        let (folder, lock) = opened.map_err(failed)?;
        Ok(Self { output, folder: Some(folder), _lock: lock, created_parents })
    }

    /// Where the dataset's files go.
    pub(crate) fn dataset(&self) -> PathBuf {
        self.folder().join("dataset")
    }

    /// Where everything else goes: the materialised query, spilled sorts.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.folder().join("scratch")
    }

    /// Puts the dataset in the place of what was there, or leaves that as it was.
    pub(crate) fn publish(mut self) -> Result<PathBuf, IngestError> {
        let failed = |source| IngestError::output("put the dataset into", &self.output, source);
        check_replaceable(&self.output)?;
        let old = self.folder().join("old");
        let replaces = self.output.exists();
        if replaces {
            fs::rename(&self.output, &old).map_err(failed)?;
        }
        if let Err(error) = fs::rename(self.dataset(), &self.output) {
            if replaces {
                fs::rename(&old, &self.output).map_err(failed)?;
            }
            return Err(failed(error));
        }
        self.created_parents.clear();
        Ok(self.output.clone())
    }

    fn folder(&self) -> &Path {
        self.folder.as_ref().expect("the folder is there until dropped").path()
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        drop(self.folder.take());
        remove_empty(&self.created_parents);
    }
}

fn open(parent: &Path, prefix: &str) -> io::Result<(TempDir, File)> {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
    let lock = File::create(folder.path().join(LOCK_FILE))?;
    lock.lock()?;
    fs::create_dir(folder.path().join("dataset"))?;
    fs::create_dir(folder.path().join("dataset").join(VOCABULARY_DIR))?;
    fs::create_dir(folder.path().join("scratch"))?;
    Ok((folder, lock))
}

/// Refuses to replace anything but a prepared dataset with nothing added: `--out` may be mistyped.
fn check_replaceable(output: &Path) -> Result<(), IngestError> {
    let taken = |found: String| Err(IngestError::OutputTaken { path: output.to_owned(), found });
    if !output.exists() {
        return Ok(());
    }
    if !output.is_dir() {
        return taken("a file".into());
    }
    let entries = fs::read_dir(output).map_err(|source| IngestError::output("read", output, source))?;
    let names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into()).collect();
    let ours = |name: &str| {
        name == MANIFEST_FILE
            || name == VOCABULARY_DIR
            || name == REJECTS_FILE
            || Split::ALL.iter().any(|split| split.file_name() == name)
    };
    match names.iter().find(|name| !ours(name)) {
        Some(name) => taken(format!("a folder with `{name}` in it")),
        None if names.is_empty() || names.iter().any(|name| name == MANIFEST_FILE) => Ok(()),
        None => taken(format!("a folder without `{MANIFEST_FILE}`")),
    }
}

/// The manifest of a whole dataset at `output`, if that is what is there.
pub(crate) fn existing(output: &Path) -> Option<Manifest> {
    rmtl_envs::Dataset::open(output).ok().map(|dataset| dataset.manifest)
}

/// Creates `parent` and returns the folders that were not there before, innermost first.
fn create_parents(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let missing: Vec<PathBuf> =
        parent.ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned).collect();
    if parent.ancestors().find(|folder| folder.exists()).is_some_and(|folder| !folder.is_dir()) {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let created = fs::create_dir_all(parent);
    if created.is_err() {
        remove_empty(&missing);
    }
    created.map(|()| missing)
}

fn remove_empty(folders: &[PathBuf]) {
    for folder in folders {
        // Fails, as it should, where somebody else has put something there meanwhile.
        let _ = fs::remove_dir(folder);
    }
}

/// Removes folders of processes that died. Failing to is no reason not to prepare.
fn remove_leftovers(parent: &Path, prefix: &str) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let leftover = entry.file_name().to_string_lossy().starts_with(prefix)
            && File::open(entry.path().join(LOCK_FILE))
                .is_ok_and(|lock| !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)));
        if leftover {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
