//! Ctrl-C, and the signals of schedulers and closed terminals, ask for a clean end; a second one ends at once.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use rmtl_envs::Cancel;

use crate::error::{Error, Result};
use crate::log::tags::Phase;

/// SIGINT, Ctrl-C.
const CTRL_C: i32 = 2;

/// Whether somebody asked for the end. Clones listen together.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    cancel: Cancel,
    /// The signal that asked; 0 where none did.
    signal: Arc<AtomicI32>,
    /// Whether there is nothing left to end cleanly.
    at_once: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens to signals. Call once per process.
    pub fn listen() -> Self {
        let interrupt = Self::default();
        let asked = interrupt.clone();
        on_signal(move |signal| asked.receive(signal));
        interrupt
    }

    fn receive(&self, signal: i32) {
        self.signal.store(signal, Ordering::Relaxed);
        if self.cancel.ask() || self.at_once.load(Ordering::Relaxed) {
            std::process::exit(self.exit_status().into());
        }
        drop(writeln!(std::io::stderr(), "\nending after this step; once more to stop at once"));
    }

    /// Asks for the end.
    pub fn ask(&self) {
        self.cancel.ask();
    }

    /// What work outside the phases is asked to end by.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// From now on a signal ends the process: there is nothing that could be lost.
    pub fn end_at_once(&self) {
        self.at_once.store(true, Ordering::Relaxed);
    }

    /// Fails once the end was asked for.
    pub fn check(&self, phase: Phase, step: u64) -> Result<()> {
        if self.cancel.is_asked() {
            return Err(Error::Interrupted { phase: phase.name(), step });
        }
        Ok(())
    }

    /// Exit status after a signal, as shells report it.
    pub fn exit_status(&self) -> u8 {
        let signal = self.signal.load(Ordering::Relaxed);
        128 + u8::try_from(if signal > 0 { signal } else { CTRL_C }).unwrap_or_default()
    }
}

/// Calls `receive` with every signal that asks for the end, from a thread of its own.
#[cfg(unix)]
fn on_signal(receive: impl Fn(i32) + Send + 'static) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    // `nohup` has it ignored, so that the run outlives its terminal.
    let hang_up = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM].into_iter().chain(hang_up)) {
        std::thread::spawn(move || signals.forever().for_each(receive));
    }
}

#[cfg(not(unix))]
fn on_signal(receive: impl Fn(i32) + Send + 'static) {
    drop(ctrlc::set_handler(move || receive(CTRL_C)));
}

/// Whether this process was started with `signal` ignored, where the system tells.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
