//! What a person sees while a run goes on.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::printable::printable;
use crate::observer::{Observer, PhaseObserver};
use indicatif::{FormattedDuration, HumanCount, MultiProgress, ProgressBar, ProgressState, ProgressStyle};

/// Lines between two progress lines where bars cannot be drawn.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// How often a bar is redrawn while no rows arrive, so that the clock goes on.
const TICK_INTERVAL: Duration = Duration::from_millis(500);

/// Progress and warnings on the standard error stream; the standard output stays free for results.
///
/// Clones share the stream. Failing to write (a closed pipe) is ignored: nobody is there to be told.
#[derive(Clone)]
pub struct Console {
    pub(super) output: Output,
}

#[derive(Clone)]
pub(super) enum Output {
    /// A terminal: bars that are redrawn in place.
    Bars(MultiProgress),
    /// A file or a pipe: a plain line now and then, without control characters.
    Lines { stream: Arc<Mutex<dyn Write + Send>>, interval: Duration },
    /// Warnings alone.
    Quiet { stream: Arc<Mutex<dyn Write + Send>> },
}

impl Console {
    /// Bars when the standard error stream is a terminal, lines otherwise.
    pub fn detect() -> Self {
        let bars = MultiProgress::new();
        if io::stderr().is_terminal() && !bars.is_hidden() {
            return Self { output: Output::Bars(bars) };
        }
        Self::lines(io::stderr(), LINE_INTERVAL)
    }

    /// No progress, only warnings.
    pub fn quiet() -> Self {
        Self { output: Output::Quiet { stream: Arc::new(Mutex::new(io::stderr())) } }
    }

    /// Plain lines to any stream, a progress line at most once per interval.
    pub fn lines(stream: impl Write + Send + 'static, interval: Duration) -> Self {
        Self { output: Output::Lines { stream: Arc::new(Mutex::new(stream)), interval } }
    }

    /// Tells something worth a line, above the bars.
    pub fn say(&self, message: &str) {
        let message = printable(message);
        match &self.output {
            Output::Bars(bars) => {
                let _ = bars.println(message);
            }
            Output::Lines { stream, .. } => write_line(stream, &message),
            Output::Quiet { .. } => {}
        }
    }

    /// The bar of a phase that will see this many rows; 0 where the number is not known.
    pub fn bar(&self, phase: &str, total_rows: u64) -> Bar {
        let bar = match (&self.output, total_rows) {
            (Output::Bars(bars), 0) => bars.add(ProgressBar::new_spinner().with_style(style(SPINNER))),
            (Output::Bars(bars), _) => bars.add(ProgressBar::new(total_rows).with_style(style(BAR))),
            (_, 0) => ProgressBar::hidden(),
            (_, _) => {
                ProgressBar::with_draw_target(Some(total_rows), indicatif::ProgressDrawTarget::hidden())
            }
        };
        bar.set_prefix(phase.to_owned());
        if matches!(self.output, Output::Bars(_)) {
            bar.enable_steady_tick(TICK_INTERVAL);
        }
        Bar { console: self.clone(), bar, last_line: Instant::now() }
    }
}

impl Observer for Console {
    /// Above the bars, and even when quiet.
    fn warn(&self, message: &str) {
        let line = format!("warning: {message}");
        match &self.output {
            Output::Quiet { stream } => write_line(stream, &printable(&line)),
            _ => self.say(&line),
        }
    }

    fn begin(&self, phase: &str, total_rows: u64) -> Box<dyn PhaseObserver> {
        Box::new(self.bar(phase, total_rows))
    }
}

/// Columns of a terminal that nobody has made larger.
const COLUMNS: usize = 80;

/// Before what goes on in a second line.
const INDENT: &str = "             ";

// A phase may end early, so what is left is a bound. The message has a line of its own, cut where the terminal ends.
const BAR: &str = "{prefix:<12} {bar:16} {percent:>3}%  {speed}  at most {eta} left\n             {wide_msg}";
const SPINNER: &str = "{prefix:<12} {spinner} {human_pos} rows  {speed}  {elapsed}\n             {wide_msg}";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates above are valid")
        .with_key("speed", |state: &ProgressState, line: &mut dyn std::fmt::Write| {
            // A line that cannot be formatted is drawn shorter.
            let _ = write!(line, "{}", Speed(state.per_sec()));
        })
        .progress_chars("━╸ ")
}

