//! A vocabulary as a file people and other programs can read.

use std::io;
use std::path::Path;

use csv::Writer;

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
