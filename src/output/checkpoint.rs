//! Parameters on disk: safetensors files, written whole or not at all, with a checksum in their header.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use rmtl_agents::parameter::{NamedTensor, NamedTensors};
use rmtl_files::{checksum_of_parts, write_whole};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

use crate::error::{Error, Result};

/// Key of the header under which the checksum stands. Of a model it is the only one: safetensors writes several in any order, and
/// the same parameters are the same bytes.
const CHECKSUM: &str = "blake3";

/// The key of files from before there were checksums, and of PyTorch's.
const FORMAT: &str = "format";

/// Parameters that were read.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// By name.
    pub tensors: NamedTensors,
    /// The entries of the file's header.
    pub header: HashMap<String, String>,
    /// Whether they are what was written. Files from before there were checksums have none.
    pub is_verified: bool,
}

/// Writes `tensors` to `path`.
///
/// # Errors
/// Nothing is left at `path` but what was there before.
pub fn write(path: &Path, tensors: &NamedTensors) -> Result<()> {
    write_with(path, tensors, HashMap::new())
}

/// The same with further entries in the file's header.
///
/// # Errors
/// As [`write()`].
pub fn write_with(path: &Path, tensors: &NamedTensors, header: HashMap<String, String>) -> Result<()> {
    let bytes: Vec<(&String, Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| (name, tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect()))
        .collect();
    let views = tensors.values().zip(&bytes).map(|(tensor, (name, bytes))| {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).expect("a shape fits its values");
        (*name, view)
    });
    let parts = tensors
        .values()
        .zip(&bytes)
        .map(|(tensor, (name, bytes))| (name.as_str(), &tensor.shape[..], &bytes[..]));
    let mut metadata = HashMap::from([(CHECKSUM.to_owned(), checksum(parts))]);
    metadata.extend(header);
    let file = serialize(views, Some(metadata)).map_err(|error| Error::file("write", path, error))?;
    write_whole(path, |out| out.write_all(&file)).map_err(|error| Error::file("write", path, error))
}

