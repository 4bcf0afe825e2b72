//! Copies of the raw tables that have a time column.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::error::{DataFusionError, Result as QueryResult};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::prelude::SessionContext;
use futures::StreamExt;

use crate::IngestError;
use crate::dataset_file::{DatasetFile, Table};
use crate::source::Sources;
use crate::sql::engine::{Engine, default_memory};
use crate::sql::opened;

/// A table of the log whose rows have times, copied into a Parquet file.
#[derive(Clone, Debug)]
pub(super) struct RawTable {
    pub(super) name: String,
    /// Its time column.
    pub(super) time: String,
    pub(super) path: PathBuf,
}

/// Copies into `folder` every table with a time column: the one its `time` key names, or one named as the dataset's
/// `time`. Tables without are taken as known from the start; their names come second.
pub(super) async fn copies(
    file: &DatasetFile,
    sources: &Sources,
    folder: &Path,
) -> Result<(Vec<RawTable>, Vec<String>), IngestError> {
    let scratch = tempfile::tempdir_in(folder).map_err(|error| cannot_copy(folder, error))?;
    let failed = |error: DataFusionError| cannot_copy(folder, io::Error::other(error.strip_backtrace()));
    let engine = Engine::new(scratch.path(), default_memory()).map_err(failed)?;
    let context = engine.in_order();
    let tables = opened(&engine, file, sources, scratch.path()).await?.0;
    tables.register(&context).await?;
    let (mut copies, mut others) = (Vec::new(), Vec::new());
    for (name, table) in &file.tables {
        let schema = schema(&context, name).await.map_err(failed)?;
        match time_column(file, name, table, &schema)? {
            Some(time) => {
                let path = folder.join(format!("{name}.parquet"));
                copy(&context, name, &path).await.map_err(failed)?;
                copies.push(RawTable { name: name.clone(), time, path });
            }
            None => others.push((name.clone(), format!("`{name}` ({})", names(&schema)))),
        }
    }
    if copies.is_empty() {
        let expected = format!(
            "a table with a column `{}`, or one whose long form names its time column: {{ path = .., time = \"..\" }}",
            file.time
        );
        let found: Vec<String> = others.into_iter().map(|(_, columns)| columns).collect();
        return Err(file.setting("tables", expected, found.join(", ")));
    }
    Ok((copies, others.into_iter().map(|(name, _)| name).collect()))
}

pub(super) fn cannot_copy(path: &Path, error: io::Error) -> IngestError {
    IngestError::output("copy the raw log into", path, error)
}

/// Writes Parquet files as all copies are.
pub(super) fn writer(path: &Path, schema: SchemaRef) -> QueryResult<ArrowWriter<File>> {
    let properties = WriterProperties::builder().set_compression(Compression::LZ4_RAW).build();
    Ok(ArrowWriter::try_new(File::create(path)?, schema, Some(properties))?)
}

async fn schema(context: &SessionContext, table: &str) -> QueryResult<Schema> {
    Ok(context.table(TableReference::bare(table)).await?.schema().as_arrow().clone())
}

fn time_column(
    file: &DatasetFile,
    name: &str,
    table: &Table,
    schema: &Schema,
) -> Result<Option<String>, IngestError> {
    let key = format!("tables.{name}.time");
    let (declared, column) = match table {
        // Named so whatever the query makes of it.
        Table::Synthetic(_) => (false, "time"),
        Table::Files(files) => (files.time.is_some(), files.time.as_ref().unwrap_or(&file.time).as_str()),
    };
    let Ok(field) = schema.field_with_name(column) else {
        let expected = format!("one of the table's columns: {}", names(schema));
        return if declared { Err(file.setting(key, expected, format!("`{column}`"))) } else { Ok(None) };
    };
    let found = field.data_type();
    if found.is_integer() || matches!(found, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64) {
        return Ok(Some(column.to_owned()));
    }
    let expected = format!(
        "integers or timestamps in column `{column}` (declare them: types = {{ {column} = \"timestamp\" }})"
    );
    Err(file.setting(key, expected, format!("type {found}")))
}

fn names(schema: &Schema) -> String {
    schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ")
}

async fn copy(context: &SessionContext, table: &str, target: &Path) -> QueryResult<()> {
    let mut stream = context.table(TableReference::bare(table)).await?.execute_stream().await?;
    let mut writer = writer(target, stream.schema())?;
    while let Some(batch) = stream.next().await {
        writer.write(&batch?)?;
    }
    writer.close()?;
    Ok(())
}
