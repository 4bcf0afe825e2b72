//! One table of a dataset file.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::listing::{ListingTable, ListingTableConfig};
use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::SessionContext;
use rmtl_envs::{SyntheticConfig, Warning};

use super::broken::{self, Expected};
use super::format::{self, Format};
use super::line_format::LineFormat;
use super::{line_length, lines, listing_options, null_words, parquet, text, unpack, url};
use crate::IngestError;
use crate::dataset_file::{DatasetFile, FileTable};
use crate::rows::memory;
use crate::rows::rejects::{Reject, too_many};
use crate::source::{SourceFile, unreadable};

/// A table whose columns are known.
pub(crate) struct OpenTable {
    name: String,
    schema: SchemaRef,
    content: Content,
}

/// Where the rows are.
enum Content {
    Memory(RecordBatch),
    Text { lines: LineFormat, files: Vec<SourceFile>, null_words: Vec<String>, tabs: bool },
    Parquet { files: Vec<SourceFile> },
}

impl OpenTable {
    pub(super) fn synthetic(name: &str, config: &SyntheticConfig) -> Result<Self, IngestError> {
        let rows = memory::generated(config)?;
        Ok(Self { name: name.to_owned(), schema: rows.schema(), content: Content::Memory(rows) })
    }

    /// Of files, unpacked into `scratch` where they have to be. Its columns are still to be found.
    pub(super) fn files(
        name: &str,
        options: &FileTable,
        sources: &[SourceFile],
        scratch: &Path,
    ) -> Result<Self, IngestError> {
        let content = match format::of(name, options, sources)? {
            Format::Parquet => {
                refuse_text_keys(name, options, sources)?;
                Content::Parquet { files: sources.to_vec() }
            }
            Format::Text { delimiter, gzip } => {
                let files = if gzip { unpack::unpacked(name, sources, scratch)? } else { sources.to_vec() };
                line_length::check(name, &files)?;
                let lines = LineFormat::of(options, delimiter);
                let null_words = options.dialect.null.clone();
                Content::Text { lines, files, null_words, tabs: delimiter == '\t' }
            }
        };
        Ok(Self { name: name.to_owned(), schema: Arc::new(Schema::empty()), content })
    }

