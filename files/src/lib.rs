//! Files of a training framework, whatever stands in them.
//!
//! - [`toml_file`]: TOML that people write. Strict; a message names the line and the nearest valid key.
//! - [`write_whole`], [`WholeFile`]: a file that is written whole or not at all.
//! - [`Checksums`]: whether the files of a folder are still what was written.
//! - [`Lock`]: a file whose holder is the only one to work on something.
//!
//! ```
//! use std::path::Path;
//!
//! #[derive(Debug, serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Settings {
//!     learning_rate: f64,
//! }
//!
//! let error = rmtl_files::toml_file::parse::<Settings>("lerning_rate = 0.1", Path::new("run.toml"));
//! assert!(error.unwrap_err().to_string().contains("did you mean `learning_rate`?"));
//! ```

mod checksum;
mod lock;
mod nearest;
pub mod toml_file;
mod whole;

pub use checksum::{CHECKSUMS_FILE, Checksums, WrongChecksum, checksum, checksum_of_parts};
pub use lock::Lock;
pub use nearest::{nearest, suggestion};
pub use whole::{WholeFile, sync_folder, write_whole};
