//! Files that are written whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Writes a file at `path` by way of a temporary file beside it: a reader finds the old content or the new one.
///
/// # Errors
/// Those of `write` and of the file system. What was at `path` before is still there.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = shared_file(folder_of(path))?;
    let mut writer = BufWriter::new(file.as_file_mut());
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_folder(folder_of(path));
    Ok(())
}

/// Has the disk keep the names in `folder`: without it, a power cut may undo a renaming whose content is safe. Whoever renames
/// calls it; that a file system cannot is no reason to fail, for the renaming is done.
pub fn sync_folder(folder: &Path) {
    #[cfg(unix)]
    drop(std::fs::File::open(folder).and_then(|folder| folder.sync_all()));
    // Elsewhere folders cannot be opened, and names are kept with the files.
    #[cfg(not(unix))]
    let _ = folder;
}

/// The same for writers that hold their file for long: what is written goes to a temporary file, which takes its place with
/// [`publish`](Self::publish) and is gone without it.
#[derive(Debug)]
pub struct WholeFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl WholeFile {
    /// A file that is to stand at `path`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: shared_file(folder_of(path))?, path: path.to_owned() })
    }

    /// What to write to.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn handle(&self) -> io::Result<File> {
        self.file.as_file().try_clone()
    }

    /// Puts what was written in its place, once the disk has it.
    ///
    /// # Errors
    /// Those of the file system; what was there before is still there.
    pub fn publish(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path)?;
        sync_folder(folder_of(&self.path));
        Ok(())
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A temporary file that others may read as far as the umask lets them; `tempfile` alone makes it private.
fn shared_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_new_content_takes_the_place_of_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        for content in ["old", "new"] {
            write_whole(&path, |file| file.write_all(content.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_writer_that_fails_leaves_the_old_content_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        fs::write(&path, "old").unwrap();
        let full = |file: &mut dyn Write| {
            file.write_all(&[0; 100_000])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        assert_eq!(write_whole(&path, full).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_not_published_leaves_the_old_content_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        for (content, is_whole, expected) in
            [("old", true, "old"), ("new", false, "old"), ("new", true, "new")]
        {
            let file = WholeFile::create(&path).unwrap();
            file.handle().unwrap().write_all(content.as_bytes()).unwrap();
            if is_whole {
                file.publish().unwrap();
            } else {
                drop(file);
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), expected);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_it_as_far_as_the_umask_allows() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        let (plain, whole) = (folder.path().join("plain"), folder.path().join("whole"));
        fs::write(&plain, "").unwrap();
        write_whole(&whole, |_| Ok(())).unwrap();
        assert_eq!(mode(&plain), mode(&whole));
    }
}
