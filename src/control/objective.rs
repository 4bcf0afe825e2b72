//! What a controller is to raise on the control slice, and what its blocks are paid.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::TaskMetrics;
use crate::phase::control::relative_loss;

/// The objective of a training, the larger the better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Mean AUC over the tasks (of numbers XAUC).
    #[default]
    MeanAuc,
    /// The smallest of them.
    MinAuc,
    /// Relative information: minus the mean of loss over that of the base rate.
    MeanLoss,
}

/// Whose gain a task's action is paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RewardOf {
    /// All tasks are paid the objective's.
    #[default]
    Shared,
    /// Every task that of its own AUC or loss, as much as it counts in the mean.
    PerTask,
}

/// Rewards are changes of an AUC or a loss, times this.
const SCALE: f64 = 100.0;

/// What a control slice says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) objective: f64,
    /// Every task's part: of a mean the objective is the mean of them.
    by_task: Vec<f64>,
}

impl Objective {
    /// The value of metrics; `weights` are the tasks' in the means, all alike where there are none.
    pub(super) fn value(self, tasks: &[TaskMetrics], weights: &[f64]) -> Value {
        let of_task = |task: &TaskMetrics| match self {
            Self::MeanAuc | Self::MinAuc => task.ranking().unwrap_or(0.5),
            Self::MeanLoss => -relative_loss(task),
        };
        self.of(tasks.iter().map(of_task).collect(), weights)
    }

    fn of(self, values: Vec<f64>, weights: &[f64]) -> Value {
        if self == Self::MinAuc {
            let objective = values.iter().copied().fold(f64::INFINITY, f64::min);
            return Value { objective, by_task: values };
        }
        let n = values.len();
        let weight = |task: usize| weights.get(task).copied().unwrap_or(1.0);
        let mean_weight = (0..n).map(weight).sum::<f64>() / n as f64;
        let part = |(task, value): (usize, &f64)| weight(task) / mean_weight * value;
        let by_task: Vec<f64> = values.iter().enumerate().map(part).collect();
        Value { objective: by_task.iter().sum::<f64>() / n as f64, by_task }
    }
}

impl RewardOf {
    /// What a block is paid that led from one value to another, `[task]`.
    pub(super) fn rewards(self, before: &Value, after: &Value) -> Vec<f32> {
        let pairs = before.by_task.iter().zip(&after.by_task);
        let change = |(before, after): (&f64, &f64)| (SCALE * (after - before)) as f32;
        match self {
            Self::Shared => pairs.map(|_| change((&before.objective, &after.objective))).collect(),
            Self::PerTask => pairs.map(change).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_and_rewards_by_hand() {
        let value = |of: Objective, values: [f64; 2], weights: &[f64]| of.of(values.to_vec(), weights);
        assert_eq!(value(Objective::MinAuc, [0.8, 0.6], &[]).objective, 0.6);
        let before = value(Objective::MeanAuc, [0.8, 0.6], &[]);
        assert!((before.objective - 0.7).abs() < 1e-12);
        let weighted = value(Objective::MeanAuc, [0.8, 0.6], &[3.0, 1.0]);
        assert!((weighted.objective - 0.75).abs() < 1e-12);
        let after = value(Objective::MeanAuc, [0.79, 0.63], &[]);
        let close = |found: Vec<f32>, expected: [f32; 2]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?}");
        };
        close(RewardOf::Shared.rewards(&before, &after), [1.0, 1.0]);
        close(RewardOf::PerTask.rewards(&before, &after), [-1.0, 3.0]);
        // Weights 3 and 1 are 1.5 and 0.5 of their mean: what the tasks are paid has the objective's gain as its mean.
        let gained = value(Objective::MeanAuc, [0.79, 0.63], &[3.0, 1.0]);
        close(RewardOf::PerTask.rewards(&weighted, &gained), [-1.5, 1.5]);
        close(RewardOf::Shared.rewards(&weighted, &gained), [0.0, 0.0]);
    }
}
