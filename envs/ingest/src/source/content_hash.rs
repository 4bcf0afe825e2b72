//! The fingerprint of everything a prepared dataset is made from.

use std::io::{self, Read};
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use blake3::Hasher;
use rmtl_envs::{Cancel, FORMAT_VERSION};

use crate::dataset_file::DatasetFile;
use crate::source::{self, SourceFile, Sources, unreadable};
use crate::{IngestError, Progress, cancelled};

/// Bytes read at a time: enough for all cores, little enough to be asked to end in between.
const BUFFER: usize = 4 << 20;

/// Counts changes of this crate that give other tables for the same input.
const INGEST_VERSION: u32 = 4;

/// The hash a dataset prepared from the log as it is would have: of the dataset file's content, not its layout or comments, of the
/// names and bytes of all source files, and of the versions of the formats.
///
/// # Errors
/// A source file is missing or cannot be read, or `cancel` was asked.
pub fn content_hash(file: &DatasetFile, root: Option<&Path>, cancel: &Cancel) -> Result<String, IngestError> {
    let hash = || of(file, &source::resolve(file, root, cancel)?, &|_| {});
    cancelled::on_request(hash(), cancel)
}

/// Hash of the dataset file's content (not its layout or comments), the name and bytes of every source file, and
/// the versions of the two formats.
pub(crate) fn of(
    file: &DatasetFile,
    sources: &Sources,
    progress: &dyn Fn(Progress),
) -> Result<String, IngestError> {
    let total = sources.values().flatten().map(|file| file.bytes).sum();
    let mut bytes = 0;
    let mut hasher = versions(file);
    for (table, files) in sources {
        for file in files {
            progress(Progress::Hashing { bytes, total });
            let content = hash(file).map_err(|error| unreadable(table, &file.path, &error))?;
            add(&mut hasher, table.as_bytes());
            add(&mut hasher, file.name.as_bytes());
            add(&mut hasher, content.as_bytes());
            bytes += file.bytes;
        }
    }
    progress(Progress::Hashing { bytes, total });
    Ok(hasher.finalize().to_hex().to_string())
}

/// The same of rows that are in memory.
pub(crate) fn of_rows(file: &DatasetFile, rows: &RecordBatch) -> Result<String, IngestError> {
    let mut hasher = versions(file);
    let mut write = || {
        let mut writer = StreamWriter::try_new(&mut hasher, &rows.schema())?;
        writer.write(rows)?;
        writer.finish()
    };
    write()
        .map_err(|error| IngestError::Rows { path: file.path().to_owned(), message: error.to_string() })?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// The same of a dataset file alone, whatever its log: of its content, not its layout or comments.
pub fn dataset_file_hash(file: &DatasetFile) -> String {
    versions(file).finalize().to_hex().to_string()
}

/// What every hash starts with.
fn versions(file: &DatasetFile) -> Hasher {
    let mut hasher = Hasher::new();
    hasher.update(&FORMAT_VERSION.to_le_bytes());
    hasher.update(&INGEST_VERSION.to_le_bytes());
    add(&mut hasher, &serde_json::to_vec(file).expect("a dataset file has string keys only"));
    hasher
}

fn hash(file: &SourceFile) -> io::Result<blake3::Hash> {
    let (mut reader, mut hasher) = (file.open()?, Hasher::new());
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = reader.read(&mut buffer)?;
        if length == 0 {
            return Ok(hasher.finalize());
        }
        hasher.update_rayon(&buffer[..length]);
    }
}

/// Adds a part with its length, so that no two lists of parts are the same bytes.
fn add(hasher: &mut Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_le_bytes());
    hasher.update(part);
}
