//! A small log, a dataset file for it, and a folder to prepare it in.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::parquet::arrow::ArrowWriter;
use flate2::Compression;
use flate2::write::GzEncoder;
use rmtl_envs::{Cancel, Dataset, LogTable, Row, Warning};
use rmtl_ingest::{DatasetFile, IngestError, Prepared, prepare};
use tempfile::TempDir;

/// Ten rows at times 1 to 10: 6:2:2 gives six, two and two. Row 4 has a buy without a click.
pub(crate) const LOG: &str = "\
user,time,item,price,click,buy
a,1,x,1,1,0
a,2,y,2,0,0
b,3,x,3,1,1
b,4,z,4,0,1
a,5,x,5,1,1
b,6,y,6,0,0
a,7,w,7,1,1
c,8,x,8,0,0
a,9,x,9,1,0
b,10,v,10,0,1
";

pub(crate) const FILE: &str = r#"
name = "tiny"
query = "SELECT * FROM log"
session = "user"
time = "time"
categorical = ["user", "item"]
numeric = ["price"]

[[tasks]]
name = "click"
label = "click"

[[tasks]]
name = "buy"
label = "buy"
after = "click"

[tables]
log = "log.csv"
"#;

/// A folder with files in it, and a place for the output that is two folders deep and not there yet.
pub(crate) struct Case {
    folder: TempDir,
}

impl Case {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With `log.csv`.
    pub(crate) fn with_log(log: &str) -> Self {
        Self::new().with(Path::new("log.csv"), log)
    }

    pub(crate) fn with(self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Self {
        self.write(name, content);
        self
    }

    pub(crate) fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Where the sources are.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("made").join("prepared")
    }

    pub(crate) fn prepare(&self, file: &str) -> Result<Prepared, IngestError> {
        let file = DatasetFile::parse(file, Path::new("tiny.toml"))?;
        prepare(&file, Some(&self.root()), &self.out(), &|_| {}, &Cancel::default())
    }

    pub(crate) fn dataset(&self, file: &str) -> Dataset {
        let prepared = self.prepare(file).unwrap_or_else(|error| panic!("{error}"));
        Dataset::open(&prepared.directory).unwrap()
    }

    /// Prepares, expects an error that leaves nothing behind, and returns its message.
    pub(crate) fn error(&self, file: &str) -> String {
        let error =
            self.prepare(file).err().unwrap_or_else(|| panic!("this should not be accepted:\n{file}"));
        let left: Vec<_> =
            fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| name == "logs"), "left behind: {left:?} after {error}");
        message(&error)
    }
}

/// Every file below `folder` with its bytes.
pub(crate) fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for path in fs::read_dir(inner).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// Writes columns as a Parquet file.
pub(crate) fn write_parquet(case: &Case, name: &str, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = File::create(case.root().join(name)).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

pub(crate) fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The whole message, causes included.
pub(crate) fn message(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|source| format!(": {}", message(source))).unwrap_or_default();
    format!("{error}{cause}")
}

#[track_caller]
pub(crate) fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "expected `{part}` in: {message}");
    }
}

/// Ids of all rows, in the table's order.
pub(crate) fn ids(table: &LogTable) -> Vec<Vec<u32>> {
    table.rows().map(|row| table.categorical(row).to_vec()).collect()
}

pub(crate) fn times(table: &LogTable) -> Vec<i64> {
    table.rows().map(|row| table.time(row)).collect()
}

pub(crate) fn labels(table: &LogTable) -> Vec<Vec<u8>> {
    table.rows().map(|row| table.labels(row).to_vec()).collect()
}

pub(crate) fn numbers(table: &LogTable) -> Vec<f32> {
    table.rows().map(|row: Row| table.numeric(row)[0]).collect()
}

/// Rows of the warnings of a kind.
pub(crate) fn warned(warnings: &[Warning], kind: &str) -> Vec<u64> {
    warnings.iter().filter(|warning| warning.kind == kind).map(|warning| warning.rows).collect()
}