/// The bar of one phase. Dropped before its end, after an error, it says how far the phase came.
pub struct Bar {
    console: Console,
    bar: ProgressBar,
    last_line: Instant,
}

impl PhaseObserver for Bar {
    fn advance(&mut self, rows: u64) {
        self.bar.inc(rows);
        if let Output::Lines { interval, .. } = self.console.output
            && self.last_line.elapsed() >= interval
        {
            self.last_line = Instant::now();
            self.console.say(&self.line());
        }
    }

    fn message(&mut self, message: String) {
        self.bar.set_message(printable(&message).into_owned());
    }

    /// Leaves a line: time, rows, speed and the last message.
    fn finish(self: Box<Self>) {
        self.end("done in");
    }
}

impl Bar {
    fn end(&self, how: &str) {
        let (elapsed, rows) = (self.bar.elapsed(), self.bar.position());
        let (prefix, message) = (self.bar.prefix(), self.bar.message());
        self.bar.finish_and_clear();
        let (time, speed) = (FormattedDuration(elapsed), Speed(rows as f64 / elapsed.as_secs_f64()));
        let line = format!("{prefix:<12} {how} {time}  {} rows  {speed}  {message}", HumanCount(rows));
        self.console.say(&wrapped(line.trim_end()));
    }

    fn line(&self) -> String {
        let (rows, prefix, message) = (self.bar.position(), self.bar.prefix(), self.bar.message());
        let speed = Speed(self.bar.per_sec());
        let line = match self.bar.length() {
            Some(total) if total > 0 => format!(
                "{prefix:<12} {:>3}%  {speed}  at most {} left  {message}",
                (100 * rows / total).min(100),
                FormattedDuration(self.bar.eta()),
            ),
            _ => format!("{prefix:<12} {} rows  {speed}  {message}", HumanCount(rows)),
        };
        wrapped(line.trim_end())
    }
}

/// A line as lines of at most [`COLUMNS`], broken between its parts (two spaces) or else between words.
fn wrapped(line: &str) -> String {
    let width = |text: &str| text.chars().count();
    let mut lines: Vec<String> = Vec::new();
    let mut rest = line.to_owned();
    while width(&rest) > COLUMNS {
        let end = rest.char_indices().nth(COLUMNS).map_or(rest.len(), |(index, _)| index);
        // Never within the name of the phase or the indent.
        let within = &rest[..end];
        let at = |gap: &str| within.rfind(gap).filter(|&at| width(&within[..at]) > width(INDENT));
        // The break itself may stand just behind what fits.
        let Some(at) = at("  ").or_else(|| at(" ")) else { break };
        lines.push(rest[..at].trim_end().to_owned());
        rest = format!("{INDENT}{}", rest[at..].trim_start());
    }
    lines.push(rest);
    lines.join("\n")
}

impl Drop for Bar {
    fn drop(&mut self) {
        if !self.bar.is_finished() {
            self.end("stopped after");
        }
    }
}

/// Rows per second in three digits.
struct Speed(f64);

impl std::fmt::Display for Speed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (value, unit) = match self.0 {
            rows if rows >= 1e6 => (rows / 1e6, "M"),
            rows if rows >= 1e3 => (rows / 1e3, "k"),
            rows => (rows, ""),
        };
        let decimals = match value {
            _ if unit.is_empty() => 0,
            value if value >= 100.0 => 0,
            value if value >= 10.0 => 1,
            _ => 2,
        };
        write!(formatter, "{value:.decimals$}{unit} rows/s")
    }
}

