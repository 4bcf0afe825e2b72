//! `[early_stop]`: what decides which parameters are the best.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::TaskMetrics;

/// What the early stop looks at on the validation split. Every phase that trains the actor keeps the parameters where this
/// was best.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EarlyStop {
    /// The mean AUC over the tasks.
    #[default]
    Mean,
    /// The AUC of the task that is worst.
    Minimum,
    /// The AUC of one task.
    Task(String),
    /// The weighted mean of the AUCs, a weight per task.
    Weighted(Vec<f64>),
    /// The mean logloss over the tasks; lower is better.
    Logloss,
    /// The logloss of one task.
    TaskLogloss(String),
}

impl EarlyStop {
    /// Why this cannot work for these tasks, in words for the author of the run file.
    pub fn check(&self, tasks: &[&str]) -> Result<(), String> {
        let known = |key: &str, name: &String| match tasks.contains(&name.as_str()) {
            true => Ok(()),
            false => Err(format!("`{key}`: no task is called `{name}`; there are {}", tasks.join(", "))),
        };
        match self {
            Self::Mean | Self::Minimum | Self::Logloss => Ok(()),
            Self::Task(name) => known("task", name),
            Self::TaskLogloss(name) => known("task_logloss", name),
            Self::Weighted(weights) => {
                let valid = |weight: &f64| (0.0..=1e6).contains(weight);
                if weights.len() == tasks.len()
                    && weights.iter().all(valid)
                    && weights.iter().any(|&w| w > 0.0)
                {
                    return Ok(());
                }
                Err(format!(
                    "`weighted` needs one number per task from 0 to 1e6, one of them above 0: expected {}, found {weights:?}",
                    tasks.len()
                ))
            }
        }
    }

    /// What is compared from validation to validation. `has_auc` tells of each task whether the validation split holds both
    /// of its labels: where a task that counts has no AUC, logloss takes AUC's place, for that task alone or for all that
    /// count, since the two cannot be averaged.
    pub fn criterion(&self, tasks: &[&str], has_auc: &[bool]) -> Criterion {
        let n_tasks = tasks.len();
        let only =
            |name: &String| tasks.iter().map(|task| f64::from(u8::from(task == name))).collect::<Vec<f64>>();
        let weights = match self {
            Self::Mean | Self::Minimum | Self::Logloss => vec![1.0; n_tasks],
            Self::Task(name) | Self::TaskLogloss(name) => only(name),
            Self::Weighted(weights) => weights.clone(),
        };
        let by_auc = !matches!(self, Self::Logloss | Self::TaskLogloss(_));
        let lacking =
            weights.iter().zip(has_auc).zip(tasks).find(|((weight, has), _)| **weight > 0.0 && !**has);
        let instead_of_auc_of = lacking.filter(|_| by_auc).map(|(_, task)| (*task).to_owned());
        let metric = match (by_auc && instead_of_auc_of.is_none(), self) {
            (true, Self::Minimum) => Metric::LeastAuc,
            (true, _) => Metric::Auc,
            (false, _) => Metric::Logloss,
        };
        let what = if let Metric::Logloss = metric { "logloss" } else { "AUC" };
        let name = match self {
            Self::Mean | Self::Logloss => format!("mean {what}"),
            Self::Minimum => format!("{} {what}", if what == "AUC" { "least" } else { "mean" }),
            Self::Task(name) | Self::TaskLogloss(name) => format!("{what} of {name}"),
            Self::Weighted(_) => format!("weighted {what}"),
        };
        Criterion { metric, weights, name, instead_of_auc_of }
    }
}

/// The number that says which parameters are better.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    metric: Metric,
    /// How much every task counts.
    weights: Vec<f64>,
    name: String,
    /// The task whose missing AUC made logloss the criterion.
    pub instead_of_auc_of: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    Auc,
    LeastAuc,
    Logloss,
}

impl Criterion {
    /// The value for these metrics, in the order of the tasks; none where one that counts is undefined.
    pub fn value(&self, scores: &[TaskMetrics]) -> Option<f64> {
        let counting = || self.weights.iter().zip(scores).filter(|(weight, _)| **weight > 0.0);
        match self.metric {
            Metric::Auc => mean(counting().map(|(weight, task)| Some((*weight, task.ranking()?)))),
            Metric::Logloss => mean(counting().map(|(weight, task)| Some((*weight, task.loss()?)))),
            Metric::LeastAuc => counting()
                .map(|(_, task)| task.ranking())
                .reduce(|least, auc| Some(least?.min(auc?)))
                .flatten(),
        }
    }

    /// Whether `value` is better than the best so far.
    pub fn improves(&self, value: Option<f64>, best: Option<f64>) -> bool {
        match (value, best) {
            (Some(value), Some(best)) => match self.metric {
                Metric::Auc | Metric::LeastAuc => value > best,
                Metric::Logloss => value < best,
            },
            (value, None) => value.is_some(),
            (None, Some(_)) => false,
        }
    }

