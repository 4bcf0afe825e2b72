//! Tasks whose label is a number: a time watched, a price.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mdp::reward::Reward;
use crate::schema::NumberScale;
use crate::table::{LogTable, Row};

/// Predictions are kept this far from 0 inside logarithms, as a share of the cap.
pub const SHARE_MARGIN: f32 = 1e-7;

/// Smallest prediction a Poisson reward sees, as a share of the mean.
const LEAST_MEANS: f32 = 0.01;

/// The loss of a task whose label is a number y ≥ 0, for a prediction ŷ. None has a unit, so that tasks can be weighed against one
/// another; all are 0 where ŷ = y.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NumberLoss {
    /// `½ e²`, `e = (ŷ − y) / σ` with the standard deviation σ of the training rows.
    #[default]
    Squared,
    /// The same up to `|e| = δ`, `δ (|e| − ½ δ)` beyond it (Huber 1964): single large values count less.
    Huber {
        /// δ, in standard deviations.
        #[serde(default = "one")]
        delta: f64,
    },
    /// `(ŷ − y + y ln(y / ŷ)) / m` with the mean m of the training rows: the likelihood of a count, as half of its deviance.
    Poisson,
}

fn one() -> f64 {
    1.0
}

impl NumberLoss {
    /// Why these settings cannot work, in words for the author of the run file.
    pub fn check(self) -> Result<(), String> {
        match self {
            Self::Huber { delta } if !(delta > 0.0 && delta <= 1e6) => Err(format!(
                "`delta` must be a number above 0, at most 1e6 (standard deviations); found {delta}"
            )),
            _ => Ok(()),
        }
    }
}

/// A loss on a label's scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberObjective {
    /// The loss.
    pub loss: NumberLoss,
    /// The label's scale.
    pub scale: NumberScale,
}

impl NumberObjective {
    /// Standard deviations in the cap: what shares are multiplied by.
    pub fn deviations(&self) -> f32 {
        (self.scale.cap / self.scale.standard_deviation) as f32
    }

    /// Means in the cap.
    pub fn means(&self) -> f32 {
        (self.scale.cap / self.scale.mean) as f32
    }

    /// The loss of `prediction` where `target` is right, both as shares of the cap.
    pub fn loss(&self, prediction: f32, target: f32) -> f32 {
        let error = self.deviations() * (prediction - target).abs();
        match self.loss {
            NumberLoss::Squared => 0.5 * error * error,
            NumberLoss::Huber { delta } => {
                let delta = delta as f32;
                if error <= delta { 0.5 * error * error } else { delta * (error - 0.5 * delta) }
            }
            NumberLoss::Poisson => {
                let prediction = prediction.max(SHARE_MARGIN);
                let logarithm = if target > 0.0 { target * (target / prediction).ln() } else { 0.0 };
                self.means() * (prediction - target + logarithm)
            }
        }
    }
}

/// What the actions of every task are paid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rewards {
    rule: Reward,
    /// By task; empty where no label is a number.
    numbers: Vec<Option<NumberObjective>>,
}

impl From<Reward> for Rewards {
    fn from(rule: Reward) -> Self {
        Self::by(rule)
    }
}

impl Rewards {
    /// By `rule`, where no label is a number.
    pub const fn by(rule: Reward) -> Self {
        Self { rule, numbers: Vec::new() }
    }

    /// By `rule`, and for tasks whose label is a number by their objective: its negative loss, or `−|ŷ − y| / σ`. `numbers` has
    /// one entry per task.
    pub fn new(rule: Reward, numbers: Vec<Option<NumberObjective>>) -> Self {
        let any = numbers.iter().any(Option::is_some);
        Self { rule, numbers: if any { numbers } else { Vec::new() } }
    }

