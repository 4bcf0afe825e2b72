//! Rows of text files that cannot be read: where they are, why, and files without them.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::ops::Range;
use std::path::Path;

use csv::ByteRecord;
use datafusion::arrow::compute::kernels::cast_utils::Parser;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef, TimestampMillisecondType};

use super::line_format::LineFormat;
use crate::source::SourceFile;

/// Bytes read at a time.
const BUFFER: usize = 1 << 18;

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BrokenRow {
    /// Its first line, from 1.
    pub(crate) line: u64,
    /// What was expected and found.
    pub(crate) reason: String,
    /// The column whose value is not of its type.
    pub(crate) column: Option<String>,
    /// Where it stands in the file.
    bytes: Range<u64>,
}

/// What rows must be like.
pub(super) enum Expected<'a> {
    /// As many values as the first line.
    Length,
    /// Values of these types.
    Types(&'a SchemaRef),
}

/// The first `limit` rows of `file` that are not as expected.
pub(super) fn rows(
    file: &SourceFile,
    format: &LineFormat,
    expected: &Expected<'_>,
    limit: usize,
) -> io::Result<Vec<BrokenRow>> {
    let mut records = format.records(file)?;
    let mut length = records.byte_headers()?.len();
    if let Expected::Types(schema) = expected {
        length = schema.fields().len();
    }
    let (mut found, mut record) = (Vec::new(), ByteRecord::new());
    while found.len() < limit && records.read_byte_record(&mut record)? {
        if let Some((reason, column)) = fault(&record, format, expected, length) {
            let start = record.position().expect("a record that was read");
            let bytes = start.byte()..records.position().byte();
            found.push(BrokenRow { line: 0, reason, column, bytes });
        }
    }
    let lines = lines_at(file, format, found.iter().map(|row| row.bytes.start))?;
    found.iter_mut().zip(lines).for_each(|(row, line)| row.line = line);
    Ok(found)
}

/// The lines, from 1, on which the records behind these bytes begin; blank lines and comments in between belong to none. A reader of
/// records counts differently: it stands before the second character of `\r\n`, and before blank lines.
///
/// `starts` are ascending.
fn lines_at(
    file: &SourceFile,
    format: &LineFormat,
    starts: impl Iterator<Item = u64>,
) -> io::Result<Vec<u64>> {
    let mut starts = starts.peekable();
    let mut lines = Vec::new();
    let (mut line, mut at) = (1, 0);
    let (mut begins, mut is_comment) = (true, false);
    let mut buffer = vec![0; BUFFER];
    let mut reader = file.open()?;
    while starts.peek().is_some() {
        let length = reader.read(&mut buffer)?;
        for &byte in &buffer[..length] {
            is_comment = if begins { format.begins_comment(byte) } else { is_comment };
            begins = byte == b'\n';
            let is_text = !is_comment && !b"\r\n".contains(&byte);
            while starts.next_if(|&start| start <= at && is_text).is_some() {
                lines.push(line);
            }
            line += u64::from(byte == b'\n');
            at += 1;
        }
        if length == 0 {
            lines.extend(starts.by_ref().map(|_| line));
        }
    }
    Ok(lines)
}

/// The line on which record `index` of `file` begins.
pub(super) fn line_of(file: &SourceFile, format: &LineFormat, index: usize) -> io::Result<Option<u64>> {
    let mut records = format.records(file)?;
    let record = records.byte_records().nth(index).transpose()?;
    let start = record.and_then(|record| Some(record.position()?.byte()));
    Ok(lines_at(file, format, start.into_iter())?.pop())
}

/// What is wrong with a record, and the column whose value it is.
fn fault(
    record: &ByteRecord,
    format: &LineFormat,
    expected: &Expected<'_>,
    length: usize,
) -> Option<(String, Option<String>)> {
    if record.len() != length {
        return Some((format!("expected {length} values, found {}", record.len()), None));
    }
    for (index, value) in record.iter().enumerate() {
        let Ok(value) = std::str::from_utf8(value) else {
            return Some((format!("expected text in UTF-8, found other bytes in value {}", index + 1), None));
        };
        if let Expected::Types(schema) = expected
            && !format.is_missing(value)
        {
            let field = schema.field(index);
            if let Some(kind) = unlike(value, field.data_type()) {
                let name = field.name();
                let reason = format!("column `{name}`: expected {kind}, found `{value}`");
                return Some((reason, Some(name.clone())));
            }
        }
    }
    None
}

/// What a value of this type is, where `value` is none.
fn unlike(value: &str, data_type: &DataType) -> Option<&'static str> {
    let (is_one, kind) = match data_type {
        DataType::Int64 => (Int64Type::parse(value).is_some(), "an integer of 64 bits"),
        DataType::Float64 => (Float64Type::parse(value).is_some(), "a number"),
        DataType::Boolean => {
            (["true", "false"].contains(&value.to_lowercase().as_str()), "`true` or `false`")
        }
        DataType::Timestamp(..) => (TimestampMillisecondType::parse(value).is_some(), "a date and time"),
        _ => (true, ""),
    };
    (!is_one).then_some(kind)
}

/// Copies a file, with blanks in the place of broken rows: the others stay on their lines.
pub(super) fn without(file: &SourceFile, broken: &[BrokenRow], target: &Path) -> io::Result<()> {
    let mut source = file.open()?;
    let mut copy = BufWriter::new(File::create(target)?);
    let mut start = 0;
    for row in broken {
        io::copy(&mut (&mut source).take(row.bytes.start - start), &mut copy)?;
        let mut bytes = Vec::new();
        (&mut source).take(row.bytes.end - row.bytes.start).read_to_end(&mut bytes)?;
        copy.write_all(&bytes.iter().filter(|byte| **byte == b'\n').copied().collect::<Vec<_>>())?;
        start = row.bytes.end;
    }
    io::copy(&mut source, &mut copy)?;
    copy.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}
