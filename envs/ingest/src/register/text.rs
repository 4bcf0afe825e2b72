//! Tables of delimited text: names and types of their columns.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::prelude::SessionContext;

use super::schema_of;
use crate::IngestError;
use crate::dataset_file::{ColumnType, FileTable};
use crate::nearest::{nearest, suggestion};
use crate::source::{SourceFile, unreadable};

/// Rows of each file from which types are guessed. A later value that does not fit is an error that names `types`.
const ROWS_TO_GUESS_FROM: usize = 100_000;

pub(super) async fn read(
    context: &SessionContext,
    table: &str,
    options: &FileTable,
    sources: &[SourceFile],
    delimiter: char,
    gzip: bool,
) -> Result<(Arc<dyn FileFormat>, SchemaRef), IngestError> {
    let compression = if gzip {
        FileCompressionType::GZIP
    } else {
        FileCompressionType::UNCOMPRESSED
    };
    let format: Arc<dyn FileFormat> = Arc::new(
        CsvFormat::default()
            .with_has_header(options.has_header.unwrap_or(options.columns.is_none()))
            .with_delimiter(delimiter as u8)
            .with_schema_infer_max_rec(ROWS_TO_GUESS_FROM)
            .with_file_compression_type(compression),
    );
    let mut columns: Option<Vec<(String, DataType)>> = None;
    for file in sources {
        let failed = |message| IngestError::Source {
            table: table.to_owned(),
            path: file.path.clone(),
            message,
        };
        let schema = schema_of(context, &format, file)
            .await
            .map_err(|error| unreadable(table, &file.path, &error.strip_backtrace()))?;
        let found = named(&schema, options).map_err(failed)?;
        columns = Some(match columns {
            None => found,
            Some(columns) => merged(columns, found, &sources[0].name).map_err(failed)?,
        });
    }
    let mut columns = columns.expect("a table has at least one file");
    let first = &sources[0].path;
    if columns.iter().all(|(_, data_type)| *data_type == DataType::Null) {
        let message = "has no rows: expected lines below the column names".into();
        return Err(IngestError::Source {
            table: table.to_owned(),
            path: first.clone(),
            message,
        });
    }
    declared(&mut columns, options).map_err(|message| IngestError::Source {
        table: table.to_owned(),
        path: first.clone(),
        message,
    })?;
    let fields: Vec<Field> = columns
        .into_iter()
        .map(|(name, data_type)| Field::new(name, data_type, true))
        .collect();
    Ok((format, Arc::new(Schema::new(fields))))
}

/// The columns of one file, under the names the dataset file gives them.
fn named(schema: &Schema, options: &FileTable) -> Result<Vec<(String, DataType)>, String> {
    if schema.fields().is_empty() {
        return Err("is empty: expected a line with the column names, and rows".into());
    }
    let guessed = schema.fields().iter().map(|field| field.data_type().clone());
    let names: Vec<String> = match &options.columns {
        None => schema.fields().iter().map(|field| field.name().clone()).collect(),
        Some(columns) if columns.len() == schema.fields().len() => columns.clone(),
        Some(columns) => {
            return Err(format!(
                "expected the {} columns of `columns`, found {}",
                columns.len(),
                schema.fields().len()
            ));
        }
    };
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            return Err(format!(
                "expected names that differ, found column `{name}` twice; name them with `columns`"
            ));
        }
    }
    Ok(names.into_iter().zip(guessed).collect())
}

/// Files are read by position, so all must have the columns of the first; types widen until they fit all.
fn merged(
    columns: Vec<(String, DataType)>,
    found: Vec<(String, DataType)>,
    first: &str,
) -> Result<Vec<(String, DataType)>, String> {
    let names = |columns: &[(String, DataType)]| {
        columns
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    if names(&columns) != names(&found) {
        return Err(format!(
            "expected the columns of {first} ({}), found {}",
            names(&columns),
            names(&found)
        ));
    }
    let wider = |one: DataType, other: DataType| match (&one, &other) {
        _ if one == other => one,
        (DataType::Null, _) => other,
        (_, DataType::Null) => one,
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => DataType::Float64,
        _ => DataType::Utf8,
    };
    Ok(columns
        .into_iter()
        .zip(found)
        .map(|((name, one), (_, other))| (name, wider(one, other)))
        .collect())
}

/// Puts declared types in the place of guessed ones.
fn declared(columns: &mut [(String, DataType)], options: &FileTable) -> Result<(), String> {
    for (name, declared) in &options.types {
        match columns.iter_mut().find(|(column, _)| column == name) {
            Some((_, data_type)) => *data_type = arrow_type(*declared),
            None => {
                let names = columns.iter().map(|(column, _)| column.as_str());
                return Err(format!(
                    "`types` names column `{name}`, which is not there{}",
                    suggestion(nearest(name, names))
                ));
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
