//! Tables of delimited text: names and types of their columns.

use std::fs::File;
use std::io::{BufReader, Read};
use std::sync::Arc;

use datafusion::arrow::csv::reader::Format;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use flate2::read::MultiGzDecoder;
use regex::Regex;

use crate::IngestError;
use crate::dataset_file::{ColumnType, FileTable};
use crate::nearest::{nearest, suggestion};
use crate::source::{SourceFile, unreadable};

/// Rows of each file from which types are guessed. A later value that does not fit is an error that names `types`.
const ROWS_TO_GUESS_FROM: usize = 100_000;

/// Names and types of columns, in the files' order.
type Columns = Vec<(String, DataType)>;

/// The format of a table's files once they are unpacked, and their columns.
pub(super) fn format(
    table: &str,
    options: &FileTable,
    sources: &[SourceFile],
    delimiter: char,
    gzip: bool,
) -> Result<(Arc<dyn FileFormat>, SchemaRef), IngestError> {
    let has_header = options.has_header.unwrap_or(options.columns.is_none());
    let dialect = &options.dialect;
    let by_tabs = delimiter == '\t';
    let delimiter = dialect.delimiter.unwrap_or(delimiter) as u8;
    let quote = dialect.quote_byte(by_tabs);
    let [escape, comment] = [dialect.escape, dialect.comment].map(|character| character.map(|c| c as u8));
    let null = dialect.null_regex();
    let mut guess = Format::default().with_header(has_header).with_delimiter(delimiter).with_quote(quote);
    if let Some(escape) = escape {
        guess = guess.with_escape(escape);
    }
    if let Some(comment) = comment {
        guess = guess.with_comment(comment);
    }
    if let Some(null) = &null {
        guess = guess.with_null_regex(Regex::new(null).expect("words are escaped character by character"));
    }
    let failed = |file: &SourceFile, message| {
        let (table, path) = (table.to_owned(), file.path.clone());
        IngestError::Source { table, path, message }
    };
    let mut columns: Option<Columns> = None;
    for file in sources {
        let schema = guessed(&guess, file, gzip).map_err(|error| unreadable(table, &file.path, &error))?;
        let found = named(&schema, options).map_err(|message| failed(file, message))?;
        columns = Some(match columns {
            None => found,
            Some(columns) => {
                merged(columns, found, &sources[0].name).map_err(|message| failed(file, message))?
            }
        });
    }
    let mut columns = columns.expect("a table has at least one file");
    declare(&mut columns, options).map_err(|message| failed(&sources[0], message))?;
    let fields = columns.into_iter().map(|(name, data_type)| Field::new(name, data_type, true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let format = CsvFormat::default()
        .with_has_header(has_header)
        .with_delimiter(delimiter)
        .with_quote(quote)
        .with_escape(escape)
        .with_comment(comment);
    Ok((Arc::new(format), Arc::new(schema)))
}

fn guessed(format: &Format, file: &SourceFile, gzip: bool) -> Result<Schema, ArrowError> {
    let bytes = BufReader::new(File::open(&file.path)?);
    let reader: Box<dyn Read> = if gzip { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) };
    Ok(format.infer_schema(reader, Some(ROWS_TO_GUESS_FROM))?.0)
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

fn arrow_type(declared: ColumnType) -> DataType {
    match declared {
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Text => DataType::Utf8,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, None),
    }
}
