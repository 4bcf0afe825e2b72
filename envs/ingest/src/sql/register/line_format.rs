//! How the lines of a text file are cut into values: once said, for three readers.

use std::io;

use datafusion::arrow::csv::reader::Format;
use datafusion::datasource::file_format::csv::CsvFormat;
use regex::Regex;

use crate::dataset_file::FileTable;
use crate::source::{SourceFile, SourceReader};

/// What separates values and lines.
#[derive(Clone, Debug)]
pub(crate) struct LineFormat {
    has_header: bool,
    delimiter: u8,
    quote: u8,
    escape: Option<u8>,
    comment: Option<u8>,
    null: Option<Regex>,
}

impl LineFormat {
    /// Of a table whose values are separated by `delimiter` unless it says otherwise.
    pub(super) fn of(options: &FileTable, delimiter: char) -> Self {
        let dialect = &options.dialect;
        let [escape, comment] = [dialect.escape, dialect.comment].map(|character| character.map(|c| c as u8));
        let null = dialect.null_regex();
        Self {
            has_header: options.has_header.unwrap_or(options.columns.is_none()),
            delimiter: dialect.delimiter.unwrap_or(delimiter) as u8,
            quote: dialect.quote_byte(delimiter == '\t'),
            escape,
            comment,
            null: null.map(|null| Regex::new(&null).expect("words are escaped character by character")),
        }
    }

    /// To guess types with.
    pub(super) fn guessing(&self) -> Format {
        let mut format = Format::default()
            .with_header(self.has_header)
            .with_delimiter(self.delimiter)
            .with_quote(self.quote);
        if let Some(escape) = self.escape {
            format = format.with_escape(escape);
        }
        if let Some(comment) = self.comment {
            format = format.with_comment(comment);
        }
        if let Some(null) = &self.null {
            format = format.with_null_regex(null.clone());
        }
        format
    }

    /// To query.
    pub(super) fn querying(&self) -> CsvFormat {
        CsvFormat::default()
            .with_has_header(self.has_header)
            .with_delimiter(self.delimiter)
            .with_quote(self.quote)
            .with_escape(self.escape)
            .with_comment(self.comment)
    }

    /// The records of `file`, of whatever length, after the line with the columns' names.
    pub(super) fn records(&self, file: &SourceFile) -> io::Result<csv::Reader<SourceReader>> {
        let mut builder = csv::ReaderBuilder::new();
        builder
            .has_headers(self.has_header)
            .flexible(true)
            .delimiter(self.delimiter)
            .quote(self.quote)
            .escape(self.escape)
            .comment(self.comment);
        Ok(builder.from_reader(file.open()?))
    }

    /// Whether a line that begins with this byte is a comment.
    pub(super) fn begins_comment(&self, byte: u8) -> bool {
        self.comment == Some(byte)
    }

    /// Whether `value` stands for a missing one.
    pub(super) fn is_missing(&self, value: &str) -> bool {
        value.is_empty() || self.null.as_ref().is_some_and(|null| null.is_match(value))
    }
}
