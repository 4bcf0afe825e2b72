//! Runs of the same settings, and one of their actors.

use indexmap::IndexMap;
use rmtl_envs::Split;
use serde::{Deserialize, Serialize};

use super::{Finished, OverSeeds};
use crate::config::StartFrom;
use crate::metric::TaskMetrics;
use crate::monitor::TaskCriticSummary;
use crate::output::folder::Model;
use crate::output::report::{INFERENCE, Report, TaskBlock};
use crate::statistics::Spread;
use crate::tables::{ArmRuns, SeedRun, TaskScores};

/// Which actor of a run is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// The final one.
    #[default]
    Final,
    /// The pretrained one, which is the final one of a run that ended there; runs that started from scratch are left out.
    Pretrained,
    /// The one trained on with all weights 1; runs without are left out.
    EqualBudget,
}

/// Which split's metrics are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum On {
    /// Where choices are made.
    #[default]
    Validation,
    /// To be looked at once, when the choices are made.
    Test,
}

/// Runs that differ in their seed alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// What tells their settings from those of the others.
    pub name: String,
    /// What their folders' names have in common.
    pub folder: String,
    /// The names of their folders, in the order of the seeds.
    pub runs: Vec<String>,
    /// Which of their actors.
    pub actor: Which,
    /// The updates behind its parameters, those of the pretrained actor it started from included: actors of different budgets
    /// are no arms of one comparison.
    pub updates: Option<Spread>,
    /// Their seeds.
    pub seeds: Vec<u64>,
    /// Metrics by task and name, over the seeds; tasks in the order of the log.
    pub tasks: IndexMap<String, IndexMap<&'static str, OverSeeds>>,
    /// Their critics on validation sessions, by task and name; none where they have no critics.
    pub critics: IndexMap<String, IndexMap<&'static str, Spread>>,
    /// Trainable parameters outside the tables.
    pub dense_parameters: usize,
    /// Of pretraining, validations included.
    pub training_rows_per_second: Option<Spread>,
    /// Of the final actor on the test split.
    pub inference_rows_per_second: Option<Spread>,
    /// The same runs as an arm of a table. Its actor is the pretrained one wherever training ended there, whatever it was asked
    /// for as.
    #[serde(skip)]
    pub arm: ArmRuns,
}

/// A metric of a task.
pub(super) type Metric = (&'static str, fn(&TaskMetrics) -> Option<f64>);

pub(super) const METRICS: [Metric; 3] =
    [("AUC", |of| of.auc), ("logloss", |of| of.logloss), ("s-logloss", |of| of.s_logloss)];

/// The same of tasks whose label is a number.
pub(super) const NUMBER_METRICS: [Metric; 3] =
    [("XAUC", |of| of.number?.xauc), ("RMSE", |of| of.number?.rmse), ("MAE", |of| of.number?.mae)];

/// A number of a task's critic.
pub(super) type CriticMetric = (&'static str, fn(&TaskCriticSummary) -> Option<f64>);

pub(super) const CRITIC_METRICS: [CriticMetric; 4] = [
    ("correlation of Q and return, sessions that end", |of| of.evaluation.terminated.correlation),
    ("bias Q − return, sessions that end", |of| of.evaluation.terminated.bias),
    ("validation TD loss, sessions that go on", |of| of.evaluation.cut.td_loss),
    ("share of dead Q", |of| Some(of.dead_share)),
];

impl On {
    /// The split.
    pub fn split(self) -> Split {
        match self {
            Self::Validation => Split::Validation,
            Self::Test => Split::Test,
        }
    }
}

impl Which {
    /// All of them, in the order of training.
    pub const ALL: [Self; 3] = [Self::Pretrained, Self::EqualBudget, Self::Final];

    /// The name in tables and after `--base RUN:`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Pretrained => "pretrained",
            Self::EqualBudget => "equal-budget",
        }
    }

    /// Whose training made it: the pretraining's wherever the run ended there, whatever it was asked for as.
    pub(crate) fn trained_as(self, report: &Report) -> Self {
        if report.critics.is_some() { self } else { Self::Pretrained }
    }

    /// Whether this is an actor of the run that goes by no other name.
    pub(super) fn is_distinct(self, run: &Finished) -> bool {
        self != Self::Final || run.report.critics.is_some()
    }

    /// Its metrics; nothing where the run has no such actor.
    pub(crate) fn block(self, report: &Report, on: On) -> Option<&TaskBlock> {
        let actors = match on {
            On::Validation => &report.validation,
            On::Test => &report.actors,
        };
        match self {
            Self::Final => Some(&actors.tasks),
            Self::Pretrained if report.critics.is_none() => Some(&actors.tasks),
            Self::Pretrained => actors.baseline.as_ref(),
            Self::EqualBudget => actors.equal_budget.as_ref(),
        }
    }

    /// Updates behind the actor's parameters.
    fn updates(self, run: &Finished) -> Option<f64> {
        let kept = |model: Model| run.report.selection.actors.get(model.name()).map(|of| of.step);
        let last = match self {
            Self::Pretrained if run.report.critics.is_some() => kept(Model::Baseline)?,
            Self::Pretrained | Self::Final => kept(Model::Actor)?,
            Self::EqualBudget => kept(Model::EqualBudget)?,
        };
        let goes_on = self != Self::Pretrained && run.report.critics.is_some();
        let before = match run.config.schedule.start_from() {
            StartFrom::Pretrained if goes_on => kept(Model::Baseline)?,
            _ => 0,
        };
        Some((before + last) as f64)
    }
}

