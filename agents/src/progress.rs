//! How far the training of an actor has come, and what it anneals on the way.

/// How far an actor's whole training has come: steps go on from phase to phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Steps since the actor was untrained, those of earlier phases included.
    pub step: u64,
    /// Steps its FIRST phase takes at most. What is annealed over a share of them is at its end when that phase is, so that
    /// everything a later phase starts from, or is compared with, is final.
    pub planned_steps: u64,
}

/// A value that a network anneals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Annealed {
    /// What it is called in curves and reports.
    pub name: &'static str,
    /// What it is now.
    pub value: f32,
    /// Whether it stays as it is.
    pub is_final: bool,
}
