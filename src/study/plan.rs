//! Which settings a study runs: base file, overrides, cells, placeholders.

use std::path::{Path, PathBuf};

use crate::config::{ConfigError, Override, RunFile};
use crate::error::{Error, Result};
use crate::study::file::{Arm, Cell, Rung, StudyFile, wrong};
use crate::study::search::Point;
use crate::study::template::fill;

/// A study file in its place, with what its caller adds to every run.
pub struct Study {
    /// What it says.
    pub file: StudyFile,
    /// The folder it lies in; the working directory where it lies in none.
    pub folder: PathBuf,
    /// Overrides of every run, after all of the file's.
    pub set: Vec<Override>,
    /// Changes every run file at last: another device, other folders of the data.
    pub adjust: Box<dyn Fn(&mut RunFile)>,
}

impl Study {
    /// The study in the file `path` as it stands there.
    ///
    /// # Errors
    /// See [`StudyFile::read`].
    pub fn read(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { file: StudyFile::read(path)?, folder, set: Vec::new(), adjust: Box::new(|_| {}) })
    }

    /// A run of an arm: the base file, then the overrides of the study, of the cell, of the arm and of the rung.
    ///
    /// # Errors
    /// There is no such key, or a value does not fit it.
    pub(super) fn run_file(
        &self,
        cell: &Cell,
        (name, arm): (&str, &Arm),
        point: &Point,
        rung: Option<&Rung>,
        seed: u64,
    ) -> Result<RunFile> {
        let section = format!("arms.{name}");
        let of_rung = rung.iter().flat_map(|rung| &rung.set);
        let mut overrides = Vec::new();
        for text in self.file.set.iter().chain(&cell.set).chain(&arm.set).chain(of_rung) {
            let text = fill(text, &point.values).map_err(|message| wrong(&section, message))?;
            let item: Override = text.parse().map_err(ConfigError::from)?;
            overrides.push(item.within(&self.folder));
        }
        overrides.extend(self.set.iter().cloned());
        let path = self.folder.join(&self.file.run);
        let mut config = RunFile::read(&path, &overrides).map_err(|error| match error {
            ConfigError::Override(error) => Error::Config(ConfigError::Value {
                section: format!("[{section}]"),
                message: error.to_string(),
            }),
            error => error.into(),
        })?;
        (self.adjust)(&mut config);
        config.seed = seed;
        Ok(config)
    }
}
