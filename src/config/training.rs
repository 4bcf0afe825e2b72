//! The settings of one training of an actor: `pretrain`, `weighted` and `training` of a schedule.

use rmtl_agents::optimizer::{LearningRates, OptimizerConfig};
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

    /// The learning rates at a step, counted from 1.
    pub fn learning_rates(&self, optimizer: &OptimizerConfig, step: u64) -> LearningRates {
        let share = match self.warmup_steps {
            0 => 1.0,
            steps => (step as f64 / steps as f64).min(1.0),
        };
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
    /// Passes over the training rows at most.
    pub max_epochs: u32,
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
    /// Where the actor starts.
    pub start_from: StartFrom,
    /// Whether the optimisers go on with the moments they had where the pretrained actor was best; otherwise they start afresh.
    pub keep_optimizer: bool,
    /// Whether the training is repeated with all weights 1 and without critics, for comparison.
    pub equal_budget: bool,
}

impl Default for FurtherConfig {
    fn default() -> Self {
        Self {
            max_epochs: 2,
            patience: None,
            evaluations_per_epoch: None,
            learning_rate: None,
            embedding_learning_rate: None,
            warmup_steps: 0,
            start_from: StartFrom::default(),
            keep_optimizer: false,
            equal_budget: true,
        }
    }
}

impl FurtherConfig {
    /// Its epochs, early stop and learning rates after this pretraining.
    pub fn fit(&self, pretrain: &FitConfig) -> FitConfig {
        FitConfig {
            max_epochs: self.max_epochs,
            patience: self.patience.unwrap_or(pretrain.patience),
            evaluations_per_epoch: self.evaluations_per_epoch.unwrap_or(pretrain.evaluations_per_epoch),
            learning_rate: self.learning_rate.or(pretrain.learning_rate),
            embedding_learning_rate: self.embedding_learning_rate.or(pretrain.embedding_learning_rate),
            warmup_steps: self.warmup_steps,
        }
    }

    pub(super) fn check(&self, name: &str, pretrain: &FitConfig) -> Result<(), String> {
        if self.keep_optimizer && self.start_from == StartFrom::Scratch {
            return Err(format!(
                "`{name}.keep_optimizer` goes on from the pretrained actor, and `start_from = \"scratch\"` does not; remove one"
            ));
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
        let rates = |step| config.learning_rates(&optimizer, step);
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
        let plain = FitConfig::default().learning_rates(&optimizer, 1);
        close(plain, optimizer.learning_rate, 0.8);
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
        let own = FurtherConfig { patience: Some(1), learning_rate: Some(0.25), ..FurtherConfig::default() };
        assert_eq!(own.fit(&pretrain), FitConfig { patience: 1, learning_rate: Some(0.25), ..expected });
    }
}
