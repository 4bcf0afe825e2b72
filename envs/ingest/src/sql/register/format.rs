//! How a table's files are to be read.

use crate::IngestError;
use crate::dataset_file::{FileFormat, FileTable};
use crate::source::SourceFile;

/// How a table's files are to be read.
pub(super) enum Format {
    Text { delimiter: char, gzip: bool },
    Parquet,
}

/// The format of a table's files, by their extension or as the dataset file says.
pub(super) fn of(table: &str, files: &FileTable, sources: &[SourceFile]) -> Result<Format, IngestError> {
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
