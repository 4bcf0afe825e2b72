//! How many of some things are done, where each takes seconds or minutes.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::console::{Console, Output};

/// How often the bar is redrawn while nothing is done.
const TICK_INTERVAL: Duration = Duration::from_millis(500);

/// A bar of things done, or a line now and then.
pub struct Counter {
    console: Console,
    bar: ProgressBar,
    last_line: Option<Instant>,
}

impl Console {
    /// The bar of `total` things.
    pub fn counter(&self, name: &str, total: u64) -> Counter {
        let style = ProgressStyle::with_template("{prefix:<12} {bar:16} {pos}/{len}  {elapsed}  {wide_msg}")
            .expect("the template is valid")
            .progress_chars("━╸ ");
        let bar = match &self.output {
            Output::Bars(bars) => bars.add(ProgressBar::new(total).with_style(style)),
            _ => ProgressBar::hidden(),
        };
        bar.set_prefix(name.to_owned());
        bar.set_length(total);
        if matches!(self.output, Output::Bars(_)) {
            bar.enable_steady_tick(TICK_INTERVAL);
        }
        Counter { console: self.clone(), bar, last_line: None }
    }
}

impl Counter {
    /// So many are done now.
    pub fn show(&mut self, done: u64, message: String) {
        self.bar.set_position(done);
        self.bar.set_message(message);
        if let Output::Lines { interval, .. } = self.console.output
            && self.last_line.is_none_or(|last| last.elapsed() >= interval)
        {
            self.last_line = Some(Instant::now());
            let (name, total) = (self.bar.prefix(), self.bar.length().unwrap_or_default());
            let line = format!("{name:<12} {done}/{total}  {}", self.bar.message());
            self.console.say(line.trim_end());
        }
    }

    /// Takes the bar away.
    pub fn end(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.end();
    }
}
