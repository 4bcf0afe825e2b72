//! Ctrl-C asks for a clean end; a second one ends at once.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::log::tags::Phase;

/// Exit status after Ctrl-C, as shells report it.
pub const EXIT_STATUS: i32 = 130;

/// Whether somebody asked for the end.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens to Ctrl-C. Call once per process.
    pub fn listen() -> Self {
        let interrupt = Self::default();
        let asked = interrupt.asked.clone();
        let handler = move || {
            if asked.swap(true, Ordering::Relaxed) {
                std::process::exit(EXIT_STATUS);
            }
            drop(writeln!(std::io::stderr(), "\nending after this step; Ctrl-C again to stop at once"));
        };
        // A second listener in one process is harmless: the first one stays.
        drop(ctrlc::set_handler(handler));
        interrupt
    }

    /// Asks for the end.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Fails once the end was asked for.
    pub fn check(&self, phase: Phase, step: u64) -> Result<()> {
        if self.asked.load(Ordering::Relaxed) {
            return Err(Error::Interrupted { phase: phase.name(), step });
        }
        Ok(())
    }
}
