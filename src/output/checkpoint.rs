//! Parameters on disk: safetensors files, written whole or not at all.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use rmtl_agents::parameter::{NamedTensor, NamedTensors};
use rmtl_files::write_whole;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

use crate::error::{Error, Result};

/// Writes `tensors` to `path`.
///
/// # Errors
/// Nothing is left at `path` but what was there before.
pub fn write(path: &Path, tensors: &NamedTensors) -> Result<()> {
    let bytes: Vec<(&String, Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| (name, tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect()))
        .collect();
    let views = tensors.values().zip(&bytes).map(|(tensor, (name, bytes))| {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).expect("a shape fits its values");
        (*name, view)
    });
    let metadata = HashMap::from([("format".to_owned(), "rmtl".to_owned())]);
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

/// Reads what [`write()`] wrote.
pub fn read(path: &Path) -> Result<NamedTensors> {
    let bytes = fs::read(path).map_err(|error| Error::file("read", path, error))?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| Error::file("read", path, format!("not a complete safetensors file ({error})")))?;
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
    file.tensors().into_iter().map(tensor).collect()
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
        assert_eq!(read(&one).unwrap(), tensors());
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

    #[test]
    fn an_unwritable_place_leaves_nothing_and_rescues_the_parameters() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("model.safetensors");
        let message = write_or_rescue(&path, &tensors()).unwrap_err().to_string();
        let rescue = message.split("saved to ").nth(1).unwrap().split(" instead").next().unwrap();
        assert_eq!(read(Path::new(rescue)).unwrap(), tensors());
        fs::remove_file(rescue).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
