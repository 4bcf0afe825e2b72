//! From the paths in a dataset file to files on disk.

pub(crate) mod content_hash;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rmtl_envs::Cancel;

use crate::IngestError;
use crate::dataset_file::{DatasetFile, FileTable, Table};

/// The files of every table that has files.
pub(crate) type Sources = BTreeMap<String, Vec<SourceFile>>;

/// A file of a table.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    /// Its name relative to the root, the same on every machine.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its size.
    pub(crate) bytes: u64,
    /// Ends the reading of it.
    pub(crate) cancel: Cancel,
}

/// An open [`SourceFile`].
pub(crate) struct SourceReader {
    file: File,
    cancel: Cancel,
}

impl SourceFile {
    /// Opens it for reading until that is cancelled.
    pub(crate) fn open(&self) -> io::Result<SourceReader> {
        Ok(SourceReader { file: File::open(&self.path)?, cancel: self.cancel.clone() })
    }
}

impl Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.check()?;
        self.file.read(buffer)
    }
}

/// Finds the files of all tables. Without a root, paths are relative to the dataset file's folder.
pub(crate) fn resolve(
    file: &DatasetFile,
    root: Option<&Path>,
    cancel: &Cancel,
) -> Result<Sources, IngestError> {
    let beside = file.path().parent().filter(|folder| !folder.as_os_str().is_empty());
    let root = root.or(beside).unwrap_or(Path::new("."));
    let root = std::path::absolute(root).map_err(|source| IngestError::output("resolve", root, source))?;
    let mut sources = Sources::new();
    for (name, table) in &file.tables {
        if let Table::Files(files) = table {
            sources.insert(name.clone(), files_of(name, files, &root, cancel)?);
        }
    }
    Ok(sources)
}

fn files_of(
    table: &str,
    files: &FileTable,
    root: &Path,
    cancel: &Cancel,
) -> Result<Vec<SourceFile>, IngestError> {
    let mut found = Vec::new();
    for pattern in &files.path {
        for path in matches(table, pattern, root)? {
            found.push(describe(table, path, root, cancel)?);
        }
    }
    found.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
    found.dedup_by(|a, b| a.path == b.path);
    Ok(found)
}

fn matches(table: &str, pattern: &str, root: &Path) -> Result<Vec<PathBuf>, IngestError> {
    let path = root.join(pattern);
    let missing =
        |problem| IngestError::MissingSource { table: table.to_owned(), problem, path: path.clone() };
    // A file may well have brackets in its name.
    if path.exists() || !pattern.contains(['*', '?', '[']) {
        return if path.is_file() { Ok(vec![path]) } else { Err(missing("no such file")) };
    }
    let within_root = match Path::new(pattern).is_absolute() {
        true => pattern.to_owned(),
        false => format!("{}/{pattern}", glob::Pattern::escape(&root.to_string_lossy())),
    };
    let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
    let paths = glob::glob_with(&within_root, options).map_err(|_| missing("no valid glob pattern"))?;
    let files: Vec<PathBuf> = paths.filter_map(Result::ok).filter(|path| path.is_file()).collect();
    if files.is_empty() { Err(missing("no file matches")) } else { Ok(files) }
}

fn describe(table: &str, path: PathBuf, root: &Path, cancel: &Cancel) -> Result<SourceFile, IngestError> {
    let metadata = path.metadata().map_err(|error| unreadable(table, &path, &error))?;
    let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
    Ok(SourceFile { name, path, bytes: metadata.len(), cancel: cancel.clone() })
}

pub(crate) fn unreadable(table: &str, path: &Path, error: &dyn std::fmt::Display) -> IngestError {
    let message = format!("cannot be read: {error}");
    IngestError::Source { table: table.to_owned(), path: path.to_owned(), message }
}
