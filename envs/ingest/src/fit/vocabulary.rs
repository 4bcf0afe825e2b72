//! From values to ids, fitted on the training rows.

mod file;
mod list;

use std::collections::HashMap;
use std::path::Path;

use rmtl_envs::OUT_OF_VOCABULARY;

pub(crate) use self::list::list_values;
use crate::dataset_file::{DatasetFile, FieldRule, MAX_VALUES};
use crate::rows::{Rows, Wanted};
use crate::split::boundary::Boundaries;
use crate::{IngestError, Progress};

/// The ids of one field.
#[derive(Debug)]
pub(crate) enum Vocabulary {
    /// Ids from 1 in order of falling frequency, ties in order of their bytes; other values have
    /// [`OUT_OF_VOCABULARY`].
    Fitted(HashMap<Box<str>, u32>),
    /// Ids from 1 by hash.
    Hashed { buckets: u32 },
}

impl Vocabulary {
    pub(crate) fn id(&self, value: &str) -> u32 {
        match self {
            Self::Fitted(ids) => ids.get(value).copied().unwrap_or(OUT_OF_VOCABULARY),
            Self::Hashed { buckets } => {
                let hash = blake3::hash(value.as_bytes());
                let bytes = hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes");
                let bucket = u64::from_le_bytes(bytes) % u64::from(*buckets);
                1 + u32::try_from(bucket).expect("a bucket is less than their number")
            }
        }
    }

    /// Number of ids, [`OUT_OF_VOCABULARY`] included.
    pub(crate) fn size(&self) -> u32 {
        1 + match self {
            Self::Fitted(ids) => u32::try_from(ids.len()).expect("as many values as ids given"),
            Self::Hashed { buckets } => *buckets,
        }
    }
}

/// Fits every field and writes `folder/<field>.csv`: value, id and count, in the order of the ids.
pub(crate) fn fit(
    rows: &dyn Rows,
    file: &DatasetFile,
    separators: &[Option<String>],
    boundaries: Boundaries,
    folder: &Path,
    progress: &dyn Fn(Progress),
) -> Result<Vec<Vocabulary>, IngestError> {
    let lengths =
        file.categorical.iter().map(|_| 1).chain(file.multi_valued.iter().map(|list| list.max_values));
    let mut vocabularies = Vec::new();
    for (index, ((field, separator), length)) in file.id_fields().zip(separators).zip(lengths).enumerate() {
        progress(Progress::FittingVocabulary { field: field.to_owned() });
        vocabularies.push(match file.vocabulary.of(field) {
            FieldRule::Hashed { buckets } => Vocabulary::Hashed { buckets },
            FieldRule::Fitted { min_count, max_size } => {
                let wanted = Wanted { least: min_count, most: max_size };
                let counts = match separator {
                    None => counts(rows, index, boundaries, wanted)?,
                    Some(separator) => {
                        list::counts(rows, index, boundaries, wanted, separator, length as usize)?
                    }
                };
                file::write(&folder.join(format!("{field}.csv")), &counts)?;
                numbered(counts).ok_or_else(|| {
                    let key = format!("vocabulary.fields.{field}.max_size");
                    file.setting(key, format!("a size, for there are ids for {MAX_VALUES} values"), "none")
                })?
            }
        });
    }
    Ok(vocabularies)
}

/// Every field's vocabulary as [`fit`] left it in `folder`.
pub(crate) fn read(file: &DatasetFile, folder: &Path) -> Result<Vec<Vocabulary>, IngestError> {
    let read = |field: &str| match file.vocabulary.of(field) {
        FieldRule::Hashed { buckets } => Ok(Vocabulary::Hashed { buckets }),
        FieldRule::Fitted { .. } => Ok(Vocabulary::Fitted(file::read(&folder.join(format!("{field}.csv")))?)),
    };
    file.id_fields().map(read).collect()
}

/// Values and how often they stand in the training rows.
type Counts = Vec<(Box<str>, u64)>;

/// Of a field with one value per row.
fn counts(
    rows: &dyn Rows,
    field: usize,
    boundaries: Boundaries,
    wanted: Wanted,
) -> Result<Counts, IngestError> {
    let mut counts = Vec::new();
    rows.frequencies(field, boundaries, Some(wanted), &mut |value, count| {
        counts.push((value.into(), count))
    })?;
    Ok(counts)
}

/// None if there are more values than ids.
fn numbered(counts: Counts) -> Option<Vocabulary> {
    let n_values = u32::try_from(counts.len()).ok().filter(|&count| count <= MAX_VALUES)?;
    Some(Vocabulary::Fitted(counts.into_iter().map(|(value, _)| value).zip(1..=n_values).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashed_ids_start_at_one_and_fill_the_buckets() {
        let vocabulary = Vocabulary::Hashed { buckets: 7 };
        let mut seen: Vec<u32> = (0..1000).map(|value| vocabulary.id(&value.to_string())).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(vocabulary.size(), 8);
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("item.csv");
        // Quotes, commas, line breaks, blanks and nothing are values like any other.
        let values = ["a,b", "", "say \"so\"", "two\nlines", " 7"];
        let counts: Counts = values.iter().map(|value| ((*value).into(), 2)).collect();
        file::write(&path, &counts).unwrap();
        let read = Vocabulary::Fitted(file::read(&path).unwrap());
        assert_eq!(values.map(|value| read.id(value)), [1, 2, 3, 4, 5]);
        assert_eq!((read.id("7"), read.size()), (0, 6));
        std::fs::write(&path, "value,id,count\nx,many,1\n").unwrap();
        assert!(file::read(&path).unwrap_err().to_string().contains("item.csv"));
    }

    #[test]
    fn unknown_values_share_id_zero() {
        let vocabulary = numbered(vec![("a".into(), 5), ("b".into(), 5), ("".into(), 1)]).unwrap();
        assert_eq!(["a", "b", "", "c"].map(|value| vocabulary.id(value)), [1, 2, 3, 0]);
        assert_eq!(vocabulary.size(), 4);
    }
}
