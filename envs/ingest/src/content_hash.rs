//! The fingerprint of everything a prepared dataset is made from.

use blake3::Hasher;
use rmtl_envs::FORMAT_VERSION;

use crate::dataset_file::DatasetFile;
use crate::source::{Sources, unreadable};
use crate::{IngestError, Progress};

/// Counts changes of this crate that give other tables for the same input.
const INGEST_VERSION: u32 = 4;

/// Hash of the dataset file's content (not its layout or comments), the name and bytes of every source file, and
/// the versions of the two formats.
pub(crate) fn of(
    file: &DatasetFile,
    sources: &Sources,
    progress: &dyn Fn(Progress),
) -> Result<String, IngestError> {
    let total = sources.values().flatten().map(|file| file.bytes).sum();
    let mut bytes = 0;
    let mut hasher = Hasher::new();
    hasher.update(&FORMAT_VERSION.to_le_bytes());
    hasher.update(&INGEST_VERSION.to_le_bytes());
    add(&mut hasher, &serde_json::to_vec(file).expect("a dataset file has string keys only"));
    for (table, files) in sources {
        for file in files {
            progress(Progress::Hashing { bytes, total });
            let mut content = Hasher::new();
            content.update_mmap_rayon(&file.path).map_err(|error| unreadable(table, &file.path, &error))?;
            add(&mut hasher, table.as_bytes());
            add(&mut hasher, file.name.as_bytes());
            add(&mut hasher, content.finalize().as_bytes());
            bytes += file.bytes;
        }
    }
    progress(Progress::Hashing { bytes, total });
    Ok(hasher.finalize().to_hex().to_string())
}

/// Adds a part with its length, so that no two lists of parts are the same bytes.
fn add(hasher: &mut Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_le_bytes());
    hasher.update(part);
}
