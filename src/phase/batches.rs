//! The batches an actor trains on, read from the log.

use burn::tensor::Tensor;
use rmtl_agents::actor::ActorBatch;
use rmtl_agents::critic::{RowMarks, Values};
use rmtl_agents::input::{BatchReader, StateBatch};
use rmtl_agents::policy::FrozenPolicy;
use rmtl_envs::{Row, Split};

use super::row_counts::RowCounts;
use super::row_marks::TrainingMarks;
use crate::run::Run;

/// Reads batches of training rows.
pub(crate) struct Batches<'a> {
    reader: BatchReader<'a>,
    row_counts: RowCounts,
    /// Where critics are asked.
    marks: Option<TrainingMarks>,
    /// The pretrained actor's actions, where a loss term needs them.
    pretrained: Option<&'a FrozenPolicy>,
}

impl<'a> Batches<'a> {
    /// Of rows that count like this.
    pub(crate) fn new(
        run: &Run<'a>,
        row_counts: RowCounts,
        marks: Option<TrainingMarks>,
        pretrained: Option<&'a FrozenPolicy>,
    ) -> Self {
        Self { reader: run.reader(Split::Train), row_counts, marks, pretrained }
    }

    /// Reads `rows`. Nothing in a batch belongs to a graph, so that one may be read while another trains.
    pub(crate) fn read(&self, rows: &[Row]) -> Batch {
        Batch {
            states: self.reader.states(rows),
            labels: self.reader.labels(rows),
            counts: self.row_counts.read(&self.reader, rows),
            marks: self.marks.as_ref().map(|marks| marks.read(rows)).unwrap_or_default(),
            pretrained: self.pretrained.map(|policy| policy.tensor(&self.reader, rows)),
        }
    }
}

/// A batch, read from the log.
pub(crate) struct Batch {
    states: StateBatch,
    labels: Tensor<2>,
    counts: Option<Tensor<2>>,
    marks: RowMarks,
    pretrained: Option<Tensor<2>>,
}

impl Batch {
    pub(crate) fn for_actor<'a>(&'a self, critic: Option<Values<'a>>) -> ActorBatch<'a> {
        let Self { states, labels, counts, marks, pretrained } = self;
        ActorBatch {
            states,
            labels: labels.clone(),
            counts: counts.clone(),
            critic: critic.map(|values| values.of_rows(marks.clone())),
            pretrained: pretrained.clone(),
        }
    }
}
