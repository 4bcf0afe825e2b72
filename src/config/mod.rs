//! Run files: what a person writes ([`RunFile`]) becomes what is run ([`RunFile::check`] against the data).
//!
//! `configs/README.md` describes every key.

mod check;
mod checkpoint;
mod early_stop;
pub mod keys;
mod overrides;
mod schedule;
mod tasks;
mod training;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use rmtl_agents::actor::ActorConfig;
use rmtl_agents::backbone::BackboneConfig;
use rmtl_agents::critic::CriticConfig;
use rmtl_agents::input::EncoderConfig;
use rmtl_agents::interaction::InteractionConfig;
use rmtl_agents::loss::{LossesConfig, TaskLosses};
use rmtl_agents::parameter::OptimizerConfig;
use rmtl_agents::replay::ReplayConfig;
use rmtl_agents::weighting::{WeightBounds, WeightingConfig};
use rmtl_envs::{Manifest, NumberLoss, NumberObjective, Rewards, Schema, Split, Task};
use rmtl_files::toml_file::{self, TomlError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::log::Sinks;

pub use checkpoint::{CheckpointConfig, Every};
pub use early_stop::{Criterion, EarlyStop};
pub use overrides::{Override, OverrideError};
pub use schedule::{CollectConfig, ConvergeConfig, Joint, Schedule, TwoStage};
pub use training::{FitConfig, FurtherConfig, LearningRateSchedule, StartFrom};

/// A run file, `configs/**/*.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    /// Seed of every random stream.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Device name, see `rmtl list devices`.
    #[serde(default = "default_device")]
    pub device: String,
    /// Rows of a training batch.
    #[serde(default = "default_batch_size")]
    pub batch_size: usize,
    /// Share of a task's negative training rows that is kept, by task; of tasks that are not named all are. Predictions stay the
    /// probabilities among all rows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub negative_rates: BTreeMap<String, f64>,
    /// The loss of tasks whose label is a number, by task; `"squared"` for those not named.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub number_losses: BTreeMap<String, NumberLoss>,
    /// Tasks that are trained on the rows alone where the task before them happened; metrics stay those of all rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub local_tasks: Vec<String>,
    /// Which log.
    pub data: DataConfig,
    /// The state encoder.
    #[serde(default)]
    pub encoder: EncoderConfig,
    /// What the actor's fields do with one another before the backbone, whichever it is, sees them.
    #[serde(default)]
    pub interaction: InteractionConfig,
    /// The actor's backbone: one table `[backbone.<name>]`.
    pub backbone: BackboneConfig,
    /// Where the actor's output biases start.
    #[serde(default)]
    pub bias_init: BiasInit,
    /// Decay of an exponential average of the actor's parameters, in every phase that trains it alike; the average is what is
    /// validated, kept and tested. Absent = none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
    /// The loss weights: one table `[weighting.<name>]`.
    pub weighting: WeightingConfig,
    /// Bounds on the loss weights, whatever the weighting.
    #[serde(default)]
    pub weights: WeightBounds,
    /// Extra loss terms, `[losses.<name>]`.
    #[serde(default)]
    pub losses: LossesConfig,
    /// The actor's optimiser.
    #[serde(default)]
    pub optimizer: OptimizerConfig,
    /// The critics.
    #[serde(default)]
    pub critic: CriticConfig,
    /// What the critics learn from.
    #[serde(default)]
    pub replay: ReplayConfig,
    /// The phases of training: one table `[schedule.<name>]`.
    #[serde(default)]
    pub schedule: Schedule,
    /// What decides which parameters are the best.
    #[serde(default)]
    pub early_stop: EarlyStop,
    /// What is logged.
    #[serde(default)]
    pub log: LogConfig,
    /// What a run that was stopped goes on from.
    #[serde(default)]
    pub checkpoint: CheckpointConfig,
}

