//! `[schedule.<name>]`: the phases of training.

use rmtl_agents::exploration::Exploration;
use rmtl_envs::Reward;
use serde::{Deserialize, Serialize};

/// A schedule with its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Pretrain → collect → critics → weighted training (RMTL).
    TwoStage(TwoStage),
    /// Pretrain → collect → actor and critics side by side.
    Joint(Joint),
}

impl Default for Schedule {
    fn default() -> Self {
        Self::TwoStage(TwoStage::default())
    }
}

impl Schedule {
    /// The name in run files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TwoStage(_) => "two_stage",
            Self::Joint(_) => "joint",
        }
    }

    /// Supervised training of the actor.
    pub fn pretrain(&self) -> FitConfig {
        match self {
            Self::TwoStage(two_stage) => two_stage.pretrain,
            Self::Joint(joint) => joint.pretrain,
        }
    }

    /// Filling the replay.
    pub fn collect(&self) -> &CollectConfig {
        match self {
            Self::TwoStage(two_stage) => &two_stage.collect,
            Self::Joint(joint) => &joint.collect,
        }
    }

    /// The reward of a prediction.
    pub fn reward(&self) -> Reward {
        match self {
            Self::TwoStage(two_stage) => two_stage.reward,
            Self::Joint(joint) => joint.reward,
        }
    }

    /// Where the training beside critics starts.
    pub fn start_from(&self) -> StartFrom {
        match self {
            Self::TwoStage(two_stage) => two_stage.weighted.start_from,
            Self::Joint(joint) => joint.training.start_from,
        }
    }

    /// Why these settings cannot work, in words for the author of the run file.
    pub fn check(&self) -> Result<(), String> {
        self.pretrain().check("pretrain")?;
        if self.collect().n_lanes == 0 {
            return Err("`collect.n_lanes` must be at least 1; found 0".into());
        }
        self.collect().policy.check().map_err(|message| format!("`collect.policy`: {message}"))?;
        match self {
            Self::TwoStage(two_stage) => {
                two_stage.weighted.fit().check("weighted")?;
                two_stage.critics.check()
            }
            Self::Joint(Joint { training, .. }) if training.critic_steps == 0 || training.n_lanes == 0 => {
                let JointConfig { critic_steps, n_lanes, .. } = training;
                Err(format!(
                    "`training` needs `critic_steps` and `n_lanes` of at least 1; found {critic_steps} and {n_lanes}"
                ))
            }
            Self::Joint(joint) => {
                if let Some(tau) = joint.training.actor_tau.filter(|tau| !(*tau > 0.0 && *tau <= 1.0)) {
                    return Err(format!("`training.actor_tau` is a rate in (0, 1]; found {tau}"));
                }
                joint.training.fit().check("training")
            }
        }
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

/// `[schedule.joint]`: pretrain the actor with equal weights, fill the replay, then train actor and critics side by side:
/// the critics by TD, the actor on the weighted loss, and all targets follow.
///
/// A weighting that needs no critics, without a policy gradient, acts in `pretrain`, and the run ends there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Joint {
    /// The reward of a prediction.
    pub reward: Reward,
    /// Supervised training of the actor; left out where `training` starts from scratch.
    pub pretrain: FitConfig,
    /// Filling the replay, at the start and while training goes on.
    pub collect: CollectConfig,
    /// Training of actor and critics.
    pub training: JointConfig,
}

/// [`FitConfig`] of actor and critics side by side, and what it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JointConfig {
    /// Passes over the training rows at most.
    pub max_epochs: u32,
    /// Evaluations without improvement after which training stops.
    pub patience: u32,
    /// Validations in every epoch.
    pub evaluations_per_epoch: u32,
    /// Where the actor starts.
    pub start_from: StartFrom,
    /// Whether the actor's training is repeated with all weights 1 and without critics, for comparison.
    pub equal_budget: bool,
    /// Updates of the critics alone before the actor moves for the first time.
    pub critic_warmup_steps: u64,
    /// Soft update rate of the actor's target network; absent = the critics' `tau`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_tau: Option<f64>,
    /// Updates of the critics before each update of the actor, after which all targets move (TD3's delay).
    pub critic_steps: u64,
    /// Sessions walked on side by side, a row each before every update of the critics: its new transitions.
    pub n_lanes: usize,
}

impl Default for JointConfig {
    fn default() -> Self {
        let WeightedConfig { max_epochs, patience, evaluations_per_epoch, start_from, equal_budget } =
            WeightedConfig::default();
        Self {
            max_epochs,
            patience,
            evaluations_per_epoch,
            start_from,
            equal_budget,
            critic_warmup_steps: 0,
            actor_tau: None,
            critic_steps: 1,
            n_lanes: 64,
        }
    }
}

impl JointConfig {
    /// Its epochs and early stop.
    pub fn fit(&self) -> FitConfig {
        let Self { max_epochs, patience, evaluations_per_epoch, .. } = *self;
        FitConfig { max_epochs, patience, evaluations_per_epoch }
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

impl FitConfig {
    fn check(&self, name: &str) -> Result<(), String> {
        if self.max_epochs == 0 || self.patience == 0 || self.evaluations_per_epoch == 0 {
            let Self { max_epochs, patience, evaluations_per_epoch } = self;
            return Err(format!(
                "`{name}` needs `max_epochs`, `patience` and `evaluations_per_epoch` of at least 1; found {max_epochs}, \
                 {patience} and {evaluations_per_epoch}"
            ));
        }
        Ok(())
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

/// Filling the replay by walking the training sessions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectConfig {
    /// Which actions are taken.
    pub policy: Exploration,
    /// Sessions walked side by side.
    pub n_lanes: usize,
}

impl Default for CollectConfig {
    fn default() -> Self {
        Self { policy: Exploration::default(), n_lanes: 2048 }
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
    /// Updates between two soft updates of the targets.
    pub soft_update_every: u64,
}

impl Default for ConvergeConfig {
    fn default() -> Self {
        Self { max_steps: 1000, window: 50, epsilon: 0.01, patience: 2, soft_update_every: 1 }
    }
}

impl ConvergeConfig {
    fn check(&self) -> Result<(), String> {
        if self.max_steps == 0 || self.window == 0 || self.patience == 0 || self.soft_update_every == 0 {
            let Self { max_steps, window, patience, soft_update_every, .. } = self;
            return Err(format!(
                "`critics` needs `max_steps`, `window`, `patience` and `soft_update_every` of at least 1; found {max_steps}, \
                 {window}, {patience} and {soft_update_every}"
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
