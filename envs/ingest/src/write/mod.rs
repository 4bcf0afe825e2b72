//! Sorts the rows and writes the three tables.

pub(crate) mod encode;
pub(crate) mod staging;
pub(crate) mod turn;

mod split;

use std::path::Path;

use arrow_array::{ArrayRef, RecordBatch};
use rmtl_envs::{EnvError, NumericField, Split, SplitSummary};

use self::split::SplitWriter;
use crate::dataset_file::DatasetFile;
use crate::rows::Rows;
use crate::rows::adjacent::Adjacent;
use crate::rows::canonical::name;
use crate::split::end::SplitEnd;
use crate::write::encode::{CanonicalBatch, EncodedRow, Encoder, FarNumber};
use crate::{IngestError, Progress};

/// What the sorted rows showed that single rows do not.
#[derive(Debug, Default)]
pub(crate) struct OrderFindings {
    /// Rows equal to another in every column, with labels as they count.
    pub(crate) duplicates: u64,
    /// Rows that stand in the query's result before an earlier row of their session.
    pub(crate) unsorted: u64,
    /// Sessions with one row in their split.
    pub(crate) single_rows: u64,
}

/// Writes `folder/{train,validation,test}.arrow`, rows sorted by session, then time, then the digest of what is known
/// with the row, then the labels that count.
pub(crate) fn tables(
    rows: &dyn Rows,
    file: &DatasetFile,
    encoder: &mut Encoder,
    sessions: SessionEnds,
    folder: &Path,
    total: u64,
    progress: &dyn Fn(Progress),
) -> Result<(Vec<SplitSummary>, OrderFindings), IngestError> {
    progress(Progress::Sorting);
    let labels = (0..encoder.schema().n_tasks()).map(|task| format!("{}{task}", name::LABEL));
    let numbers = encoder.schema().tasks.iter().enumerate().filter(|(_, task)| task.number.is_some());
    let values: Vec<String> = numbers.map(|(task, _)| format!("{}{task}", name::VALUE)).collect();
    let weight = encoder.extras().weight.then(|| name::WEIGHT.to_owned());
    let keys: Vec<String> = [name::SESSION_NUMBER, name::SESSION, name::TIME, name::DIGEST]
        .map(String::from)
        .into_iter()
        .chain(labels)
        .chain(values)
        .chain(weight)
        .collect();
    let mut writer = SessionWriter::create(encoder, sessions, folder, keys.clone())?;
    let mut written = 0;
    rows.sorted(&keys, &mut |batch| {
        writer.push(file, encoder, batch)?;
        written += batch.num_rows() as u64;
        progress(Progress::Writing { rows: written, total });
        Ok(())
    })?;
    Ok(writer.finish()?)
}

/// What ends a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionEnds {
    /// A longer pause; none ends it where this is none.
    pub(crate) gap: Option<i64>,
    /// The end of its split, `[split]`.
    pub(crate) ends: [SplitEnd; 3],
}

/// Hands each row to its split, and compares it with the row before, whatever that one's split.
struct SessionWriter {
    splits: Vec<SplitWriter>,
    order: OrderFindings,
    /// Columns the rows are sorted by; rows that share them are equal.
    sorted_by: Vec<String>,
    keys: Adjacent,
    rows: Adjacent,
    /// Number of the current session key.
    key: u64,
    current: EncodedRow,
    /// Time and position of the row before.
    previous: (i64, u64),
}

impl SessionWriter {
    fn create(
        encoder: &Encoder,
        sessions: SessionEnds,
        folder: &Path,
        sorted_by: Vec<String>,
    ) -> Result<Self, EnvError> {
        let create = |(split, end)| SplitWriter::create(folder, encoder, split, end, sessions.gap);
        Ok(Self {
            splits: Split::ALL.into_iter().zip(sessions.ends).map(create).collect::<Result<_, _>>()?,
            order: OrderFindings::default(),
            sorted_by,
            keys: Adjacent::default(),
            rows: Adjacent::default(),
            key: 0,
            current: encoder.blank(),
            previous: (0, 0),
        })
    }

    fn push(
        &mut self,
        file: &DatasetFile,
        encoder: &mut Encoder,
        batch: &RecordBatch,
    ) -> Result<(), IngestError> {
        let column = |name: &str| batch.column_by_name(name).expect("canonical rows have their keys").clone();
        let same_key = self.keys.same_as_previous(&[column(name::SESSION_NUMBER), column(name::SESSION)]);
        let sorted_by: Vec<ArrayRef> = self.sorted_by.iter().map(|name| column(name)).collect();
        let same_row = self.rows.same_as_previous(&sorted_by);
        let typed = CanonicalBatch::of(batch);
        for row in 0..batch.num_rows() {
            encoder.encode(&typed, row, &mut self.current).map_err(|number| too_far(file, number))?;
            let (time, position) = (self.current.time, typed.position.value(row));
            self.order.duplicates += u64::from(same_row[row]);
            let overtaken = same_key[row] && time > self.previous.0 && position < self.previous.1;
            self.order.unsorted += u64::from(overtaken);
            self.key += u64::from(!same_key[row]);
            self.splits[self.current.split as usize].push(self.key, &mut self.current)?;
            self.previous = (time, position);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(Vec<SplitSummary>, OrderFindings), EnvError> {
        let mut summaries = Vec::new();
        for split in self.splits {
            let (summary, single_rows) = split.finish()?;
            self.order.single_rows += single_rows;
            summaries.push(summary);
        }
        Ok((summaries, self.order))
    }
}

pub(crate) fn too_far(file: &DatasetFile, FarNumber { field, value, row }: FarNumber) -> IngestError {
    let NumericField { name, mean, standard_deviation } = field;
    let expected = format!(
        "values of `{name}` whose distance from the training rows' mean {mean:e}, in standard deviations {standard_deviation:e}, 32 \
         bits can hold"
    );
    file.setting("numeric", expected, format!("{value:e} in row {row} of the query's result"))
}