/// Where the output biases of an untrained actor start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BiasInit {
    /// At the logit of the task's share of positives among the training rows (given the task before it, where the backbone
    /// multiplies along a chain): a rare task need not first learn that it is rare.
    #[default]
    Prior,
    /// Near zero, as the papers' layers are drawn: every prediction starts near ½.
    Zero,
}

/// `[data]`: which log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The dataset file, relative to the run file.
    pub dataset: PathBuf,
    /// Folder with the raw files, relative to the run file; absent = the folder of the dataset file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
    /// Where the prepared dataset is kept, relative to the run file; absent = `prepared/<dataset name>` in the working
    /// directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prepared: Option<PathBuf>,
    /// The hash the prepared dataset must have. A run folder's `run.toml` has it, so that a run is never repeated or
    /// evaluated on other data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<String>,
}

/// `[log]`: what is logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Training steps between two logged ones.
    pub every: u64,
    /// Whether TensorBoard files are written.
    pub tensorboard: bool,
    /// Whether the predictions for every row of validation and test are kept, from which two runs are compared row by row: 4
    /// bytes a row, and per task 1 and 4 for every actor (24 for four tasks and one actor, 43 for three and three).
    pub predictions: bool,
    /// Destinations of other crates, by the names they were registered under.
    #[serde(skip_serializing_if = "Sinks::is_empty")]
    pub sinks: Sinks,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { every: 10, tensorboard: true, predictions: true, sinks: Sinks::default() }
    }
}

fn default_seed() -> u64 {
    1
}

fn default_device() -> String {
    "flex".into()
}

fn default_batch_size() -> usize {
    2048
}

