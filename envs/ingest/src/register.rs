//! Makes the tables of a dataset file known to DataFusion.

mod lines;
mod null_words;
mod parquet;
mod text;
mod unpack;

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::SessionContext;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use rmtl_envs::{SyntheticConfig, Warning};

use crate::IngestError;
use crate::dataset_file::{DatasetFile, FileFormat, FileTable, Table};
use crate::source::{SourceFile, Sources, unreadable};
use crate::warnings::warning;

/// How a table's files are to be read.
enum Format {
    Text { delimiter: char, gzip: bool },
    Parquet,
}

/// Registers all tables; files that have to be unpacked first are unpacked into `scratch`. Gives what looks odd in them.
pub(crate) async fn tables(
    context: &SessionContext,
    file: &DatasetFile,
    sources: &Sources,
    scratch: &Path,
) -> Result<Vec<Warning>, IngestError> {
    let mut warnings = Vec::new();
    for (name, table) in &file.tables {
        match table {
            Table::Synthetic(config) => synthetic(context, name, config)?,
            Table::Files(files) => {
                warnings.extend(from_files(context, name, files, &sources[name], scratch).await?);
            }
        }
    }
    Ok(warnings)
}

async fn from_files(
    context: &SessionContext,
    name: &str,
    files: &FileTable,
    sources: &[SourceFile],
    scratch: &Path,
) -> Result<Option<Warning>, IngestError> {
    let mut readable = sources.to_vec();
    let mut warning = None;
    let (format, schema) = match format_of(name, files, sources)? {
        Format::Parquet => {
            refuse_text_keys(name, files, sources)?;
            parquet::format(context, name, sources).await?
        }
        Format::Text { delimiter, gzip } => {
            let read = text::format(name, files, sources, delimiter, gzip)?;
            if gzip {
                readable = unpack::unpacked(name, sources, scratch)?;
            }
            warning = quoted_line_breaks(name, files, delimiter, &readable)?;
            read
        }
    };
    let failed = |error: DataFusionError| unreadable(name, &sources[0].path, &error.strip_backtrace());
    let words = &files.dialect.null;
    if words.is_empty() {
        listing(context, name, &readable, format, schema).map_err(failed)?;
    } else {
        listing(context, name, &readable, format, null_words::as_text(&schema)).map_err(failed)?;
        null_words::replace(context, name, words, &schema).await.map_err(failed)?;
    }
    Ok(warning)
}

/// A Parquet file says by itself what its columns are.
fn refuse_text_keys(table: &str, files: &FileTable, sources: &[SourceFile]) -> Result<(), IngestError> {
    let keys = files.text_keys();
    if keys.is_empty() {
        return Ok(());
    }
    let message = format!("is Parquet, for which `{}` means nothing; remove it", keys.join("`, `"));
    Err(IngestError::Source { table: table.to_owned(), path: sources[0].path.clone(), message })
}

/// Says where lines and rows are not the same number.
fn quoted_line_breaks(
    table: &str,
    files: &FileTable,
    delimiter: char,
    readable: &[SourceFile],
) -> Result<Option<Warning>, IngestError> {
    let Some(quote) = files.dialect.quote(delimiter == '\t') else { return Ok(None) };
    let delimiter = files.dialect.delimiter.unwrap_or(delimiter) as u8;
    let marks = lines::Marks { delimiter, quote, escape: files.dialect.escape.map(|escape| escape as u8) };
    let mut rows = 0;
    for file in readable {
        let found = lines::quoted_line_breaks(&file.path, marks);
        rows += found.map_err(|error| unreadable(table, &file.path, &error))?;
    }
    let quote = char::from(quote);
    Ok(Some(warning("quoted_line_breaks", rows, |rows| {
        format!(
            "table `{table}`: {rows} line breaks stand inside values quoted with {quote} and are no ends of rows; where {quote} is an \
             ordinary character, rows are lost: set quote = \"\" in its long form"
        )
    })))
}

fn synthetic(context: &SessionContext, name: &str, config: &SyntheticConfig) -> Result<(), IngestError> {
    config.validate()?;
    let batch = rmtl_envs::generate(config, &mut Xoshiro256PlusPlus::seed_from_u64(config.seed));
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).expect("a batch has its own schema");
    context.register_table(TableReference::bare(name), Arc::new(table)).expect("table names are unique");
    Ok(())
}

fn format_of(table: &str, files: &FileTable, sources: &[SourceFile]) -> Result<Format, IngestError> {
    let extension = |file: &SourceFile| {
        let name = file.name.to_lowercase();
        let (name, gzip) = name.strip_suffix(".gz").map_or((name.as_str(), ""), |name| (name, ".gz"));
        let last = name.rsplit_once('.').map_or("", |(_, last)| last);
        format!(".{last}{gzip}")
    };
    let wrong = |file: &SourceFile, message: String| {
        Err(IngestError::Source { table: table.to_owned(), path: file.path.clone(), message })
    };
    let first = extension(&sources[0]);
    let others = sources.iter().filter(|_| files.format.is_none());
    if let Some(other) = others.into_iter().find(|file| extension(file) != first) {
        let message =
            format!("expected a `{first}` file like the table's others, found `{}`", extension(other));
        return wrong(other, message);
    }
    let gzip = first.ends_with(".gz");
    let text = |delimiter| Ok(Format::Text { delimiter, gzip });
    match files.format {
        Some(FileFormat::Csv) => return text(','),
        Some(FileFormat::Tsv) => return text('\t'),
        Some(FileFormat::Parquet) => return Ok(Format::Parquet),
        None => {}
    }
    match first.trim_end_matches(".gz") {
        ".parquet" if !gzip => Ok(Format::Parquet),
        ".csv" | ".txt" => text(','),
        ".tsv" => text('\t'),
        _ => wrong(
            &sources[0],
            "expected the extension .csv, .tsv, .txt (or one of them .gz) or .parquet; for another name set `format` in the \
             table's long form"
                .into(),
        ),
    }
}

fn listing(
    context: &SessionContext,
    name: &str,
    sources: &[SourceFile],
    format: Arc<dyn file_format::FileFormat>,
    schema: SchemaRef,
) -> Result<()> {
    let urls = sources.iter().map(url).collect::<Result<Vec<_>>>()?;
    let config = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(listing_options(format))
        .with_schema(schema);
    // As a plain text the name would be put into lower case.
    context.register_table(TableReference::bare(name), Arc::new(ListingTable::try_new(config)?))?;
    Ok(())
}

/// Files are listed one by one, so their extension no longer matters.
fn listing_options(format: Arc<dyn file_format::FileFormat>) -> ListingOptions {
    ListingOptions::new(format).with_file_extension("")
}

fn url(file: &SourceFile) -> Result<ListingTableUrl> {
    ListingTableUrl::parse(file_url(&file.path)?)
}

/// A `file:` address: DataFusion would search a plain path for glob characters.
pub(crate) fn file_url(path: &Path) -> Result<String> {
    let path = path
        .to_str()
        .ok_or_else(|| DataFusionError::Plan(format!("path {} is not UTF-8", path.display())))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let encoded = path.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    Ok(format!("file://{}", encoded.collect::<String>()))
}
