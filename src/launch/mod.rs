//! A run file, run from wherever its data are: prepared where needed, then trained.

mod error;
#[cfg(feature = "ingest")]
pub(crate) mod predictor;
pub mod preparation;
pub(crate) mod run_data;

use std::path::Path;

use rmtl_ingest::DatasetFile;

pub use error::{LaunchError, Result};

use crate::config::{DataConfig, RunFile};
use crate::device::device;
use crate::error::Error;
use crate::footprint;
use crate::interrupt::Interrupt;
use crate::launch::run_data::Missing;
use crate::log::Console;
use crate::log::tags::Phase;
use crate::observer::Observer;
use crate::output::folder::{DATASET_FILE, RUN_FILE, RunFolder};
use crate::output::milestone::{self, Origin};
use crate::output::policy_file::{self, POLICY_FILE};
use crate::output::report::Report;
use crate::trainer::{self, Trainer, write_report};

/// Trains as `config` says into the new folder `out`, report included, and shows warnings alone.
///
/// # Errors
/// See [`train`]; or `out` is not empty.
pub fn train_into(out: &Path, config: &RunFile) -> Result<Report> {
    config.check_values()?;
    let folder = RunFolder::create(out)?;
    let (folder, report) = train(folder, config, Console::quiet(), Interrupt::default())?;
    write_report(&folder, &report)?;
    Ok(report)
}

/// Trains as `config` says and leaves everything but the report in `folder`.
///
/// # Errors
/// Data that cannot be had, a run file that does not fit them, a log that cannot be opened: `folder` is gone then. Whatever
/// ends a training: it holds the models trained so far.
pub fn train(
    folder: RunFolder,
    config: &RunFile,
    console: Console,
    interrupt: Interrupt,
) -> Result<(RunFolder, Report)> {
    let mut has_begun = false;
    let result = train_in(&folder, config, console, interrupt, || has_begun = true);
    match result {
        Ok(report) => Ok((folder, report)),
        Err(error) => {
            if !has_begun {
                folder.discard();
            }
            Err(error)
        }
    }
}

/// Goes on with the run in the folder `out` from its last checkpoint that is whole, and leaves everything but the report in it.
/// `relocate` may say where the data are now. What comes of it is what would have come of the run had it never been stopped.
///
/// # Errors
/// The run has finished, is going on, or left no checkpoint; its run file, data or this program are not those of the checkpoint, and
/// the message says what differs; or whatever ends a training.
pub fn resume(
    out: &Path,
    relocate: impl FnOnce(&mut DataConfig),
    console: Console,
    interrupt: Interrupt,
) -> Result<(RunFolder, RunFile, Report)> {
    let folder = RunFolder::reopen(out)?;
    let mut config = RunFile::read(&out.join(RUN_FILE), &[])?;
    relocate(&mut config.data);
    config.check_values()?;
    device(&config.device)?;
    let origin = |before: &milestone::Milestone| match &config.data.content_hash {
        Some(hash) => Origin::of(&config, hash),
        // Whoever trains without a launch names no content.
        None => before.origin.on_same_data(&config),
    };
    let found = milestone::latest(out, origin, |message| console.warn(message))?;
    let data = run_data::of(&config.data, Missing::Prepared, &console, &interrupt)?;
    let trainer = Trainer::new(&config, &data.dataset)?;
    interrupt.check(Phase::Pretrain, 0)?;
    let now = Origin::of(&config, &data.dataset.manifest.content_hash)?;
    if let Some(difference) = found.1.origin.difference(&now) {
        return Err(Error::file("go on with the run in", out, difference).into());
    }
    let run = trainer.observed_by(console).ended_by(interrupt).resume(&folder, found)?;
    let report = trainer::run(run)?;
    Ok((folder, config, report))
}

/// `begun` is called once nothing can be wrong but the training.
fn train_in(
    folder: &RunFolder,
    config: &RunFile,
    console: Console,
    interrupt: Interrupt,
    begun: impl FnOnce(),
) -> Result<Report> {
    // Before the minutes that a preparation may take.
    device(&config.device)?;
    config.weighting.policy().map(policy_file::read).transpose()?;
    let file = DatasetFile::read(&config.data.dataset)?;
    footprint::check_tables(config, &file.least_schema())?;
    let data = run_data::of(&config.data, Missing::Prepared, &console, &interrupt)?;
    let trainer = Trainer::new(config, &data.dataset)?;
    interrupt.check(Phase::Pretrain, 0)?;
    folder.write(DATASET_FILE, &data.dataset_file)?;
    let mut written = RunFile { data: data.config(folder.path())?, ..config.clone() };
    if let Some(policy) = config.weighting.policy() {
        policy_file::write(&folder.path().join(POLICY_FILE), &policy_file::read(policy)?)?;
        written.weighting = config.weighting.with_policy(Path::new(POLICY_FILE)).unwrap_or(written.weighting);
    }
    folder.write(RUN_FILE, &written.to_toml()?)?;
    let run = trainer.observed_by(console).ended_by(interrupt).with_warnings(data.warnings).begin(folder)?;
    begun();
    Ok(trainer::run(run)?)
}
