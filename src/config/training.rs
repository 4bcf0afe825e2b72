//! The settings of one training of an actor: `pretrain`, `weighted` and `training` of a schedule.

use rmtl_agents::parameter::{LearningRates, OptimizerConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Epochs of training with an early stop on the validation split; the best parameters are kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FitConfig {
    /// Passes over the training rows at most.
    pub max_epochs: u32,
    /// Evaluations without improvement after which training stops.
    pub patience: u32,
    /// Validations in every epoch. Two by default: on logs split by time an actor is often best within its first or second epoch,
    /// and a training that goes on from it is to be looked at as often.
    pub evaluations_per_epoch: u32,
    /// Learning rate of the dense parameters; absent = `[optimizer]`'s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Learning rate of the embedding tables; absent = `[optimizer]`'s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_learning_rate: Option<f64>,
    /// Steps over which both rates grow linearly, `rate · step / warmup_steps`; 0 = at once.
    pub warmup_steps: u64,
    /// What becomes of both rates over the steps that are planned, `max_epochs` whole epochs.
    pub learning_rate_schedule: LearningRateSchedule,
}

/// What becomes of learning rates, beside the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LearningRateSchedule {
    /// They stay.
    #[default]
    Constant,
    /// Half a cosine from 1 down to `floor`, after the warm-up (Loshchilov and Hutter, ICLR 2017, without restarts).
    Cosine {
        /// Share of the rates at the end.
        #[serde(default)]
        floor: f64,
    },
    /// Times `factor` after every `every_epochs` epochs.
    Step {
        /// Epochs between two steps.
        #[serde(default = "one")]
        every_epochs: u32,
        /// What the rates are multiplied by.
        #[serde(default = "half")]
        factor: f64,
    },
}

fn one() -> u32 {
    1
}

fn half() -> f64 {
    0.5
}

impl LearningRateSchedule {
    fn check(self, name: &str) -> Result<(), String> {
        let key = format!("`{name}.learning_rate_schedule`");
        match self {
            Self::Cosine { floor } if !(0.0..=1.0).contains(&floor) => {
                Err(format!("{key}: `floor` is a share in [0, 1]; found {floor}"))
            }
            Self::Step { every_epochs, factor } if every_epochs == 0 || !(factor > 0.0 && factor <= 1.0) => {
                Err(format!(
                    "{key}: `every_epochs` must be at least 1 and `factor` a number in (0, 1]; found {every_epochs} and {factor}"
                ))
            }
            _ => Ok(()),
        }
    }

    /// The share of the rates at `step` (from 1) of `planned_steps` in `epochs`, of which `warmup_steps` have passed otherwise.
    fn share(self, step: u64, planned_steps: u64, epochs: u32, warmup_steps: u64) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine { floor } => {
                let done = step.saturating_sub(warmup_steps.max(1)) as f64;
                let all = planned_steps.saturating_sub(warmup_steps.max(1)).max(1) as f64;
                floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * (done / all).min(1.0)).cos())
            }
            Self::Step { every_epochs, factor } => {
                let steps_per_epoch = planned_steps.div_ceil(u64::from(epochs.max(1))).max(1);
                let n_steps = step.saturating_sub(1) / steps_per_epoch / u64::from(every_epochs);
                factor.powi(i32::try_from(n_steps).unwrap_or(i32::MAX))
            }
        }
    }
}

impl Default for FitConfig {
    fn default() -> Self {
        Self {
            max_epochs: 20,
            patience: 4,
            evaluations_per_epoch: 2,
            learning_rate: None,
            embedding_learning_rate: None,
            warmup_steps: 0,
            learning_rate_schedule: LearningRateSchedule::default(),
        }
    }
}

