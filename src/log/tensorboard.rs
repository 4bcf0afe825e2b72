//! TensorBoard event files.
//!
//! Through `tensorboard-rs`' record writer, which returns errors, and not its `SummaryWriter`, whose
//! background thread panics on a full disk and then takes the process with it.

mod curve;
mod hparams;
mod layout;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use protobuf::{Message, RepeatedField};
use tensorboard_proto::event::Event;
use tensorboard_proto::summary::{HistogramProto, Summary, Summary_Value, SummaryMetadata};
use tensorboard_proto::tensor::TensorProto;
use tensorboard_proto::tensor_shape::TensorShapeProto;
use tensorboard_proto::types::DataType;
use tensorboard_rs::record_writer::RecordWriter;

use super::{Histogram, Sink, tags};
use curve::Curve;

/// The first event of a file; readers refuse other versions.
const FILE_VERSION: &str = "brain.Event:2";

/// Writes an event file that TensorBoard shows while it grows.
///
/// Scalars are single precision there, and points of a curve that has not changed since the one before are left out;
/// [`JsonlSink`](super::JsonlSink) keeps all digits and points.
pub struct TensorBoardSink<W: Write = BufWriter<File>> {
    records: RecordWriter<W>,
    curves: BTreeMap<String, Curve>,
}

impl TensorBoardSink {
    /// Creates the directory if needed and in it a new event file,
    /// `events.out.tfevents.<seconds>.rmtl.<process>.<number>`. Files of earlier runs stay; TensorBoard
    /// reads all files of a directory as one run.
    ///
    /// # Errors
    /// When the directory or the file cannot be created; the message names it.
    pub fn create(directory: &Path) -> io::Result<Self> {
        let named = |error: io::Error| {
            let message = format!("cannot create an event file in {}: {error}", directory.display());
            io::Error::new(error.kind(), message)
        };
        fs::create_dir_all(directory).map_err(named)?;
        Self::over(BufWriter::new(new_event_file(directory).map_err(named)?))
    }
}

fn new_event_file(directory: &Path) -> io::Result<File> {
    let seconds = wall_time() as u64;
    let process = std::process::id();
    let mut number = 0;
    loop {
        // TensorBoard takes files with "tfevents" in their name and reads them in alphabetical order.
        let path = directory.join(format!("events.out.tfevents.{seconds:010}.rmtl.{process}.{number}"));
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            opened => return opened,
        }
    }
}

impl<W: Write> TensorBoardSink<W> {
    fn over(writer: W) -> io::Result<Self> {
        let mut sink = Self { records: RecordWriter::new(writer), curves: BTreeMap::new() };
        let mut event = Event::new();
        event.set_file_version(FILE_VERSION.to_owned());
        sink.write(event)?;
        sink.records.flush()?;
        Ok(sink)
    }

    /// Writes what TensorBoard's dashboards start from: the charts people come for, and the settings of the run by which it is
    /// set beside others.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn describe(&mut self, settings: &toml::Table) -> io::Result<()> {
        let mut layout = text_value(layout::bytes()?);
        layout.mut_metadata().mut_plugin_data().set_plugin_name(layout::PLUGIN.to_owned());
        self.summary(layout::TAG, 0, layout)?;
        let mut metadata = SummaryMetadata::new();
        metadata.mut_plugin_data().set_plugin_name(hparams::PLUGIN.to_owned());
        metadata.mut_plugin_data().set_content(hparams::bytes(settings, wall_time())?);
        let mut settings = Summary_Value::new();
        settings.set_metadata(metadata);
        self.summary(hparams::TAG, 0, settings)
    }

    fn point(&mut self, tag: &str, (step, value): (u64, f32)) -> io::Result<()> {
        let mut summary = Summary_Value::new();
        summary.set_simple_value(value);
        self.summary(tag, step, summary)
    }

    /// The first point of a curve, with what it is.
    fn first_point(&mut self, tag: &str, (step, value): (u64, f32)) -> io::Result<()> {
        let mut summary = Summary_Value::new();
        summary.set_simple_value(value);
        if let Some(description) = tags::description(tag) {
            summary.mut_metadata().set_summary_description(description.to_owned());
        }
        self.summary(tag, step, summary)
    }

    fn write(&mut self, mut event: Event) -> io::Result<()> {
        event.set_wall_time(wall_time());
        self.records.write(&event.write_to_bytes()?)
    }

    fn summary(&mut self, tag: &str, step: u64, mut value: Summary_Value) -> io::Result<()> {
        value.set_tag(tag.to_owned());
        let mut summary = Summary::new();
        summary.set_value(RepeatedField::from_vec(vec![value]));
        let mut event = Event::new();
        event.set_step(i64::try_from(step).unwrap_or(i64::MAX));
        event.set_summary(summary);
        self.write(event)
    }
}