impl Group {
    /// Nothing where the runs have no such actor.
    pub(super) fn of((name, folder): (&str, &str), runs: &[Finished], actor: Which, on: On) -> Option<Self> {
        let blocks: Vec<&TaskBlock> =
            runs.iter().map(|run| actor.block(&run.report, on)).collect::<Option<_>>()?;
        let over_seeds = |task: &String, metric: fn(&TaskMetrics) -> Option<f64>| {
            let of_run =
                |(run, block): (&Finished, &&TaskBlock)| Some((run.report.seed, metric(&block[task])?));
            OverSeeds::of(runs.iter().zip(&blocks).filter_map(of_run).collect())
        };
        let metrics = |task: &String| {
            let all = METRICS.iter().chain(&NUMBER_METRICS);
            all.filter_map(|(name, metric)| Some((*name, over_seeds(task, *metric)?))).collect()
        };
        let critics = |run: &Finished| run.report.critics.clone().map(|critics| critics.tasks);
        // Only the final actor has met them.
        let critics: Vec<_> = runs.iter().filter(|_| actor == Which::Final).filter_map(critics).collect();
        let critic_metrics = |task: &String| {
            let spread = |metric: fn(&TaskCriticSummary) -> Option<f64>| {
                Spread::of(critics.iter().filter_map(|tasks| metric(tasks.get(task)?)))
            };
            CRITIC_METRICS.iter().filter_map(|(name, metric)| Some((*name, spread(*metric)?))).collect()
        };
        let seed_run = |run: &Finished| {
            let of = |on: On| actor.block(&run.report, on).map(TaskScores::of).unwrap_or_default();
            SeedRun {
                seed: run.report.seed,
                folder: run.path.clone(),
                seconds: run.report.phases.values().map(|timing| timing.seconds).sum(),
                test: of(On::Test),
                validation: of(On::Validation),
            }
        };
        let arm = ArmRuns {
            name: name.into(),
            cell: Vec::new(),
            actor: actor.trained_as(&runs[0].report).name().into(),
            chosen: Vec::new(),
            trials: 0,
            seeds: runs.iter().map(seed_run).collect(),
        };
        let critic_tasks = critics.iter().take(1).flat_map(|tasks| tasks.keys());
        Some(Self {
            arm,
            critics: critic_tasks.map(|task| (task.clone(), critic_metrics(task))).collect(),
            name: name.into(),
            folder: folder.into(),
            actor,
            runs: runs.iter().map(Finished::folder_name).collect(),
            updates: Spread::of(runs.iter().filter_map(|run| actor.updates(run))),
            seeds: runs.iter().map(|run| run.report.seed).collect(),
            tasks: blocks[0].keys().map(|task| (task.clone(), metrics(task))).collect(),
            dense_parameters: runs[0].report.parameters.dense,
            training_rows_per_second: Spread::of(
                runs.iter().filter_map(|run| Some(run.report.phases.get("pretrain")?.rows_per_second)),
            ),
            inference_rows_per_second: Spread::of(
                runs.iter().filter_map(|run| Some(run.report.phases.get(INFERENCE)?.rows_per_second)),
            ),
        })
    }
}
