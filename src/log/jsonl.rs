//! Metrics as JSON lines, the same bytes for the same seed.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use super::{Histogram, Sink, tags};

/// Lines that two runs of one seed have in common to the byte.
pub const METRICS_FILE: &str = "metrics.jsonl";

/// Lines that depend on the clock.
pub const TIMINGS_FILE: &str = "timings.jsonl";

/// Writes `metrics.jsonl`, and apart from it `timings.jsonl` for the tags of [`tags::is_timing`].
///
/// One object per line, in the order of logging:
/// `{"tag":"weighted/loss/click","step":40,"value":0.612}`. Values are shortest decimals that read back as
/// the same `f64`. A value JSON cannot hold is `null` and named beside it,
/// `"value":null,"non_finite":"not_a_number"` (or `"plus_infinity"`, `"minus_infinity"`), so that a column of
/// values stays numeric. A histogram is a line with
/// `"histogram": {"count", "non_finite", "min", "max", "mean", "std", "deciles"}` in place of the value.
/// Texts are left out: the run file lies beside as itself.
pub struct JsonlSink<W: Write = BufWriter<File>> {
    metrics: W,
    timings: W,
}

impl JsonlSink {
    /// Creates both files in an existing directory, replacing older ones.
    ///
    /// # Errors
    /// When a file cannot be created; the message names it.
    pub fn create(directory: &Path) -> io::Result<Self> {
        Self::with(directory, File::options().write(true).create(true).truncate(true))
    }

    /// Goes on with both files where they end.
    ///
    /// # Errors
    /// When a file cannot be opened; the message names it.
    pub fn open(directory: &Path) -> io::Result<Self> {
        Self::with(directory, File::options().append(true).create(true))
    }

    fn with(directory: &Path, options: &OpenOptions) -> io::Result<Self> {
        let open = |name| {
            let path = directory.join(name);
            let file = options.open(&path).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot open {}: {error}", path.display()))
            })?;
            Ok::<_, io::Error>(BufWriter::new(file))
        };
        Ok(Self { metrics: open(METRICS_FILE)?, timings: open(TIMINGS_FILE)? })
    }
}

#[derive(Serialize)]
struct ScalarLine<'a> {
    tag: &'a str,
    step: u64,
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    non_finite: Option<&'static str>,
}

#[derive(Serialize)]
struct HistogramLine<'a> {
    tag: &'a str,
    step: u64,
    histogram: HistogramSummary,
}

#[derive(Serialize)]
struct HistogramSummary {
    count: u64,
    non_finite: u64,
    min: Option<f64>,
    max: Option<f64>,
    mean: Option<f64>,
    std: Option<f64>,
    deciles: Vec<f32>,
}

impl<W: Write> JsonlSink<W> {
    fn write(&mut self, tag: &str, line: &impl Serialize) -> io::Result<()> {
        let file = if tags::is_timing(tag) { &mut self.timings } else { &mut self.metrics };
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        file.write_all(&bytes)
    }
}

impl<W: Write + Send> Sink for JsonlSink<W> {
    fn name(&self) -> &str {
        METRICS_FILE
    }

    fn scalar(&mut self, tag: &str, step: u64, value: f64) -> io::Result<()> {
        let non_finite = match value {
            value if value.is_nan() => Some("not_a_number"),
            f64::INFINITY => Some("plus_infinity"),
            f64::NEG_INFINITY => Some("minus_infinity"),
            _ => None,
        };
        let value = value.is_finite().then_some(value);
        self.write(tag, &ScalarLine { tag, step, value, non_finite })
    }

    fn histogram(&mut self, tag: &str, step: u64, values: &[f32]) -> io::Result<()> {
        let histogram = Histogram::of(values);
        let of = |value: fn(&Histogram) -> f64| histogram.as_ref().map(value);
        let summary = HistogramSummary {
            count: histogram.as_ref().map_or(0, Histogram::count),
            non_finite: histogram.as_ref().map_or(values.len() as u64, |histogram| histogram.non_finite),
            min: of(|histogram| histogram.min),
            max: of(|histogram| histogram.max),
            mean: of(|histogram| histogram.mean),
            std: of(|histogram| histogram.standard_deviation),
            deciles: histogram.as_ref().map_or_else(Vec::new, |histogram| histogram.deciles.to_vec()),
        };
        self.write(tag, &HistogramLine { tag, step, histogram: summary })
    }

