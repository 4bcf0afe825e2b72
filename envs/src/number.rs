//! Tasks whose label is a number: a time watched, a price.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mdp::reward::Reward;
use crate::schema::NumberScale;
use crate::table::{LogTable, Row};

/// Predictions are kept this far from 0 inside logarithms, as a share of the cap.
pub const SHARE_MARGIN: f32 = 1e-7;

/// Twice what the most certain prediction is paid that a reward sees, see [`MIN_ACTION`](crate::MIN_ACTION).
const LEAST_UNIT: f32 = 2e-4;

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
    /// By task, what a reward of −1 is worth; empty where it is 1.
    units: Vec<f32>,
}

impl From<Reward> for Rewards {
    fn from(rule: Reward) -> Self {
        Self::by(rule)
    }
}

impl Rewards {
    /// By `rule`, where no label is a number.
    pub const fn by(rule: Reward) -> Self {
        Self { rule, numbers: Vec::new(), units: Vec::new() }
    }

    /// By `rule`, and for tasks whose label is a number by their objective: its negative loss, or `−|ŷ − y| / σ`. `numbers` has
    /// one entry per task.
    pub fn new(rule: Reward, numbers: Vec<Option<NumberObjective>>) -> Self {
        let any = numbers.iter().any(Option::is_some);
        Self { rule, numbers: if any { numbers } else { Vec::new() }, units: Vec::new() }
    }

    /// The same in units of `rewards`, one per task and none above 0. A task whose label never varies, so that its unit is
    /// next to nothing, keeps its own.
    pub fn in_units_of(self, rewards: Vec<f32>) -> Self {
        let unit = |reward: f32| if reward < -LEAST_UNIT { -reward } else { 1.0 };
        Self { units: rewards.into_iter().map(unit).collect(), ..self }
    }

    /// For every task, what always predicting its mean over the rows of `table` is paid in the mean: for
    /// [`Reward::NegativeBce`] its negative base entropy. 0 where there is no row.
    pub fn of_mean(&self, table: &LogTable) -> Vec<f32> {
        let n_rows = table.n_rows().max(1) as f64;
        let of_task = |task: usize| {
            let is_number = self.numbers.get(task).copied().flatten().is_some();
            let target = |row: Row| match is_number {
                true => f64::from(table.target(row, task)),
                false => f64::from(table.labels(row)[task]),
            };
            let mean = table.rows().map(target).sum::<f64>() / n_rows;
            let paid = |row| f64::from(self.of_task(table, row, task, mean as f32));
            (table.rows().map(paid).sum::<f64>() / n_rows) as f32
        };
        (0..table.n_tasks()).map(of_task).collect()
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
        let paid = match self.numbers.get(task).copied().flatten() {
            None => self.rule.value(action, table.labels(row)[task]),
            Some(objective) => self.of_number(objective, action, table.target(row, task)),
        };
        self.in_units(task, paid)
    }

    fn in_units(&self, task: usize, reward: f32) -> f32 {
        match self.units.get(task) {
            Some(unit) => reward / unit,
            None => reward,
        }
    }

    /// The lowest reward of `task` that a prediction of 0 or a label within the cap can have.
    pub fn worst(&self, task: usize) -> f32 {
        let worst = match self.numbers.get(task).copied().flatten() {
            None => self.rule.value(0.0, 1),
            Some(objective) => {
                let [low, high] = [(0.0, 1.0), (1.0, 0.0)].map(|(p, y)| self.of_number(objective, p, y));
                low.min(high)
            }
        };
        self.in_units(task, worst)
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

    #[test]
    fn in_units_of_the_base_entropy_knowing_nothing_is_paid_minus_one_whatever_the_rate() {
        let schema =
            crate::Schema::of_ids(&[("user", 2)], &[("click", None), ("buy", None), ("never", None)]);
        // A half of the rows has a click, one in ten a buy.
        let labels: [[u8; 3]; 10] = std::array::from_fn(|row| [(row % 2) as u8, u8::from(row == 3), 0]);
        let rows = labels.iter().zip(0..).map(|(labels, time)| crate::RowValues {
            categorical: &[1],
            labels,
            time,
            end: if time == 9 { crate::SessionEnd::Terminated } else { crate::SessionEnd::Continues },
            ..crate::RowValues::default()
        });
        let table = LogTable::from_rows(&schema, rows);
        let plain = Rewards::by(Reward::NegativeBce);
        let base = plain.of_mean(&table);
        let entropy = -(0.1 * 0.1_f32.ln() + 0.9 * 0.9_f32.ln());
        assert!((base[0] + 2.0_f32.ln()).abs() < 1e-5 && (base[1] + entropy).abs() < 1e-5, "{base:?}");
        let scaled = plain.clone().in_units_of(base.clone());
        for mean in &scaled.of_mean(&table)[..2] {
            assert!((mean + 1.0).abs() < 1e-5, "{mean}");
        }
        assert_eq!(scaled.of_task(&table, Row(3), 1, 0.5), 0.5_f32.ln() / -base[1]);
        assert_eq!(scaled.worst(1), plain.worst(1) / -base[1]);
        assert_eq!(plain.clone().in_units_of(vec![0.0; 3]).worst(0), plain.worst(0), "no unit is 0");
        // |y − 0.1| is 0.9 once and 0.1 nine times.
        let absolute = Rewards::by(Reward::NegativeAbsoluteError).of_mean(&table);
        assert!((absolute[1] + 0.18).abs() < 1e-6, "{absolute:?}");
    }
}
