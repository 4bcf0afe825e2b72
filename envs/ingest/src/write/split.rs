//! The table of one split: its sessions are formed of its own rows.

use std::path::Path;

use rmtl_envs::{EnvError, SessionEnd, Split, SplitSummary, TableWriter};

use crate::split::end::SplitEnd;
use crate::write::encode::{EncodedRow, Encoder};

/// Writes each row once the split's next is known, which tells how it ends. Rows of other splits in between change
/// nothing.
pub(super) struct SplitWriter {
    table: TableWriter,
    summary: SplitSummary,
    end: SplitEnd,
    gap: Option<i64>,
    /// The row before, not yet written.
    held: EncodedRow,
    /// Its session's key, as a number; none before the first row.
    held_key: Option<u64>,
    /// Rows of the open session.
    session_rows: u64,
    /// Sessions of one row.
    single_rows: u64,
}

impl SplitWriter {
    pub(super) fn create(
        folder: &Path,
        encoder: &Encoder,
        split: Split,
        end: SplitEnd,
        gap: Option<i64>,
    ) -> Result<Self, EnvError> {
        let path = folder.join(split.file_name());
        let summary = SplitSummary {
            split,
            rows: 0,
            sessions: 0,
            cut_sessions: 0,
            positives: vec![0; encoder.schema().n_tasks()],
            first_time: 0,
            last_time: 0,
            boundary: end.boundary,
        };
        Ok(Self {
            table: TableWriter::create(&path, encoder.schema(), encoder.extras())?,
            summary,
            end,
            gap,
            held: encoder.blank(),
            held_key: None,
            session_rows: 0,
            single_rows: 0,
        })
    }

    /// Takes `row` and leaves an arbitrary one in its place. Rows come sorted by key, then time.
    pub(super) fn push(&mut self, key: u64, row: &mut EncodedRow) -> Result<(), EnvError> {
        let pause = row.time.saturating_sub(self.held.time);
        let same_session = self.held_key == Some(key) && self.gap.is_none_or(|gap| pause <= gap);
        self.write_held(same_session)?;
        std::mem::swap(&mut self.held, row);
        self.held_key = Some(key);
        Ok(())
    }

    fn write_held(&mut self, goes_on: bool) -> Result<(), EnvError> {
        if self.held_key.is_none() {
            return Ok(());
        }
        let end = if goes_on { SessionEnd::Continues } else { self.end.of_session(self.held.time, self.gap) };
        self.session_rows += 1;
        if !goes_on {
            self.single_rows += u64::from(self.session_rows == 1);
            self.session_rows = 0;
        }
        count(&mut self.summary, &self.held, end);
        self.table.push(self.held.values(end))
    }

    /// What the table holds, and how many of its sessions have one row.
    pub(super) fn finish(mut self) -> Result<(SplitSummary, u64), EnvError> {
        self.write_held(false)?;
        self.table.finish()?;
        Ok((self.summary, self.single_rows))
    }
}

fn count(summary: &mut SplitSummary, row: &EncodedRow, end: SessionEnd) {
    let first = summary.rows == 0;
    summary.first_time = if first { row.time } else { summary.first_time.min(row.time) };
    summary.last_time = if first { row.time } else { summary.last_time.max(row.time) };
    summary.rows += 1;
    summary.sessions += u64::from(end != SessionEnd::Continues);
    summary.cut_sessions += u64::from(end == SessionEnd::Cut);
    for (positives, &label) in summary.positives.iter_mut().zip(&row.labels) {
        *positives += u64::from(label);
    }
}