    fn text(&mut self, _tag: &str, _step: u64, _text: &str) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.metrics.flush()?;
        self.timings.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tags::Phase;

    fn written(log: impl FnOnce(&mut JsonlSink<Vec<u8>>) -> io::Result<()>) -> (String, String) {
        let mut sink = JsonlSink { metrics: Vec::new(), timings: Vec::new() };
        log(&mut sink).expect("memory is not full");
        let text = |bytes| String::from_utf8(bytes).expect("JSON is UTF-8");
        (text(sink.metrics), text(sink.timings))
    }

    #[test]
    fn lines_have_exactly_these_bytes() {
        let (metrics, timings) = written(|sink| {
            sink.scalar("weighted/loss/click", 40, 0.1 + 0.2)?;
            sink.scalar("weighted/loss/\"odd\"\n", 41, 1.0)?;
            sink.text("run/file", 0, "not here")?;
            sink.histogram("weighted/weight/click", 40, &[1.0, 3.0, f32::NAN])
        });
        let expected = concat!(
            r#"{"tag":"weighted/loss/click","step":40,"value":0.30000000000000004}"#,
            "\n",
            r#"{"tag":"weighted/loss/\"odd\"\n","step":41,"value":1.0}"#,
            "\n",
            r#"{"tag":"weighted/weight/click","step":40,"histogram":{"count":2,"non_finite":1,"min":1.0,"max":3.0,"#,
            r#""mean":2.0,"std":1.0,"deciles":[1.0,1.0,1.0,1.0,3.0,3.0,3.0,3.0,3.0]}}"#,
            "\n",
        );
        assert_eq!(metrics, expected);
        assert_eq!(timings, "");
    }

    #[test]
    fn values_json_cannot_hold_are_named() {
        let (metrics, _) = written(|sink| {
            sink.scalar("a", 1, f64::NAN)?;
            sink.scalar("a", 2, f64::INFINITY)?;
            sink.scalar("a", 3, f64::NEG_INFINITY)?;
            sink.histogram("a", 4, &[f32::NAN])
        });
        let lines: Vec<&str> = metrics.lines().collect();
        assert_eq!(lines[0], r#"{"tag":"a","step":1,"value":null,"non_finite":"not_a_number"}"#);
        assert_eq!(lines[1], r#"{"tag":"a","step":2,"value":null,"non_finite":"plus_infinity"}"#);
        assert_eq!(lines[2], r#"{"tag":"a","step":3,"value":null,"non_finite":"minus_infinity"}"#);
        let histogram: serde_json::Value = serde_json::from_str(lines[3]).expect("valid JSON");
        assert_eq!(histogram["histogram"]["non_finite"], 1);
        assert!(histogram["histogram"]["mean"].is_null());
    }

    #[test]
    fn timings_lie_apart_from_what_must_be_the_same_bytes() {
        let tag = tags::rows_per_second(Phase::Weighted);
        let (metrics, timings) = written(|sink| sink.scalar(&tag, 7, 1e6));
        assert_eq!(metrics, "");
        assert_eq!(timings, "{\"tag\":\"weighted/time/rows_per_second\",\"step\":7,\"value\":1000000.0}\n");
    }

    #[test]
    fn files_are_created_and_readable_after_a_flush() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut sink = JsonlSink::create(directory.path()).expect("writable");
        sink.scalar("a", 1, 2.0).expect("written");
        sink.flush().expect("flushed");
        let read = |name| std::fs::read_to_string(directory.path().join(name)).expect("readable");
        assert_eq!(read(METRICS_FILE), "{\"tag\":\"a\",\"step\":1,\"value\":2.0}\n");
        assert_eq!(read(TIMINGS_FILE), "");
    }

    #[test]
    fn a_file_that_cannot_be_created_is_named() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let error = JsonlSink::create(&directory.path().join("missing")).err().expect("no such directory");
        assert!(error.to_string().contains("missing/metrics.jsonl"), "{error}");
    }
}