fn write_line(stream: &Mutex<dyn Write + Send>, line: &str) {
    let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
    // Nobody is left to be told about a closed stream.
    let _ = writeln!(stream, "{line}").and_then(|()| stream.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8")
        }
    }

    #[test]
    fn lines_show_share_speed_and_message_without_control_characters() {
        let written = Written::default();
        let console = Console::lines(written.clone(), Duration::ZERO);
        let mut progress = console.begin("weighted", 2_000);
        progress.message("loss 0.61".into());
        progress.advance(500);
        console.warn("a critic is dead");
        progress.advance(500);
        progress.finish();
        let text = written.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[0].starts_with("weighted      25%  ") && lines[0].ends_with("loss 0.61"), "{text}");
        assert_eq!(lines[1], "warning: a critic is dead");
        assert!(lines[2].starts_with("weighted      50%  "), "{text}");
        assert!(lines[3].starts_with("weighted     done in 00:00:00  1,000 rows  "), "{text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }

    #[test]
    fn what_a_log_holds_does_not_steer_the_terminal() {
        let written = Written::default();
        let console = Console::lines(written.clone(), Duration::ZERO);
        console.warn("value \u{1b}]0;title\u{7}");
        let mut progress = console.begin("vocabulary", 2);
        progress.message("field \u{1b}[2J".into());
        progress.advance(1);
        assert!(written.text().starts_with("warning: value \\u{1b}]0;title\\u{7}\n"), "{:?}", written.text());
        assert!(written.text().chars().all(|c| c == '\n' || !c.is_control()), "{:?}", written.text());
    }

    #[test]
    fn long_lines_go_on_below_within_eighty_columns() {
        assert_eq!(wrapped("weighted      25%  loss 0.61"), "weighted      25%  loss 0.61");
        let line = "weighted      25%  17.1k rows/s  at most 00:00:10 left  epoch 1/4  loss click 0.6123 cart 0.3001  best AUC 0.7";
        let expected = "weighted      25%  17.1k rows/s  at most 00:00:10 left  epoch 1/4\n             loss click 0.6123 cart \
                        0.3001  best AUC 0.7";
        assert_eq!(wrapped(line), expected);
        let losses: Vec<String> = (0..20).map(|task| format!("task_{task} 0.1234")).collect();
        let many = wrapped(&format!("weighted      25%  {}", losses.join(" ")));
        assert!(many.lines().all(|line| line.chars().count() <= COLUMNS), "{many}");
        assert_eq!(many.split_whitespace().count(), 42, "nothing is lost: {many}");
        // What cannot be broken stays whole.
        let word = "x".repeat(100);
        assert_eq!(wrapped(&word), word);
    }

    #[test]
    fn between_two_lines_passes_the_interval() {
        let written = Written::default();
        let mut progress = Console::lines(written.clone(), Duration::from_secs(3600)).begin("pretrain", 0);
        for _ in 0..1000 {
            progress.advance(1);
        }
        assert_eq!(written.text(), "");
        progress.finish();
        assert_eq!(written.text().lines().count(), 1);
    }

    #[test]
    fn a_phase_cut_short_by_an_error_is_not_reported_as_done() {
        let written = Written::default();
        let mut progress = Console::lines(written.clone(), Duration::from_secs(3600)).begin("critics", 10);
        progress.advance(1);
        drop(progress);
        assert!(
            written.text().starts_with("critics      stopped after 00:00:00  1 rows  "),
            "{}",
            written.text()
        );
    }

    #[test]
    fn quiet_keeps_warnings_alone() {
        let written = Written::default();
        let console = Console { output: Output::Quiet { stream: Arc::new(Mutex::new(written.clone())) } };
        let mut progress = console.begin("weighted", 10);
        progress.advance(10);
        console.say("hello");
        progress.finish();
        console.warn("disk full");
        assert_eq!(written.text(), "warning: disk full\n");
    }

    #[test]
    fn a_closed_stream_is_ignored() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let console = Console::lines(Closed, Duration::ZERO);
        console.warn("nobody reads this");
        let mut progress = console.begin("weighted", 1);
        progress.advance(1);
        progress.finish();
    }

    #[test]
    fn speeds_have_three_digits() {
        let shown = [12.3, 1_234.0, 17_100.0, 183_456.0, 2_345_678.0].map(|speed| Speed(speed).to_string());
        assert_eq!(shown, ["12 rows/s", "1.23k rows/s", "17.1k rows/s", "183k rows/s", "2.35M rows/s"]);
    }
}
