//! Logs that go on without a gap or a repeat: how far they had been written, and back to that.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::log::{METRICS_FILE, TIMINGS_FILE};
use crate::output::folder::TENSORBOARD;

/// How far a log had been written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogPosition {
    /// The file, as seen from the run folder.
    file: PathBuf,
    /// Its length in bytes.
    bytes: u64,
    /// The checksum of that much of it, of the log that is the same bytes for every run of a seed.
    checksum: Option<String>,
}

impl LogPosition {
    /// Of all logs of a run folder as they are, once the disk has them.
    pub(crate) fn all(folder: &Path) -> io::Result<Vec<Self>> {
        let of = |file: PathBuf| {
            let path = folder.join(&file);
            let log = File::options().append(true).open(&path)?;
            log.sync_all()?;
            let bytes = log.metadata()?.len();
            let is_compared = file == Path::new(METRICS_FILE);
            let checksum = is_compared.then(|| checksum(&path, bytes)).transpose()?;
            Ok(Self { file, bytes, checksum })
        };
        let logs = [METRICS_FILE, TIMINGS_FILE].map(PathBuf::from).into_iter();
        logs.filter(|file| folder.join(file).exists()).chain(event_files(folder)?).map(of).collect()
    }

    /// Why the log in `folder` is not what this was taken of, if it is not.
    pub(super) fn complaint(&self, folder: &Path) -> Option<String> {
        let expected = self.checksum.as_ref()?;
        let file = self.file.display();
        match checksum(&folder.join(&self.file), self.bytes) {
            Ok(found) if found == *expected => None,
            Ok(_) => Some(format!("the first {} bytes of {file} are not what they were", self.bytes)),
            Err(error) => Some(format!("{file}: {error}")),
        }
    }

    /// Takes back what was logged in `folder` after these positions. Of what they name the logs of a run alone are touched; curves
    /// that somebody has removed are no reason to give a training up.
    pub(crate) fn restore(positions: &[Self], folder: &Path) -> io::Result<()> {
        let position = |file: &Path| positions.iter().find(|position| position.file == file);
        let events = event_files(folder)?;
        for file in [METRICS_FILE, TIMINGS_FILE].map(PathBuf::from).iter().chain(&events) {
            let path = folder.join(file);
            let Some(Self { bytes, .. }) = position(file) else { continue };
            if fs::metadata(&path).is_ok_and(|found| found.len() > *bytes) {
                let log = File::options().write(true).open(&path)?;
                log.set_len(*bytes)?;
                log.sync_all()?;
            }
        }
        let later = events.iter().filter(|file| position(file).is_none());
        later.map(|file| folder.join(file)).try_for_each(fs::remove_file)
    }
}

/// The checksum of the first `bytes` of a file.
fn checksum(path: &Path, bytes: u64) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?.take(bytes))?;
    if hasher.count() < bytes {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("it is shorter than {bytes} bytes"),
        ));
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// TensorBoard's files, as seen from the run folder, in the order of their names.
fn event_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = |path: &Path| match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok::<_, io::Error>(Vec::new()),
        // A name that is no text is none of this program's files.
        entries => Ok(entries?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()),
    };
    let mut files = Vec::new();
    let all = Path::new(TENSORBOARD);
    for run in entries(&folder.join(all))? {
        let run = all.join(run);
        if folder.join(&run).is_dir() {
            files.extend(entries(&folder.join(&run))?.into_iter().map(|name| run.join(name)));
        }
    }
    files.sort();
    Ok(files)
}