impl<W: Write + Send> Sink for TensorBoardSink<W> {
    fn name(&self) -> &str {
        "TensorBoard"
    }

    fn scalar(&mut self, tag: &str, step: u64, value: f64) -> io::Result<()> {
        let value = value as f32;
        let Some(curve) = self.curves.get_mut(tag) else {
            self.curves.insert(tag.to_owned(), Curve::new(value));
            return self.first_point(tag, (step, value));
        };
        let points = curve.then(step, value);
        points.into_iter().flatten().try_for_each(|point| self.point(tag, point))
    }

    fn histogram(&mut self, tag: &str, step: u64, values: &[f32]) -> io::Result<()> {
        let Some(histogram) = Histogram::of(values) else {
            return Ok(()); // nothing finite to draw
        };
        let mut proto = HistogramProto::new();
        proto.set_min(histogram.min);
        proto.set_max(histogram.max);
        proto.set_num(histogram.count() as f64);
        proto.set_sum(histogram.sum);
        proto.set_sum_squares(histogram.sum_squares);
        proto.set_bucket(histogram.counts.iter().map(|&count| count as f64).collect());
        proto.set_bucket_limit(histogram.upper_edges);
        let mut summary = Summary_Value::new();
        summary.set_histo(proto);
        self.summary(tag, step, summary)
    }

    fn text(&mut self, tag: &str, step: u64, text: &str) -> io::Result<()> {
        let mut summary = text_value(text.as_bytes().to_vec());
        summary.mut_metadata().mut_plugin_data().set_plugin_name("text".to_owned());
        self.summary(tag, step, summary)
    }

    fn flush(&mut self) -> io::Result<()> {
        let last = self.curves.iter_mut().filter_map(|(tag, curve)| Some((tag.clone(), curve.last()?)));
        let last: Vec<(String, (u64, f32))> = last.collect();
        last.into_iter().try_for_each(|(tag, point)| self.point(&tag, point))?;
        self.records.flush()
    }
}

/// One text or message; without a shape it would be a table of texts.
fn text_value(content: Vec<u8>) -> Summary_Value {
    let mut tensor = TensorProto::new();
    tensor.set_dtype(DataType::DT_STRING);
    tensor.set_tensor_shape(TensorShapeProto::new());
    tensor.set_string_val(RepeatedField::from_vec(vec![content]));
    let mut summary = Summary_Value::new();
    summary.set_tensor(tensor);
    summary
}

