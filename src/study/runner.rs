//! What a study needs of whoever trains its runs.

use std::path::PathBuf;

use crate::config::{CheckpointConfig, DataConfig, RunFile};
use crate::error::{Error, Result};
use crate::launch;
use crate::output::policy_file;

/// Trains runs: in processes of their own ([`Processes`](crate::study::Processes)), or as a test pretends.
pub trait Runner: Sync {
    /// Has the data of a run ready, and tells what the run needs.
    ///
    /// # Errors
    /// The data cannot be had, or the run file does not fit them.
    fn prepare(&self, config: &RunFile) -> launch::Result<Ready>;

    /// Trains a job into its folder, `report.json` included. Where the folder is there, a run that was stopped is in it, to go
    /// on with.
    ///
    /// # Errors
    /// It failed, or somebody asked for the end.
    fn run(&self, job: &Job) -> std::result::Result<(), Ended>;
}

/// What is known of a run before it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    /// Its data, by their content and from anywhere.
    pub data: DataConfig,
    /// The memory it needs at least, in bytes.
    pub memory: u64,
    /// The tasks of its data.
    pub tasks: Vec<String>,
}

/// Why a run came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its last lines.
    Failed(String),
    /// Somebody asked for the end.
    Interrupted,
}

/// A run of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// All its settings, its seed among them.
    pub config: RunFile,
    /// What it is called for people.
    pub name: String,
    /// Its run folder, by its content.
    pub folder: PathBuf,
    /// The memory it needs at least, in bytes.
    pub memory: u64,
    /// The threads it may use.
    pub threads: usize,
}

/// Digits of a run's name in `runs/`.
const DIGITS: usize = 16;

/// A name for a run that another one has only if it has the same settings, data, policy and version of this program. Where
/// data and policy lie does not matter.
///
/// # Errors
/// A path in the run file is not Unicode, or there is no file of its policy.
pub(super) fn content_name(config: &RunFile, version: &str) -> Result<String> {
    let data = DataConfig {
        dataset: PathBuf::new(),
        root: None,
        prepared: None,
        content_hash: config.data.content_hash.clone(),
    };
    // A policy that was learnt anew lies where the old one lay.
    let weighting = policy_file::by_content(&config.weighting)?;
    let text = RunFile { data, weighting, checkpoint: CheckpointConfig::default(), ..config.clone() }
        .to_toml()
        .map_err(Error::from)?;
    let mut hash = blake3::Hasher::new();
    for part in [version, &text] {
        // Lengths first, so that no part runs into the next.
        hash.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    Ok(hash.finalize().to_hex()[..DIGITS].to_owned())
}