impl FitConfig {
    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        if self.max_epochs == 0 || self.patience == 0 || self.evaluations_per_epoch == 0 {
            let Self { max_epochs, patience, evaluations_per_epoch, .. } = self;
            return Err(format!(
                "`{name}` needs `max_epochs`, `patience` and `evaluations_per_epoch` of at least 1; found {max_epochs}, \
                 {patience} and {evaluations_per_epoch}"
            ));
        }
        self.learning_rate_schedule.check(name)?;
        let rates = [
            ("learning_rate", self.learning_rate),
            ("embedding_learning_rate", self.embedding_learning_rate),
        ];
        for (key, rate) in rates {
            // Used in single precision.
            if let Some(rate) = rate.filter(|&rate| !((rate as f32).is_finite() && rate as f32 > 0.0)) {
                return Err(format!("`{name}.{key}` must be a number above 0; found {rate}"));
            }
        }
        Ok(())
    }

    /// The learning rates at a step, counted from 1, of those planned.
    pub fn learning_rates(
        &self,
        optimizer: &OptimizerConfig,
        step: u64,
        planned_steps: u64,
    ) -> LearningRates {
        let warm = match self.warmup_steps {
            0 => 1.0,
            steps => (step as f64 / steps as f64).min(1.0),
        };
        let schedule = self.learning_rate_schedule;
        let share = warm * schedule.share(step, planned_steps, self.max_epochs, self.warmup_steps);
        LearningRates {
            dense: share * self.learning_rate.unwrap_or(optimizer.learning_rate),
            embedding: share * self.embedding_learning_rate.unwrap_or(optimizer.embedding_learning_rate),
        }
    }
}

/// A training that goes on after pretraining, and what it is compared with. What is absent is as in `pretrain`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FurtherConfig {
    /// Passes over the training rows at most; absent = two from the pretrained actor, and as in `pretrain` from scratch, so
    /// that what starts anew may learn as long as what it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_epochs: Option<u32>,
    /// Evaluations without improvement after which training stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<u32>,
    /// Validations in every epoch. The start is validated too, as step 0, and kept where nothing is better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluations_per_epoch: Option<u32>,
    /// Learning rate of the dense parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Learning rate of the embedding tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_learning_rate: Option<f64>,
    /// Steps over which both rates grow linearly; 0 = at once, whatever `pretrain` does.
    pub warmup_steps: u64,
    /// What becomes of both rates over its own planned steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate_schedule: Option<LearningRateSchedule>,
    /// Where the actor starts.
    pub start_from: StartFrom,
    /// Whether the optimisers go on with the moments they had where the pretrained actor was best; otherwise they start afresh.
    pub keep_optimizer: bool,
    /// Whether the embedding tables stay as they were where the pretrained actor was best; all else is trained.
    pub freeze_tables: bool,
    /// Whether the training is repeated with all weights 1 and without critics, for comparison.
    pub equal_budget: bool,
}

impl Default for FurtherConfig {
    fn default() -> Self {
        Self {
            max_epochs: None,
            patience: None,
            evaluations_per_epoch: None,
            learning_rate: None,
            embedding_learning_rate: None,
            warmup_steps: 0,
            learning_rate_schedule: None,
            start_from: StartFrom::default(),
            keep_optimizer: false,
            freeze_tables: false,
            equal_budget: true,
        }
    }
}

impl FurtherConfig {
    /// Its epochs, early stop and learning rates after this pretraining.
    pub fn fit(&self, pretrain: &FitConfig) -> FitConfig {
        FitConfig {
            max_epochs: self.max_epochs.unwrap_or(match self.start_from {
                StartFrom::Pretrained => 2,
                StartFrom::Scratch => pretrain.max_epochs,
            }),
            patience: self.patience.unwrap_or(pretrain.patience),
            evaluations_per_epoch: self.evaluations_per_epoch.unwrap_or(pretrain.evaluations_per_epoch),
            learning_rate: self.learning_rate.or(pretrain.learning_rate),
            embedding_learning_rate: self.embedding_learning_rate.or(pretrain.embedding_learning_rate),
            warmup_steps: self.warmup_steps,
            learning_rate_schedule: self.learning_rate_schedule.unwrap_or(pretrain.learning_rate_schedule),
        }
    }

