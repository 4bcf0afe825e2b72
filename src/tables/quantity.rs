//! What is compared: metrics of every task, and their means.

use rmtl_envs::Split;
use serde::Serialize;

use crate::statistics::Direction;
use crate::tables::{ArmRuns, SeedRun, TaskScores};

/// A metric that has a value for every task and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The AUC; of a task whose label is a number the XAUC.
    Auc,
    /// The logloss; of a task whose label is a number the normalised squared error.
    Logloss,
}

impl Metric {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Auc, Self::Logloss];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auc => "AUC",
            Self::Logloss => "logloss",
        }
    }

    /// Which way it is better.
    pub fn direction(self) -> Direction {
        match self {
            Self::Auc => Direction::HigherIsBetter,
            Self::Logloss => Direction::LowerIsBetter,
        }
    }

    /// NaN is as undefined as nothing.
    fn of(self, scores: &TaskScores) -> Option<f64> {
        let value = match self {
            Self::Auc => scores.auc,
            Self::Logloss => scores.logloss,
        };
        value.filter(|value| value.is_finite())
    }
}

/// A metric of a task, or of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quantity {
    /// The task; nothing for the mean over the tasks.
    pub task: Option<String>,
    /// The metric.
    pub metric: Metric,
}

/// Everything that is compared in one cell.
pub(super) struct Quantities {
    pub(super) tasks: Vec<String>,
    /// For every metric the tasks in turn, then their mean.
    pub(super) all: Vec<Quantity>,
    split: Split,
    /// By metric and task: whether any run has it. A task that no run can be measured on has no part in the mean; one that
    /// some run lacks leaves that run without a mean, as a mean of other tasks is no mean to compare.
    has: [Vec<bool>; 2],
}

impl Quantities {
    pub(super) fn of(arms: &[(&str, &ArmRuns)], split: Split) -> Self {
        let mut tasks: Vec<String> = Vec::new();
        let runs = || arms.iter().flat_map(|(_, arm)| &arm.seeds);
        for scores in runs().flat_map(|run| scores(run, split)) {
            if !tasks.contains(&scores.task) {
                tasks.push(scores.task.clone());
            }
        }
        let is_measured =
            |metric: Metric, task: &String| runs().any(|run| reported(run, split, task, metric).is_some());
        let has = Metric::ALL.map(|metric| tasks.iter().map(|task| is_measured(metric, task)).collect());
        let of_metric = |metric: Metric| {
            let names = tasks.iter().cloned().map(Some).chain([None]).collect::<Vec<_>>();
            names.into_iter().map(move |task| Quantity { task, metric })
        };
        let all = Metric::ALL.into_iter().flat_map(of_metric).collect();
        Self { all, split, has, tasks }
    }

    /// Where a quantity stands among all.
    pub(super) fn place(&self, task: Option<usize>, metric: Metric) -> usize {
        metric as usize * (self.tasks.len() + 1) + task.unwrap_or(self.tasks.len())
    }

    /// Which tasks count in the mean.
    pub(super) fn counted(&self, metric: Metric) -> impl Iterator<Item = usize> {
        let has = &self.has[metric as usize];
        (0..self.tasks.len()).filter(move |task| has[*task])
    }

    /// What a run's report says of every quantity.
    pub(super) fn reported(&self, run: &SeedRun) -> Vec<Option<f64>> {
        self.values(|task, metric| reported(run, self.split, &self.tasks[task], metric))
    }

    /// Every quantity, given those of single tasks.
    pub(super) fn values(&self, of: impl Fn(usize, Metric) -> Option<f64>) -> Vec<Option<f64>> {
        let mut values = Vec::with_capacity(self.all.len());
        for metric in Metric::ALL {
            let of_tasks: Vec<Option<f64>> = (0..self.tasks.len()).map(|task| of(task, metric)).collect();
            let counted: Option<Vec<f64>> = self.counted(metric).map(|task| of_tasks[task]).collect();
            let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
            values.extend(of_tasks);
            values.push(counted.filter(|values| !values.is_empty()).map(mean));
        }
        values
    }
}

fn scores(run: &SeedRun, split: Split) -> &[TaskScores] {
    match split {
        Split::Test => &run.test,
        _ => &run.validation,
    }
}

fn reported(run: &SeedRun, split: Split, task: &str, metric: Metric) -> Option<f64> {
    scores(run, split).iter().find(|of| of.task == task).and_then(|scores| metric.of(scores))
}
