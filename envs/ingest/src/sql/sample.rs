//! The first rows of a log nobody has described yet.

use std::path::Path;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::DataType;
use rmtl_envs::Cancel;

use super::engine::{Engine, default_memory};
use super::query::run_error_in;
use super::register::Tables;
use super::rows::wait;
use super::runtime;
use crate::dataset_file::{DatasetFile, FileTable, Session, SplitRule, Table, VocabularyRules};
use crate::sketch::{Sketch, Wishes};
use crate::{IngestError, cancelled, source};

/// Rows that are looked at.
const ROWS: usize = 100_000;

/// Words that stand for a missing value in some logs.
const NULL_WORDS: [&str; 9] = ["NA", "N/A", "null", "NULL", "None", "NaN", "nan", "\\N", "?"];

/// Delimiters of files that call themselves CSV.
const DELIMITERS: [char; 3] = [';', '\t', '|'];

/// The table's name, as in the dataset file to come.
const LOG: &str = "log";

/// What the columns of `log`, files or globs of a format that tables can have, look like in its first rows.
///
/// # Errors
/// The log cannot be read, or has no column that looks like a time, a session's key or a label and none is wished for.
///
/// # Panics
/// If called from within a tokio runtime.
pub fn sketch(log: &[String], wishes: &Wishes<'_>, cancel: &Cancel) -> Result<Sketch, IngestError> {
    let absolute = |path: &String| {
        let path =
            std::path::absolute(path).map_err(|error| IngestError::output("find", Path::new(path), error))?;
        Ok(path.to_string_lossy().into_owned())
    };
    let path = log.iter().map(absolute).collect::<Result<_, IngestError>>()?;
    let mut files = FileTable { path, ..FileTable::default() };
    let mut rows = first_rows(&files, cancel)?;
    if let Some(delimiter) = other_delimiter(&rows) {
        files.dialect.delimiter = Some(delimiter);
        rows = first_rows(&files, cancel)?;
    }
    files.dialect.null = null_words(&rows);
    if !files.dialect.null.is_empty() {
        rows = first_rows(&files, cancel)?;
    }
    Sketch::of(&log.join(", "), files, &rows, wishes)
}

/// What cuts the only column into several, by its name.
fn other_delimiter(rows: &RecordBatch) -> Option<char> {
    let schema = rows.schema();
    let [only] = &schema.fields()[..] else { return None };
    DELIMITERS.into_iter().find(|delimiter| only.name().contains(*delimiter))
}

/// Words that make columns of numbers look like texts.
fn null_words(rows: &RecordBatch) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for column in rows.columns().iter().filter(|column| *column.data_type() == DataType::Utf8) {
        let values = || column.as_string::<i32>().iter().flatten().filter(|value| !value.is_empty());
        let is_word = |value: &str| NULL_WORDS.contains(&value);
        let is_number = |value: &str| value.parse::<f64>().is_ok();
        let mut others = values().filter(|value| !is_word(value)).peekable();
        if others.peek().is_some() && others.all(is_number) {
            for word in values().filter(|value| is_word(value)) {
                if !found.iter().any(|known| known == word) {
                    found.push(word.to_owned());
                }
            }
        }
    }
    found
}

fn first_rows(files: &FileTable, cancel: &Cancel) -> Result<RecordBatch, IngestError> {
    let scratch = tempfile::Builder::new().prefix("rmtl-init-").tempdir();
    let scratch =
        scratch.map_err(|error| IngestError::output("make a folder in", &std::env::temp_dir(), error))?;
    let scratch = scratch.path();
    let file = described(files);
    let sources = source::resolve(&file, None, cancel)?;
    let failed = |error| run_error_in(scratch, &file, &error);
    let engine = Engine::new(scratch, default_memory()).map_err(failed)?;
    let read = wait(&runtime(scratch)?, cancel, async {
        let context = engine.in_order();
        let tables = Tables::open(&context, &file, &sources, scratch).await?;
        tables.register(&context).await?;
        let broken = |error| tables.first_broken().unwrap_or_else(|| failed(error));
        let frame = context.table(LOG).await.map_err(failed)?.limit(0, Some(ROWS)).map_err(failed)?;
        let schema = std::sync::Arc::new(frame.schema().as_arrow().clone());
        let batches = frame.collect().await.map_err(broken)?;
        concat_batches(&schema, &batches).map_err(|error| failed(error.into()))
    });
    cancelled::on_request(read, cancel)
}

/// A dataset file that says of the log where it is, and no more.
fn described(files: &FileTable) -> DatasetFile {
    DatasetFile {
        name: LOG.into(),
        query: format!("SELECT * FROM {LOG}"),
        session: Session { key: String::new(), gap: None },
        time: String::new(),
        categorical: Vec::new(),
        numeric: Vec::new(),
        multi_valued: Vec::new(),
        oracle: Vec::new(),
        ignore: Vec::new(),
        weight: None,
        tasks: Vec::new(),
        tables: [(LOG.to_owned(), Table::Files(files.clone()))].into(),
        split: SplitRule::default(),
        vocabulary: VocabularyRules::default(),
        max_bad_rows: 0,
        path: LOG.into(),
    }
}
