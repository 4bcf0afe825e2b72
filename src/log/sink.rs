//! The interface of a log destination.

use std::io;

/// A destination of logged values. A new one is a file of its own and a line where the logger is built.
///
/// Called with tags of [`tags`](super::tags) and the step counter of the phase in the tag. An error ends
/// the sink's part in the run, see [`Logger`](super::Logger), so a sink returns it and keeps no more than
/// the records written before.
pub trait Sink: Send {
    /// What a warning calls this sink: a file name, a product name.
    fn name(&self) -> &str;

    /// A point of a curve. The value may be NaN or infinite.
    fn scalar(&mut self, tag: &str, step: u64, value: f64) -> io::Result<()>;

    /// The distribution of many values, some of which may be NaN or infinite.
    fn histogram(&mut self, tag: &str, step: u64, values: &[f32]) -> io::Result<()>;

    /// A text in Markdown.
    fn text(&mut self, tag: &str, step: u64, text: &str) -> io::Result<()>;

    /// Makes everything logged so far visible to readers of the destination.
    fn flush(&mut self) -> io::Result<()>;
}
