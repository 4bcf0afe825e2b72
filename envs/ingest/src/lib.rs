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
//! let file = DatasetFile::read(Path::new("configs/datasets/kuairand_pure.toml"))?;
//! let logs = Path::new("/data/kuairand_pure");
//! let out = Path::new("prepared/kuairand_pure");
//! let dataset = prepare(&file, Some(logs), out, &|_| {}, &Cancel::default())?.dataset;
//! println!("{} training rows", dataset.train.n_rows());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The format of the file, key by key: `configs/datasets/README.md`.
//!
//! This crate is the only one that knows of DataFusion, and nothing public that reaches it is generic or async, so
//! that a change elsewhere never recompiles it. Everything streams and spills to disk: the log may be larger
//! than memory, the vocabularies and the smaller sides of joins may not. The same input gives the same bytes,
//! whatever the number of cores.

mod adjacent;
mod boundary;
mod canonical;
mod columns;
mod content_hash;
mod dataset_file;
mod digest;
mod encode;
mod engine;
mod error;
mod exact_sum;
mod failed_cast;
mod findings;
mod join_order;
mod labels;
mod late_labels;
mod leakage;
mod lineage;
mod materialise;
mod moments;
mod nearest;
mod prepare;
mod progress;
mod purpose;
mod query;
mod raw;
mod register;
mod rejects;
mod source;
mod source_place;
mod split_end;
mod split_marks;
mod split_warnings;
mod staging;
mod suspicion;
mod time_unit;
mod turn;
mod vocabulary;
mod warnings;
mod write;

pub mod toml_file;

pub use content_hash::content_hash;
pub use dataset_file::{
    ColumnType, DatasetFile, Dialect, FieldVocabulary, FileFormat, FileTable, Gap, MultiValued, Session,
    SplitRule, Table, TaskColumn, TaskKind, TimePoint, VocabularyRules,
};
pub use error::{IngestError, OffendingValue};
pub use leakage::{Difference, FirstDifference, LEAKAGE_RUNS, LeakageTest, Variant};
pub use prepare::{Prepared, prepare, validate};
pub use progress::Progress;
