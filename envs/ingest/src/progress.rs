//! What a caller can show while a dataset is being prepared.

/// Where [`prepare`](crate::prepare()) stands; sent from the thread that called it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Reading the source files once, to see whether the prepared dataset is still theirs.
    Hashing {
        /// Bytes read.
        bytes: u64,
        /// Bytes of all source files.
        total: u64,
    },
    /// Until another process has prepared the dataset that is to stand in the same place.
    Waiting,
    /// Running the query and checking its rows.
    Querying {
        /// Rows so far.
        rows: u64,
    },
    /// Looking for the times at which the splits meet.
    Splitting,
    /// Counting the values of a field in the training rows.
    FittingVocabulary {
        /// Name of the field.
        field: String,
    },
    /// Computing mean and standard deviation of the numeric fields over the training rows.
    FittingNumeric,
    /// Sorting by session and time; the first written row ends it.
    Sorting,
    /// Writing the tables.
    Writing {
        /// Rows so far.
        rows: u64,
        /// Rows in all.
        total: u64,
    },
}
