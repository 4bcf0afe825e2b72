//! Numbers become files here, and nowhere else.
//!
//! Training code hands scalars, histograms and texts to a [`Logger`]; the logger hands them to every
//! [`Sink`]: [`TensorBoardSink`] for curves, [`JsonlSink`] for reproducible lines. A sink that fails is
//! reported once and dropped: logging never ends a training run. Messages for people go through the
//! [`Console`]. [`tags`] holds the name of every curve.

mod console;
mod counter;
mod external;
mod histogram;
mod jsonl;
mod logger;
mod memory;
pub(crate) mod printable;
mod sink;
pub mod tags;
mod tensorboard;

pub use console::{Bar, Console};
pub use counter::Counter;
pub use external::{SinkSettings, Sinks, register};
pub use histogram::Histogram;
pub use jsonl::{JsonlSink, METRICS_FILE, TIMINGS_FILE};
pub use logger::Logger;
pub use memory::{MemorySink, Record, Value};
pub use sink::Sink;
pub use tensorboard::TensorBoardSink;
