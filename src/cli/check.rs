//! `rmtl check`.

use std::path::Path;

use rmtl_envs::format_bytes;
use rmtl_ingest::DatasetFile;

use super::CheckArguments;
use super::output::print;
use crate::config::RunFile;
use crate::device::device;
use crate::footprint;
use crate::interrupt::Interrupt;
use crate::launch::Result;

pub(super) fn command(arguments: &CheckArguments, interrupt: &Interrupt) -> Result<()> {
    let file = DatasetFile::read(&arguments.dataset_file)?;
    if arguments.leakage {
        return leakage(&file, arguments, interrupt);
    }
    interrupt.end_at_once();
    rmtl_ingest::validate(&file, arguments.root.as_deref())?;
    print(format_args!("{}: its query and columns fit the log", arguments.dataset_file.display()));
    arguments.run.as_deref().map_or(Ok(()), |run| fits(run, &file))
}

/// Whether the run file at `path` can be trained on the log that `file` describes, as far as is known before it is
/// prepared.
fn fits(path: &Path, file: &DatasetFile) -> Result<()> {
    let config = RunFile::read(path, &[])?;
    let device = device(&config.device)?;
    let schema = file.least_schema();
    config.check(&schema)?;
    let bytes = footprint::check(&config, &schema, None, &device)?;
    print(format_args!(
        "{}: fits the columns, and needs {} of memory and what its fitted vocabularies take",
        path.display(),
        format_bytes(bytes)
    ));
    Ok(())
}

#[cfg(feature = "ingest")]
use super::leakage::command as leakage;

#[cfg(not(feature = "ingest"))]
fn leakage(file: &DatasetFile, _: &CheckArguments, _: &Interrupt) -> Result<()> {
    Err(rmtl_ingest::IngestError::NeedsSql { path: file.path().to_owned() }.into())
}
