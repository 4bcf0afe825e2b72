//! How far a study has come.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::FormattedDuration;

use crate::log::{Console, Counter};
use crate::observer::Observer;

/// Runs done of those that are planned.
pub(super) struct Progress {
    console: Console,
    state: Mutex<State>,
}

struct State {
    counter: Counter,
    start: Instant,
    /// Runs of the whole study, found ones among them.
    total: usize,
    /// Of those the ones that were asked for before.
    asked: usize,
    /// Runs trained since.
    done: usize,
    /// All that were trained.
    trained: usize,
}

impl Progress {
    /// Of a study of at most `total` runs.
    pub(super) fn new(console: Console, total: usize) -> Self {
        let counter = console.counter("study", total as u64);
        let start = Instant::now();
        let state = State { counter, start, total, asked: 0, done: 0, trained: 0 };
        Self { console, state: Mutex::new(state) }
    }

    /// So many runs were asked for, and are there or failed.
    pub(super) fn asked(&self, n_runs: usize) {
        let mut state = self.lock();
        state.asked += n_runs;
        state.done = 0;
        state.show("");
    }

    /// A run was trained.
    pub(super) fn finished(&self, name: &str) {
        self.count(name);
    }

    /// A run failed.
    pub(super) fn failed(&self, name: &str, reason: &str) {
        let last = reason.lines().last().unwrap_or_default();
        self.console.warn(&format!("{name} failed: {last}"));
        self.count(name);
    }

    /// The end of the study.
    pub(super) fn end(&self) {
        self.lock().counter.end();
    }

    fn count(&self, name: &str) {
        let mut state = self.lock();
        state.done += 1;
        state.trained += 1;
        state.show(name);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn show(&mut self, name: &str) {
        let done = (self.asked + self.done).min(self.total);
        let left = remaining(self.start.elapsed(), self.trained, self.total - done);
        let eta = left.map_or_else(String::new, |left| format!("ETA {}  ", FormattedDuration(left)));
        self.counter.show(done as u64, format!("{eta}{name}"));
    }
}

/// How long `left` runs take if they take as long as those trained so far; those that are found take no time, so it is
/// no longer than that.
fn remaining(elapsed: Duration, trained: usize, left: usize) -> Option<Duration> {
    (trained > 0).then(|| elapsed.mul_f64(left as f64 / trained as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_takes_as_long_as_what_was_trained() {
        let minute = Duration::from_secs(60);
        assert_eq!(remaining(minute, 3, 9), Some(3 * minute));
        assert_eq!(remaining(minute, 3, 0), Some(Duration::ZERO));
        assert_eq!(remaining(minute, 0, 9), None, "nothing is known");
    }
}
