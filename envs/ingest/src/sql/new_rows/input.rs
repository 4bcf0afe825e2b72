//! The files of new rows in the place of a table's own.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::NewRows;
use crate::IngestError;
use crate::dataset_file::{DatasetFile, Dialect, FileTable, Table};

/// What the standard input is called.
const STANDARD_INPUT: &str = "-";

/// The dataset file with the input in the place of a table, and that table's name.
pub(super) fn replaced(rows: &NewRows<'_>, scratch: &Path) -> Result<(DatasetFile, String), IngestError> {
    let table = table(rows)?;
    let mut file = rows.file.clone();
    // Every row is to get a prediction.
    file.max_bad_rows = 0;
    let own = match &file.tables[&table] {
        Table::Files(files) => files.clone(),
        Table::Synthetic(_) => FileTable::default(),
    };
    let mut path = Vec::new();
    for input in rows.input {
        path.push(match input.as_str() {
            STANDARD_INPUT => standard_input(&own, scratch)?,
            input => absolute(input)?,
        });
    }
    let is_parquet = path.iter().all(|path| path.to_lowercase().ends_with(".parquet"));
    let options = match is_parquet {
        // It says by itself what its columns are.
        true => FileTable {
            format: None,
            dialect: Dialect::default(),
            has_header: None,
            columns: None,
            types: Default::default(),
            ..own
        },
        false => own,
    };
    file.tables.insert(table.clone(), Table::Files(FileTable { path, ..options }));
    Ok((file, table))
}

/// The table that rows stand for.
fn table(rows: &NewRows<'_>) -> Result<String, IngestError> {
    let file = rows.file;
    let names = || file.tables.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match rows.table {
        Some(name) if file.tables.contains_key(name) => Ok(name.to_owned()),
        Some(name) => {
            Err(file.setting("tables", format!("--table to name one of {}", names()), format!("`{name}`")))
        }
        None => match file.tables.len() {
            1 => Ok(file.tables.keys().next().expect("there is one").clone()),
            _ => {
                let expected = "one table, or --table with the name of the one that the rows stand for";
                Err(file.setting("tables", expected, names()))
            }
        },
    }
}

fn absolute(input: &str) -> Result<String, IngestError> {
    let path =
        std::path::absolute(input).map_err(|error| IngestError::output("find", Path::new(input), error))?;
    Ok(path.to_string_lossy().into_owned())
}

/// The standard input as a file: what reads it twice, for types and for rows, cannot read a pipe.
fn standard_input(own: &FileTable, scratch: &Path) -> Result<String, IngestError> {
    let failed = |error| IngestError::output("write temporary files in", scratch, error);
    let mut start = Vec::new();
    let mut input = io::stdin().lock();
    (&mut input).take(4).read_to_end(&mut start).map_err(failed)?;
    let name = format!("standard-input{}", extension(&start, own));
    let path = scratch.join(name);
    let mut file = File::create(&path).map_err(failed)?;
    io::copy(&mut start.as_slice(), &mut file).map_err(failed)?;
    io::copy(&mut input, &mut file).map_err(failed)?;
    Ok(path.to_string_lossy().into_owned())
}

/// Parquet and gzip files tell what they are; text is of the kind that the table's own files are.
fn extension(start: &[u8], own: &FileTable) -> String {
    if start == b"PAR1" {
        return ".parquet".into();
    }
    let first = own.path.first().map(|path| path.to_lowercase()).unwrap_or_default();
    let text = if first.trim_end_matches(".gz").ends_with(".tsv") { ".tsv" } else { ".csv" };
    let packed = if start.starts_with(&[0x1F, 0x8B]) { ".gz" } else { "" };
    format!("{text}{packed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_through_a_pipe_is_known_by_its_first_bytes() {
        let own = |path: &str| FileTable { path: vec![path.into()], ..FileTable::default() };
        for (start, path, expected) in [
            (&b"PAR1"[..], "log.csv", ".parquet"),
            (&[0x1F, 0x8B, 8, 0], "log_*.tsv.gz", ".tsv.gz"),
            (b"user", "LOG.TSV", ".tsv"),
            (b"", "log.parquet", ".csv"),
        ] {
            assert_eq!(extension(start, &own(path)), expected, "{path}");
        }
    }
}
