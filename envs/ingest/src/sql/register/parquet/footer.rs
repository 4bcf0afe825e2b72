//! The end of a Parquet file, looked at before DataFusion believes it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::panic::catch_unwind;
use std::path::Path;

use datafusion::parquet::file::metadata::ParquetMetaDataReader;

/// `PAR1`, and `PARE` where the footer is encrypted.
const MAGIC: [&[u8; 4]; 2] = [b"PAR1", b"PARE"];

/// The first magic; the footer's length and the second.
const FRAME: u64 = 4 + 8;

/// Says what is wrong with the form of the file at `path`, if something is.
pub(super) fn fault(path: &Path) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    if bytes == 0 {
        return Ok(Some("is empty: expected a Parquet file".into()));
    }
    let no_parquet = || Ok(Some("is no Parquet file, or its end is missing: copy it again".into()));
    if bytes < FRAME {
        return no_parquet();
    }
    let mut end = [0; 8];
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut end)?;
    let [l0, l1, l2, l3, magic @ ..] = end;
    if !MAGIC.contains(&&magic) {
        return no_parquet();
    }
    let length = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
    if length > bytes - FRAME {
        return Ok(Some(format!("is damaged: its footer claims {length} bytes of {bytes}; copy it again")));
    }
    if &magic == MAGIC[1] {
        return Ok(None);
    }
    // Of another length within the file, the bytes of values are read as a footer, for which no decoder is written.
    let damaged = |reason| Ok(Some(format!("is damaged: its footer cannot be read{reason}; copy it again")));
    match catch_unwind(|| ParquetMetaDataReader::new().parse_and_finish(&file)) {
        Ok(Ok(_)) => Ok(None),
        Ok(Err(error)) => damaged(format!(" ({error})")),
        Err(_) => damaged(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_parquet_file_is_told_from_what_its_footer_claims() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.parquet");
        let said = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            fault(&path).unwrap().unwrap()
        };
        assert!(said(b"").starts_with("is empty"));
        assert!(said(b"PAR1").starts_with("is no Parquet file"));
        assert!(said(b"user,time\na,1\nb,2\n").starts_with("is no Parquet file"));
        let claims = said(b"PAR1....\x05\0\0\0PAR1");
        assert_eq!(claims, "is damaged: its footer claims 5 bytes of 16; copy it again");
        assert!(said(b"PAR1....\x04\0\0\0PAR1").starts_with("is damaged: its footer cannot be read"));
    }
}
