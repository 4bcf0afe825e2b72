//! The folder a dataset grows in until it is whole.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rmtl_envs::{MANIFEST_FILE, Split};
use rmtl_files::CHECKSUMS_FILE;
use tempfile::TempDir;

use crate::IngestError;
use crate::rows::rejects::REJECTS_FILE;

/// Folder of the vocabulary files within a dataset.
pub(crate) const VOCABULARY_DIR: &str = "vocabulary";

const LOCK_FILE: &str = "lock";

/// A temporary folder beside the output, on the same file system, so that the finished dataset can be renamed into
/// place. Dropped before [`publish`](Self::publish), it takes everything with it; what a killed process left is removed by
/// the next one.
#[derive(Debug)]
pub(crate) struct Staging {
    output: PathBuf,
    folder: TempDir,
    /// Held for as long as this process lives: tells a folder in use from one left behind.
    _lock: File,
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
        remove_leftovers(parent, &prefix);
        let (folder, lock) = open(parent, &prefix).map_err(failed)?;
        Ok(Self { output, folder, _lock: lock })
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
    pub(crate) fn publish(self) -> Result<(), IngestError> {
        check_replaceable(&self.output)?;
        let put = match self.output.exists() {
            false => fs::rename(self.dataset(), &self.output),
            true => exchange(&self.dataset(), &self.output, &self.folder().join("old")),
        };
        put.map_err(|source| IngestError::output("put the dataset into", &self.output, source))
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Lets two folders change places in one step: at no moment is there none, whatever kills the process.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn exchange(new: &Path, old: &Path, aside: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;

    match renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
        // Not every file system can.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => replace(new, old, aside),
        done => Ok(done?),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
use replace as exchange;

/// The same in two steps.
fn replace(new: &Path, old: &Path, aside: &Path) -> io::Result<()> {
    fs::rename(old, aside)?;
    fs::rename(new, old).or_else(|error| {
        fs::rename(aside, old)?;
        Err(error)
    })
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
            || name == CHECKSUMS_FILE
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

/// Removes folders of processes that died. Failing to is no reason not to prepare.
fn remove_leftovers(parent: &Path, prefix: &str) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let leftover = entry.file_name().to_string_lossy().starts_with(prefix)
            && File::open(entry.path().join(LOCK_FILE))
                .is_ok_and(|lock| !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)));
        if leftover {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_folders_change_places_or_the_new_one_takes_the_place() {
        let root = tempfile::tempdir().unwrap();
        let [new, old, aside] = ["new", "old", "aside"].map(|name| root.path().join(name));
        for (folder, file) in [(&new, "n"), (&old, "o")] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join(file), "").unwrap();
        }
        exchange(&new, &old, &aside).unwrap();
        assert!(old.join("n").exists() && !old.join("o").exists());
        replace(&new, &old, &aside).unwrap_or_else(|_| panic!("the old one has its place again"));
        assert!(old.join("o").exists() && aside.join("n").exists());
        replace(&root.path().join("absent"), &old, &new).unwrap_err();
        assert!(old.join("o").exists(), "a failure leaves what was there");
    }
}
