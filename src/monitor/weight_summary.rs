//! The loss weights of a training in a few numbers.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Summaries by task.
pub type WeightsByTask = IndexMap<String, WeightSummary>;

/// The weights of one task's rows over a whole training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightSummary {
    /// Mean over all rows trained on, each time they were.
    pub mean: f64,
    /// The smallest weight of a row.
    pub min: f64,
    /// The largest weight of a row.
    pub max: f64,
    /// Mean over the rows of the first batch.
    pub first: f64,
    /// Mean over the rows of the last batch.
    pub last: f64,
}

/// Takes in the weights of a training, batch by batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WeightTotals {
    rows: u64,
    /// Per task; `mean` is a sum meanwhile.
    tasks: Vec<WeightSummary>,
}

impl WeightTotals {
    pub(crate) fn new(n_tasks: usize) -> Self {
        let none =
            WeightSummary { mean: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY, first: 0.0, last: 0.0 };
        Self { rows: 0, tasks: vec![none; n_tasks] }
    }

    /// Takes in the weights of a batch, `[batch, task]` row-major.
    pub(crate) fn record(&mut self, weights: &[f32]) {
        let n_tasks = self.tasks.len();
        let rows = (weights.len() / n_tasks) as u64;
        for (task, of) in self.tasks.iter_mut().enumerate() {
            let mut sum = 0.0;
            for weight in weights.iter().skip(task).step_by(n_tasks).map(|&weight| f64::from(weight)) {
                sum += weight;
                (of.min, of.max) = (of.min.min(weight), of.max.max(weight));
            }
            of.mean += sum;
            of.last = sum / rows.max(1) as f64;
            if self.rows == 0 {
                of.first = of.last;
            }
        }
        self.rows += rows;
    }

    /// The summaries; none of a training without a step.
    pub(crate) fn by_task(&self, names: impl Iterator<Item = String>) -> WeightsByTask {
        if self.rows == 0 {
            return WeightsByTask::new();
        }
        let of = |of: &WeightSummary| WeightSummary { mean: of.mean / self.rows as f64, ..*of };
        names.zip(self.tasks.iter().map(of)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_ranges_first_and_last_by_hand() {
        let mut totals = WeightTotals::new(2);
        totals.record(&[1.0, 0.5, 3.0, 0.5]);
        totals.record(&[5.0, 2.0]);
        let names = || ["click", "buy"].map(String::from).into_iter();
        let found = totals.by_task(names());
        let click = WeightSummary { mean: 3.0, min: 1.0, max: 5.0, first: 2.0, last: 5.0 };
        let buy = WeightSummary { mean: 1.0, min: 0.5, max: 2.0, first: 0.5, last: 2.0 };
        assert_eq!((found["click"], found["buy"]), (click, buy));
        assert!(WeightTotals::new(2).by_task(names()).is_empty(), "nothing was weighed");
    }
}
