//! Whether anything in the earlier splits of a log depends on its later rows.
//!
//! The log is prepared once, and its boundaries are frozen. Then the raw rows at or after a boundary are tampered with and
//! the log is prepared again: what is before the boundary must come out the same, byte by byte.

mod compare;
mod raw_table;
mod tamper;

use std::path::{Path, PathBuf};

use rmtl_envs::{Cancel, Manifest, Split};
use tempfile::TempDir;

use self::compare::differences;
pub use self::compare::{Difference, FirstDifference};
use self::raw_table::{RawTable, cannot_copy, copies};
use self::tamper::{Sides, tamper};
use crate::dataset_file::{DatasetFile, FileTable, SplitRule, Table, TimePoint};
use crate::prepare::prepare_for;
use crate::purpose::Purpose;
use crate::sql::runtime;
use crate::{IngestError, Progress, source};

/// What is done to the raw rows at or after a boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Nothing. A query that gives other rows for the same log, by ties whose order it leaves open, is found here.
    Unchanged,
    /// They are left out.
    Removed,
    /// They change places among themselves.
    Permuted,
    /// They keep their times and get other rows' values, column by column.
    Changed,
}

/// A whole test: the last split that must stay the same, and what happens to the rows after it.
pub const LEAKAGE_RUNS: [(Split, Variant); 7] = [
    (Split::Test, Variant::Unchanged),
    (Split::Train, Variant::Removed),
    (Split::Train, Variant::Permuted),
    (Split::Train, Variant::Changed),
    (Split::Validation, Variant::Removed),
    (Split::Validation, Variant::Permuted),
    (Split::Validation, Variant::Changed),
];

/// A log whose boundaries are frozen, to be compared with what it would be if its later rows were others.
///
/// ```no_run
/// use std::path::Path;
///
/// use rmtl_envs::Cancel;
/// use rmtl_ingest::{DatasetFile, LEAKAGE_RUNS, LeakageTest};
///
/// let file = DatasetFile::read(Path::new("configs/datasets/kuairand_pure_two.toml"))?;
/// let test = LeakageTest::new(&file, Some(Path::new("/data/kuairand_pure")), &|_| {}, &Cancel::default())?;
/// for (until, variant) in LEAKAGE_RUNS {
///     println!("{until:?} {variant:?}: {:?}", test.run(until, variant, &|_| {})?);
/// }
/// # Ok::<(), rmtl_ingest::IngestError>(())
/// ```
#[derive(Debug)]
pub struct LeakageTest {
    /// With its split given as times.
    file: DatasetFile,
    root: Option<PathBuf>,
    manifest: Manifest,
    /// Tables with times.
    tables: Vec<RawTable>,
    /// The names of the others.
    untouched: Vec<String>,
    /// Holds the prepared log, copies of its tables, and what a run makes.
    folder: TempDir,
    cancel: Cancel,
}

impl LeakageTest {
    /// Prepares the log and copies its tables, in the system's folder for temporary files (`TMPDIR`): it needs room for two
    /// copies of the log and two prepared datasets.
    ///
    /// Tables with a time column are those whose `time` key names one, and those with a column named as the dataset's
    /// `time`. The others are taken as known from the start. `cancel` ends this and every run of the test.
    ///
    /// # Errors
    /// As [`prepare`](crate::prepare()); the split is not by time; no table has a time column.
    pub fn new(
        file: &DatasetFile,
        root: Option<&Path>,
        progress: &dyn Fn(Progress),
        cancel: &Cancel,
    ) -> Result<Self, IngestError> {
        let other_rule = match &file.split {
            SplitRule::TimeRatio { .. } | SplitRule::TimeBoundary { .. } => None,
            SplitRule::Column { .. } => Some("column"),
            SplitRule::Random { .. } => Some("random"),
        };
        if let Some(rule) = other_rule {
            let expected =
                "a split by time: the splits of other rules lie side by side, so no rows come after one";
            return Err(file.setting("split.kind", expected, format!("`{rule}`")));
        }
        let folder = tempfile::Builder::new()
            .prefix("rmtl-leakage-")
            .tempdir()
            .map_err(|error| cannot_copy(&std::env::temp_dir(), error))?;
        let whole = folder.path().join(WHOLE);
        let prepared = prepare_for(Purpose::Dataset, None, file, root, &whole, progress, cancel)?;
        let sources = source::resolve(file, root, cancel)?;
        let (tables, untouched) = runtime(folder.path())?.block_on(copies(file, &sources, folder.path()))?;
        let manifest = prepared.dataset.manifest;
        let boundary = |split| TimePoint::Number(manifest.summary(split).boundary);
        let split = SplitRule::TimeBoundary {
            validation_from: boundary(Split::Train),
            test_from: boundary(Split::Validation),
        };
        let file = DatasetFile { split, ..file.clone() };
        let root = root.map(Path::to_owned);
        Ok(Self { file, root, manifest, tables, untouched, folder, cancel: cancel.clone() })
    }

