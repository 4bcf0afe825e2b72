//! Makes the tables of a dataset file known to DataFusion.

mod broken;
mod format;
mod line_format;
mod line_length;
mod lines;
mod null_words;
mod open_table;
mod parquet;
mod text;
mod unpack;

use std::path::Path;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::file_format;
use datafusion::datasource::listing::{ListingOptions, ListingTableUrl};
use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::SessionContext;
use rmtl_envs::Warning;

use self::broken::Expected;
pub(crate) use self::open_table::OpenTable;
use crate::IngestError;
use crate::dataset_file::{DatasetFile, Table};
use crate::rows::rejects::Reject;
use crate::source::{SourceFile, Sources};
use crate::sql::lineage::ColumnsByTable;

/// The tables of a dataset file, opened: their columns are known, no row has been read.
pub(crate) struct Tables {
    tables: Vec<OpenTable>,
    /// What looks odd in their files.
    pub(crate) warnings: Vec<Warning>,
    /// Rows of text files that cannot be read, left out.
    pub(crate) rejects: Vec<Reject>,
}

impl Tables {
    /// Opens all tables; files that have to be unpacked first are unpacked into `scratch`. Columns of text files have the types
    /// that are declared, or the narrowest that hold their first rows.
    pub(crate) async fn open(
        context: &SessionContext,
        file: &DatasetFile,
        sources: &Sources,
        scratch: &Path,
    ) -> Result<Self, IngestError> {
        let mut opened = Self { tables: Vec::new(), warnings: Vec::new(), rejects: Vec::new() };
        for (name, table) in &file.tables {
            opened.tables.push(match table {
                Table::Synthetic(config) => OpenTable::synthetic(name, config)?,
                Table::Files(files) => {
                    let mut table = OpenTable::files(name, files, &sources[name], scratch)?;
                    opened.rejects.extend(table.leave_out(file, &Expected::Length, scratch)?);
                    table.find_columns(context, files).await?;
                    opened.warnings.extend(table.quoted_line_breaks(files)?);
                    table
                }
            });
        }
        Ok(opened)
    }

    /// Has these columns of text files read as they are spelt, unless their type is declared.
    pub(crate) fn read_as_text(&mut self, file: &DatasetFile, columns: &ColumnsByTable) {
        for table in &mut self.tables {
            if let (Some(columns), Table::Files(files)) =
                (columns.get(table.name()), &file.tables[table.name()])
            {
                table.read_as_text(|name| columns.contains(name) && !files.types.contains_key(name));
            }
        }
    }

    /// Leaves out rows of text files whose values are not of their columns' types, if any may be left out.
    pub(crate) fn leave_out_broken(&mut self, file: &DatasetFile, scratch: &Path) -> Result<(), IngestError> {
        for table in &mut self.tables {
            let schema = table.schema().clone();
            self.rejects.extend(table.leave_out(file, &Expected::Types(&schema), scratch)?);
        }
        Ok(())
    }

    /// The first row of a text file that cannot be read, as an error.
    pub(crate) fn first_broken(&self) -> Option<IngestError> {
        self.tables.iter().find_map(OpenTable::first_broken)
    }

    /// Makes the tables known to `context`.
    pub(crate) async fn register(&self, context: &SessionContext) -> Result<(), IngestError> {
        for table in &self.tables {
            table.register(context).await?;
        }
        Ok(())
    }

    /// Makes tables of the same columns without rows known to `context`: enough to plan a query.
    pub(crate) fn register_empty(&self, context: &SessionContext) -> Result<()> {
        for table in &self.tables {
            let empty = EmptyTable::new(table.schema().clone());
            context.register_table(TableReference::bare(table.name()), Arc::new(empty))?;
        }
        Ok(())
    }

    /// The table `name`.
    pub(crate) fn table(&self, name: &str) -> Option<&OpenTable> {
        self.tables.iter().find(|table| table.name() == name)
    }
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
