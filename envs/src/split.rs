//! The parts of a log.

use serde::{Deserialize, Serialize};

/// The part of a log a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Rows to train on.
    Train,
    /// Rows that decide when to stop and what to keep.
    Validation,
    /// Rows read once, at the end.
    Test,
}

impl Split {
    /// All splits, in time's order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Name in files and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// Name of the split's table inside a dataset's folder.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Train => "train.arrow",
            Self::Validation => "validation.arrow",
            Self::Test => "test.arrow",
        }
    }
}
