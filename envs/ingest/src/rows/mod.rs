//! The canonical rows of a log, wherever they are kept, and what a preparation asks of them.

pub(crate) mod adjacent;
pub(crate) mod canonical;
pub(crate) mod digest;
pub(crate) mod labels;
pub(crate) mod memory;
pub(crate) mod rejects;

use arrow_array::RecordBatch;
use rmtl_envs::Split;

use crate::IngestError;
use crate::split::boundary::{Boundaries, SplitCounts};
use crate::split::end::SplitEnd;

/// The rows of [`Canonical`](crate::rows::canonical::Canonical).
///
/// DataFusion keeps those of files and queries on disk and answers in SQL, whatever their number; rows in memory answer
/// themselves. Both give the same answers, so that a dataset does not depend on the way it was made.
pub(crate) trait Rows {
    /// The times of all rows, ascending.
    fn times(&self, each: &mut dyn FnMut(i64)) -> Result<(), IngestError>;

    /// The last time in `split`; none if it is empty.
    fn last_time(&self, boundaries: Boundaries, split: Split) -> Result<Option<i64>, IngestError>;

    /// From now on, labels of `tasks` that become 1 only after the end of their row's split are 0.
    fn count_labels(
        &mut self,
        tasks: &[usize],
        boundaries: Boundaries,
        ends: &[SplitEnd; 3],
    ) -> Result<(), IngestError>;

    /// Rows and positives of each split.
    fn counts(&self, boundaries: Boundaries, n_tasks: usize) -> Result<SplitCounts, IngestError>;

    /// How often texts of field `field` stand in the training rows: the wanted ones, most frequent first, ties in order of their
    /// bytes; or all, in any order.
    fn frequencies(
        &self,
        field: usize,
        boundaries: Boundaries,
        wanted: Option<Wanted>,
        each: &mut dyn FnMut(&str, u64),
    ) -> Result<(), IngestError>;

    /// The numbers of the training rows, with the index of their column; in any order, null left out.
    fn training_numbers(
        &self,
        columns: &[String],
        boundaries: Boundaries,
        each: &mut dyn FnMut(usize, f64),
    ) -> Result<(), IngestError>;

    /// All rows, ordered by `keys` (null last), then position.
    fn sorted(
        &self,
        keys: &[String],
        each: &mut dyn FnMut(&RecordBatch) -> Result<(), IngestError>,
    ) -> Result<(), IngestError>;
}

/// Which values of a field are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Those that are not less frequent than this.
    pub(crate) least: u64,
    /// And no more than this many of them.
    pub(crate) most: Option<u32>,
}
