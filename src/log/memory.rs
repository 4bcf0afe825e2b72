//! A sink that remembers, for tests.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::Sink;

/// One logged value.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Name of the curve.
    pub tag: String,
    /// Step of the phase.
    pub step: u64,
    /// What was logged.
    pub value: Value,
}

/// What a [`Record`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A point of a curve.
    Scalar(f64),
    /// The values behind a histogram.
    Histogram(Vec<f32>),
    /// A text.
    Text(String),
}

/// Keeps every record in memory. Clones share their records, so a test keeps one and gives one away:
///
/// ```
/// use rmtl::log::{Logger, MemorySink};
/// let memory = MemorySink::default();
/// let mut logger = Logger::new(vec!["click".into()], vec![Box::new(memory.clone())], |_| {});
/// logger.scalar("weighted/loss/click", 1, 0.5);
/// assert_eq!(memory.scalars("weighted/loss/click"), [(1, 0.5)]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemorySink {
    records: Arc<Mutex<Vec<Record>>>,
}

impl MemorySink {
    /// Everything logged so far.
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The points of one curve.
    pub fn scalars(&self, tag: &str) -> Vec<(u64, f64)> {
        let scalar = |record: Record| match record.value {
            Value::Scalar(value) if record.tag == tag => Some((record.step, value)),
            _ => None,
        };
        self.records().into_iter().filter_map(scalar).collect()
    }

    fn push(&self, tag: &str, step: u64, value: Value) -> io::Result<()> {
        let record = Record { tag: tag.to_owned(), step, value };
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
        Ok(())
    }
}

impl Sink for MemorySink {
    fn name(&self) -> &str {
        "memory"
    }

    fn scalar(&mut self, tag: &str, step: u64, value: f64) -> io::Result<()> {
        self.push(tag, step, Value::Scalar(value))
    }

    fn histogram(&mut self, tag: &str, step: u64, values: &[f32]) -> io::Result<()> {
        self.push(tag, step, Value::Histogram(values.to_vec()))
    }

    fn text(&mut self, tag: &str, step: u64, text: &str) -> io::Result<()> {
        self.push(tag, step, Value::Text(text.to_owned()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
