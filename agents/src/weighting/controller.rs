//! Task weights that a policy or a schedule changes from block to block of the training: `w_k = b_k · exp(l_k)`, b the
//! weights of another weighting.
//!
//! With a policy π, learnt by `rmtl control learn`, `l ← clip(l + bound · π(s), ±limit)` where a block begins, s what
//! [`Features`] says of the training and of rows that are left out of it. With a schedule of n vectors l is the i-th of
//! them in the i-th of n equal parts of the planned steps. With neither l = 0.
//! References: Adaptive Loss Alignment (Huang et al., ICML 2019), AutoLoss (Xu et al., ICLR 2019).

use std::path::{Path, PathBuf};

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LossWeighting, Settings, Signal, TaskGradients, WeightingConfig, WeightingInput, Weights};
use crate::controller::{BlockState, Blocks, Features, Policy, Steered};
use crate::progress::Progress;
use crate::stream::Stream;

/// `[weighting.controller]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// The file of a policy, relative to the run file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PathBuf>,
    /// Log weights, a list per part of the training and in it a number per task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Vec<Vec<f64>>>,
    /// Blocks that a policy divides the training into; absent = as it was learnt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks: Option<u32>,
    /// Largest change of a log weight in a block; absent = as it was learnt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
    /// The weighting whose weights are multiplied, with its default settings.
    pub base: String,
    /// Share of the training rows, the last sessions, that a policy measures on; they are not trained on.
    pub control_share: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            policy: None,
            schedule: None,
            blocks: None,
            bound: None,
            base: "equal".into(),
            control_share: 0.1,
        }
    }
}

/// Largest log weight of a schedule by size.
const LIMIT: f64 = 20.0;

impl Config {
    fn base(&self) -> Result<WeightingConfig, String> {
        let config = WeightingConfig::named(&self.base).map_err(|message| format!("`base`: {message}"))?;
        match config {
            WeightingConfig::Controller(_) => Err("`base` is another weighting than this one".into()),
            config => Ok(config),
        }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        self.base()?.check().map_err(|message| format!("`base`: {message}"))?;
        if self.policy.is_some() && self.schedule.is_some() {
            return Err("`policy` and `schedule` exclude one another; remove one of them".into());
        }
        if self.schedule.as_ref().is_some_and(Vec::is_empty) {
            return Err("`schedule` needs a list of log weights at least; found none".into());
        }
        let all = self.schedule.iter().flatten().flatten();
        if let Some(value) = all.into_iter().find(|value| !(-LIMIT..=LIMIT).contains(*value)) {
            return Err(format!("`schedule` holds log weights from −{LIMIT} to {LIMIT}; found {value}"));
        }
        if self.blocks == Some(0) {
            return Err("`blocks` must be at least 1; found 0".into());
        }
        if let Some(bound) = self.bound.filter(|bound| !(*bound > 0.0 && *bound <= LIMIT)) {
            return Err(format!("`bound` must be a number above 0, at most {LIMIT}; found {bound}"));
        }
        if !(self.control_share > 0.0 && self.control_share <= 0.5) {
            return Err(format!("`control_share` is a share in (0, 0.5]; found {}", self.control_share));
        }
        Ok(())
    }

    fn check_batch(&self, batch_size: usize) -> Result<(), String> {
        self.base()?.check_batch(batch_size)
    }

    fn check_tasks(&self, n_tasks: usize) -> Result<(), String> {
        self.base()?.check_tasks(n_tasks).map_err(|message| format!("`base`: {message}"))?;
        match self.schedule.iter().flatten().find(|weights| weights.len() != n_tasks) {
            Some(weights) => Err(format!(
                "`schedule` needs a number per task in each of its lists: expected {n_tasks}, found {}",
                weights.len()
            )),
            None => Ok(()),
        }
    }

    fn is_silent(&self) -> bool {
        self.base().is_ok_and(|base| base.is_silent())
    }

    fn numbers_per_parameter(&self, n_tasks: usize) -> usize {
        self.base().map_or(0, |base| base.numbers_per_parameter(n_tasks))
    }

    fn policy(&self) -> Option<&Path> {
        self.policy.as_deref()
    }

    fn with_policy(&self, path: &Path) -> Option<WeightingConfig> {
        self.policy.as_ref()?;
        Some(WeightingConfig::Controller(Self { policy: Some(path.into()), ..self.clone() }))
    }

    fn init(&self, n_tasks: usize, stream: Stream) -> Box<dyn LossWeighting> {
        let base = self.base().expect("checked").init(n_tasks, stream);
        Box::new(Controller {
            config: self.clone(),
            steered: Steered::new(base, n_tasks),
            policy: None,
            features: Features::new(1),
        })
    }
}

struct Controller {
    config: Config,
    steered: Steered,
    policy: Option<Policy>,
    features: Features,
}

impl LossWeighting for Controller {
    fn signal(&self) -> Signal {
        self.steered.signal()
    }

    fn weighs_rows(&self) -> bool {
        self.steered.weighs_rows()
    }

    fn row_weights(&mut self, input: &WeightingInput) -> Option<Tensor<2>> {
        self.steered.row_weights(input)
    }

    fn asks_critics(&self) -> bool {
        self.steered.asks_critics()
    }

    fn blocks(&self) -> Option<Blocks> {
        let n = self.config.blocks.unwrap_or(self.policy.as_ref()?.settings().blocks);
        Some(Blocks { n, control_share: self.config.control_share })
    }

    fn take_policy(&mut self, policy: Policy) {
        self.features = Features::new(self.config.blocks.unwrap_or(policy.settings().blocks));
        self.policy = Some(policy);
    }

    fn begin_step(&mut self, progress: Progress) {
        self.steered.begin_step(progress);
        let Some(schedule) = &self.config.schedule else { return };
        let Progress { step, planned_steps } = progress;
        let n = schedule.len() as u64;
        let part = (step.saturating_sub(1) * n / planned_steps.max(1)).min(n - 1);
        self.steered.log_weights.clone_from(&schedule[part as usize]);
    }

    fn end_block(&mut self, state: &BlockState) {
        self.steered.end_block(state);
        let Some(policy) = &self.policy else { return };
        let state = self.features.observe(state.clone(), &self.steered.log_weights);
        let bound = self.config.bound.unwrap_or(policy.settings().bound);
        self.steered.act(&policy.act(&state), bound, policy.settings().limit);
    }

    fn adjust(&mut self, losses: &[f64], gradients: &mut TaskGradients) {
        self.steered.adjust(losses, gradients);
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        self.steered.weights(input)
    }

    fn equal(&self, input: &WeightingInput) -> Weights {
        self.steered.equal(input)
    }

    fn needs_update(&self) -> bool {
        self.steered.needs_update()
    }

    fn update(&mut self, mean_losses: &[f64]) {
        self.steered.update(mean_losses);
    }

    fn end_epoch(&mut self, mean_losses: &[f64]) {
        self.steered.end_epoch(mean_losses);
    }
}

#[cfg(test)]
mod tests;
