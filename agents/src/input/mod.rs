//! What networks see: rows of the log as tensors, ids as embeddings, numeric columns as fields.

mod batch;
mod encoder;
mod numeric;

pub use batch::{BatchReader, StateBatch};
pub use encoder::{EncoderConfig, Leaves, StateEncoder, TableView, n_fields};
pub(crate) use numeric::LogRound;
pub use numeric::{NumericEncoding, NumericField};
