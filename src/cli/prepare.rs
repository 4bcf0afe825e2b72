//! `rmtl prepare`.

use rmtl_envs::{Manifest, Split};
use rmtl_ingest::DatasetFile;

use super::PrepareArguments;
use super::output::print;
use crate::interrupt::Interrupt;
use crate::launch::Result;
use crate::launch::preparation::{default_folder, prepared, warn};
use crate::launch::run_data::unverified;
use crate::log::Console;
use crate::observer::Observer;

pub(super) fn command(arguments: &PrepareArguments, interrupt: &Interrupt) -> Result<()> {
    let console = if arguments.quiet { Console::quiet() } else { Console::detect() };
    let file = DatasetFile::read(&arguments.dataset_file)?;
    let out = arguments.out.clone().unwrap_or_else(|| default_folder(&file));
    let prepared = prepared(&file, arguments.root.as_deref(), &out, &console, interrupt)?;
    if prepared.reused {
        warn(&prepared.dataset.manifest, &console);
        if let Some(warning) = unverified(&prepared.directory, &prepared.dataset) {
            console.warn(&warning);
        }
    }
    print_splits(&prepared.dataset.manifest);
    let state = if prepared.reused { "unchanged" } else { "written" };
    print(format_args!("{:<11} {} ({state})", "dataset", prepared.directory.display()));
    Ok(())
}

/// A line per split.
pub(super) fn print_splits(manifest: &Manifest) {
    for (split, summary) in Split::ALL.into_iter().zip(&manifest.splits) {
        let positives = manifest.schema.tasks.iter().zip(&summary.positives);
        let positives: Vec<String> = positives
            .map(|(task, n)| {
                format!("{}{} {n}", task.name, if task.number.is_some() { " above 0" } else { "" })
            })
            .collect();
        print(format_args!(
            "{:<11} {:>10} rows  {:>9} sessions, {:>5.1} % of them cut  positives: {}",
            split.name(),
            summary.rows,
            summary.sessions,
            100.0 * summary.cut_share(),
            positives.join(", ")
        ));
    }
}
