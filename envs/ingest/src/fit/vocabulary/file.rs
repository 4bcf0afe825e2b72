//! A vocabulary as a file people and other programs can read.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use csv::{Reader, Writer};

use crate::IngestError;

/// Writes value, id (from 1) and count.
pub(super) fn write(path: &Path, counts: &[(Box<str>, u64)]) -> Result<(), IngestError> {
    let write = || -> io::Result<()> {
        let mut writer = Writer::from_path(path)?;
        writer.write_record(["value", "id", "count"])?;
        for (id, (value, count)) in (1..).zip(counts) {
            let id: u64 = id;
            writer.write_record([value, id.to_string().as_str(), count.to_string().as_str()])?;
        }
        writer.into_inner().map_err(|error| error.into_error())?.sync_all()
    };
    write().map_err(|error| IngestError::output("write", path, error))
}

/// Reads what [`write`] wrote: the ids of values.
pub(super) fn read(path: &Path) -> Result<HashMap<Box<str>, u32>, IngestError> {
    let failed = |message: String| IngestError::Vocabulary { path: path.to_owned(), message };
    let mut reader = Reader::from_path(path).map_err(|error| failed(error.to_string()))?;
    let mut ids = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| failed(error.to_string()))?;
        let id = record.get(1).and_then(|id| id.parse().ok());
        let (Some(value), Some(id)) = (record.get(0), id) else {
            return Err(failed(format!("expected a value and its id, found {record:?}")));
        };
        ids.insert(value.into(), id);
    }
    Ok(ids)
}
