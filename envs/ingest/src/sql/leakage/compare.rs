//! What differs between two prepared logs.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use rmtl_envs::{LogTable, Manifest, Row, Schema, Split};

use crate::IngestError;
use crate::write::staging::VOCABULARY_DIR;

/// Bytes compared at a time.
const BUFFER: usize = 1 << 16;

/// A file that later rows changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name within the prepared dataset: `train.arrow`, `vocabulary/item.csv`.
    pub file: String,
    /// The first thing that differs in a table; none in a vocabulary.
    pub first: Option<FirstDifference>,
}

/// The first thing that differs between two tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstDifference {
    /// The tables have this many rows.
    Rows {
        /// Of the whole log.
        whole: usize,
        /// Of the other one.
        other: usize,
    },
    /// A value.
    Value {
        /// Name of the field, `time`, `label of <task>`, `session end`, `weight` or `oracle`.
        column: String,
        /// The row in the table's order, from 0.
        row: u32,
        /// Its time in the whole log.
        time: i64,
    },
}

impl Difference {
    /// Whether a task's label differs before any feature does.
    pub fn is_label(&self) -> bool {
        matches!(&self.first, Some(FirstDifference::Value { column, .. }) if column.starts_with(LABEL))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        match &self.first {
            None => Ok(()),
            Some(FirstDifference::Rows { whole, other }) => write!(f, " ({other} rows instead of {whole})"),
            Some(FirstDifference::Value { column, row, time }) => {
                write!(f, " (first in row {row}, at time {time}: {column})")
            }
        }
    }
}

/// Start of the name of a label's column.
const LABEL: &str = "label of ";

/// Compares folders (with their manifests) byte by byte: vocabularies, and the tables of the splits up to `until`.
pub(super) fn differences(
    whole: (&Path, &Manifest),
    other: (&Path, &Manifest),
    until: Split,
) -> Result<Vec<Difference>, IngestError> {
    let mut found = Vec::new();
    for split in Split::ALL.into_iter().filter(|&split| split <= until) {
        let file = split.file_name();
        if !same_bytes(whole.0, other.0, file)? {
            let open =
                |(folder, manifest): (&Path, &Manifest)| LogTable::open(&folder.join(file), &manifest.schema);
            let first = first_difference(&whole.1.schema, &open(whole)?, &open(other)?);
            found.push(Difference { file: file.into(), first });
        }
    }
    for field in &whole.1.schema.categorical {
        let file = format!("{VOCABULARY_DIR}/{}.csv", field.name);
        // Hashed fields have none.
        if whole.0.join(&file).exists() && !same_bytes(whole.0, other.0, &file)? {
            found.push(Difference { file, first: None });
        }
    }
    Ok(found)
}

fn same_bytes(one: &Path, other: &Path, file: &str) -> Result<bool, IngestError> {
    let open = |folder: &Path| {
        let path = folder.join(file);
        File::open(&path).map_err(|error| IngestError::output("read", &path, error)).map(BufReader::new)
    };
    let (mut one_file, mut other_file) = (open(one)?, open(other)?);
    let mut buffers = [vec![0; BUFFER], vec![0; BUFFER]];
    loop {
        let one_read =
            fill(&mut one_file, &mut buffers[0]).map_err(|e| IngestError::output("read", one, e))?;
        let other_read =
            fill(&mut other_file, &mut buffers[1]).map_err(|e| IngestError::output("read", other, e))?;
        if buffers[0][..one_read] != buffers[1][..other_read] {
            return Ok(false);
        }
        if one_read == 0 {
            return Ok(true);
        }
    }
}

/// Reads until `buffer` is full or the file ends.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// None where only what is not a value differs.
fn first_difference(schema: &Schema, whole: &LogTable, other: &LogTable) -> Option<FirstDifference> {
    if whole.n_rows() != other.n_rows() {
        return Some(FirstDifference::Rows { whole: whole.n_rows(), other: other.n_rows() });
    }
    let value = |row: Row| {
        let column = differing_column(schema, whole, other, row)?;
        Some(FirstDifference::Value { column, row: row.0, time: whole.time(row) })
    };
    whole.rows().find_map(value)
}

/// Features first: a label that differs because another row stands there tells less.
fn differing_column(schema: &Schema, whole: &LogTable, other: &LogTable, row: Row) -> Option<String> {
    if whole.time(row) != other.time(row) {
        return Some("time".into());
    }
    let field = (0..schema.categorical.len()).find(|&field| {
        let slots = schema.slots(field);
        whole.categorical(row)[slots.clone()] != other.categorical(row)[slots]
    });
    if let Some(field) = field {
        return Some(schema.categorical[field].name.clone());
    }
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let numbers = bits(whole.numeric(row)).into_iter().zip(bits(other.numeric(row)));
    if let Some(field) = numbers.into_iter().position(|(one, other)| one != other) {
        return Some(schema.numeric[field].name.clone());
    }
    let differs = |task: &usize| whole.target(row, *task).to_bits() != other.target(row, *task).to_bits();
    if let Some(task) = (0..schema.n_tasks()).find(differs) {
        return Some(format!("{LABEL}{}", schema.tasks[task].name));
    }
    if whole.end(row) != other.end(row) {
        return Some("session end".into());
    }
    if whole.weight(row).to_bits() != other.weight(row).to_bits() {
        return Some("weight".into());
    }
    (whole.oracle(row) != other.oracle(row)).then(|| "oracle".into())
}
