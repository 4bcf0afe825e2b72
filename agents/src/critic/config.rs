//! `[critic]` of a run file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CriticOutput;
use crate::backbone::heads::check_layers;
use crate::embedding::SparseOptimizerConfig;
use crate::policy::Smoothing;

/// Settings of the critics, `[critic]` of a run file.
///
/// Departures from RMTL: the output starts alive (its bias puts Q at the mean return) and is `neg_softplus` by
/// default, because the paper's negative ReLU dies on real logs; no dropout by default, because a regression target
/// should not be learnt through noise; τ weighs the online parameters (`τ = 0.2`, the authors' code), where the
/// paper's printed formula with β = 0.2 would be τ = 0.8.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CriticConfig {
    /// Embedding dimension; absent = the actor's, whose tables are then copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dim: Option<usize>,
    /// Widths of the bottom's layers.
    pub bottom: Vec<usize>,
    /// Widths of a tower's hidden layers.
    pub tower: Vec<usize>,
    /// Dropout rate in TD updates; never applied to targets or weights.
    pub dropout: f64,
    /// One bottom for all tasks (the paper's text) or one per task (its code).
    pub shared_bottom: bool,
    /// What keeps Q negative.
    pub output: CriticOutput,
    /// Soft update rate τ of the target networks.
    pub tau: f64,
    /// Discount γ.
    pub gamma: f64,
    /// Rows whose rewards are added up before the critic is asked (n-step returns); 1 is the papers'.
    pub n_steps: u32,
    /// Two critics per task, the smaller target of which counts (TD3).
    pub twins: bool,
    /// Critics of which each learns from all users but those of its fold, whose rows' weights it gives: a weight never comes
    /// from a critic that has seen the row's reward. 1 = one that learns from all and weighs all.
    pub folds: u32,
    /// What rewards are measured in.
    pub reward_scale: RewardScale,
    /// Noise on the action of a target (TD3); absent = none, as in the papers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smoothing: Option<Smoothing>,
    /// A share of dead Q values, or of values no return can have, above this is reported loudly.
    pub alarm_share: f64,
    /// Learning rate of the dense parameters.
    pub learning_rate: f64,
    /// Learning rate of the tables.
    pub embedding_learning_rate: f64,
    /// Optimiser of the tables.
    pub embedding_optimizer: SparseOptimizerConfig,
}

/// What rewards are measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RewardScale {
    /// What the loss is measured in: nats, for a cross-entropy.
    #[default]
    Loss,
    /// The loss of always predicting the task's mean, for a cross-entropy its base entropy: −1 is the reward of whoever
    /// knows nothing of a row, whether the task is rare or common.
    BaseEntropy,
}

impl Default for CriticConfig {
    fn default() -> Self {
        Self {
            dim: None,
            bottom: vec![512, 256],
            tower: vec![128, 64],
            dropout: 0.0,
            shared_bottom: true,
            output: CriticOutput::default(),
            tau: 0.2,
            gamma: 0.95,
            n_steps: 1,
            twins: false,
            folds: 1,
            reward_scale: RewardScale::default(),
            smoothing: None,
            alarm_share: 0.5,
            learning_rate: 1e-3,
            embedding_learning_rate: 1e-3,
            embedding_optimizer: SparseOptimizerConfig::default(),
        }
    }
}

impl CriticConfig {
    /// Why these settings cannot work, in words for the author of the run file.
    pub fn check(&self) -> Result<(), String> {
        for (key, dims) in [("bottom", &self.bottom), ("tower", &self.tower)] {
            check_layers(key, dims)?;
        }
        if self.dim == Some(0) {
            return Err("`dim` must be at least 1; found 0".into());
        }
        self.embedding_optimizer.check()?;
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(format!("`dropout` is a share in [0, 1); found {}", self.dropout));
        }
        if !(self.tau > 0.0 && self.tau <= 1.0) {
            return Err(format!("`tau` is a rate in (0, 1]; found {}", self.tau));
        }
        if !(1..=10_000).contains(&self.n_steps) {
            return Err(format!("`n_steps` must be a number from 1 to 10000; found {}", self.n_steps));
        }
        if !(1..=16).contains(&self.folds) {
            return Err(format!("`folds` must be a number from 1 to 16; found {}", self.folds));
        }
        if !(0.0..=1.0).contains(&self.alarm_share) {
            return Err(format!("`alarm_share` is a share in [0, 1]; found {}", self.alarm_share));
        }
        if let Some(smoothing) = &self.smoothing {
            smoothing.check()?;
        }
        if !(0.0..=1.0).contains(&self.gamma) {
            return Err(format!("`gamma` is a discount in [0, 1]; found {}", self.gamma));
        }
        Ok(())
    }
}
