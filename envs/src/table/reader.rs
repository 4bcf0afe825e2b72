//! Mapping a table's file into memory without copying it.
//!
//! Arrow's own decoder indexes with the offsets it finds in a file, which ends the process if the file is
//! damaged. A table has few and fixed columns, so they are found here from the same metadata, with every offset
//! checked.

mod batch;

use std::fs::File;
use std::path::Path;

use arrow_buffer::Buffer;
use arrow_ipc::{Endianness, Footer, Precision, Type};
use bytes::Bytes;
use memmap2::Mmap;

use self::batch::chunk;
use super::chunk::Chunk;
use super::layout::{self, Column};
use super::{CHUNK_ROWS, Extras, MAX_ROWS};
use crate::EnvError;
use crate::schema::Schema;

const MAGIC: &[u8] = b"ARROW1";
/// Length of the footer (4 bytes), magic.
const TRAILER_BYTES: usize = 10;

/// The bytes of the file at `path`, as pages of memory that are read when they are looked at.
pub(super) fn map(path: &Path) -> Result<Buffer, EnvError> {
    let failed = |source| EnvError::io("open", path, source);
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() == 0 {
        return Err(EnvError::not_a_table(path, "the file is empty"));
    }
    #[expect(unsafe_code, reason = "mapping a file is the one way to read it without copying it")]
    // SAFETY: the mapping is read-only, and lives as long as the buffers that point into it (`from_owner`). Its
    // bytes must not change meanwhile: tables are written elsewhere and renamed into place, never in place, and
    // `LogTable::open` asks the same of everybody else. All columns hold plain numbers, for which every bit
    // pattern is a value.
    let mapping = unsafe { Mmap::map(&file) }.map_err(failed)?;
    Ok(Buffer::from(Bytes::from_owner(mapping)))
}

/// The chunks of the table that lies in `file`, and the columns it has beside those of every table.
pub(super) fn read(path: &Path, file: &Buffer, schema: &Schema) -> Result<(Vec<Chunk>, Extras), EnvError> {
    let damaged = |reason: String| EnvError::not_a_table(path, reason);
    let footer_bytes = footer_bytes(file).map_err(damaged)?;
    let footer = arrow_ipc::root_as_footer(&file[footer_bytes.clone()])
        .map_err(|error| damaged(format!("its footer is damaged ({error})")))?;
    let found = found_columns(footer).map_err(damaged)?;
    let has = |column: &str| found.iter().any(|(name, _)| *name == column);
    let extras = Extras { oracle: has(layout::ORACLE), weight: has(layout::WEIGHT) };
    check_columns(path, &layout::columns(schema, extras), &found)?;
    let body = file.slice_with_length(0, footer_bytes.start);
    let chunks = chunks(&body, footer, schema, extras).map_err(damaged)?;
    Ok((chunks, extras))
}

fn footer_bytes(file: &[u8]) -> Result<std::ops::Range<usize>, String> {
    if !file.starts_with(MAGIC) {
        return Err("it is no Arrow IPC file".into());
    }
    if file.len() < MAGIC.len() + TRAILER_BYTES || !file.ends_with(MAGIC) {
        return Err("its end is missing".into());
    }
    let stop = file.len() - TRAILER_BYTES;
    let length = u32::from_le_bytes(file[stop..stop + 4].try_into().expect("4 bytes")) as usize;
    match stop.checked_sub(length) {
        Some(start) if start >= MAGIC.len() => Ok(start..stop),
        _ => Err(format!("its footer claims {length} bytes of {}", file.len())),
    }
}

/// Names and types of the file's columns.
fn found_columns(footer: Footer<'_>) -> Result<Vec<(&str, String)>, String> {
    let schema = footer.schema().ok_or("its footer has no schema")?;
    if schema.endianness() != Endianness::Little {
        return Err("it is big-endian".into());
    }
    let fields = schema.fields().ok_or("its schema has no columns")?;
    Ok(fields.iter().map(|field| (field.name().unwrap_or_default(), type_name(field))).collect())
}

/// The type's name, as [`Column`] displays it.
fn type_name(field: arrow_ipc::Field<'_>) -> String {
    if let Some(int) = field.type_as_int() {
        return format!("{}Int{}", if int.is_signed() { "" } else { "U" }, int.bitWidth());
    }
    if let Some(float) = field.type_as_floating_point() {
        return match float.precision() {
            Precision::SINGLE => "Float32".into(),
            other => format!("a float of {other:?} precision"),
        };
    }
    match (field.type_as_fixed_size_list(), field.children().filter(|children| children.len() == 1)) {
        // One level only: a damaged file could nest without end.
        (Some(list), Some(items)) if items.get(0).type_type() != Type::FixedSizeList => {
            format!("FixedSizeList<{}, {}>", type_name(items.get(0)), list.listSize())
        }
        _ => format!("{:?}", field.type_type()),
    }
}

fn check_columns(path: &Path, expected: &[Column], found: &[(&str, String)]) -> Result<(), EnvError> {
    let mismatch = |column: &str, expected: String, found: String| EnvError::Layout {
        path: path.to_owned(),
        column: column.into(),
        expected,
        found,
    };
    for (index, column) in expected.iter().enumerate() {
        match found.get(index) {
            Some((name, found)) if *name == column.name => {
                if *found != column.to_string() {
                    return Err(mismatch(column.name, column.to_string(), found.clone()));
                }
            }
            Some((name, _)) => {
                return Err(mismatch(column.name, format!("column {index}"), format!("`{name}` there")));
            }
            None => return Err(mismatch(column.name, column.to_string(), "no such column".into())),
        }
    }
    match found.get(expected.len()) {
        Some((name, found)) => Err(mismatch(name, "absent".into(), found.clone())),
        None => Ok(()),
    }
}

fn chunks(body: &Buffer, footer: Footer<'_>, schema: &Schema, extras: Extras) -> Result<Vec<Chunk>, String> {
    let blocks = footer.recordBatches().ok_or("its footer lists no record batches")?;
    let mut chunks = Vec::with_capacity(blocks.len());
    for (index, block) in blocks.iter().enumerate() {
        let chunk = chunk(body, block, schema, extras)
            .map_err(|reason| format!("record batch {index} of {}: {reason}", blocks.len()))?;
        let n_rows = chunk.n_rows();
        let is_last = index + 1 == blocks.len();
        if n_rows == 0 || n_rows > CHUNK_ROWS || (n_rows < CHUNK_ROWS && !is_last) {
            let expected = if is_last { "1 to" } else { "exactly" };
            return Err(format!("record batch {index} has {n_rows} rows, expected {expected} {CHUNK_ROWS}"));
        }
        chunks.push(chunk);
    }
    let n_rows: usize = chunks.iter().map(Chunk::n_rows).sum();
    if n_rows > MAX_ROWS as usize {
        return Err(format!("it has {n_rows} rows, expected at most {MAX_ROWS}"));
    }
    match stated_rows(footer) {
        Some(stated) if stated == n_rows => {}
        Some(stated) => return Err(format!("it has {n_rows} rows, expected {stated}")),
        None => {
            return Err(format!("its footer does not state the number of `{}`", layout::ROWS));
        }
    }
    Ok(chunks)
}

/// The number of rows the writer counted.
fn stated_rows(footer: Footer<'_>) -> Option<usize> {
    let mut entries = footer.custom_metadata()?.iter();
    entries.find(|entry| entry.key() == Some(layout::ROWS))?.value()?.parse().ok()
}
