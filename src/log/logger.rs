//! One place to log to, however many sinks there are.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::tags::{self, Phase};
use super::{Histogram, Sink};

/// How old the last visible value may be, so that curves can be watched live.
const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

/// Hands every value to every sink.
///
/// A sink that fails, or panics, is reported once through `on_warning` and dropped; the others and the
/// training go on.
pub struct Logger {
    tasks: Vec<String>,
    sinks: Vec<Box<dyn Sink>>,
    on_warning: Box<dyn FnMut(&str) + Send>,
    last_flush: Instant,
}

impl Logger {
    /// A logger for a run with these task names (they become the last part of per-task tags).
    pub fn new(
        tasks: Vec<String>,
        sinks: Vec<Box<dyn Sink>>,
        on_warning: impl FnMut(&str) + Send + 'static,
    ) -> Self {
        Self { tasks, sinks, on_warning: Box::new(on_warning), last_flush: Instant::now() }
    }

    /// A logger that logs nowhere.
    pub fn disabled() -> Self {
        Self::new(Vec::new(), Vec::new(), |_| {})
    }

    /// Whether anything is listening; spares the computation of values for nobody.
    pub fn is_enabled(&self) -> bool {
        !self.sinks.is_empty()
    }

    /// Logs a point of a curve.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) {
        self.for_each_sink(|sink| sink.scalar(tag, step, value));
    }

    /// Logs one point per task, in the order of the tasks; a value that is `None` is undefined and leaves
    /// no point.
    ///
    /// ```
    /// # use rmtl::log::{Logger, tags::{self, Phase}};
    /// # let mut logger = Logger::disabled();
    /// logger.per_task(tags::task_loss, Phase::Weighted, 40, [0.61, 0.55]);
    /// ```
    pub fn per_task<V: Into<Option<f64>>>(
        &mut self,
        tag: fn(Phase, &str) -> String,
        phase: Phase,
        step: u64,
        values: impl IntoIterator<Item = V>,
    ) {
        self.per_task_of(|task| tag(phase, task), step, values);
    }

    /// The same where a tag has further parts.
    pub fn per_task_of<V: Into<Option<f64>>>(
        &mut self,
        tag: impl Fn(&str) -> String,
        step: u64,
        values: impl IntoIterator<Item = V>,
    ) {
        if !self.is_enabled() {
            return;
        }
        let values: Vec<Option<f64>> = values.into_iter().map(Into::into).collect();
        assert_eq!(values.len(), self.tasks.len(), "one value per task");
        for (task, value) in values.into_iter().enumerate() {
            if let Some(value) = value {
                let tag = tag(&self.tasks[task]);
                self.scalar(&tag, step, value);
            }
        }
    }

    /// Logs the distribution of values.
    pub fn histogram(&mut self, tag: &str, step: u64, values: &[f32]) {
        self.for_each_sink(|sink| sink.histogram(tag, step, values));
    }

    /// Logs one distribution per task.
    ///
    /// # Shapes
    /// - values: `[row, task]`
    pub fn histogram_per_task(
        &mut self,
        tag: fn(Phase, &str) -> String,
        phase: Phase,
        step: u64,
        values: &[f32],
    ) {
        if !self.is_enabled() {
            return;
        }
        for (task, column) in self.columns(values).into_iter().enumerate() {
            let tag = tag(phase, &self.tasks[task]);
            self.histogram(&tag, step, &column);
        }
    }

    /// Logs the loss weights of every task: mean, standard deviation, smallest, largest and histogram.
    ///
    /// # Shapes
    /// - weights: `[row, task]`
    pub fn weights(&mut self, phase: Phase, step: u64, weights: &[f32]) {
        if !self.is_enabled() {
            return;
        }
        let histograms = self.columns(weights).into_iter().map(|column| Histogram::of(&column));
        let histograms: Vec<Option<Histogram>> = histograms.collect();
        let mut log = |tag, value: fn(&Histogram) -> f64| {
            // A weight that is not finite must not hide behind the ones that are.
            let value = |h: &Histogram| if h.non_finite > 0 { f64::NAN } else { value(h) };
            let values = histograms.iter().map(|histogram| histogram.as_ref().map_or(f64::NAN, value));
            self.per_task(tag, phase, step, values);
        };
        log(tags::weight_mean, |histogram| histogram.mean);
        log(tags::weight_std, |histogram| histogram.standard_deviation);
        log(tags::weight_min, |histogram| histogram.min);
        log(tags::weight_max, |histogram| histogram.max);
        self.histogram_per_task(tags::weight, phase, step, weights);
    }

    /// Logs a file's content as a Markdown code block of this language.
    pub fn code(&mut self, tag: &str, step: u64, language: &str, content: &str) {
        let text = format!("```{language}\n{}\n```\n", content.trim_end());
        self.for_each_sink(|sink| sink.text(tag, step, &text));
    }

    /// Makes everything logged so far visible to readers. Happens by itself every few seconds of logging
    /// and at the end.
    pub fn flush(&mut self) {
        self.last_flush = Instant::now();
        self.offer(|sink| sink.flush());
    }

    /// `[row, task]` as one vector per task.
    fn columns(&self, values: &[f32]) -> Vec<Vec<f32>> {
        let n_tasks = self.tasks.len();
        assert_eq!(values.len() % n_tasks, 0, "{} values are no rows of {n_tasks} tasks", values.len());
        (0..n_tasks).map(|task| values.iter().skip(task).step_by(n_tasks).copied().collect()).collect()
    }

    fn for_each_sink(&mut self, write: impl FnMut(&mut dyn Sink) -> io::Result<()>) {
        self.offer(write);
        if self.last_flush.elapsed() >= FLUSH_INTERVAL {
            self.flush();
        }
    }

    /// Calls every sink and drops the ones that fail.
    fn offer(&mut self, mut call: impl FnMut(&mut dyn Sink) -> io::Result<()>) {
        let mut index = 0;
        while index < self.sinks.len() {
            let sink = self.sinks[index].as_mut();
            let failure = match catch_unwind(AssertUnwindSafe(|| call(sink))) {
                Ok(Ok(())) => {
                    index += 1;
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(panic) => panic_message(panic.as_ref()),
            };
            let sink = self.sinks.remove(index);
            (self.on_warning)(&format!(
                "{} gets no more values, training goes on without it: {failure}",
                sink.name()
            ));
            // Dropping flushes what is buffered, which may fail the same way.
            drop(catch_unwind(AssertUnwindSafe(|| drop(sink))));
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().copied();
    let message = literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", message.unwrap_or("for an unknown reason"))
}

impl Drop for Logger {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::MemorySink;
    use std::sync::{Arc, Mutex};

    /// Fails, or panics, at the second value.
    struct Failing {
        values_left: u32,
        panics: bool,
    }

    impl Failing {
        fn call(&mut self) -> io::Result<()> {
            if self.values_left > 0 {
                self.values_left -= 1;
                return Ok(());
            }
            assert!(!self.panics, "no more");
            Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"))
        }
    }

    impl Sink for Failing {
        fn name(&self) -> &str {
            "failing"
        }
        fn scalar(&mut self, _: &str, _: u64, _: f64) -> io::Result<()> {
            self.call()
        }
        fn histogram(&mut self, _: &str, _: u64, _: &[f32]) -> io::Result<()> {
            self.call()
        }
        fn text(&mut self, _: &str, _: u64, _: &str) -> io::Result<()> {
            self.call()
        }
        fn flush(&mut self) -> io::Result<()> {
            self.call()
        }
    }

    impl Drop for Failing {
        fn drop(&mut self) {
            assert!(!self.panics, "not even this");
        }
    }

    fn warnings_of(sink: Failing) -> (Vec<String>, MemorySink) {
        let (warnings, memory) = (Arc::new(Mutex::new(Vec::new())), MemorySink::default());
        let recorded = warnings.clone();
        let mut logger =
            Logger::new(Vec::new(), vec![Box::new(sink), Box::new(memory.clone())], move |warning| {
                recorded.lock().expect("not poisoned").push(warning.to_owned());
            });
        for step in 0..4 {
            logger.scalar("a", step, 0.5);
        }
        drop(logger);
        let warnings = warnings.lock().expect("not poisoned").clone();
        (warnings, memory)
    }

    #[test]
    fn a_failing_sink_is_reported_once_and_the_others_go_on() {
        let (warnings, memory) = warnings_of(Failing { values_left: 1, panics: false });
        assert_eq!(warnings, ["failing gets no more values, training goes on without it: no space left"]);
        assert_eq!(memory.scalars("a"), [(0, 0.5), (1, 0.5), (2, 0.5), (3, 0.5)]);
    }

    #[test]
    fn a_panicking_sink_is_reported_once_and_the_others_go_on() {
        let (warnings, memory) = warnings_of(Failing { values_left: 1, panics: true });
        assert_eq!(warnings, ["failing gets no more values, training goes on without it: panicked: no more"]);
        assert_eq!(memory.scalars("a").len(), 4);
    }

    #[test]
    fn a_sink_that_fails_at_the_last_flush_is_reported_too() {
        let (warnings, _) = warnings_of(Failing { values_left: 4, panics: false });
        assert_eq!(warnings.len(), 1);
    }

    fn two_tasks() -> (Logger, MemorySink) {
        let memory = MemorySink::default();
        let tasks = vec!["click".to_owned(), "buy".to_owned()];
        (Logger::new(tasks, vec![Box::new(memory.clone())], |_| {}), memory)
    }

    #[test]
    fn values_per_task_go_to_their_tags_and_undefined_ones_nowhere() {
        let (mut logger, memory) = two_tasks();
        logger.per_task(tags::validation_auc, Phase::Pretrain, 3, [Some(0.7), None]);
        logger.per_task(tags::task_loss, Phase::Pretrain, 3, [0.25, 0.5]);
        assert_eq!(memory.records().len(), 3);
        assert_eq!(memory.scalars("pretrain/validation_auc/click"), [(3, 0.7)]);
        assert_eq!(memory.scalars("pretrain/loss/buy"), [(3, 0.5)]);
    }

    #[test]
    fn weights_are_described_per_task() {
        let (mut logger, memory) = two_tasks();
        logger.weights(Phase::Weighted, 9, &[1.0, 2.0, 3.0, f32::NAN]);
        let of = |tag: &str| memory.scalars(tag)[0].1;
        assert_eq!(of("weighted/weight_mean/click"), 2.0);
        assert_eq!(of("weighted/weight_std/click"), 1.0);
        assert_eq!((of("weighted/weight_min/click"), of("weighted/weight_max/click")), (1.0, 3.0));
        assert!(of("weighted/weight_mean/buy").is_nan());
        let histogram = memory.records().into_iter().find(|record| record.tag == "weighted/weight/click");
        assert_eq!(histogram.expect("logged").value, crate::log::Value::Histogram(vec![1.0, 3.0]));
        assert_eq!(memory.records().len(), 10);
    }

    #[test]
    fn code_is_a_markdown_block() {
        let (mut logger, memory) = two_tasks();
        logger.code(&tags::run_file(), 0, "toml", "seed = 1\n");
        assert_eq!(memory.records()[0].value, crate::log::Value::Text("```toml\nseed = 1\n```\n".to_owned()));
    }

    #[test]
    fn a_disabled_logger_takes_everything() {
        let mut logger = Logger::disabled();
        assert!(!logger.is_enabled());
        logger.scalar("a", 0, 1.0);
        logger.per_task(tags::task_loss, Phase::Weighted, 0, [1.0, 2.0]);
        logger.weights(Phase::Weighted, 0, &[1.0]);
        logger.flush();
    }
}
