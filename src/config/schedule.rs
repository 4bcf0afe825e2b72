//! `[schedule.<name>]`: the phases of training.

use rmtl_agents::policy::Exploration;
use rmtl_envs::Reward;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::training::{FitConfig, FurtherConfig, StartFrom};

/// A schedule with its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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

    /// The training beside critics.
    pub fn further(&self) -> &FurtherConfig {
        match self {
            Self::TwoStage(two_stage) => &two_stage.weighted,
            Self::Joint(joint) => &joint.training,
        }
    }

    /// Where the training beside critics starts.
    pub fn start_from(&self) -> StartFrom {
        self.further().start_from
    }

    /// Whether the training beside critics goes on with the pretrained actor's optimisers.
    pub fn keeps_optimizers(&self) -> bool {
        self.further().keep_optimizer && self.start_from() == StartFrom::Pretrained
    }

    /// Why these settings cannot work, in words for the author of the run file.
    pub fn check(&self) -> Result<(), String> {
        self.pretrain().check("pretrain")?;
        if self.collect().n_lanes == 0 {
            return Err("`collect.n_lanes` must be at least 1; found 0".into());
        }
        let policy = &self.collect().policy;
        policy.check().map_err(|message| format!("`collect.policy.{}`: {message}", policy.name()))?;
        match self {
            Self::TwoStage(two_stage) => {
                two_stage.weighted.check("weighted", &two_stage.pretrain)?;
                two_stage.critics.check()
            }
            Self::Joint(joint) => joint.check(),
        }
    }
}

/// `[schedule.two_stage]`: pretrain the actor with equal weights, fill the replay, train the critics with the actor
/// frozen, then train the actor with the critics' weights.
///
/// A weighting that needs no critics acts in `pretrain`, and the run ends there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    pub weighted: FurtherConfig,
}

/// `[schedule.joint]`: pretrain the actor with equal weights, fill the replay, then train actor and critics side by side:
/// the critics by TD, the actor on the weighted loss, and all targets follow.
///
/// A weighting that needs no critics, without a policy gradient, acts in `pretrain`, and the run ends there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Joint {
    /// The reward of a prediction.
    pub reward: Reward,
    /// Updates of the critics alone before the actor moves for the first time.
    pub critic_warmup_steps: u64,
    /// Updates of the critics before each update of the actor, after which all targets move (TD3's delay).
    pub critic_steps: u64,
    /// Soft update rate of the actor's target network; absent = the critics' `tau`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_tau: Option<f64>,
    /// Sessions walked on side by side, a row each before every update of the critics: its new transitions.
    pub n_lanes: usize,
    /// Supervised training of the actor; left out where `training` starts from scratch.
    pub pretrain: FitConfig,
    /// Filling the replay, at the start and while training goes on.
    pub collect: CollectConfig,
    /// Training of actor and critics.
    pub training: FurtherConfig,
}

impl Default for Joint {
    fn default() -> Self {
        Self {
            reward: Reward::default(),
            critic_warmup_steps: 0,
            critic_steps: 1,
            actor_tau: None,
            n_lanes: 64,
            pretrain: FitConfig::default(),
            collect: CollectConfig::default(),
            training: FurtherConfig::default(),
        }
    }
}

impl Joint {
    fn check(&self) -> Result<(), String> {
        let Self { critic_steps, n_lanes, .. } = self;
        if *critic_steps == 0 || *n_lanes == 0 {
            return Err(format!(
                "`critic_steps` and `n_lanes` must be at least 1; found {critic_steps} and {n_lanes}"
            ));
        }
        if let Some(tau) = self.actor_tau.filter(|tau| !(*tau > 0.0 && *tau <= 1.0)) {
            return Err(format!("`actor_tau` is a rate in (0, 1]; found {tau}"));
        }
        self.training.check("training", &self.pretrain)
    }
}

/// Filling the replay by walking the training sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