    pub(super) async fn find_columns(
        &mut self,
        context: &SessionContext,
        options: &FileTable,
    ) -> Result<(), IngestError> {
        self.schema = match &self.content {
            Content::Memory(rows) => rows.schema(),
            Content::Parquet { files } => parquet::columns(context, &self.name, files).await?,
            Content::Text { lines, files, .. } => text::columns(&self.name, options, lines, files)
                .map_err(|error| self.broken(&Expected::Length).unwrap_or(error))?,
        };
        Ok(())
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Its files, none where it has none.
    pub(crate) fn source_files(&self) -> &[SourceFile] {
        match &self.content {
            Content::Memory(_) => &[],
            Content::Text { files, .. } | Content::Parquet { files } => files,
        }
    }

    /// Has columns read as they are spelt; a Parquet file says by itself what its columns are.
    pub(super) fn read_as_text(&mut self, as_spelt: impl Fn(&str) -> bool) {
        if let Content::Text { .. } = self.content {
            self.schema = text::as_text(&self.schema, as_spelt);
        }
    }

    pub(super) fn quoted_line_breaks(&self, options: &FileTable) -> Result<Option<Warning>, IngestError> {
        match &self.content {
            Content::Text { files, tabs, .. } => {
                lines::warn(&self.name, options, if *tabs { '\t' } else { ',' }, files)
            }
            _ => Ok(None),
        }
    }

    /// The place of row `index` within its file number `file`: a line of text, or a row.
    pub(crate) fn place(&self, file: usize, index: usize) -> String {
        let source = &self.source_files()[file];
        let line = match &self.content {
            Content::Text { lines, .. } => broken::line_of(source, lines, index).ok().flatten(),
            _ => None,
        };
        line.map_or_else(|| format!("row {}", index + 1), |line| format!("line {line}"))
    }

    /// The first row that cannot be read, as an error.
    pub(super) fn first_broken(&self) -> Option<IngestError> {
        self.broken(&Expected::Types(&self.schema))
    }

    fn broken(&self, expected: &Expected<'_>) -> Option<IngestError> {
        let Content::Text { lines, files, .. } = &self.content else { return None };
        files.iter().find_map(|file| {
            let row = broken::rows(file, lines, expected, 1).ok()?.pop()?;
            let declare = row.column.as_ref().map(|column| {
                format!("declare the column in the table's long form: types = {{ {column} = \"text\" }}; or ")
            });
            let message = format!(
                "line {}: {}; {}correct the line, or leave such rows out with `max_bad_rows`",
                row.line,
                row.reason,
                declare.unwrap_or_default()
            );
            Some(IngestError::Source { table: self.name.clone(), path: file.name.clone().into(), message })
        })
    }

    /// Leaves out the rows that are not as expected, as far as the dataset file allows: files with such rows are replaced by copies
    /// in `scratch` without them.
    pub(super) fn leave_out(
        &mut self,
        dataset: &DatasetFile,
        expected: &Expected<'_>,
        scratch: &Path,
    ) -> Result<Vec<Reject>, IngestError> {
        let mut rejects = Vec::new();
        let Content::Text { lines, files, .. } = &mut self.content else { return Ok(rejects) };
        let allowed = usize::try_from(dataset.max_bad_rows).unwrap_or(usize::MAX);
        if allowed == 0 {
            return Ok(rejects);
        }
        for (index, file) in files.iter_mut().enumerate() {
            let rows = broken::rows(file, lines, expected, allowed.saturating_add(1))
                .map_err(|error| unreadable(&self.name, &file.path, &error))?;
            if rows.is_empty() {
                continue;
            }
            let reject = |row: &broken::BrokenRow| Reject {
                file: file.name.clone(),
                place: format!("line {}", row.line),
                reason: row.reason.clone(),
            };
            rejects.extend(rows.iter().map(reject));
            too_many(dataset, &rejects)?;
            let stage = if let Expected::Length = expected { "lengths" } else { "types" };
            let copy = scratch.join(format!("{}-{index:06}-{stage}.csv", self.name));
            broken::without(file, &rows, &copy)
                .map_err(|error| IngestError::output("write temporary files in", scratch, error))?;
            file.path = copy;
        }
        Ok(rejects)
    }

    /// Makes the table known to `context`.
    pub(super) async fn register(&self, context: &SessionContext) -> Result<(), IngestError> {
        let failed = |error: DataFusionError| {
            let path = self.source_files().first().map(|file| file.path.clone()).unwrap_or_default();
            unreadable(&self.name, &path, &error.strip_backtrace())
        };
        self.register_files(context, self.source_files()).await.map_err(failed)
    }

    /// The same with some of its files only.
    pub(crate) async fn register_files(&self, context: &SessionContext, files: &[SourceFile]) -> Result<()> {
        let listing = |format: Arc<dyn FileFormat>, schema: SchemaRef| {
            let urls = files.iter().map(url).collect::<Result<Vec<_>>>()?;
            let config = ListingTableConfig::new_with_multi_paths(urls)
                .with_listing_options(listing_options(format))
                .with_schema(schema);
            // As a plain text the name would be put into lower case.
            let table = Arc::new(ListingTable::try_new(config)?);
            context.register_table(TableReference::bare(self.name.as_str()), table)?;
            Ok::<_, DataFusionError>(())
        };
        match &self.content {
            Content::Memory(rows) => {
                let table = MemTable::try_new(rows.schema(), vec![vec![rows.clone()]])?;
                context.register_table(TableReference::bare(self.name.as_str()), Arc::new(table))?;
            }
            Content::Parquet { .. } => listing(parquet::format(), self.schema.clone())?,
            Content::Text { lines, null_words, .. } => {
                let format = Arc::new(lines.querying());
                if null_words.is_empty() {
                    listing(format, self.schema.clone())?;
                } else {
                    listing(format, text::as_text(&self.schema, |_| true))?;
                    null_words::replace(context, &self.name, null_words, &self.schema).await?;
                }
            }
        }
        Ok(())
    }
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
