//! Raw recommendation logs to prepared datasets.
//!
//! A [`DatasetFile`] names tables (CSV, gzipped CSV, Parquet, globs of them, or a synthetic log) and ONE SQL query
//! over them. [`prepare`] runs the query, checks what comes out, splits it, fits vocabularies and standardisation
//! on the training rows, sorts by session and time, and writes the folder [`rmtl_envs::Dataset::open`] reads:
//!
//! ```no_run
//! use std::path::Path;
//!
//! use rmtl_envs::Cancel;
//! use rmtl_ingest::{DatasetFile, prepare};
//!
//! let file = DatasetFile::read(Path::new("configs/datasets/kuairand_pure_two.toml"))?;
//! let logs = Path::new("/data/kuairand_pure");
//! let out = Path::new("prepared/kuairand_pure");
//! let dataset = prepare(&file, Some(logs), out, &|_| {}, &Cancel::default())?.dataset;
//! println!("{} training rows", dataset.train.n_rows());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The format of the file, key by key: `configs/datasets/README.md`.
//!
//! With the feature `sql`, `sql/` runs any query over any files through DataFusion, which nothing else knows of; nothing
//! public that reaches it is generic or async, so that a change elsewhere never recompiles it. There everything streams and
//! spills to disk: the log may be larger than memory, the vocabularies and the smaller sides of joins may not. `memory/`,
//! which is always there, makes the same bytes of rows that are in memory: all of one generated log, or
//! [those of a program](prepare_rows). The same input gives the same bytes, whatever the number of cores.

#![cfg_attr(not(feature = "sql"), expect(dead_code, reason = "what only queries ask for"))]

mod build;
mod cancelled;
mod dataset_file;
mod error;
mod findings;
mod fit;
mod prepare;
mod progress;
mod purpose;
mod query;
mod rows;
#[cfg(feature = "sql")]
mod sketch;
mod source;
mod split;
mod write;

#[cfg_attr(not(feature = "sql"), path = "no_sql.rs")]
mod sql;

pub use dataset_file::{
    ColumnType, DatasetFile, Dialect, FieldVocabulary, FileFormat, FileTable, Gap, MultiValued, Session,
    SplitRule, Table, TaskColumn, TaskKind, TimePoint, VocabularyRules,
};
pub use error::{IngestError, OffendingValue};
pub use prepare::{Prepared, prepare, prepare_rows, validate};
pub use progress::Progress;
#[cfg(feature = "sql")]
pub use sketch::{Guess, Role, Sketch, Wishes, dataset_name};
pub use source::content_hash::{content_hash, dataset_file_hash};
#[cfg(feature = "sql")]
pub use sql::leakage::{Difference, FirstDifference, LEAKAGE_RUNS, LeakageTest, Variant};
#[cfg(feature = "sql")]
pub use sql::new_rows::{EncodedRows, NewRows, RowCounts, ValueCount};
#[cfg(feature = "sql")]
pub use sql::record_file::RecordFile;
#[cfg(feature = "sql")]
pub use sql::sample::sketch;