/// Seconds since 1970; 0 on a clock set before.
fn wall_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |elapsed| elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensorboard_rs::masked_crc32c::masked_crc32c;

    /// Reads the records back the way TensorBoard does: length, its checksum, data, its checksum.
    fn read_events(mut bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
            let data = &bytes[12..12 + length];
            let checksum = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
            assert_eq!(checksum(8), masked_crc32c(&bytes[..8]));
            assert_eq!(checksum(12 + length), masked_crc32c(data));
            events.push(Event::parse_from_bytes(data).expect("an event"));
            bytes = &bytes[16 + length..];
        }
        events
    }

    fn written(log: impl FnOnce(&mut TensorBoardSink) -> io::Result<()>) -> Vec<Event> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut sink = TensorBoardSink::create(&directory.path().join("tensorboard")).expect("writable");
        log(&mut sink).expect("written");
        sink.flush().expect("flushed");
        let mut files = fs::read_dir(directory.path().join("tensorboard")).expect("readable");
        let path = files.next().expect("an event file").expect("readable").path();
        assert!(path.display().to_string().contains("events.out.tfevents."), "{}", path.display());
        assert!(files.next().is_none());
        read_events(&fs::read(path).expect("readable"))
    }

    #[test]
    fn the_first_event_names_the_version() {
        let events = written(|_| Ok(()));
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].get_file_version(), "brain.Event:2");
        assert!(events[0].get_wall_time() > 1.7e9);
    }

    #[test]
    fn scalars_come_back() {
        let events = written(|sink| {
            sink.scalar("weighted/loss/click", 40, 0.25)?;
            sink.scalar("weighted/loss/click", u64::MAX, f64::NAN)
        });
        let value = &events[1].get_summary().get_value()[0];
        assert_eq!(
            (events[1].get_step(), value.get_tag(), value.get_simple_value()),
            (40, "weighted/loss/click", 0.25)
        );
        assert_eq!(events[2].get_step(), i64::MAX);
        assert!(events[2].get_summary().get_value()[0].get_simple_value().is_nan());
    }

    #[test]
    fn a_curve_has_points_where_it_changes_and_says_once_what_it_is() {
        let events = written(|sink| {
            (1..=3).try_for_each(|step| sink.scalar("weighted/loss/click", step, 0.5))?;
            (1..=9).try_for_each(|step| sink.scalar("weighted/learning_rate/actor_dense", step, 0.1))?;
            sink.scalar("weighted/loss/click", 4, 0.25)?;
            sink.scalar("weighted/loss/click", 5, 0.25)
        });
        let of = |tag: &str| -> Vec<(i64, f32)> {
            let values = events.iter().map(|event| (event.get_step(), event.get_summary().get_value()));
            values
                .filter_map(|(step, values)| Some((step, values.first()?)))
                .filter(|(_, value)| value.get_tag() == tag)
                .map(|(step, value)| (step, value.get_simple_value()))
                .collect()
        };
        // The last point comes with the flush.
        assert_eq!(of("weighted/loss/click"), [(1, 0.5), (3, 0.5), (4, 0.25), (5, 0.25)]);
        assert_eq!(of("weighted/learning_rate/actor_dense"), [(1, 0.1)]);
        let said = |event: &Event| {
            event.get_summary().get_value()[0].get_metadata().get_summary_description().to_owned()
        };
        assert!(said(&events[1]).starts_with("Binary cross entropy of a task"), "{}", said(&events[1]));
        assert_eq!(said(&events[3]), "");
    }

    #[test]
    fn dashboards_have_what_they_start_from() {
        let settings = "seed = 5".parse().expect("TOML");
        let events = written(|sink| sink.describe(&settings));
        let plugins: Vec<(&str, &str)> = events[1..]
            .iter()
            .map(|event| &event.get_summary().get_value()[0])
            .map(|value| (value.get_tag(), value.get_metadata().get_plugin_data().get_plugin_name()))
            .collect();
        let expected =
            [("custom_scalars__config__", "custom_scalars"), ("_hparams_/session_start_info", "hparams")];
        assert_eq!(plugins, expected);
        assert!(
            !events[2].get_summary().get_value()[0].get_metadata().get_plugin_data().get_content().is_empty()
        );
    }

    #[test]
    fn histograms_come_back() {
        let events = written(|sink| {
            sink.histogram("weighted/weight/click", 1, &[f32::NAN])?;
            sink.histogram("weighted/weight/click", 2, &[0.0, 1.0, 30.0])
        });
        assert_eq!(events.len(), 2, "no histogram without finite values");
        let histogram = events[1].get_summary().get_value()[0].get_histo();
        assert_eq!((histogram.get_min(), histogram.get_max(), histogram.get_num()), (0.0, 30.0, 3.0));
        assert_eq!((histogram.get_sum(), histogram.get_sum_squares()), (31.0, 901.0));
        assert_eq!(histogram.get_bucket_limit(), (1..=30).map(f64::from).collect::<Vec<_>>());
        assert_eq!(histogram.get_bucket(), [vec![1.0, 1.0], vec![0.0; 27], vec![1.0]].concat());
    }

    #[test]
    fn texts_come_back() {
        let events = written(|sink| sink.text("run/file", 0, "a = \"ä\""));
        let value = &events[1].get_summary().get_value()[0];
        assert_eq!(value.get_metadata().get_plugin_data().get_plugin_name(), "text");
        assert_eq!(value.get_tensor().get_dtype(), DataType::DT_STRING);
        assert_eq!(value.get_tensor().get_string_val(), ["a = \"ä\"".as_bytes()]);
    }

    #[test]
    fn two_sinks_of_one_second_have_files_of_their_own() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let _first = TensorBoardSink::create(directory.path()).expect("writable");
        let _second = TensorBoardSink::create(directory.path()).expect("writable");
        assert_eq!(fs::read_dir(directory.path()).expect("readable").count(), 2);
    }

    #[test]
    fn an_error_names_the_directory() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("file");
        fs::write(&file, "").expect("writable");
        let error = TensorBoardSink::create(&file.join("tensorboard")).err().expect("a file is no directory");
        assert!(error.to_string().contains("file/tensorboard"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        let full = || OpenOptions::new().write(true).open("/dev/full").expect("every Linux has it");
        assert!(TensorBoardSink::over(full()).is_err());
        let mut buffered =
            TensorBoardSink { records: RecordWriter::new(BufWriter::new(full())), curves: BTreeMap::new() };
        buffered.scalar("a", 1, 1.0).expect("fits the buffer");
        assert_eq!(buffered.flush().expect_err("full").kind(), io::ErrorKind::StorageFull);
    }
}
