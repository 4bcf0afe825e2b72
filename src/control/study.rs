//! The file of a study: on which log a controller is learnt, how, and for how much work.

use std::path::{Path, PathBuf};

use rmtl_agents::controller::{AgentConfig, Blocks, LogWeights, Placebo};
use rmtl_files::toml_file;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::env::Steering;
use super::objective::{Objective, RewardOf};
use crate::config::ConfigError;

/// How a controller is found. All have the same budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A policy by TD3.
    #[default]
    Td3,
    /// A policy by DDPG.
    Ddpg,
    /// From every block the best of several actions; the schedule of the training that ended best.
    Greedy,
    /// A schedule of `knots` log-weight vectors by the cross-entropy method.
    OpenLoop,
    /// The same with one knot.
    Constant,
    /// Random actions; the schedule of the training that ended best.
    Random,
    /// Population based training; the schedule of the member that ended best.
    Pbt,
    /// A discounted bandit over equal weights and one raised task each; the schedule of its last training.
    Bandit,
}

/// A study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// The run file whose pretraining is steered, relative to this file.
    pub run: PathBuf,
    /// `--set` of it; paths in them are relative to this file, too.
    #[serde(default)]
    pub set: Vec<String>,
    /// How.
    #[serde(default)]
    pub method: Method,
    /// Work at most, in whole trainings: updates of actors, branches included, and what measuring costs.
    #[serde(default = "default_budget")]
    pub budget: f64,
    /// Trainings at most; absent = as many as the budget allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub episodes: Option<u32>,
    /// Actions tried from every block.
    #[serde(default = "default_branches")]
    pub branches: u32,
    /// Probability of going on with the branch that was paid best instead of the policy's.
    #[serde(default = "default_best")]
    pub best: f64,
    /// Blocks of a training.
    #[serde(default = "default_blocks")]
    pub blocks: u32,
    /// Parts of a training in the search of a schedule.
    #[serde(default = "default_knots")]
    pub knots: u32,
    /// Log weights that the search begins around instead of 0, a list per part of the training, which takes the place of
    /// `knots`, and in it a number per task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Vec<LogWeights>>,
    /// Trainings of a round of the search, or of a population at most.
    #[serde(default = "default_population")]
    pub population: usize,
    /// What a block counts for a bandit less for every one after it.
    #[serde(default = "default_discount")]
    pub discount: f64,
    /// Seeds of the trainings, taken in turn, by a population as a whole. The agent's own streams are of the first.
    #[serde(default = "default_seeds")]
    pub seeds: Vec<u64>,
    /// Share of the log's users whose training rows are used; absent = all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<f64>,
    /// The weighting whose weights are multiplied, with its default settings.
    #[serde(default = "default_base")]
    pub base: String,
    /// Largest change of a log weight in a block.
    #[serde(default = "default_bound")]
    pub bound: f64,
    /// Largest log weight by size.
    #[serde(default = "default_limit")]
    pub limit: f64,
    /// Share of the training rows that is measured on.
    #[serde(default = "default_control_share")]
    pub control_share: f64,
    /// What is to be raised on them.
    #[serde(default)]
    pub objective: Objective,
    /// The tasks' weights in a mean objective, in their order; none = all alike.
    #[serde(default)]
    pub objective_weights: Vec<f64>,
    /// Whose gain a task's action is paid.
    #[serde(default)]
    pub reward: RewardOf,
    /// A control of the method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placebo: Option<Placebo>,
    /// The agent.
    #[serde(default)]
    pub agent: AgentConfig,
}

fn default_budget() -> f64 {
    60.0
}

fn default_branches() -> u32 {
    3
}

fn default_best() -> f64 {
    0.3
}

fn default_blocks() -> u32 {
    10
}

fn default_knots() -> u32 {
    3
}

fn default_population() -> usize {
    12
}

fn default_discount() -> f64 {
    0.98
}

fn default_seeds() -> Vec<u64> {
    vec![1, 2, 3, 4, 5]
}

fn default_base() -> String {
    "equal".into()
}

fn default_bound() -> f64 {
    1.0
}

fn default_limit() -> f64 {
    4.0
}

fn default_control_share() -> f64 {
    0.1
}

