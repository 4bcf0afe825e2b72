//! What a study chooses by.

use serde::{Deserialize, Serialize};

use crate::tables::{TaskScores, mean, mean_auc, mean_logloss};

/// `metric`: `mean_auc`, `mean_logloss`, `auc.TASK` or `logloss.TASK`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Metric {
    /// The mean AUC over the tasks.
    #[default]
    MeanAuc,
    /// The mean logloss over the tasks.
    MeanLogloss,
    /// The AUC of a task.
    Auc(String),
    /// The logloss of a task.
    Logloss(String),
}

impl TryFrom<String> for Metric {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.split_once('.') {
            Some(("auc", task)) => Ok(Self::Auc(task.into())),
            Some(("logloss", task)) => Ok(Self::Logloss(task.into())),
            None if name == "mean_auc" => Ok(Self::MeanAuc),
            None if name == "mean_logloss" => Ok(Self::MeanLogloss),
            _ => Err(format!(
                "no metric is called `{name}`; there are mean_auc, mean_logloss, auc.TASK and logloss.TASK"
            )),
        }
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> Self {
        match metric {
            Metric::MeanAuc => "mean_auc".into(),
            Metric::MeanLogloss => "mean_logloss".into(),
            Metric::Auc(task) => format!("auc.{task}"),
            Metric::Logloss(task) => format!("logloss.{task}"),
        }
    }
}

impl Metric {
    /// Its name for people.
    pub fn name(&self) -> String {
        match self {
            Self::MeanAuc => "mean AUC".into(),
            Self::MeanLogloss => "mean logloss".into(),
            Self::Auc(task) => format!("AUC of {task}"),
            Self::Logloss(task) => format!("logloss of {task}"),
        }
    }

    /// The task it is of; nothing of the mean over all.
    pub fn task(&self) -> Option<&str> {
        match self {
            Self::MeanAuc | Self::MeanLogloss => None,
            Self::Auc(task) | Self::Logloss(task) => Some(task),
        }
    }

    /// Its value; nothing where it is undefined, or no task has that name.
    pub fn value(&self, tasks: &[TaskScores]) -> Option<f64> {
        let named = |name: &String| tasks.iter().find(|of| of.task == *name);
        match self {
            Self::MeanAuc => mean_auc(tasks),
            Self::MeanLogloss => mean_logloss(tasks),
            Self::Auc(task) => named(task)?.auc,
            Self::Logloss(task) => named(task)?.logloss,
        }
    }

    /// Its mean over runs as a score, of which the higher is better. Nothing where a run lacks it: a setting that
    /// fails with one seed is no setting to choose.
    pub(super) fn score(&self, runs: &[Option<f64>]) -> Option<f64> {
        let values: Vec<f64> = runs.iter().copied().collect::<Option<_>>()?;
        let mean = mean(values.into_iter())?;
        match self {
            Self::MeanAuc | Self::Auc(_) => Some(mean),
            Self::MeanLogloss | Self::Logloss(_) => Some(-mean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks() -> Vec<TaskScores> {
        let of = |task: &str, auc, logloss| TaskScores { task: task.into(), auc, logloss };
        vec![of("click", Some(0.75), Some(0.5)), of("buy", None, Some(0.25)), of("like", Some(0.25), None)]
    }

    #[test]
    fn values_by_hand() {
        let value = |name: &str| Metric::try_from(name.to_owned()).unwrap().value(&tasks());
        assert_eq!(value("mean_auc"), Some(0.5));
        assert_eq!(value("mean_logloss"), Some(0.375));
        assert_eq!(value("auc.click"), Some(0.75));
        assert_eq!(value("logloss.buy"), Some(0.25));
        assert_eq!(value("auc.buy"), None);
        assert_eq!(value("auc.nothing"), None);
        assert_eq!(Metric::MeanAuc.value(&[]), None);
        assert!(Metric::try_from("recall".to_owned()).is_err());
    }

    #[test]
    fn higher_scores_are_better_and_a_run_that_failed_leaves_none() {
        assert_eq!(Metric::MeanAuc.score(&[Some(0.5), Some(0.75)]), Some(0.625));
        assert_eq!(Metric::MeanLogloss.score(&[Some(0.5), Some(0.75)]), Some(-0.625));
        assert_eq!(Metric::MeanAuc.score(&[Some(0.5), None]), None);
        assert_eq!(Metric::MeanAuc.score(&[]), None);
    }
}
