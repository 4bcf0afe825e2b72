//! Checkpoints on disk: written whole, the last ones kept, and read from the last that is whole.

use std::fs;
use std::path::{Path, PathBuf};

use rmtl_files::{checksum, sync_folder, write_whole};
use serde_json::Value;

use super::{FORMAT, KeptActor, Milestone, Origin};
use crate::error::{Error, Result};
use crate::output::folder::{Model, REPORT_FILE, RUN_FILE};
use crate::output::policy_file::POLICY_FILE;

/// The folder of the checkpoints in a run folder.
pub(crate) const CHECKPOINTS: &str = "checkpoint";

/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is to be done where a run cannot go on.
const AGAIN: &str = "trains it again in a new folder";

/// Writes checkpoint `number`, with the checksums of what it needs, and removes all but the last `kept`.
///
/// # Errors
/// There is no room, or a model is not there; what was there before still is.
pub(crate) fn write(folder: &Path, number: u64, kept: u64, milestone: &mut Milestone) -> Result<()> {
    let place = folder.join(CHECKPOINTS);
    match fs::create_dir(&place) {
        Ok(()) => sync_folder(folder),
        Err(error) if !place.is_dir() => return Err(Error::file("create", &place, error)),
        Err(_) => {}
    }
    (milestone.format, milestone.version) = (FORMAT, VERSION.to_owned());
    milestone.files.clear();
    for name in needed(folder, milestone) {
        let sum = checksum_of(&folder.join(&name))?;
        milestone.files.insert(name, sum);
    }
    let text = serde_json::to_vec(milestone).expect("a checkpoint holds nothing JSON cannot say");
    let path = path_of(folder, number);
    write_whole(&path, |file| {
        writeln!(file, "{}", checksum(&text))?;
        file.write_all(&text)
    })
    .map_err(|error| Error::file("write", &path, error))?;
    for (old, path) in numbered(folder) {
        if old.saturating_add(kept) <= number {
            // One that stays is a nuisance.
            drop(fs::remove_file(path));
            drop(fs::remove_dir_all(folder.join(place_of(old))));
        }
    }
    Ok(())
}

/// The last checkpoint of a run that is whole, and its number. Of those that are not `warn` hears.
///
/// # Errors
/// There is none, or it is of another format, version, run file or content of the data; the message says what differs.
pub(crate) fn latest(
    folder: &Path,
    origin: impl Fn(&Milestone) -> Result<Origin>,
    mut warn: impl FnMut(&str),
) -> Result<(u64, Milestone)> {
    let again = || format!("`rmtl train {}` {AGAIN}", folder.join(RUN_FILE).display());
    for (number, path) in numbered(folder) {
        let refused = |reason: String| Error::file("go on from", &path, format!("{reason}; {}", again()));
        match read(folder, &path) {
            Ok(Read::Whole(milestone)) => {
                return match milestone.origin.difference(&origin(&milestone)?) {
                    Some(difference) => Err(refused(difference)),
                    None => Ok((number, *milestone)),
                };
            }
            Ok(Read::Other(reason)) => return Err(refused(reason)),
            Err(reason) => warn(&format!("{} is left out: {reason}", path.display())),
        }
    }
    let reason = format!("there is no checkpoint in it that is whole; {}", again());
    Err(Error::file("go on with the run in", folder, reason))
}

/// Whether a run folder has any checkpoint.
pub(crate) fn exists(folder: &Path) -> bool {
    !numbered(folder).is_empty()
}

/// Whether this program can go on with the run in `folder`, as far as its checkpoints tell.
pub(crate) fn is_resumable(folder: &Path) -> bool {
    folder.join(RUN_FILE).is_file()
        && !folder.join(REPORT_FILE).exists()
        && latest(folder, |milestone| Ok(milestone.origin.clone()), |_| {}).is_ok()
}

/// Removes the checkpoints of a run that has finished.
pub(crate) fn remove(folder: &Path) {
    // What stays is a nuisance, and no reason to call a finished run a failure.
    drop(fs::remove_dir_all(folder.join(CHECKPOINTS)));
}

enum Read {
    Whole(Box<Milestone>),
    /// Of a format or version that this program does not go on from.
    Other(String),
}

/// Reads a checkpoint; the reason where it, or a file that it needs, is not what was written.
fn read(folder: &Path, path: &Path) -> std::result::Result<Read, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let (sum, text) = text.split_once('\n').ok_or("it is cut off")?;
    if sum != checksum(text.as_bytes()) {
        return Err("its checksum is another: it is damaged or was changed".into());
    }
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if value["format"] != FORMAT {
        return Ok(Read::Other(format!(
            "it is of format {}, and this program reads format {FORMAT}",
            value["format"]
        )));
    }
    if value["version"] != VERSION {
        let version = value["version"].as_str().unwrap_or("unknown");
        return Ok(Read::Other(format!("it is of rmtl {version}, and this is rmtl {VERSION}")));
    }
    let milestone: Milestone = serde_json::from_value(value).map_err(|error| error.to_string())?;
    for (name, expected) in &milestone.files {
        match checksum_of(&folder.join(name)) {
            Ok(found) if found == *expected => {}
            Ok(_) => return Err(format!("{name} is not what it was: it is damaged or was changed")),
            Err(error) => return Err(error.to_string()),
        }
    }
    match milestone.logs.iter().find_map(|position| position.complaint(folder)) {
        Some(complaint) => Err(complaint),
        None => Ok(Read::Whole(Box::new(milestone))),
    }
}

/// The files of the run folder without which a checkpoint is worth nothing.
fn needed(folder: &Path, milestone: &Milestone) -> Vec<String> {
    let has_critics = milestone.critics.is_some();
    let models = milestone.actors.keys().map(String::as_str).chain(has_critics.then(|| Model::Critic.name()));
    let models = models.map(|name| format!("model/{name}.safetensors"));
    let optimizers = milestone.actors.values().flat_map(KeptActor::names);
    let within = milestone.fit.iter().flat_map(|point| point.names());
    let policy = folder.join(POLICY_FILE).is_file().then(|| POLICY_FILE.to_owned());
    models.chain(optimizers).chain(within).chain(policy).collect()
}

fn checksum_of(path: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_mmap_rayon(path).map_err(|error| Error::file("read", path, error))?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// The folder of what checkpoint `number` alone needs, as seen from the run folder.
pub(crate) fn place_of(number: u64) -> String {
    format!("{CHECKPOINTS}/{number}")
}

fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(CHECKPOINTS).join(format!("{number}.json"))
}

/// The checkpoints of a run folder, the last one first.
fn numbered(folder: &Path) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(folder.join(CHECKPOINTS)).into_iter().flatten().flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.strip_suffix(".json")?.parse::<u64>().ok();
    let mut found: Vec<(u64, PathBuf)> =
        entries.filter_map(|entry| Some((number(&entry.path())?, entry.path()))).collect();
    found.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    found
}
