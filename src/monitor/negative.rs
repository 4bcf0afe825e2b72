//! Loss weights below zero: rows on which a training makes its loss larger.

use serde::{Deserialize, Serialize};

use crate::log::tags::Phase;
use crate::run::Run;

/// Share of a task's weights below zero from which it is worth a word: single rows do not turn a batch's gradient round.
const NOTABLE_SHARE: f64 = 0.01;

/// Counts the weights of a phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NegativeWeights {
    rows: u64,
    /// Per task.
    negative: Vec<u64>,
}

impl NegativeWeights {
    pub(crate) fn new(n_tasks: usize) -> Self {
        Self { rows: 0, negative: vec![0; n_tasks] }
    }

    /// Takes in the weights of a batch, `[batch, task]` row-major.
    pub(crate) fn record(&mut self, weights: &[f32]) {
        for row in weights.chunks_exact(self.negative.len()) {
            self.rows += 1;
            self.negative.iter_mut().zip(row).for_each(|(count, &weight)| *count += u64::from(weight < 0.0));
        }
    }

    /// The share of rows with a weight below zero, per task.
    fn shares(&self) -> impl Iterator<Item = f64> {
        self.negative.iter().map(|&count| count as f64 / self.rows.max(1) as f64)
    }

    /// Warns of the tasks with a notable share.
    pub(crate) fn report(&self, run: &mut Run<'_>, phase: Phase) {
        for (task, share) in run.schema().tasks.iter().zip(self.shares()) {
            if share >= NOTABLE_SHARE {
                run.warn(format!(
                    "`{}`: {:.0} % of the rows trained on had a negative weight for task `{}`, which makes their loss larger; set \
                     `weights.clip`, such as `[0.0, 100.0]`, unless that is wanted",
                    phase.name(),
                    100.0 * share,
                    task.name
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::NegativeWeights;

    #[test]
    fn shares_are_of_rows_and_per_task() {
        let mut weights = NegativeWeights::new(2);
        weights.record(&[1.0, -0.5, -0.0, -2.0]);
        weights.record(&[0.0, 3.0, -1.0, -1.0]);
        assert_eq!(weights.shares().collect::<Vec<_>>(), [0.25, 0.75]);
        assert_eq!(NegativeWeights::new(1).shares().collect::<Vec<_>>(), [0.0]);
    }
}
