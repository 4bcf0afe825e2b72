//! A prepared log on disk: three tables and a manifest.

use std::path::Path;

use crate::EnvError;
use crate::manifest::Manifest;
use crate::split::Split;
use crate::table::LogTable;

/// A prepared log, opened: the tables are mapped, not loaded.
#[derive(Debug)]
pub struct Dataset {
    /// What the tables hold.
    pub manifest: Manifest,
    /// Rows to train on.
    pub train: LogTable,
    /// Rows that decide when to stop and what to keep.
    pub validation: LogTable,
    /// Rows read once, at the end.
    pub test: LogTable,
}

impl Dataset {
    /// Opens the dataset in folder `dir` and checks its tables against its manifest.
    ///
    /// # Errors
    /// A file is missing, damaged, of another version, or its rows are not what the manifest says.
    pub fn open(dir: &Path) -> Result<Self, EnvError> {
        loop {
            let manifest = Manifest::read(dir)?;
            let opened = Self::tables(dir, &manifest);
            // Somebody may have put another dataset in its place between two files.
            if Manifest::read(dir)? == manifest {
                let [train, validation, test] = opened?;
                return Ok(Self { manifest, train, validation, test });
            }
        }
    }

    fn tables(dir: &Path, manifest: &Manifest) -> Result<[LogTable; 3], EnvError> {
        let open = |split: Split| {
            let path = dir.join(split.file_name());
            let table = LogTable::open(&path, &manifest.schema)?;
            let rows = manifest.splits[split as usize].rows;
            EnvError::unless_equal(&path, "rows", rows, table.n_rows() as u64)?;
            EnvError::unless_equal(&path, "oracle column", manifest.oracle, table.has_oracle())?;
            EnvError::unless_equal(&path, "weight column", manifest.weight, table.has_weight())?;
            Ok(table)
        };
        Ok([open(Split::Train)?, open(Split::Validation)?, open(Split::Test)?])
    }

    /// The table of `split`.
    pub fn split(&self, split: Split) -> &LogTable {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }
}

#[cfg(test)]
mod tests;
