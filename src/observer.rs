//! Who watches a run while it goes on, beside its log: a terminal, a window, a test, nobody.

/// Told what a run does. It must not fail: whatever becomes of it, the training goes on.
pub trait Observer: Send + Sync {
    /// Something harmful but survivable; it stands in the report too.
    fn warn(&self, message: &str);

    /// A phase that begins and will see this many rows; 0 where the number is not known.
    fn begin(&self, phase: &str, total_rows: u64) -> Box<dyn PhaseObserver>;
}

/// Told of one phase. Dropped without [`finish`](PhaseObserver::finish), the phase ended with an error.
pub trait PhaseObserver: Send {
    /// So many rows more are done.
    fn advance(&mut self, rows: u64);

    /// How it stands: current losses, the last AUC. Takes the place of the message before.
    fn message(&mut self, message: String);

    /// The end of the phase, early or not.
    fn finish(self: Box<Self>);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn warn(&self, _: &str) {}

    fn begin(&self, _: &str, _: u64) -> Box<dyn PhaseObserver> {
        Box::new(Self)
    }
}

impl PhaseObserver for Unobserved {
    fn advance(&mut self, _: u64) {}

    fn message(&mut self, _: String) {}

    fn finish(self: Box<Self>) {}
}