    /// What `actions`, one per task, are paid in `row`.
    pub fn of_row<'a>(
        &'a self,
        table: &'a LogTable,
        row: Row,
        actions: &'a [f32],
    ) -> impl Iterator<Item = f32> + 'a {
        actions.iter().enumerate().map(move |(task, &action)| self.of_task(table, row, task, action))
    }

    /// What `action` is paid for one task.
    pub fn of_task(&self, table: &LogTable, row: Row, task: usize, action: f32) -> f32 {
        match self.numbers.get(task).copied().flatten() {
            None => self.rule.value(action, table.labels(row)[task]),
            Some(objective) => self.of_number(objective, action, table.target(row, task)),
        }
    }

    /// The lowest reward of `task` that a prediction of 0 or a label within the cap can have.
    pub fn worst(&self, task: usize) -> f32 {
        match self.numbers.get(task).copied().flatten() {
            None => self.rule.value(0.0, 1),
            Some(objective) => {
                let [low, high] = [(0.0, 1.0), (1.0, 0.0)].map(|(p, y)| self.of_number(objective, p, y));
                low.min(high)
            }
        }
    }

    fn of_number(&self, objective: NumberObjective, action: f32, target: f32) -> f32 {
        match self.rule {
            Reward::NegativeBce => {
                // A count of nearly 0 would be paid without bound, as a probability of nearly 0 would.
                let floor = match objective.loss {
                    NumberLoss::Poisson => LEAST_MEANS / objective.means(),
                    _ => 0.0,
                };
                -objective.loss(action.max(floor), target)
            }
            Reward::NegativeAbsoluteError => -objective.deviations() * (action - target).abs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(loss: NumberLoss) -> NumberObjective {
        // A cap of 60 s, σ = 20 s, m = 12 s.
        NumberObjective { loss, scale: NumberScale { cap: 60.0, mean: 12.0, standard_deviation: 20.0 } }
    }

    #[test]
    fn losses_by_hand() {
        // 30 s predicted, 15 s watched: e = 0.75.
        let close = |loss: NumberLoss, p: f32, y: f32, expected: f32| {
            let found = of(loss).loss(p, y);
            assert!((found - expected).abs() < 1e-5, "{loss:?}: {found}, expected {expected}");
        };
        close(NumberLoss::Squared, 0.5, 0.25, 0.281_25);
        close(NumberLoss::Huber { delta: 1.0 }, 0.5, 0.25, 0.281_25);
        close(NumberLoss::Huber { delta: 0.5 }, 0.5, 0.25, 0.5 * (0.75 - 0.25));
        // (30 − 15 + 15 ln ½) / 12
        close(NumberLoss::Poisson, 0.5, 0.25, (15.0 - 15.0 * std::f32::consts::LN_2) / 12.0);
        close(NumberLoss::Poisson, 0.5, 0.0, 2.5);
        for loss in [NumberLoss::Squared, NumberLoss::Huber { delta: 0.1 }, NumberLoss::Poisson] {
            close(loss, 0.3, 0.3, 0.0);
        }
    }

    #[test]
    fn settings_are_checked_and_named() {
        assert!(NumberLoss::Huber { delta: 0.0 }.check().unwrap_err().contains("`delta`"));
        assert!(NumberLoss::Poisson.check().is_ok());
        let read = |text: &str| serde_json::from_str::<NumberLoss>(text).unwrap();
        assert_eq!(read("\"poisson\""), NumberLoss::Poisson);
        assert_eq!(read("{\"huber\": {}}"), NumberLoss::Huber { delta: 1.0 });
    }

    #[test]
    fn a_number_is_paid_its_negative_loss() {
        let rewards = Rewards::new(Reward::NegativeBce, vec![None, Some(of(NumberLoss::Squared))]);
        assert_eq!(rewards.of_number(of(NumberLoss::Squared), 0.5, 0.25), -0.281_25);
        assert_eq!(rewards.worst(0), Reward::NegativeBce.value(0.0, 1));
        assert_eq!(rewards.worst(1), -4.5, "60 s predicted, none watched: e = 3");
        // None predicted, 12 s watched: as a hundredth of the mean, (0.12 − 12 + 12 ln 100) / 12.
        let poisson = rewards.of_number(of(NumberLoss::Poisson), 0.0, 0.2);
        assert!((poisson + 0.01 - 1.0 + 100.0_f32.ln()).abs() < 1e-4, "{poisson}");
        let absolute = Rewards::new(Reward::NegativeAbsoluteError, vec![Some(of(NumberLoss::Poisson))]);
        assert_eq!(absolute.of_number(of(NumberLoss::Poisson), 0.5, 0.25), -0.75);
    }
}
