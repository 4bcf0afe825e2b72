//! The labels of the training rows as outcomes of 0 and 1.

use rmtl_envs::{LogTable, Row, Schema};

/// The training rows; of a label that is a number, the outcome is whether it is above its mean.
pub(super) struct Training<'a> {
    pub(super) table: &'a LogTable,
    /// By task; as shares of the cap.
    means: Vec<Option<f32>>,
}

impl<'a> Training<'a> {
    pub(super) fn of(table: &'a LogTable, schema: &Schema) -> Self {
        let mean = |task: &rmtl_envs::Task| task.number.map(|scale| (scale.mean / scale.cap) as f32);
        Self { table, means: schema.tasks.iter().map(mean).collect() }
    }

    pub(super) fn outcome(&self, row: Row, task: usize) -> u8 {
        match self.means[task] {
            None => self.table.labels(row)[task],
            Some(mean) => u8::from(self.table.target(row, task) > mean),
        }
    }
}