/// A run file that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read the run file {path}: {source}")]
    Read {
        /// The run file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a run file.
    #[error(transparent)]
    Toml(#[from] TomlError),
    /// A `--set` does not fit.
    #[error(transparent)]
    Override(#[from] OverrideError),
    /// Values contradict one another or the data.
    #[error("{section}: {message}")]
    Value {
        /// The table of the run file.
        section: String,
        /// What is wrong.
        message: String,
    },
}

impl RunFile {
    /// Reads `path` and applies `overrides` in their order. Relative paths in the file start at its folder, those of
    /// `overrides` at the working directory.
    pub fn read(path: &Path, overrides: &[Override]) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.into(), source })?;
        // The file alone first, so that its own mistakes are reported with their lines.
        let file: Self = toml_file::parse(&text, path)?;
        let mut file = if overrides.is_empty() { file } else { overrides::apply(&text, overrides)? };
        let folder = path.parent().unwrap_or(Path::new("."));
        let data = &mut file.data;
        let paths = [Some(&mut data.dataset), data.root.as_mut(), data.prepared.as_mut()];
        for (key, path) in overrides::DATA_PATHS.into_iter().zip(paths) {
            if let Some(path) = path
                && path.is_relative()
                && !overrides.iter().any(|item| item.key() == key)
            {
                *path = tidy(&folder.join(&*path));
            }
        }
        let is_typed = overrides.iter().any(overrides::Override::names_policy);
        if let Some(policy) = file.weighting.policy().filter(|policy| policy.is_relative() && !is_typed)
            && let Some(weighting) = file.weighting.with_policy(&tidy(&folder.join(policy)))
        {
            file.weighting = weighting;
        }
        Ok(file)
    }

    /// The file as text, every default written out.
    ///
    /// # Errors
    /// A path in it is not Unicode.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self)
            .map_err(|error| ConfigError::Value { section: "[data]".into(), message: error.to_string() })
    }

    /// The actor's part.
    pub fn actor(&self) -> ActorConfig {
        ActorConfig {
            backbone: self.backbone.clone(),
            encoder: self.encoder.clone(),
            interaction: self.interaction,
            optimizer: self.optimizer,
            base_rates: None,
        }
    }

    /// The same for an actor that is to be trained on this log.
    pub fn untrained_actor(&self, manifest: &Manifest) -> ActorConfig {
        let training = manifest.summary(Split::Train);
        let is_conditional =
            |task: &Task| self.local_tasks.contains(&task.name) && !self.backbone.gives_conditionals();
        let parents = manifest.schema.parents();
        // Half a row more of either label: no logit is infinite.
        let rate = |(index, (task, &positives)): (usize, (&Task, &u64))| match (task.number, parents[index]) {
            (None, Some(parent)) if is_conditional(task) => {
                (positives as f64 + 0.5) / (training.positives[parent] as f64 + 1.0)
            }
            (None, _) => (positives as f64 + 0.5) / (training.rows as f64 + 1.0),
            (Some(scale), _) => scale.mean / scale.cap,
        };
        let rates = || manifest.schema.tasks.iter().zip(&training.positives).enumerate().map(rate).collect();
        let base_rates = (self.bias_init == BiasInit::Prior).then(rates);
        ActorConfig { base_rates, ..self.actor() }
    }

    /// The same without settings by task that say what is so without them.
    pub fn without_idle_settings(&self) -> Self {
        let mut file = self.clone();
        file.negative_rates.retain(|_, rate| *rate != 1.0);
        file.number_losses.retain(|_, loss| *loss != NumberLoss::default());
        file
    }

    /// The objective of every task whose label is a number.
    pub fn number_objectives(&self, schema: &Schema) -> Vec<Option<NumberObjective>> {
        let of_task = |task: &Task| {
            let loss = self.number_losses.get(&task.name).copied().unwrap_or_default();
            task.number.map(|scale| NumberObjective { loss, scale })
        };
        schema.tasks.iter().map(of_task).collect()
    }

    /// What the tasks' predictions are trained by.
    pub fn task_losses(&self, schema: &Schema) -> TaskLosses {
        let numbers = if schema.has_numbers() { self.number_objectives(schema) } else { Vec::new() };
        let rate = |task: &Task| self.negative_rates.get(&task.name).copied().unwrap_or(1.0);
        let any = !self.negative_rates.is_empty();
        let kept_negatives = if any { schema.tasks.iter().map(rate).collect() } else { Vec::new() };
        let is_local = |task: &Task| self.local_tasks.contains(&task.name);
        let any = !self.local_tasks.is_empty();
        let local = if any { schema.tasks.iter().map(is_local).collect() } else { Vec::new() };
        TaskLosses { numbers, kept_negatives, local }
    }

    /// The training rows that local tasks leave out: those in which the task before did not happen.
    pub fn masked_rows(&self, manifest: &Manifest) -> IndexMap<String, u64> {
        let training = manifest.summary(Split::Train);
        let tasks = manifest.schema.tasks.iter().zip(manifest.schema.parents());
        let local = tasks.filter(|(task, _)| self.local_tasks.contains(&task.name));
        local
            .filter_map(|(task, parent)| {
                Some((task.name.clone(), training.rows - training.positives[parent?]))
            })
            .collect()
    }

    /// What actions are paid, as much as they lose.
    pub fn rewards(&self, schema: &Schema) -> Rewards {
        Rewards::new(self.schedule.reward(), self.number_objectives(schema))
    }

    /// Whether critics are trained: the weighting or a loss term needs them.
    pub fn has_critics(&self) -> bool {
        let terms = self.losses.terms();
        self.weighting.asks_critics() || terms.iter().any(|(_, term)| term.needs_critics())
    }
}

/// `a/b/../c` as `a/c`, so that paths in reports read well; leading `..` stay.
fn tidy(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut tidied = PathBuf::new();
    for part in path.components() {
        match (part, tidied.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                tidied.pop();
            }
            (Component::CurDir, _) => {}
            _ => tidied.push(part),
        }
    }
    if tidied.as_os_str().is_empty() {
        tidied.push(Component::CurDir);
    }
    tidied
}

#[cfg(test)]
mod tests;
