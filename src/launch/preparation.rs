//! A preparation that people can watch.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use rmtl_envs::Manifest;
use rmtl_ingest::{DatasetFile, Prepared, Progress as Stage};

use crate::interrupt::Interrupt;
use crate::launch::Result;
use crate::log::{Bar, Console};
use crate::observer::{Observer, PhaseObserver};

/// The dataset of `file` at `out`, prepared now unless it is there already. What looks odd is said once, when it is made.
///
/// # Errors
/// See [`rmtl_ingest::prepare`].
pub fn prepared(
    file: &DatasetFile,
    root: Option<&Path>,
    out: &Path,
    console: &Console,
    interrupt: &Interrupt,
) -> Result<Prepared> {
    let shown = RefCell::new(Shown::on(console));
    let progress = |stage| shown.borrow_mut().update(&stage);
    let prepared = rmtl_ingest::prepare(file, root, out, &progress, interrupt.cancel())?;
    shown.into_inner().finish_stage();
    if !prepared.reused {
        warn(&prepared.dataset.manifest, console);
    }
    Ok(prepared)
}

/// Says what looks odd in a dataset.
pub(crate) fn warn(manifest: &Manifest, console: &Console) {
    manifest.warnings.iter().for_each(|warning| console.warn(&warning.message));
}

/// Where a dataset goes of which nobody says where.
pub fn default_folder(file: &DatasetFile) -> PathBuf {
    Path::new("prepared").join(&file.name)
}

/// The stages of a preparation as progress bars.
pub(crate) struct Shown<'a> {
    console: &'a Console,
    /// Name, bar and rows of the current stage.
    stage: Option<(&'static str, Box<Bar>, u64)>,
}

impl<'a> Shown<'a> {
    pub(crate) fn on(console: &'a Console) -> Self {
        Self { console, stage: None }
    }

    pub(crate) fn update(&mut self, stage: &Stage) {
        match stage {
            Stage::Waiting => {
                self.advance("wait", 0, 0);
                if let Some((_, bar, _)) = &mut self.stage {
                    bar.message("for another process that prepares it".into());
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
            self.stage = Some((name, Box::new(self.console.bar(name, total)), 0));
        }
        if let Some((_, bar, seen)) = &mut self.stage {
            bar.advance(rows.saturating_sub(*seen));
            *seen = rows;
        }
    }

    pub(crate) fn finish_stage(&mut self) {
        if let Some((_, bar, _)) = self.stage.take() {
            bar.finish();
        }
    }
}
