//! Lines that no log has: a reader of text holds a line whole, and what holds gigabytes ends without a word.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::IngestError;
use crate::source::SourceFile;

/// A line of this many bytes may be read; one of twice as many never is.
const LONGEST: u64 = 32 << 20;

/// Bytes read at a time.
const BUFFER: usize = 1 << 16;

/// Refuses files with a line that is too long.
pub(super) fn check(table: &str, files: &[SourceFile]) -> Result<(), IngestError> {
    for file in files {
        // What cannot be read is said where it is.
        if let Ok(Some(line)) = too_long(&file.path, LONGEST) {
            let message = format!(
                "line {line}: expected a line of at most {} MiB, found a longer one; is it text, and are its lines ended by line feeds?",
                LONGEST >> 20
            );
            return Err(IngestError::Source {
                table: table.to_owned(),
                path: file.name.clone().into(),
                message,
            });
        }
    }
    Ok(())
}

/// The number, from 1, of a line that fills a whole stretch of `longest` bytes. Only the beginning of each stretch is read, up to the
/// first end of a line.
fn too_long(path: &Path, longest: u64) -> io::Result<Option<u64>> {
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut start = 0;
    while start + longest <= bytes {
        file.seek(SeekFrom::Start(start))?;
        if !ends_a_line(&mut (&file).take(longest))? {
            return line_at(&mut file, start).map(Some);
        }
        start += longest;
    }
    Ok(None)
}

fn ends_a_line(stretch: &mut impl Read) -> io::Result<bool> {
    let mut buffer = [0; BUFFER];
    loop {
        match stretch.read(&mut buffer)? {
            0 => return Ok(false),
            length if buffer[..length].iter().any(|byte| b"\r\n".contains(byte)) => return Ok(true),
            _ => {}
        }
    }
}

/// The line in which byte `at` stands.
fn line_at(file: &mut File, at: u64) -> io::Result<u64> {
    file.seek(SeekFrom::Start(0))?;
    let mut before = file.take(at);
    let (mut buffer, mut line) = ([0; BUFFER], 1);
    loop {
        match before.read(&mut buffer)? {
            0 => return Ok(line),
            length => line += buffer[..length].iter().filter(|byte| **byte == b'\n').count() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_fills_a_stretch_is_found_and_a_shorter_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        let found = |text: &str| {
            std::fs::write(&path, text).unwrap();
            too_long(&path, 8).unwrap()
        };
        let long = |length| "x".repeat(length);
        assert_eq!(found(""), None);
        assert_eq!(found(&long(7)), None);
        assert_eq!(found(&long(8)), Some(1));
        assert_eq!(found(&format!("a\nbc\n{}\nd\n", long(16))), Some(3), "twice a stretch is always found");
        assert_eq!(found(&format!("{}\n", long(7)).repeat(5)), None);
        assert_eq!(found(&format!("a\r{}\r", long(6)).repeat(5)), None, "whatever ends a line");
    }
}
