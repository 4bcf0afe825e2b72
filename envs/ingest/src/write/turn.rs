//! One process at a time prepares a dataset: those that want the same one wait and find it there.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, thread};

use rmtl_envs::Cancel;
use rmtl_files::Lock;

use crate::{IngestError, Progress};

/// Between two looks whether it is our turn.
const PAUSE: Duration = Duration::from_millis(20);

/// The right to look at, make and replace the dataset at one place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    /// None where the folder cannot be written: nobody can replace what is there.
    lock: Option<Lock>,
    /// The folders that were made for it, innermost first.
    created_parents: Vec<PathBuf>,
}

impl Turn {
    /// Waits until nobody else is at work on `output`.
    pub(crate) fn wait(
        output: &Path,
        progress: &dyn Fn(Progress),
        cancel: &Cancel,
    ) -> Result<Self, IngestError> {
        let failed = |source| IngestError::output("create a folder beside", output, source);
        let absolute = std::path::absolute(output).map_err(failed)?;
        let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return Err(IngestError::OutputTaken {
                path: output.to_owned(),
                found: "the root of a file system".into(),
            });
        };
        let path = parent.join(format!(".{}.lock", name.to_string_lossy()));
        loop {
            cancel.check().map_err(failed)?;
            let created_parents = create_parents(parent).map_err(failed)?;
            match Lock::try_at(&path) {
                Ok(Some(lock)) => return Ok(Self { lock: Some(lock), created_parents }),
                Ok(None) => {
                    progress(Progress::Waiting);
                    thread::sleep(PAUSE);
                }
                // Somebody who had made the folder has just removed it again.
                Err(error) if error.kind() == ErrorKind::NotFound && !parent.exists() => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
                    ) =>
                {
                    return Ok(Self { lock: None, created_parents });
                }
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

impl Turn {
    /// Whether what is there can be replaced.
    pub(crate) fn may_replace(&self) -> bool {
        self.lock.is_some()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        drop(self.lock.take());
        for folder in &self.created_parents {
            // Fails, as it should, where a dataset or somebody else is in it now.
            drop(fs::remove_dir(folder));
        }
    }
}

/// Creates `parent` and returns the folders that were not there before, innermost first.
fn create_parents(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let missing: Vec<PathBuf> =
        parent.ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned).collect();
    if parent.ancestors().find(|folder| folder.exists()).is_some_and(|folder| !folder.is_dir()) {
        return Err(ErrorKind::NotADirectory.into());
    }
    let created = fs::create_dir_all(parent);
    if created.is_err() {
        missing.iter().for_each(|folder| drop(fs::remove_dir(folder)));
    }
    created.map(|()| missing)
}