/// Writes `tensors` to `path`, or, when that fails, to the folder for temporary files: trained parameters are not
/// lost to a full disk.
///
/// # Errors
/// Also in the second case; the message says where the parameters are.
pub fn write_or_rescue(path: &Path, tensors: &NamedTensors) -> Result<()> {
    let Err(error) = write(path, tensors) else {
        return Ok(());
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let rescue = std::env::temp_dir().join(format!("rmtl-rescued-{}-{name}", std::process::id()));
    match write(&rescue, tensors) {
        Ok(()) => {
            let reason = match &error {
                Error::File { reason, .. } => reason.clone(),
                other => other.to_string(),
            };
            let saved =
                format!("{reason}; the trained parameters were saved to {} instead", rescue.display());
            Err(Error::file("write", path, saved))
        }
        Err(_) => Err(error),
    }
}

/// The checksum of tensors in the order of their names: of names, shapes and bytes.
fn checksum<'a>(tensors: impl Iterator<Item = (&'a str, &'a [usize], &'a [u8])> + Clone) -> String {
    let shapes: Vec<Vec<u8>> =
        tensors.clone().map(|(_, shape, _)| format!("{shape:?}").into_bytes()).collect();
    let parts =
        tensors.zip(&shapes).flat_map(|((name, _, bytes), shape)| [name.as_bytes(), shape.as_slice(), bytes]);
    checksum_of_parts(parts)
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// The file cannot be read, is incomplete, or its checksum shows that it is not what was written.
pub fn read(path: &Path) -> Result<Saved> {
    let bytes = fs::read(path).map_err(|error| Error::file("read", path, error))?;
    let incomplete = |error| Error::file("read", path, format!("not a complete safetensors file ({error})"));
    let file = SafeTensors::deserialize(&bytes).map_err(incomplete)?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(incomplete)?;
    let mut views = file.tensors();
    views.sort_by(|(one, _), (other, _)| one.cmp(other));
    let parts = views.iter().map(|(name, view)| (name.as_str(), view.shape(), view.data()));
    let is_verified = match header.metadata() {
        Some(keys) if keys.get(CHECKSUM).is_some_and(|sum| *sum == checksum(parts.clone())) => true,
        Some(keys) if !keys.is_empty() && !keys.contains_key(FORMAT) => {
            let reason = "its checksum is another: the file is damaged or was changed; take it from a copy, or train again";
            return Err(Error::file("read", path, reason));
        }
        _ => false,
    };
    let tensor = |(name, view): (String, TensorView<'_>)| {
        if view.dtype() != Dtype::F32 {
            let found = format!("`{name}`: expected values of type F32, found {:?}", view.dtype());
            return Err(Error::file("read", path, found));
        }
        let values = view
            .data()
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        Ok((name, NamedTensor { shape: view.shape().to_vec(), values: values.collect() }))
    };
    let tensors = views.into_iter().map(tensor).collect::<Result<_>>()?;
    let header = header.metadata().clone().unwrap_or_default();
    Ok(Saved { tensors, header, is_verified })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors() -> NamedTensors {
        let tensor =
            |shape: &[usize], values: &[f32]| NamedTensor { shape: shape.into(), values: values.into() };
        NamedTensors::from([
            ("a.weight".into(), tensor(&[2, 2], &[1.0, -2.5, 0.0, f32::MIN_POSITIVE])),
            ("b".into(), tensor(&[1], &[3.0])),
        ])
    }

    #[test]
    fn a_round_trip_keeps_every_bit_and_the_bytes_are_stable() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        write(&one, &tensors()).unwrap();
        write(&two, &tensors()).unwrap();
        let found = read(&one).unwrap();
        assert_eq!((found.tensors, found.is_verified), (tensors(), true));
        assert_eq!(fs::read(one).unwrap(), fs::read(two).unwrap());
    }

    #[test]
    fn a_cut_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        write(&path, &tensors()).unwrap();
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(message.contains("model") && message.contains("not a complete"), "{message}");
    }

    /// Most changed bits leave numbers that are possible.
    #[test]
    fn a_changed_bit_is_refused_or_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        write(&path, &tensors()).unwrap();
        let whole = fs::read(&path).unwrap();
        let (mut refused, n_bits) = (0, 8 * whole.len());
        for bit in 0..n_bits {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, damaged).unwrap();
            match read(&path) {
                Ok(found) => {
                    assert_eq!((found.tensors, found.is_verified), (tensors(), true), "bit {bit}");
                }
                Err(_) => refused += 1,
            }
        }
        // What may change are the spaces that fill the header up.
        assert!(refused >= n_bits - 8 * 8, "{refused} of {n_bits}");
        let values = whole.len() - 1;
        let mut damaged = whole.clone();
        damaged[values] ^= 1;
        fs::write(&path, damaged).unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(message.contains("model") && message.contains("checksum"), "{message}");
    }

    #[test]
    fn a_file_from_before_there_were_checksums_is_read_and_known_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let bytes = [0, 0, 64, 64];
        for format in [None, Some(HashMap::from([(FORMAT.to_owned(), "rmtl".to_owned())]))] {
            let view = TensorView::new(Dtype::F32, vec![1], &bytes).unwrap();
            fs::write(&path, serialize([("b", view)], format).unwrap()).unwrap();
            let found = read(&path).unwrap();
            assert_eq!((found.tensors["b"].values[0], found.is_verified), (3.0, false));
        }
    }

    #[test]
    fn an_unwritable_place_leaves_nothing_and_rescues_the_parameters() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("model.safetensors");
        let message = write_or_rescue(&path, &tensors()).unwrap_err().to_string();
        let rescue = message.split("saved to ").nth(1).unwrap().split(" instead").next().unwrap();
        assert_eq!(read(Path::new(rescue)).unwrap().tensors, tensors());
        fs::remove_file(rescue).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
