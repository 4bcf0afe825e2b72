//! Everything `rmtl-ingest` promises, from small logs written on the spot; and known facts about the real ones.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_dataset_file;
mod bad_log;
mod bad_output;
mod case;
mod datasets;
mod determinism;
mod dialects;
mod future;
mod ids;
mod known_at;
mod memory;
mod miniature;
mod new_rows;
mod numbers;
mod recipes;
mod result;
mod rows;
mod source_files;
mod splits;
mod sql;
mod together;
mod vocabularies;
mod warnings;