    pub(super) fn check(&self, name: &str, pretrain: &FitConfig) -> Result<(), String> {
        for (key, is_on) in [("keep_optimizer", self.keep_optimizer), ("freeze_tables", self.freeze_tables)] {
            if is_on && self.start_from == StartFrom::Scratch {
                return Err(format!(
                    "`{name}.{key}` goes on from the pretrained actor, and `start_from = \"scratch\"` does not; remove one"
                ));
            }
        }
        self.fit(pretrain).check(name)
    }
}

/// Where further training starts. The paper says "retrain", which can be read both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StartFrom {
    /// The pretrained actor.
    #[default]
    Pretrained,
    /// New parameters.
    Scratch,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_up_by_hand() {
        let config = FitConfig { warmup_steps: 4, learning_rate: Some(0.4), ..FitConfig::default() };
        let optimizer = OptimizerConfig { embedding_learning_rate: 0.8, ..OptimizerConfig::default() };
        let rates = |step| config.learning_rates(&optimizer, step, 1000);
        let close = |found: LearningRates, dense: f64, embedding: f64| {
            assert!(
                (found.dense - dense).abs() < 1e-12 && (found.embedding - embedding).abs() < 1e-12,
                "{found:?}"
            );
        };
        close(rates(1), 0.1, 0.2);
        close(rates(3), 0.3, 0.6);
        close(rates(4), 0.4, 0.8);
        close(rates(400), 0.4, 0.8);
        let plain = FitConfig::default().learning_rates(&optimizer, 1, 1000);
        close(plain, optimizer.learning_rate, 0.8);
    }

    #[test]
    fn schedules_by_hand() {
        let optimizer = OptimizerConfig { learning_rate: 1.0, ..OptimizerConfig::default() };
        let dense = |schedule, warmup_steps, step| {
            let config = FitConfig {
                max_epochs: 5,
                warmup_steps,
                learning_rate_schedule: schedule,
                ..FitConfig::default()
            };
            config.learning_rates(&optimizer, step, 101).dense
        };
        let close =
            |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}, {expected}");
        let cosine = LearningRateSchedule::Cosine { floor: 0.2 };
        close(dense(cosine, 0, 1), 1.0);
        close(dense(cosine, 0, 51), 0.6);
        close(dense(cosine, 0, 101), 0.2);
        close(dense(cosine, 0, 500), 0.2);
        // 10 steps up, then half a cosine over the 91 that are left.
        close(dense(cosine, 10, 5), 0.5);
        close(dense(cosine, 10, 10), 1.0);
        close(dense(cosine, 10, 101), 0.2);
        let step = LearningRateSchedule::Step { every_epochs: 2, factor: 0.1 };
        // 21 steps an epoch.
        close(dense(step, 0, 42), 1.0);
        close(dense(step, 0, 43), 0.1);
        close(dense(step, 0, 85), 0.01);
        close(dense(LearningRateSchedule::Constant, 0, 85), 1.0);
    }

    #[test]
    fn what_a_further_training_does_not_say_is_as_in_pretraining() {
        let pretrain = FitConfig {
            patience: 7,
            evaluations_per_epoch: 3,
            learning_rate: Some(0.5),
            warmup_steps: 9,
            ..FitConfig::default()
        };
        let plain = FurtherConfig::default().fit(&pretrain);
        let expected = FitConfig { max_epochs: 2, warmup_steps: 0, ..pretrain };
        assert_eq!(plain, expected);
        let scratch = FurtherConfig { start_from: StartFrom::Scratch, ..FurtherConfig::default() };
        assert_eq!(scratch.fit(&pretrain).max_epochs, pretrain.max_epochs, "the budget of pretraining");
        let short = FurtherConfig { max_epochs: Some(1), ..scratch };
        assert_eq!(short.fit(&pretrain).max_epochs, 1);
        let frozen = FurtherConfig { freeze_tables: true, ..scratch };
        assert!(frozen.check("weighted", &pretrain).unwrap_err().contains("`weighted.freeze_tables`"));
        let own = FurtherConfig { patience: Some(1), learning_rate: Some(0.25), ..FurtherConfig::default() };
        assert_eq!(own.fit(&pretrain), FitConfig { patience: 1, learning_rate: Some(0.25), ..expected });
    }
}
