//! A folder that belongs to one process for as long as it runs.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rmtl_files::Lock;

/// Held while a process works in the folder.
const LOCK_FILE: &str = ".lock";

/// A claimed folder; dropped, it is free again.
#[derive(Debug)]
pub(super) struct Claim {
    _lock: Lock,
    /// The folders that were made for it, innermost first.
    created: Vec<PathBuf>,
}

/// Why a folder cannot be claimed.
#[derive(Debug)]
pub(super) enum Taken {
    /// Another process works in it.
    InUse,
    /// It holds something.
    NotEmpty,
    /// It cannot be made or written.
    Io(io::Error),
}

impl Claim {
    /// Makes `folder` where it is not there and claims it, if nobody works in it and nothing is in it.
    pub(super) fn of(folder: &Path) -> Result<Self, Taken> {
        loop {
            let created =
                folder.ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned).collect();
            fs::create_dir_all(folder).map_err(Taken::Io)?;
            let lock = match Lock::try_at(&folder.join(LOCK_FILE)) {
                Ok(Some(lock)) => lock,
                Ok(None) => return Err(Taken::InUse),
                // Somebody who had made the folder has just removed it again.
                Err(error) if error.kind() == ErrorKind::NotFound && !folder.exists() => continue,
                Err(error) => return Err(Taken::Io(error)),
            };
            let mut entries = fs::read_dir(folder).map_err(Taken::Io)?;
            let is_other =
                |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|entry| entry.file_name() != LOCK_FILE);
            return match entries.any(is_other) {
                true => Err(Taken::NotEmpty),
                false => Ok(Self { _lock: lock, created }),
            };
        }
    }

    /// Claims an existing folder, whatever is in it, if nobody works in it.
    pub(super) fn again(folder: &Path) -> Result<Self, Taken> {
        let lock = Lock::try_at(&folder.join(LOCK_FILE)).map_err(Taken::Io)?.ok_or(Taken::InUse)?;
        Ok(Self { _lock: lock, created: Vec::new() })
    }

    /// Frees the folder and removes those that were made for it, as far as they are empty.
    pub(super) fn give_up(self) {
        let Self { _lock: lock, created } = self;
        drop(lock);
        // Fails, as it should, where somebody has put something there.
        created.iter().for_each(|folder| drop(fs::remove_dir(folder)));
    }
}

/// Whether a process works in `folder`.
pub(super) fn is_in_use(folder: &Path) -> bool {
    Lock::is_held(&folder.join(LOCK_FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_and_is_free_after_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        let claim = Claim::of(&folder).unwrap();
        assert!(is_in_use(&folder));
        assert!(matches!(Claim::of(&folder), Err(Taken::InUse)));
        drop(claim);
        assert!(!is_in_use(&folder) && folder.is_dir());
        drop(Claim::of(&folder).unwrap());
        fs::write(folder.join("report.md"), "mine").unwrap();
        assert!(matches!(Claim::of(&folder), Err(Taken::NotEmpty)));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "a claim that fails leaves nothing");
    }

    #[test]
    fn a_folder_with_something_in_it_is_claimed_again_by_one_alone() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("run.toml"), "mine").unwrap();
        let claim = Claim::again(root.path()).unwrap();
        assert!(matches!(Claim::again(root.path()), Err(Taken::InUse)));
        claim.give_up();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "what was there stays");
    }

    #[test]
    fn giving_up_removes_what_was_made_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let given = root.path().join("given");
        fs::create_dir(&given).unwrap();
        Claim::of(&given).unwrap().give_up();
        assert!(given.is_dir(), "it was there before");
        Claim::of(&given.join("a/b")).unwrap().give_up();
        assert_eq!(fs::read_dir(&given).unwrap().count(), 0);
    }

    #[test]
    fn a_killed_owner_leaves_no_claim() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(LOCK_FILE), "").unwrap();
        Claim::of(root.path()).unwrap();
    }

    #[test]
    fn of_many_at_once_one_gets_it() {
        for _ in 0..50 {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join("a/b");
            let claims: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| Claim::of(&folder))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(claims.iter().filter(|claim| claim.is_ok()).count(), 1);
        }
    }
}
