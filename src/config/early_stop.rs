//! `[early_stop]`: what decides which parameters are the best.

use serde::{Deserialize, Serialize};

/// What the early stop looks at on the validation split. Every phase that trains the actor keeps the parameters where this
/// was highest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyStop {
    /// The mean AUC over the tasks that have one.
    #[default]
    Mean,
    /// The AUC of the task that is worst.
    Minimum,
    /// The AUC of one task.
    Task(String),
    /// The weighted mean of the AUCs, a weight per task.
    Weighted(Vec<f64>),
}

impl EarlyStop {
    /// Why this cannot work for these tasks, in words for the author of the run file.
    pub fn check(&self, tasks: &[&str]) -> Result<(), String> {
        match self {
            Self::Mean | Self::Minimum => Ok(()),
            Self::Task(name) if tasks.contains(&name.as_str()) => Ok(()),
            Self::Task(name) => {
                Err(format!("`task`: no task is called `{name}`; there are {}", tasks.join(", ")))
            }
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

    /// The value of AUCs in the order of `tasks`; nothing where those it needs are undefined.
    pub fn value(&self, tasks: &[&str], aucs: &[Option<f64>]) -> Option<f64> {
        let defined = || aucs.iter().copied().flatten();
        match self {
            Self::Mean => mean(defined().map(|auc| (1.0, auc))),
            Self::Minimum => defined().reduce(f64::min),
            Self::Task(name) => aucs[tasks.iter().position(|task| task == name)?],
            Self::Weighted(weights) => {
                mean(weights.iter().zip(aucs).filter_map(|(&weight, auc)| Some((weight, (*auc)?))))
            }
        }
    }
}

/// The mean of weighted values.
fn mean(values: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (weights, sum) =
        values.fold((0.0, 0.0), |(weights, sum), (weight, value)| (weights + weight, sum + weight * value));
    (weights > 0.0).then(|| sum / weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: [&str; 3] = ["click", "cart", "buy"];

    #[test]
    fn values_by_hand() {
        let of = |stop: EarlyStop| stop.value(&TASKS, &[Some(0.7), Some(0.6), Some(0.8)]).unwrap();
        assert!((of(EarlyStop::Mean) - 0.7).abs() < 1e-12);
        assert_eq!(of(EarlyStop::Minimum), 0.6);
        assert_eq!(of(EarlyStop::Task("buy".into())), 0.8);
        assert!((of(EarlyStop::Weighted(vec![1.0, 0.0, 3.0])) - 0.775).abs() < 1e-12);
    }

    #[test]
    fn undefined_aucs_are_left_out_and_none_gives_none() {
        let of = |stop: &EarlyStop| stop.value(&TASKS, &[Some(0.7), None, None]);
        assert_eq!(of(&EarlyStop::Mean), Some(0.7));
        assert_eq!(of(&EarlyStop::Minimum), Some(0.7));
        assert_eq!(of(&EarlyStop::Task("buy".into())), None);
        assert_eq!(of(&EarlyStop::Weighted(vec![0.0, 1.0, 1.0])), None);
        assert_eq!(EarlyStop::Mean.value(&TASKS, &[None, None, None]), None);
    }

    #[test]
    fn tasks_that_do_not_exist_and_wrong_lists_are_refused() {
        let error = EarlyStop::Task("by".into()).check(&TASKS).unwrap_err();
        assert!(error.contains("click, cart, buy"), "{error}");
        assert!(EarlyStop::Weighted(vec![1.0]).check(&TASKS).unwrap_err().contains("expected 3"));
        assert!(EarlyStop::Weighted(vec![0.0; 3]).check(&TASKS).is_err());
    }
}
