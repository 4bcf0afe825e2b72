//! The folder a dataset grows in until it is whole.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rmtl_envs::{MANIFEST_FILE, Split};
use rmtl_files::{CHECKSUMS_FILE, sync_folder};
use tempfile::TempDir;

use crate::IngestError;
use crate::rows::rejects::REJECTS_FILE;

/// Folder of the vocabulary files within a dataset.
pub(crate) const VOCABULARY_DIR: &str = "vocabulary";

const LOCK_FILE: &str = "lock";

/// Within a staging folder, where the older dataset stands while the new one takes its place in two steps.
const ASIDE: &str = "old";

/// A temporary folder beside the output, on the same file system, so that the finished dataset can be renamed into
/// place. Dropped before [`publish`](Self::publish), it takes everything with it; what a killed process left is cleared
/// away by [`clear_leftovers`].
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
        let (folder, lock) = open(parent, &prefix_of(name)).map_err(failed)?;
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

    /// Puts the dataset in the place of what was there, or leaves that as it was. Only then has the disk all of it.
    pub(crate) fn publish(self) -> Result<(), IngestError> {
        check_replaceable(&self.output)?;
        sync_folder(&self.dataset().join(VOCABULARY_DIR));
        sync_folder(&self.dataset());
        let aside = self.folder().join(ASIDE);
        let put = match self.output.exists() {
            false => fs::rename(self.dataset(), &self.output),
            true => exchange(&self.dataset(), &self.output, &aside),
        };
        let Self { output, folder, .. } = self;
        if put.is_err() && !output.exists() && aside.exists() {
            // It could not be put back: the next process tries again, and until then nothing may remove it.
            drop(folder.keep());
        }
        output.parent().into_iter().for_each(sync_folder);
        put.map_err(|source| IngestError::output("put the dataset into", &output, source))
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

/// Clears away what processes that died have left beside `output`, whose turn nobody else has: an older dataset that was between
/// two renamings gets its place again, the rest is removed. Failing to is no reason not to prepare.
pub(crate) fn clear_leftovers(output: &Path) {
    let (Some(parent), Some(name)) = (output.parent(), output.file_name()) else { return };
    let prefix = prefix_of(name);
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(&prefix) || is_in_use(&entry.path()) {
            continue;
        }
        let aside = entry.path().join(ASIDE);
        if aside.exists() && !output.exists() {
            if fs::rename(&aside, output).is_err() {
                continue;
            }
            sync_folder(parent);
        }
        drop(fs::remove_dir_all(entry.path()));
    }
}

/// Whether a process works in the staging folder; one without a lock was left before it had any.
fn is_in_use(folder: &Path) -> bool {
    match File::open(folder.join(LOCK_FILE)) {
        Ok(lock) => matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn prefix_of(output: &OsStr) -> String {
    format!(".{}.preparing-", output.to_string_lossy())
}

/// Where a dataset at `output` really goes: links are kept, and what they lead to is replaced.
pub(crate) fn behind_links(output: &Path) -> io::Result<PathBuf> {
    let mut place = std::path::absolute(output)?;
    for _ in 0..MOST_LINKS {
        match fs::read_link(&place) {
            Ok(target) => place = place.parent().unwrap_or(Path::new("/")).join(target),
            // No link, or nothing yet.
            Err(_) => return Ok(place),
        }
    }
    Err(io::Error::other("its links lead to each other"))
}

/// As many as Linux follows.
const MOST_LINKS: usize = 40;

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

    #[test]
    fn a_dataset_between_two_renamings_gets_its_place_again() {
        let root = tempfile::tempdir().unwrap();
        let output = root.path().join("prepared");
        let left = root.path().join(".prepared.preparing-killed");
        fs::create_dir_all(left.join(ASIDE)).unwrap();
        fs::create_dir(left.join("dataset")).unwrap();
        fs::write(left.join(ASIDE).join("o"), "").unwrap();
        clear_leftovers(&output);
        assert!(output.join("o").exists() && !left.exists());
        // With a dataset in place the older one is a leftover.
        fs::create_dir_all(left.join(ASIDE)).unwrap();
        clear_leftovers(&output);
        assert!(output.join("o").exists() && !left.exists());
    }

    #[test]
    fn a_folder_that_is_in_use_is_left_alone_and_one_without_a_lock_is_not() {
        let root = tempfile::tempdir().unwrap();
        let (held, lock) = open(root.path(), ".prepared.preparing-").unwrap();
        let early = root.path().join(".prepared.preparing-early");
        fs::create_dir(&early).unwrap();
        clear_leftovers(&root.path().join("prepared"));
        assert!(held.path().exists() && !early.exists());
        drop(lock);
        clear_leftovers(&root.path().join("prepared"));
        assert!(!held.path().exists());
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_to_where_a_dataset_goes_whether_it_is_there_or_not() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        let [one, two, target] = ["one", "two", "target"].map(|name| root.path().join(name));
        symlink("two", &one).unwrap();
        symlink(&target, &two).unwrap();
        assert_eq!(behind_links(&one).unwrap(), target);
        assert_eq!(behind_links(&target).unwrap(), target);
        symlink("turning", root.path().join("turning")).unwrap();
        assert!(behind_links(&root.path().join("turning")).is_err());
    }
}
