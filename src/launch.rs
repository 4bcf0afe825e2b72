//! A run file, run from wherever its data are: prepared where needed, then trained.

use std::path::Path;

use crate::config::RunFile;
use crate::device::device;
use crate::error::Result;
use crate::folder::{DATASET_FILE, RUN_FILE, RunFolder};
use crate::interrupt::Interrupt;
use crate::log::Console;
use crate::log::tags::Phase;
use crate::report::Report;
use crate::run_data::{self, RunData};
use crate::trainer::{Trainer, write_report};

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
/// Data that cannot be had, a run file that does not fit them: `folder` is gone then. Whatever ends a training: it holds the
/// models trained so far.
pub fn train(
    folder: RunFolder,
    config: &RunFile,
    console: Console,
    interrupt: Interrupt,
) -> Result<(RunFolder, Report)> {
    let data = match begin(&folder, config, &console, &interrupt) {
        Ok(data) => data,
        Err(error) => {
            folder.discard();
            return Err(error);
        }
    };
    let trainer = Trainer::new(config, &data.dataset)?;
    let trainer = trainer.watched_on(console).ended_by(interrupt).with_warnings(data.warnings.clone());
    let report = trainer.train(&folder)?;
    Ok((folder, report))
}

/// What can be wrong before the first step, and what explains the run.
fn begin(folder: &RunFolder, config: &RunFile, console: &Console, interrupt: &Interrupt) -> Result<RunData> {
    // Before the minutes that a preparation may take.
    device(&config.device)?;
    let data = run_data::of(&config.data, console, interrupt)?;
    Trainer::new(config, &data.dataset)?;
    interrupt.check(Phase::Pretrain, 0)?;
    folder.write(DATASET_FILE, &data.dataset_file)?;
    folder.write(RUN_FILE, &RunFile { data: data.config(folder.path())?, ..config.clone() }.to_toml()?)?;
    Ok(data)
}
