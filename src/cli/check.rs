//! `rmtl check`.

use rmtl_ingest::DatasetFile;

use super::CheckArguments;
use super::output::print;
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
    Ok(())
}

#[cfg(feature = "ingest")]
use super::leakage::command as leakage;

#[cfg(not(feature = "ingest"))]
fn leakage(file: &DatasetFile, _: &CheckArguments, _: &Interrupt) -> Result<()> {
    Err(rmtl_ingest::IngestError::NeedsSql { path: file.path().to_owned() }.into())
}
