//! Checksums of the files of a folder: whether they are still what was written.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::write_whole;

/// The file of a folder that lists the checksums of the others, as `b3sum --check` reads it.
pub const CHECKSUMS_FILE: &str = "checksums.txt";

/// The checksum of `bytes` (BLAKE3), in hexadecimal digits. Uses all cores where there is much to read.
pub fn checksum(bytes: &[u8]) -> String {
    blake3::Hasher::new().update_rayon(bytes).finalize().to_hex().to_string()
}

/// The checksum of `parts`, each with its length, so that no two lists of parts are the same bytes.
pub fn checksum_of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update_rayon(part);
    }
    hasher.finalize().to_hex().to_string()
}

/// What the files of a folder were when they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checksums {
    /// By name within the folder, `/` between its parts.
    files: BTreeMap<String, String>,
}

/// A file that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its checksum should be {expected}, found {found}: it is damaged or was changed")]
pub struct WrongChecksum {
    /// What [`CHECKSUMS_FILE`] says.
    pub expected: String,
    /// That of the file as it is.
    pub found: String,
}

impl Checksums {
    /// Of all files below `folder` but the list itself, and those whose names would break its lines.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        let mut folders = vec![(folder.to_owned(), String::new())];
        while let Some((folder, prefix)) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                if entry.file_type()?.is_dir() {
                    folders.push((entry.path(), name + "/"));
                } else if name != CHECKSUMS_FILE && !name.contains(['\n', '\r']) {
                    let sum = blake3::Hasher::new().update_mmap_rayon(entry.path())?.finalize();
                    files.insert(name, sum.to_hex().to_string());
                }
            }
        }
        Ok(Self { files })
    }

    /// Those that stand in `folder`; none where it was written without.
    ///
    /// # Errors
    /// The list cannot be read or is damaged.
    pub fn read(folder: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(folder.join(CHECKSUMS_FILE)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let entry = |line: &str| line.split_once("  ").map(|(sum, name)| (name.to_owned(), sum.to_owned()));
        match text.lines().map(entry).collect() {
            Some(files) => Ok(Some(Self { files })),
            None => Err(io::Error::new(ErrorKind::InvalidData, "a line is no checksum and name")),
        }
    }

    /// Writes the list into `folder`.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        write_whole(&folder.join(CHECKSUMS_FILE), |file| {
            self.files.iter().try_for_each(|(name, sum)| writeln!(file, "{sum}  {name}"))
        })
    }

    /// Whether `bytes` are what file `name` was.
    ///
    /// # Errors
    /// They are not, or the list does not know the file.
    pub fn verify(&self, name: &str, bytes: &[u8]) -> Result<(), WrongChecksum> {
        let expected = self.files.get(name).map_or("in the list of checksums", String::as_str);
        let found = checksum(bytes);
        if expected == found { Ok(()) } else { Err(WrongChecksum { expected: expected.into(), found }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        fs::write(folder.path().join("inner/one"), "abc").unwrap();
        fs::write(folder.path().join("none"), "").unwrap();
        folder
    }

    /// The test vectors of BLAKE3 for no bytes, and `abc`.
    const OF_NOTHING: &str = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    const OF_ABC: &str = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";

    #[test]
    fn a_list_is_what_b3sum_reads() {
        let folder = folder();
        Checksums::of(folder.path()).unwrap().write(folder.path()).unwrap();
        let text = fs::read_to_string(folder.path().join(CHECKSUMS_FILE)).unwrap();
        assert_eq!(text, format!("{OF_ABC}  inner/one\n{OF_NOTHING}  none\n"));
    }

    #[test]
    fn every_changed_bit_is_noticed_and_nothing_else() {
        let folder = folder();
        Checksums::of(folder.path()).unwrap().write(folder.path()).unwrap();
        let sums = Checksums::read(folder.path()).unwrap().unwrap();
        assert_eq!(Checksums::of(folder.path()).unwrap(), sums, "the list is no part of itself");
        assert_eq!(sums.verify("inner/one", b"abc"), Ok(()));
        for bit in 0..24 {
            let mut bytes = *b"abc";
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(sums.verify("inner/one", &bytes).unwrap_err().expected, OF_ABC);
        }
        assert!(sums.verify("another", b"abc").is_err());
    }

    #[test]
    fn parts_that_are_cut_elsewhere_are_others() {
        let sum = |parts: [&'static str; 2]| checksum_of_parts(parts.map(str::as_bytes));
        assert_eq!(sum(["ab", "c"]), sum(["ab", "c"]));
        assert_ne!(sum(["ab", "c"]), sum(["a", "bc"]));
    }

    #[test]
    fn a_folder_without_a_list_has_none_and_a_damaged_list_is_refused() {
        let folder = folder();
        assert_eq!(Checksums::read(folder.path()).unwrap(), None);
        fs::write(folder.path().join(CHECKSUMS_FILE), "no list\n").unwrap();
        assert_eq!(Checksums::read(folder.path()).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
