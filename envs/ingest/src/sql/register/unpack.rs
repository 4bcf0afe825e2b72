//! Gzipped files, unpacked before they are read.
//!
//! DataFusion reads them as they are only with its `compression` feature, which brings C libraries for three more
//! formats. Unpacked, they also have their true size when the sides of a join are compared.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::IngestError;
use crate::source::{SourceFile, unreadable};

/// Bytes read at a time.
const BUFFER: usize = 1 << 18;

/// Unpacks `sources` into files of `folder` named for their table and position.
pub(super) fn unpacked(
    table: &str,
    sources: &[SourceFile],
    folder: &Path,
) -> Result<Vec<SourceFile>, IngestError> {
    let unpack = |(index, source): (usize, &SourceFile)| {
        let path = folder.join(format!("{table}-{index:06}.csv"));
        let failed = |error| IngestError::output("write temporary files in", folder, error);
        let target = File::create(&path).map_err(failed)?;
        let bytes = copy(source, target).map_err(|error| match error {
            Failure::Read(error) => unreadable(table, &source.path, &error),
            Failure::Write(error) => failed(error),
        })?;
        Ok(SourceFile { path, bytes, ..source.clone() })
    };
    sources.iter().enumerate().map(unpack).collect()
}

enum Failure {
    Read(io::Error),
    Write(io::Error),
}

fn copy(source: &SourceFile, mut target: File) -> Result<u64, Failure> {
    let packed = source.open().map_err(Failure::Read)?;
    let mut reader = MultiGzDecoder::new(BufReader::with_capacity(BUFFER, packed));
    let mut buffer = vec![0; BUFFER];
    let mut bytes = 0;
    loop {
        let length = reader.read(&mut buffer).map_err(Failure::Read)?;
        if length == 0 {
            return Ok(bytes);
        }
        target.write_all(&buffer[..length]).map_err(Failure::Write)?;
        bytes += length as u64;
    }
}
