//! Rows of the log that are left out because they cannot be read or hold values that are not allowed.

use std::io;
use std::path::Path;

use crate::IngestError;
use crate::dataset_file::DatasetFile;

/// File of a prepared dataset that lists the rows left out.
pub(crate) const REJECTS_FILE: &str = "rejects.csv";

/// A row that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reject {
    /// The source file's name, empty where it is not known.
    pub(crate) file: String,
    /// The line or row.
    pub(crate) place: String,
    /// What was expected and found.
    pub(crate) reason: String,
}

/// An error if there are more than the dataset file allows.
pub(crate) fn too_many(file: &DatasetFile, rejects: &[Reject]) -> Result<(), IngestError> {
    match rejects.first() {
        Some(Reject { file: source, place, reason }) if rejects.len() as u64 > file.max_bad_rows => {
            let expected = format!("at most {} rows that cannot be used", file.max_bad_rows);
            let source = if source.is_empty() { String::new() } else { format!("{source}, ") };
            let found = format!("more; the first is {source}{place}: {reason}");
            Err(file.setting("max_bad_rows", expected, found))
        }
        _ => Ok(()),
    }
}

/// Writes `rejects.csv` into `folder`, unless there are none.
pub(crate) fn write(folder: &Path, rejects: &[Reject]) -> Result<(), IngestError> {
    if rejects.is_empty() {
        return Ok(());
    }
    let path = folder.join(REJECTS_FILE);
    let write = || -> io::Result<()> {
        let mut writer = csv::Writer::from_path(&path)?;
        writer.write_record(["file", "place", "reason"])?;
        for Reject { file, place, reason } in rejects {
            writer.write_record([file, place, reason])?;
        }
        writer.into_inner().map_err(|error| error.into_error())?.sync_all()
    };
    write().map_err(|error| IngestError::output("write", &path, error))
}
