//! A prepared log on disk: three tables and a manifest.

use std::path::Path;

use rmtl_files::{CHECKSUMS_FILE, Checksums};

use crate::EnvError;
use crate::manifest::{MANIFEST_FILE, Manifest};
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
    /// Whether all of it is what was written. Datasets made before there were checksums have none, and their values are only checked
    /// to be possible.
    pub is_verified: bool,
}

impl Dataset {
    /// Opens the dataset in folder `dir` and checks its tables against its manifest, and both against their checksums, if it has
    /// any.
    ///
    /// # Errors
    /// A file is missing, damaged, of another version, or its rows are not what the manifest says.
    pub fn open(dir: &Path) -> Result<Self, EnvError> {
        loop {
            let text = Manifest::read_text(dir)?;
            let opened = Self::of(dir, &text);
            // Somebody may have put another dataset in its place between two files.
            if Manifest::read_text(dir)? == text {
                return opened;
            }
        }
    }

    fn of(dir: &Path, text: &str) -> Result<Self, EnvError> {
        let list = dir.join(CHECKSUMS_FILE);
        let checksums = Checksums::read(dir).map_err(|source| EnvError::io("read", &list, source))?;
        let is_whole = |name: &str, bytes: &[u8]| match &checksums {
            None => Ok(()),
            Some(checksums) => checksums.verify(name, bytes).map_err(|source| EnvError::Damaged {
                path: dir.join(name),
                expected: source.expected,
                found: source.found,
            }),
        };
        let manifest = Manifest::parse(dir, text)?;
        is_whole(MANIFEST_FILE, text.as_bytes())?;
        let open = |split: Split| {
            let path = dir.join(split.file_name());
            let bytes_are_whole = |bytes: &[u8]| is_whole(split.file_name(), bytes);
            let table = LogTable::open_checked(&path, &manifest.schema, bytes_are_whole)?;
            let rows = manifest.splits[split as usize].rows;
            EnvError::unless_equal(&path, "rows", rows, table.n_rows() as u64)?;
            EnvError::unless_equal(&path, "oracle column", manifest.oracle, table.has_oracle())?;
            EnvError::unless_equal(&path, "weight column", manifest.weight, table.has_weight())?;
            Ok(table)
        };
        let (train, validation, test) = (open(Split::Train)?, open(Split::Validation)?, open(Split::Test)?);
        Ok(Self { manifest, train, validation, test, is_verified: checksums.is_some() })
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
