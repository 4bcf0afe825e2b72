//! Tables of delimited text: names and types of their columns.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use datafusion::arrow::csv::reader::Format;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;

use super::line_format::LineFormat;
use crate::IngestError;
use crate::dataset_file::{ColumnType, FileTable};
use crate::source::{SourceFile, unreadable};
use rmtl_files::{nearest, suggestion};

/// Rows of each file from which types are guessed. A later value that does not fit is an error that names `types`.
const ROWS_TO_GUESS_FROM: usize = 100_000;

/// Names and types of columns, in the files' order.
type Columns = Vec<(String, DataType)>;

/// The columns of a table's files.
pub(super) fn columns(
    table: &str,
    options: &FileTable,
    lines: &LineFormat,
    files: &[SourceFile],
) -> Result<SchemaRef, IngestError> {
    let guess = lines.guessing();
    let failed = |file: &SourceFile, message| {
        let (table, path) = (table.to_owned(), file.path.clone());
        IngestError::Source { table, path, message }
    };
    let mut columns: Option<Columns> = None;
    for file in files {
        let schema = guessed(&guess, file).map_err(|error| unreadable(table, &file.path, &error))?;
        let found = named(&schema, options).map_err(|message| failed(file, message))?;
        columns = Some(match columns {
            None => found,
            Some(columns) => {
                merged(columns, found, &files[0].name).map_err(|message| failed(file, message))?
            }
        });
    }
    let mut columns = columns.expect("a table has at least one file");
    declare(&mut columns, options).map_err(|message| failed(&files[0], message))?;
    let fields = columns.into_iter().map(|(name, data_type)| Field::new(name, data_type, true));
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

fn guessed(format: &Format, file: &SourceFile) -> Result<Schema, ArrowError> {
    let bytes = BufReader::new(File::open(&file.path)?);
    Ok(format.infer_schema(bytes, Some(ROWS_TO_GUESS_FROM))?.0)
}

/// The columns of one file, under the names the dataset file gives them.
fn named(schema: &Schema, options: &FileTable) -> Result<Columns, String> {
    let n_columns = schema.fields().len();
    if n_columns == 0 {
        return Err("is empty: expected a line with the column names, and rows".into());
    }
    let names: Vec<String> = match &options.columns {
        None => schema.fields().iter().map(|field| field.name().clone()).collect(),
        Some(columns) if columns.len() == n_columns => columns.clone(),
        Some(columns) => {
            return Err(format!("expected the {} columns of `columns`, found {n_columns}", columns.len()));
        }
    };
    if let Some(index) = (1..n_columns).find(|&index| names[..index].contains(&names[index])) {
        let twice = &names[index];
        return Err(format!("expected names that differ, found column `{twice}` twice; set `columns`"));
    }
    let guessed = schema.fields().iter().map(|field| field.data_type().clone());
    Ok(names.into_iter().zip(guessed).collect())
}

/// Files are read by position, so all must have the columns of the first; types widen until they fit all.
fn merged(columns: Columns, found: Columns, first: &str) -> Result<Columns, String> {
    let names = |columns: &Columns| {
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    };
    if names(&columns) != names(&found) {
        let (expected, found) = (names(&columns), names(&found));
        return Err(format!("expected the columns of {first} ({expected}), found {found}"));
    }
    let pairs = columns.into_iter().zip(found);
    Ok(pairs.map(|((name, one), (_, other))| (name, wider(one, other))).collect())
}

fn wider(one: DataType, other: DataType) -> DataType {
    match (&one, &other) {
        _ if one == other => one,
        (DataType::Null, _) => other,
        (_, DataType::Null) => one,
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => DataType::Float64,
        _ => DataType::Utf8,
    }
}

/// Puts declared types in the place of guessed ones.
fn declare(columns: &mut Columns, options: &FileTable) -> Result<(), String> {
    if columns.iter().all(|(_, data_type)| *data_type == DataType::Null) {
        return Err("has no rows: expected lines below the column names".into());
    }
    for (name, declared) in &options.types {
        match columns.iter_mut().find(|(column, _)| column == name) {
            Some((_, data_type)) => *data_type = arrow_type(*declared),
            None => {
                let likely = suggestion(nearest(name, columns.iter().map(|(column, _)| column.as_str())));
                return Err(format!("`types` names column `{name}`, which is not there{likely}"));
            }
        }
    }
    for (_, data_type) in columns {
        // Nothing but empty values so far: text takes whatever comes.
        if *data_type == DataType::Null {
            *data_type = DataType::Utf8;
        }
    }
    Ok(())
}

/// The same columns, as text where `as_spelt` says so by name.
pub(super) fn as_text(schema: &SchemaRef, as_spelt: impl Fn(&str) -> bool) -> SchemaRef {
    let field = |field: &Field| match as_spelt(field.name()) {
        true => Field::new(field.name(), DataType::Utf8, true),
        false => field.clone(),
    };
    Schema::new(schema.fields().iter().map(|known| field(known)).collect::<Vec<_>>()).into()
}

fn arrow_type(declared: ColumnType) -> DataType {
    match declared {
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Text => DataType::Utf8,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, None),
    }
}
