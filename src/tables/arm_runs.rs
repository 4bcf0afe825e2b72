//! What a study found: the runs behind a line of its table.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::metric::TaskMetrics;
use crate::output::report::TaskBlock;

/// The runs of one arm in one cell of the axes: the same settings with other seeds. A line of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmRuns {
    /// Name of the arm in the study file.
    pub name: String,
    /// Where on the axes it was run: axis and value, in the order of the study file; empty without axes.
    pub cell: Vec<(String, String)>,
    /// Whose numbers these are: `final`, `pretrained` or `equal-budget`, as `rmtl compare --actor` names them.
    pub actor: String,
    /// What the arm's search chose: placeholder and value; empty where nothing was searched.
    pub chosen: Vec<(String, String)>,
    /// Settings tried before this one was chosen, itself among them; 0 where nothing was searched.
    pub trials: usize,
    /// The runs that finished, by seed. Arms of one cell share their seeds but for runs that failed.
    pub seeds: Vec<SeedRun>,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedRun {
    /// Its seed.
    pub seed: u64,
    /// Its run folder: `report.json`, models and curves.
    pub folder: PathBuf,
    /// How long its phases took, all actors of the run together.
    pub seconds: f64,
    /// The tasks on the test split.
    pub test: Vec<TaskScores>,
    /// The tasks on the validation split, which alone a choice may look at.
    pub validation: Vec<TaskScores>,
}

/// The numbers of a task on one split; `None` is undefined on its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskScores {
    /// The task.
    pub task: String,
    /// The AUC; of a task whose label is a number the XAUC. Higher is better.
    pub auc: Option<f64>,
    /// The logloss in nats; of a task whose label is a number the normalised squared error. Lower is better.
    pub logloss: Option<f64>,
}

impl TaskScores {
    /// Those of a report's block, in its order.
    pub fn of(block: &TaskBlock) -> Vec<Self> {
        let scores = |(task, of): (&String, &TaskMetrics)| Self {
            task: task.clone(),
            auc: of.ranking(),
            logloss: of.loss(),
        };
        block.iter().map(scores).collect()
    }
}

/// The mean AUC over the tasks that have one; nothing where none has.
pub fn mean_auc(tasks: &[TaskScores]) -> Option<f64> {
    mean(tasks.iter().filter_map(|of| of.auc))
}

/// The mean logloss over the tasks that have one; nothing where none has.
pub fn mean_logloss(tasks: &[TaskScores]) -> Option<f64> {
    mean(tasks.iter().filter_map(|of| of.logloss))
}

/// The mean of some values; nothing of none.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0_u32), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}
