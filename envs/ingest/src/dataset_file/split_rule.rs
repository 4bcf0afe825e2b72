//! How a log is divided.

use serde::{Deserialize, Serialize};

/// Which rows are for training, validation and test.
///
/// Whatever the rule, rows of one session stay in order; where a session goes on in another split it is cut there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SplitRule {
    /// The earliest rows for training, the latest for test. Rows of equal time stay together: each boundary is
    /// the change of time nearest to the wanted number of rows.
    TimeRatio {
        /// Shares of training, validation and test; their sum is whatever it is.
        ratios: [f64; 3],
    },
    /// Boundaries given as times.
    TimeBoundary {
        /// Earliest time of the validation rows.
        validation_from: TimePoint,
        /// Earliest time of the test rows.
        test_from: TimePoint,
    },
    /// A column of the query's result names the split: for logs that come divided, by file or otherwise.
    Column {
        /// The column.
        column: String,
        /// Its values (as text) for training rows.
        train: Vec<String>,
        /// Its values for validation rows.
        validation: Vec<String>,
        /// Its values for test rows.
        test: Vec<String>,
    },
    /// Sessions drawn at random, each with all its rows.
    Random {
        /// Shares of training, validation and test; their sum is whatever it is.
        ratios: [f64; 3],
        /// The draw; the same seed gives the same session the same split, whatever else is in the log.
        #[serde(default)]
        seed: u64,
    },
}

/// A time in a dataset file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TimePoint {
    /// In the unit of the time column (milliseconds where that holds timestamps).
    Number(i64),
    /// A date or date and time, UTC unless it says otherwise; only where the time column holds timestamps.
    Text(String),
}

impl Default for SplitRule {
    fn default() -> Self {
        Self::TimeRatio { ratios: [6.0, 2.0, 2.0] }
    }
}