impl Study {
    /// Reads a study.
    ///
    /// # Errors
    /// It is none, or its values cannot work.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.into(), source })?;
        let mut study: Self = toml_file::parse(&text, path)?;
        study.check()?;
        if study.run.is_relative() {
            study.run = path.parent().unwrap_or(Path::new(".")).join(&study.run);
        }
        Ok(study)
    }

    /// Refuses values that cannot work.
    pub fn check(&self) -> Result<(), ConfigError> {
        let wrong = |message: String| Err(ConfigError::Value { section: "the study".into(), message });
        let counts = [
            ("branches", u64::from(self.branches)),
            ("blocks", u64::from(self.blocks)),
            ("knots", u64::from(self.knots)),
            ("population", self.population as u64),
            ("seeds", self.seeds.len() as u64),
            ("episodes", self.episodes.map_or(1, u64::from)),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return wrong(format!("`{key}` must be at least 1; found 0"));
        }
        for (key, value, most) in
            [("budget", self.budget, 1e9), ("bound", self.bound, 20.0), ("limit", self.limit, 20.0)]
        {
            if !(value > 0.0 && value <= most) {
                return wrong(format!("`{key}` must be a number above 0, at most {most}; found {value}"));
            }
        }
        if !(0.0..=1.0).contains(&self.best) {
            return wrong(format!("`best` is a probability; found {}", self.best));
        }
        if !(self.control_share > 0.0 && self.control_share <= 0.5) {
            return wrong(format!("`control_share` is a share in (0, 0.5]; found {}", self.control_share));
        }
        if let Some(sample) = self.sample.filter(|share| !(*share > 0.0 && *share <= 1.0)) {
            return wrong(format!("`sample` is a share in (0, 1]; found {sample}"));
        }
        if self.objective_weights.iter().any(|weight| !(0.0..=1e6).contains(weight))
            || (!self.objective_weights.is_empty() && self.objective_weights.iter().sum::<f64>() <= 0.0)
        {
            return wrong("`objective_weights` are numbers from 0 to 1e6, one of them above 0".into());
        }
        if self.objective == Objective::MinAuc && self.reward == RewardOf::PerTask {
            return wrong("`reward = \"per_task\"` pays every task its part of a mean, and `min_auc` is none; remove one".into());
        }
        if !(self.discount > 0.0 && self.discount <= 1.0) {
            return wrong(format!("`discount` is a number in (0, 1]; found {}", self.discount));
        }
        if let Some(start) = &self.start {
            let is_valid = match self.method {
                Method::OpenLoop => !start.is_empty(),
                Method::Constant => start.len() == 1,
                _ => return wrong("`start` is where a search begins; use `open_loop` or `constant`".into()),
            };
            if !is_valid {
                return wrong("`start` needs a list of log weights at least, with `constant` one".into());
            }
            if let Some(value) = start.iter().flatten().find(|value| !(-20.0..=20.0).contains(*value)) {
                return wrong(format!("`start` holds log weights from −20 to 20; found {value}"));
            }
        }
        match (self.placebo, self.method) {
            (None, _) | (Some(_), Method::Td3 | Method::Ddpg) => {}
            (Some(Placebo::ShuffledReward), Method::Pbt | Method::Bandit) => {}
            (Some(Placebo::ShuffledReward), _) => {
                return wrong("a `placebo` is of `td3`, `ddpg`, `pbt` or `bandit`; remove it".into());
            }
            (Some(Placebo::ShuffledState), _) => {
                return wrong(
                    "`placebo = \"shuffled_state\"` is of those that see one, `td3` and `ddpg`".into(),
                );
            }
        }
        self.agent.check().or_else(wrong)
    }

    pub(super) fn steering(&self) -> Steering {
        Steering {
            base: self.base.clone(),
            blocks: Blocks { n: self.blocks, control_share: self.control_share },
            bound: self.bound,
            limit: self.limit,
            objective: self.objective,
            weights: self.objective_weights.clone(),
            rewards: self.reward,
        }
    }
}

#[cfg(test)]
mod tests {
    use rmtl_agents::weighting::WeightingConfig;

    use super::*;
    use crate::config::{Override, RunFile};

    fn study(text: &str) -> Result<Study, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.toml");
        std::fs::write(&path, text).unwrap();
        Study::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn every_study_file_of_the_project_can_be_read_and_its_run_file_has_such_keys() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/control");
        let mut n_studies = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // Policies that were learnt lie beside them.
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let study = Study::read(&path).unwrap_or_else(|error| panic!("{error}"));
            let set: Vec<Override> = study.set.iter().map(|text| text.parse().unwrap()).collect();
            let run = RunFile::read(&study.run, &set).unwrap_or_else(|error| panic!("{error}"));
            run.check_values().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            WeightingConfig::named(&study.base).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            n_studies += 1;
        }
        assert!(n_studies >= 10, "{n_studies}");
    }

    #[test]
    fn a_line_is_a_study_and_mistakes_are_named() {
        let read = study("run = \"run.toml\"").unwrap();
        assert_eq!((read.method, read.blocks, read.placebo), (Method::Td3, 10, None));
        assert!(read.run.is_absolute() && read.run.ends_with("run.toml"));
        let refused = |text: &str| study(&format!("run = \"run.toml\"\n{text}")).unwrap_err();
        assert!(refused("blocs = 3").contains("did you mean `blocks`?"), "{}", refused("blocs = 3"));
        assert!(refused("blocks = 0").contains("`blocks`"));
        assert!(refused("control_share = 0.9").contains("`control_share`"));
        assert!(refused("method = \"greedy\"\nplacebo = \"shuffled_state\"").contains("`placebo"));
        assert!(refused("objective = \"min_auc\"\nreward = \"per_task\"").contains("`min_auc`"));
        assert!(refused("method = \"pbt\"\nplacebo = \"shuffled_state\"").contains("`placebo"));
        assert!(refused("method = \"open_loop\"\nplacebo = \"shuffled_reward\"").contains("`placebo`"));
        assert!(refused("discount = 0.0").contains("`discount`"));
        assert!(refused("start = [[1.0, -1.0]]").contains("`open_loop`"));
        assert!(refused("method = \"open_loop\"\nstart = []").contains("`start`"));
        assert!(refused("method = \"constant\"\nstart = [[1.0], [0.0]]").contains("`start`"));
        assert!(refused("method = \"constant\"\nstart = [[99.0]]").contains("99"));
        let shuffled = "run = \"run.toml\"\nmethod = \"bandit\"\nplacebo = \"shuffled_reward\"";
        assert_eq!(study(shuffled).unwrap().method, Method::Bandit);
        assert!(refused("[agent]\ntau = 2.0").contains("`agent.tau`"));
        assert!(refused("[agent]\nhidden = [32, 0]").contains("`agent.hidden`"));
        assert!(refused("[agent]\ncapacity = 10000000").contains("`agent.capacity`"));
        assert!(refused("[agent]\nwarmup = 64\ncapacity = 63").contains("`agent.warmup`"));
    }
}
