//! `rmtl prepare`, and the same before a run.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use rmtl_envs::{Manifest, Split};
use rmtl_ingest::{DatasetFile, Prepared, Progress as Stage};

use super::PrepareArguments;
use super::output::print;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::log::{Console, Progress};

pub(super) fn command(arguments: &PrepareArguments, interrupt: &Interrupt) -> Result<()> {
    let console = if arguments.quiet { Console::quiet() } else { Console::detect() };
    let file = DatasetFile::read(&arguments.dataset_file)?;
    let out = arguments.out.clone().unwrap_or_else(|| default_folder(&file));
    let prepared = prepared(&file, arguments.root.as_deref(), &out, &console, interrupt)?;
    if prepared.reused {
        warn(&prepared.dataset.manifest, &console);
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

/// The dataset of `file` at `out`, prepared now unless it is there already.
pub(super) fn prepared(
    file: &DatasetFile,
    root: Option<&Path>,
    out: &Path,
    console: &Console,
    interrupt: &Interrupt,
) -> Result<Prepared> {
    let shown = RefCell::new(Shown::on(console));
    let progress = |stage| shown.borrow_mut().hear(&stage);
    let prepared = rmtl_ingest::prepare(file, root, out, &progress, interrupt.cancel())?;
    shown.into_inner().finish_stage();
    if !prepared.reused {
        warn(&prepared.dataset.manifest, console);
    }
    Ok(prepared)
}

fn warn(manifest: &Manifest, console: &Console) {
    manifest.warnings.iter().for_each(|warning| console.warn(&warning.message));
}

/// Where a dataset goes of which nobody says where.
pub(super) fn default_folder(file: &DatasetFile) -> PathBuf {
    Path::new("prepared").join(&file.name)
}

/// The stages of a preparation as progress bars.
pub(super) struct Shown<'a> {
    console: &'a Console,
    /// Name, bar and rows of the current stage.
    stage: Option<(&'static str, Progress, u64)>,
}

impl<'a> Shown<'a> {
    pub(super) fn on(console: &'a Console) -> Self {
        Self { console, stage: None }
    }

    pub(super) fn hear(&mut self, stage: &Stage) {
        match stage {
            Stage::Waiting => {
                self.advance("wait", 0, 0);
                if let Some((_, bar, _)) = &mut self.stage {
                    bar.message("for another process that prepares it");
                }
            }
            Stage::Querying { rows } => self.advance("query", *rows, 0),
            Stage::Writing { rows, total } => self.advance("write", *rows, *total),
            Stage::FittingVocabulary { field } => {
                self.advance("vocabulary", 0, 0);
                if let Some((_, bar, _)) = &mut self.stage {
                    bar.message(field.clone());
                }
            }
            // Over in a moment, or seen in the bars around it.
            _ => {}
        }
    }

    fn advance(&mut self, name: &'static str, rows: u64, total: u64) {
        if self.stage.as_ref().is_none_or(|(current, ..)| *current != name) {
            self.finish_stage();
            self.stage = Some((name, self.console.progress(name, total), 0));
        }
        if let Some((_, bar, seen)) = &mut self.stage {
            bar.advance(rows.saturating_sub(*seen));
            *seen = rows;
        }
    }

    pub(super) fn finish_stage(&mut self) {
        if let Some((_, bar, _)) = self.stage.take() {
            bar.finish();
        }
    }
}
