//! What a preparation is for.

/// What a preparation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To train on: the log must be whole and sound.
    Dataset,
    /// To compare the earlier splits of a log whose later rows have been tampered with: those may be missing, or hold
    /// what no real log does.
    Comparison,
}
