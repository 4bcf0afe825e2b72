//! Files that say a process is at work.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A file whose holder is the only one to work on something. Dropped, it is removed; the one a killed process left is held by nobody.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Takes the lock at `path`; nothing while another process, or another part of this one, holds it.
    ///
    /// # Errors
    /// The file cannot be made: its folder is not there, or cannot be written.
    pub fn try_at(path: &Path) -> io::Result<Option<Self>> {
        loop {
            let file = File::options().create(true).write(true).truncate(false).open(path)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(None),
                // A file system without locks has no holders.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            // Opened just before its holder removed it, it would be nobody else's obstacle.
            if is_linked(&file) {
                return Ok(Some(Self { path: path.to_owned(), file }));
            }
        }
    }

    /// Whether somebody holds the lock at `path`.
    pub fn is_held(path: &Path) -> bool {
        File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if is_linked(&self.file) {
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Whether an open file still has a name.
#[cfg(unix)]
fn is_linked(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
}

/// Open files cannot be removed.
#[cfg(not(unix))]
fn is_linked(_: &File) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_has_one_holder_and_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert!(!Lock::is_held(&path));
        let lock = Lock::try_at(&path).unwrap().unwrap();
        assert!(Lock::is_held(&path));
        assert!(Lock::try_at(&path).unwrap().is_none());
        drop(lock);
        assert!(!path.exists());
        assert!(Lock::try_at(&folder.path().join("absent/lock")).is_err());
    }

    #[test]
    fn a_file_left_by_a_killed_process_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "").unwrap();
        assert!(!Lock::is_held(&path));
        assert!(Lock::try_at(&path).unwrap().is_some());
    }

    /// A holder that removes its file as others open it must not let two of them in.
    #[test]
    fn there_is_never_a_second_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let inside = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        if let Some(lock) = Lock::try_at(&path).unwrap() {
                            assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                            std::thread::yield_now();
                            inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                            drop(lock);
                        }
                    }
                });
            }
        });
    }
}