    /// What it is called in reports and on the console.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The mean of weighted values; none where one is.
fn mean(mut values: impl Iterator<Item = Option<(f64, f64)>>) -> Option<f64> {
    let (weights, sum) = values.try_fold((0.0, 0.0), |(weights, sum), item| {
        let (weight, value) = item?;
        Some((weights + weight, sum + weight * value))
    })?;
    (weights > 0.0).then(|| sum / weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: [&str; 3] = ["click", "cart", "buy"];

    /// Metrics with these AUCs, and loglosses of 0.5, 0.4 and 0.1.
    fn scores(aucs: [Option<f64>; 3]) -> Vec<TaskMetrics> {
        let of = |(auc, logloss)| TaskMetrics {
            auc,
            logloss: Some(logloss),
            s_logloss: None,
            gauc: None,
            gauc_skipped_sessions: 0,
            conditional_auc: None,
            pcoc: None,
            ne: None,
            ece: None,
            calibration: Vec::new(),
            number: None,
            positives: 1,
            rows: 2,
        };
        aucs.into_iter().zip([0.5, 0.4, 0.1]).map(of).collect()
    }

    fn value(stop: &EarlyStop, aucs: [Option<f64>; 3]) -> (Criterion, f64) {
        let criterion = stop.criterion(&TASKS, &aucs.map(|auc| auc.is_some()));
        let value = criterion.value(&scores(aucs)).expect("defined");
        (criterion, value)
    }

    #[test]
    fn values_by_hand() {
        let of = |stop: EarlyStop| value(&stop, [Some(0.7), Some(0.6), Some(0.8)]).1;
        assert!((of(EarlyStop::Mean) - 0.7).abs() < 1e-12);
        assert_eq!(of(EarlyStop::Minimum), 0.6);
        assert_eq!(of(EarlyStop::Task("buy".into())), 0.8);
        assert!((of(EarlyStop::Weighted(vec![1.0, 0.0, 3.0])) - 0.775).abs() < 1e-12);
        assert!((of(EarlyStop::Logloss) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(of(EarlyStop::TaskLogloss("cart".into())), 0.4);
    }

    #[test]
    fn higher_auc_and_lower_logloss_are_better() {
        let all = [true; 3];
        let improves = |stop: EarlyStop, value, best| stop.criterion(&TASKS, &all).improves(value, best);
        assert!(
            improves(EarlyStop::Mean, Some(0.7), Some(0.6))
                && !improves(EarlyStop::Mean, Some(0.6), Some(0.6))
        );
        assert!(improves(EarlyStop::Logloss, Some(0.3), Some(0.4)));
        assert!(!improves(EarlyStop::Logloss, Some(0.4), Some(0.4)));
        assert!(improves(EarlyStop::Mean, Some(0.1), None) && !improves(EarlyStop::Mean, None, Some(0.1)));
    }

    #[test]
    fn a_task_without_an_auc_is_stopped_by_logloss() {
        let aucs = [Some(0.7), Some(0.6), None];
        for (stop, expected, instead) in [
            (EarlyStop::Mean, 1.0 / 3.0, true),
            (EarlyStop::Minimum, 1.0 / 3.0, true),
            (EarlyStop::Task("buy".into()), 0.1, true),
            (EarlyStop::Task("cart".into()), 0.6, false),
            (EarlyStop::Weighted(vec![1.0, 1.0, 0.0]), 0.65, false),
            (EarlyStop::Weighted(vec![1.0, 0.0, 3.0]), 0.2, true),
            (EarlyStop::Logloss, 1.0 / 3.0, false),
        ] {
            let (criterion, found) = value(&stop, aucs);
            assert!((found - expected).abs() < 1e-12, "{stop:?}: {found}");
            assert_eq!(criterion.instead_of_auc_of.as_deref() == Some("buy"), instead, "{stop:?}");
            assert_eq!(
                criterion.name().contains("logloss"),
                instead || stop == EarlyStop::Logloss,
                "{stop:?}"
            );
        }
    }

    #[test]
    fn tasks_that_do_not_exist_and_wrong_lists_are_refused() {
        for stop in [EarlyStop::Task("by".into()), EarlyStop::TaskLogloss("by".into())] {
            let error = stop.check(&TASKS).unwrap_err();
            assert!(error.contains("click, cart, buy"), "{error}");
        }
        assert!(EarlyStop::Weighted(vec![1.0]).check(&TASKS).unwrap_err().contains("expected 3"));
        assert!(EarlyStop::Weighted(vec![0.0; 3]).check(&TASKS).is_err());
    }
}