    /// The tables whose later rows are tampered with, and their time columns.
    pub fn tampered(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tables.iter().map(|table| (table.name.as_str(), table.time.as_str()))
    }

    /// The tables without a time column: all of them is taken as known from the start, so nothing is tested of them.
    pub fn untouched(&self) -> &[String] {
        &self.untouched
    }

    /// What the whole log is prepared into.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Tampers with the raw rows after the split `until`, prepares them, and says what differs in the splits up to it.
    ///
    /// # Errors
    /// As [`prepare`](crate::prepare()), but later splits may be empty; and raw times that do not lie on both sides of the
    /// boundary, because their unit is not that of the dataset's `time`.
    pub fn run(
        &self,
        until: Split,
        variant: Variant,
        progress: &dyn Fn(Progress),
    ) -> Result<Vec<Difference>, IngestError> {
        let failed = |error| cannot_copy(self.folder.path(), error);
        let tampered = tempfile::tempdir_in(self.folder.path()).map_err(failed)?;
        let boundary = self.manifest.summary(until).boundary;
        let mut file = self.file.clone();
        let mut sides = Sides::default();
        for table in &self.tables {
            let path = tampered.path().join(format!("{}.parquet", table.name));
            let found = tamper(table, boundary, variant, &path)?;
            sides = Sides { before: sides.before + found.before, after: sides.after + found.after };
            let path = vec![path.to_string_lossy().into_owned()];
            file.tables.insert(table.name.clone(), Table::Files(FileTable { path, ..FileTable::default() }));
        }
        if variant != Variant::Unchanged && (sides.before == 0 || sides.after == 0) {
            return Err(self.one_sided(boundary, sides));
        }
        self.compare(&file, self.root.as_deref(), until, progress)
    }

    /// What differs, in the splits up to `until`, in another state of the same log that lies in the folder `root`.
    ///
    /// # Errors
    /// As [`prepare`](crate::prepare()), but later splits may be empty.
    pub fn against(
        &self,
        root: &Path,
        until: Split,
        progress: &dyn Fn(Progress),
    ) -> Result<Vec<Difference>, IngestError> {
        self.compare(&self.file, Some(root), until, progress)
    }

    fn compare(
        &self,
        file: &DatasetFile,
        root: Option<&Path>,
        until: Split,
        progress: &dyn Fn(Progress),
    ) -> Result<Vec<Difference>, IngestError> {
        let folder = self.folder.path();
        let other = tempfile::tempdir_in(folder).map_err(|error| cannot_copy(folder, error))?;
        let other = other.path().join("prepared");
        let prepared = prepare_for(Purpose::Comparison, None, file, root, &other, progress, &self.cancel)?;
        differences((&folder.join(WHOLE), &self.manifest), (&other, &prepared.dataset.manifest), until)
    }

    fn one_sided(&self, boundary: i64, sides: Sides) -> IngestError {
        let columns: Vec<String> =
            self.tables.iter().map(|table| format!("{}.{}", table.name, table.time)).collect();
        let unit = &self.file.time;
        let expected = format!("rows before and after time {boundary}, in the unit of `{unit}`");
        let found =
            format!("{} before and {} after, by {}", sides.before, sides.after, columns.join(" and "));
        self.file.setting("tables", expected, found)
    }
}

/// Folder of the whole log, prepared.
const WHOLE: &str = "whole";
