//! Sorts the rows and writes the three tables.

use std::path::Path;

use datafusion::arrow::array::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use rmtl_envs::{EnvError, SessionEnd, Split, SplitSummary, TableWriter};

use crate::Progress;
use crate::adjacent::Adjacent;
use crate::canonical::name;
use crate::encode::{CanonicalBatch, EncodedRow, Encoder};

/// What the sorted rows showed that single rows do not.
#[derive(Debug, Default)]
pub(crate) struct Oddities {
    /// Rows equal to another in every column.
    pub(crate) duplicates: u64,
    /// Rows that stand in the query's result before an earlier row of their session.
    pub(crate) unsorted: u64,
    /// Sessions of one row.
    pub(crate) single_rows: u64,
}

/// Why the tables could not be written.
pub(crate) enum WriteError {
    DataFusion(DataFusionError),
    Envs(EnvError),
}

/// Writes `folder/{train,validation,test}.arrow`, rows sorted by session, then time, then the digest of the rest.
pub(crate) async fn tables(
    context: &SessionContext,
    encoder: &mut Encoder,
    folder: &Path,
    total: u64,
    progress: &dyn Fn(Progress),
) -> Result<(Vec<SplitSummary>, Oddities), WriteError> {
    progress(Progress::Sorting);
    let query = format!("SELECT * FROM rows ORDER BY {}, {}, {}", name::SESSION, name::TIME, name::DIGEST);
    let mut stream = context.sql(&query).await?.execute_stream().await?;
    let mut writer = SessionWriter::create(encoder, folder)?;
    let mut written = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        writer.push(encoder, &batch)?;
        written += batch.num_rows() as u64;
        progress(Progress::Writing { rows: written, total });
    }
    writer.finish()
}

/// Writes each row once the next is known, which tells how it ends.
struct SessionWriter {
    tables: Vec<TableWriter>,
    summaries: Vec<SplitSummary>,
    oddities: Oddities,
    sessions: Adjacent,
    rows: Adjacent,
    /// The row before, not yet written.
    held: EncodedRow,
    holds: bool,
    /// The row being read; swapped with `held`.
    current: EncodedRow,
    held_position: u64,
    session_rows: u64,
}

impl SessionWriter {
    fn create(encoder: &Encoder, folder: &Path) -> Result<Self, EnvError> {
        let create = |split: Split| {
            TableWriter::create(&folder.join(split.file_name()), encoder.schema(), encoder.has_oracle())
        };
        let summary = |split: Split| SplitSummary {
            split,
            rows: 0,
            sessions: 0,
            cut_sessions: 0,
            positives: vec![0; encoder.schema().n_tasks()],
            first_time: 0,
            last_time: 0,
        };
        Ok(Self {
            tables: Split::ALL.into_iter().map(create).collect::<Result<_, _>>()?,
            summaries: Split::ALL.map(summary).to_vec(),
            oddities: Oddities::default(),
            sessions: Adjacent::default(),
            rows: Adjacent::default(),
            held: encoder.blank(),
            holds: false,
            current: encoder.blank(),
            held_position: 0,
            session_rows: 0,
        })
    }

    fn push(&mut self, encoder: &mut Encoder, batch: &RecordBatch) -> Result<(), WriteError> {
        let key = |name| batch.column_by_name(name).expect("canonical rows have their keys").clone();
        let same_session = self.sessions.same_as_previous(&[key(name::SESSION)])?;
        let same_row = [name::SESSION, name::TIME, name::DIGEST].map(key);
        let same_row = self.rows.same_as_previous(&same_row)?;
        let typed = CanonicalBatch::of(batch);
        for row in 0..batch.num_rows() {
            encoder.encode(&typed, row, &mut self.current);
            let position = typed.position.value(row);
            if self.holds {
                self.write_held(same_session[row])?;
            }
            self.oddities.duplicates += u64::from(same_row[row]);
            let overtaken =
                same_session[row] && self.current.time > self.held.time && position < self.held_position;
            self.oddities.unsorted += u64::from(overtaken);
            std::mem::swap(&mut self.held, &mut self.current);
            (self.holds, self.held_position) = (true, position);
        }
        Ok(())
    }

    /// Writes the row before `current`.
    fn write_held(&mut self, session_goes_on: bool) -> Result<(), EnvError> {
        let end = match session_goes_on {
            false => SessionEnd::Terminated,
            true if self.current.split != self.held.split => SessionEnd::Cut,
            true => SessionEnd::Continues,
        };
        self.session_rows += 1;
        if !session_goes_on {
            self.oddities.single_rows += u64::from(self.session_rows == 1);
            self.session_rows = 0;
        }
        let split = self.held.split as usize;
        count(&mut self.summaries[split], &self.held, end);
        self.tables[split].push(self.held.values(end))
    }

    fn finish(mut self) -> Result<(Vec<SplitSummary>, Oddities), WriteError> {
        if self.holds {
            self.write_held(false)?;
        }
        for table in self.tables {
            table.finish()?;
        }
        Ok((self.summaries, self.oddities))
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

impl From<DataFusionError> for WriteError {
    fn from(error: DataFusionError) -> Self {
        Self::DataFusion(error)
    }
}

impl From<datafusion::arrow::error::ArrowError> for WriteError {
    fn from(error: datafusion::arrow::error::ArrowError) -> Self {
        Self::DataFusion(error.into())
    }
}

impl From<EnvError> for WriteError {
    fn from(error: EnvError) -> Self {
        Self::Envs(error)
    }
}
