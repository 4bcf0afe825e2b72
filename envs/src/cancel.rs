//! Asking long work to end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks work to end, from any thread. Clones ask the same work.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    asked: Arc<AtomicBool>,
}

impl Cancel {
    /// Asks for the end; says whether somebody had asked before.
    pub fn ask(&self) -> bool {
        self.asked.swap(true, Ordering::Relaxed)
    }

    /// Whether somebody asked for the end.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Fails once the end was asked for.
    pub fn check(&self) -> io::Result<()> {
        if self.is_asked() { Err(io::Error::other("it was asked to end")) } else { Ok(()) }
    }
}
