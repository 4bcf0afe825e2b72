//! `[schedule.<name>]`: the phases of training.

use rmtl_envs::Reward;
use serde::{Deserialize, Serialize};

/// A schedule with its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Pretrain → collect → critics → weighted training (RMTL).
    TwoStage(TwoStage),
}

impl Default for Schedule {
    fn default() -> Self {
        Self::TwoStage(TwoStage::default())
    }
}

impl Schedule {
    /// Why these settings cannot work, in words for the author of the run file.
    pub fn check(&self) -> Result<(), String> {
        let Self::TwoStage(two_stage) = self;
        two_stage.check()
    }
}

/// `[schedule.two_stage]`: pretrain the actor with equal weights, fill the replay, train the critics with the actor
/// frozen, then train the actor with the critics' weights.
///
/// A weighting that needs no critics acts in `pretrain`, and the run ends there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TwoStage {
    /// The reward of a prediction.
    pub reward: Reward,
    /// Supervised training of the actor.
    pub pretrain: FitConfig,
    /// Filling the replay.
    pub collect: CollectConfig,
    /// Training the critics.
    pub critics: ConvergeConfig,
    /// Training the actor on weighted losses.
    pub weighted: WeightedConfig,
}

impl TwoStage {
    fn check(&self) -> Result<(), String> {
        for (name, fit) in [("pretrain", self.pretrain), ("weighted", self.weighted.fit())] {
            if fit.max_epochs == 0 || fit.patience == 0 || fit.evaluations_per_epoch == 0 {
                return Err(format!(
                    "`{name}` needs `max_epochs`, `patience` and `evaluations_per_epoch` of at least 1; found {fit:?}"
                ));
            }
        }
        if self.collect.capacity == 0 || self.collect.n_lanes == 0 {
            return Err(format!("`collect` needs sizes of at least 1; found {:?}", self.collect));
        }
        self.critics.check()?;
        let CollectionPolicy::ActorNoise { standard_deviation } = self.collect.policy else {
            return Ok(());
        };
        if (0.0..=1e6).contains(&standard_deviation) {
            return Ok(());
        }
        Err(format!(
            "`collect.policy.actor_noise.standard_deviation` must be a number from 0 to 1e6; found {standard_deviation}"
        ))
    }
}

/// Epochs of training with an early stop on the mean validation AUC; the best parameters are kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FitConfig {
    /// Passes over the training rows at most.
    pub max_epochs: u32,
    /// Evaluations without improvement after which training stops.
    pub patience: u32,
    /// Validations in every epoch.
    pub evaluations_per_epoch: u32,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self { max_epochs: 20, patience: 2, evaluations_per_epoch: 1 }
    }
}

/// [`FitConfig`] of the weighted phase, and what it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WeightedConfig {
    /// Passes over the training rows at most.
    pub max_epochs: u32,
    /// Evaluations without improvement after which training stops.
    pub patience: u32,
    /// Validations in every epoch. Several by default: a pretrained actor overfits within an epoch.
    pub evaluations_per_epoch: u32,
    /// Where the actor starts.
    pub start_from: StartFrom,
    /// Whether the phase is repeated with all weights 1, for comparison.
    pub equal_budget: bool,
}

impl Default for WeightedConfig {
    fn default() -> Self {
        Self {
            max_epochs: 2,
            patience: 4,
            evaluations_per_epoch: 4,
            start_from: StartFrom::default(),
            equal_budget: true,
        }
    }
}

impl WeightedConfig {
    /// Its epochs and early stop.
    pub fn fit(&self) -> FitConfig {
        let Self { max_epochs, patience, evaluations_per_epoch, .. } = *self;
        FitConfig { max_epochs, patience, evaluations_per_epoch }
    }
}

/// Filling the replay by walking every training session once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectConfig {
    /// Which actions are taken.
    pub policy: CollectionPolicy,
    /// Transitions kept. When there are more, the oldest are overwritten: mind that long sessions end last.
    pub capacity: usize,
    /// Sessions walked side by side.
    pub n_lanes: usize,
}

impl Default for CollectConfig {
    fn default() -> Self {
        Self { policy: CollectionPolicy::default(), capacity: 2_000_000, n_lanes: 2048 }
    }
}

/// Which actions are taken while the replay is filled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CollectionPolicy {
    /// The actor's prediction plus normal noise, clipped to [0, 1].
    ActorNoise {
        /// Standard deviation of the noise.
        standard_deviation: f64,
    },
    /// Uniform in [0, 1], whatever the state.
    Uniform,
}

impl Default for CollectionPolicy {
    fn default() -> Self {
        Self::ActorNoise { standard_deviation: 0.1 }
    }
}

/// TD updates until the loss has converged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConvergeConfig {
    /// Updates at most.
    pub max_steps: u64,
    /// Updates whose mean TD loss is compared with the window before.
    pub window: u64,
    /// A relative improvement below ε does not count.
    pub epsilon: f64,
    /// Windows without improvement after which the critics have converged.
    pub patience: u32,
    /// Whether a transition's action is drawn anew at every sampling, as it was while collecting. The reward is known for
    /// any action, so this trains the critics on more actions than were taken; not in the papers.
    pub resample_actions: bool,
    /// Updates between two soft updates of the targets.
    pub soft_update_every: u64,
    /// A share of dead Q values above this is reported loudly.
    pub dead_share_alarm: f64,
}

impl Default for ConvergeConfig {
    fn default() -> Self {
        Self {
            max_steps: 1000,
            window: 50,
            epsilon: 0.01,
            patience: 2,
            resample_actions: false,
            soft_update_every: 1,
            dead_share_alarm: 0.5,
        }
    }
}

impl ConvergeConfig {
    fn check(&self) -> Result<(), String> {
        if self.max_steps == 0 || self.window == 0 || self.patience == 0 || self.soft_update_every == 0 {
            return Err(format!(
                "`critics` needs `max_steps`, `window`, `patience` and `soft_update_every` of at least 1; found {self:?}"
            ));
        }
        if !(0.0..=1.0).contains(&self.dead_share_alarm) {
            return Err(format!(
                "`critics.dead_share_alarm` is a share in [0, 1]; found {}",
                self.dead_share_alarm
            ));
        }
        if !(0.0..1.0).contains(&self.epsilon) {
            return Err(format!("`critics.epsilon` is a share in [0, 1); found {}", self.epsilon));
        }
        Ok(())
    }
}

/// Where weighted training starts. The paper says "retrain", which can be read both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartFrom {
    /// The pretrained actor, its optimisers afresh.
    #[default]
    Pretrained,
    /// New parameters.
    Scratch,
}
