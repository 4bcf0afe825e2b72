//! A run file, run from wherever its data are: prepared where needed, then trained.

mod error;
#[cfg(feature = "ingest")]
pub(crate) mod predictor;
pub mod preparation;
pub(crate) mod run_data;

use std::path::Path;

use rmtl_ingest::DatasetFile;

pub use error::{LaunchError, Result};

use crate::config::RunFile;
use crate::device::device;
use crate::footprint;
use crate::interrupt::Interrupt;
use crate::launch::run_data::Missing;
use crate::log::Console;
use crate::log::tags::Phase;
use crate::output::folder::{DATASET_FILE, RUN_FILE, RunFolder};
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
