//! Record batches to a file that people and other programs read, whole or not at all.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow_ipc::writer::FileWriter;
use datafusion::arrow::csv;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;
use rmtl_files::WholeFile;

use crate::IngestError;

/// Rows of a Parquet row group: what its writer holds in memory.
const GROUP_ROWS: usize = 1 << 17;

/// Record batches on their way to a file: Parquet, CSV or Arrow (IPC) by its extension. Nothing stands at its path before
/// [`finish`](Self::finish).
pub struct RecordFile {
    path: PathBuf,
    file: WholeFile,
    writer: Writer,
}

enum Writer {
    Parquet(Box<ArrowWriter<File>>),
    Csv(csv::Writer<BufWriter<File>>),
    Arrow(FileWriter<BufWriter<File>>),
}

impl fmt::Debug for RecordFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RecordFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl RecordFile {
    /// Whether rows can be written to a file of this name.
    ///
    /// # Errors
    /// Its extension is none of `.parquet`, `.csv` and `.arrow`.
    pub fn check_name(path: &Path) -> Result<(), IngestError> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("parquet" | "csv" | "arrow") => Ok(()),
            _ => Err(IngestError::output(
                "write",
                path,
                io::Error::other("expected a file that ends with .parquet, .csv or .arrow"),
            )),
        }
    }

    /// A file for rows of `schema` that is to stand at `path`.
    ///
    /// # Errors
    /// As [`check_name`](Self::check_name), or its folder cannot be written to.
    pub fn create(path: &Path, schema: &SchemaRef) -> Result<Self, IngestError> {
        Self::check_name(path)?;
        let failed = |error| IngestError::output("write", path, error);
        let file = WholeFile::create(path).map_err(failed)?;
        let handle = file.handle().map_err(failed)?;
        let writer = match path.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => Writer::Csv(csv::Writer::new(BufWriter::new(handle))),
            Some("arrow") => Writer::Arrow(
                FileWriter::try_new(BufWriter::new(handle), schema).map_err(reason).map_err(failed)?,
            ),
            _ => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::LZ4_RAW)
                    .set_max_row_group_row_count(Some(GROUP_ROWS))
                    .build();
                let writer = ArrowWriter::try_new(handle, schema.clone(), Some(properties));
                Writer::Parquet(Box::new(writer.map_err(io::Error::other).map_err(failed)?))
            }
        };
        Ok(Self { path: path.to_owned(), file, writer })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// The disk is full, or the rows are of another schema.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), IngestError> {
        let written = match &mut self.writer {
            Writer::Parquet(writer) => writer.write(rows).map_err(io::Error::other),
            Writer::Csv(writer) => writer.write(rows).map_err(reason),
            Writer::Arrow(writer) => writer.write(rows).map_err(reason),
        };
        written.map_err(|error| IngestError::output("write", &self.path, error))
    }

    /// Puts the file in its place, in that of what was there.
    ///
    /// # Errors
    /// The disk is full: what was there before is still there.
    pub fn finish(self) -> Result<(), IngestError> {
        let Self { path, file, writer } = self;
        let end = || -> io::Result<()> {
            match writer {
                Writer::Parquet(writer) => {
                    writer.close().map_err(io::Error::other)?;
                }
                Writer::Csv(writer) => writer.into_inner().flush()?,
                Writer::Arrow(mut writer) => {
                    writer.finish().map_err(reason)?;
                    writer.get_mut().flush()?;
                }
            }
            file.publish()
        };
        end().map_err(|error| IngestError::output("write", &path, error))
    }
}

/// What the operating system said, where it did.
fn reason(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        other => io::Error::other(other),
    }
}
