//! Runs side by side: mean and deviation over the seeds, relative to one of them.

mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Serialize;

use crate::config::RunFile;
use crate::error::{Error, Result};
use crate::folder::{REPORT_FILE, RUN_FILE};
use crate::metric::TaskMetrics;
use crate::phase::TaskCriticSummary;
use crate::report::{INFERENCE, Report, TaskBlock};

pub use table::{seed_deviation, tables};

/// Which actor of a run is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
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
    /// What their folders' names have in common.
    pub name: String,
    /// Their seeds.
    pub seeds: Vec<u64>,
    /// Metrics by task and name, over the seeds; tasks in the order of the log.
    pub tasks: IndexMap<String, IndexMap<&'static str, OverSeeds>>,
    /// Their critics on validation sessions, by task and name; none where they have no critics.
    pub critics: IndexMap<String, IndexMap<&'static str, Spread>>,
    /// Trainable parameters outside the tables.
    pub dense_parameters: usize,
    /// Of pretraining, validations included.
    pub seconds_per_epoch: Option<Spread>,
    /// Of the final actor on the test split.
    pub inference_rows_per_second: Option<Spread>,
}

/// Mean and standard deviation over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation; absent for one seed.
    pub std: Option<f64>,
    /// Seeds that have a value.
    pub n: usize,
}

impl Spread {
    /// Of the values there are.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { mean, std: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()), n })
    }
}

/// A metric over seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverSeeds {
    /// Mean and standard deviation.
    #[serde(flatten)]
    pub spread: Spread,
    /// The values, seed by seed.
    pub by_seed: BTreeMap<u64, f64>,
}

impl OverSeeds {
    /// Of values with their seeds; nothing without any.
    pub fn of(by_seed: BTreeMap<u64, f64>) -> Option<Self> {
        Some(Self { spread: Spread::of(by_seed.values().copied())?, by_seed })
    }

    /// The difference from `base`, seed by seed over the seeds both have: runs of one seed start alike and see the same
    /// batches, so this is sharper than the difference of the means.
    pub fn above(&self, base: &Self) -> Option<Spread> {
        Spread::of(self.by_seed.iter().filter_map(|(seed, value)| Some(value - base.by_seed.get(seed)?)))
    }
}

/// A metric of a task.
type Metric = (&'static str, fn(&TaskMetrics) -> Option<f64>);

const METRICS: [Metric; 3] =
    [("AUC", |of| of.auc), ("logloss", |of| of.logloss), ("s-logloss", |of| of.s_logloss)];

/// A number of a task's critic.
type CriticMetric = (&'static str, fn(&TaskCriticSummary) -> Option<f64>);

const CRITIC_METRICS: [CriticMetric; 4] = [
    ("correlation of Q and return, sessions that end", |of| of.evaluation.terminated.correlation),
    ("bias Q − return, sessions that end", |of| of.evaluation.terminated.bias),
    ("validation TD loss, sessions that go on", |of| of.evaluation.cut.td_loss),
    ("share of dead Q", |of| Some(of.dead_share)),
];

/// A finished run.
struct Finished {
    path: PathBuf,
    config: RunFile,
    report: Report,
}

/// Reads the finished runs in `folders` (run folders, or folders of them) and groups them, in the order given. A run named
/// twice counts once; of a folder without a finished run `skipped` is told.
///
/// # Errors
/// There is no finished run, a report cannot be read, the runs are not of one dataset, a seed was run twice, or no run has
/// that actor.
pub fn compare(
    folders: &[PathBuf],
    which: Which,
    on: On,
    mut skipped: impl FnMut(Error),
) -> Result<Vec<Group>> {
    let mut runs: Vec<Finished> = Vec::new();
    for folder in folders {
        let found = finished_below(folder)?;
        if found.is_empty() {
            let reason = format!(
                "no finished run in it: no {REPORT_FILE} beside a {RUN_FILE}, and none one folder below"
            );
            let error = Error::file("compare", folder, reason);
            if folders.len() == 1 {
                return Err(error);
            }
            skipped(error);
        }
        for run in found {
            if runs.iter().all(|other| other.path != run.path) {
                runs.push(run);
            }
        }
    }
    if runs.is_empty() {
        return Err(Error::Usage("none of these folders holds a finished run".into()));
    }
    if let Some(other) = runs.iter().find(|run| run.report.data != runs[0].report.data) {
        let of = |run: &Finished| format!("{} is of {}", run.path.display(), run.report.data.name);
        let note =
            if other.report.data.name == runs[0].report.data.name { " with other contents" } else { "" };
        return Err(Error::Usage(format!(
            "runs of one prepared dataset can be compared: {}, {}{note}",
            of(&runs[0]),
            of(other)
        )));
    }
    let mut groups: Vec<Vec<Finished>> = Vec::new();
    for run in runs {
        match groups.iter_mut().find(|group| same_but_for_the_seed(&group[0].config, &run.config)) {
            Some(group) => group.push(run),
            None => groups.push(vec![run]),
        }
    }
    groups.iter().try_for_each(|runs| check_seeds(runs))?;
    let names = names(&groups);
    let with_actor: Vec<Group> =
        names.into_iter().zip(&groups).filter_map(|(name, runs)| Group::of(name, runs, which, on)).collect();
    if with_actor.is_empty() {
        return Err(Error::Usage(format!(
            "none of the {} runs has such an actor: it is made by runs with `[weighting.critic]` and `equal_budget = true`",
            groups.iter().map(Vec::len).sum::<usize>()
        )));
    }
    Ok(with_actor)
}

fn finished_below(folder: &Path) -> Result<Vec<Finished>> {
    if let Some(run) = finished(folder)? {
        return Ok(vec![run]);
    }
    let entries = std::fs::read_dir(folder).map_err(|error| Error::file("read", folder, error))?;
    let mut below: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    below.sort();
    Ok(below.iter().map(|path| finished(path)).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// The run in `folder`; nothing where there is none or it did not finish.
fn finished(folder: &Path) -> Result<Option<Finished>> {
    let (path, config) = (folder.join(REPORT_FILE), folder.join(RUN_FILE));
    if !path.is_file() || !config.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).map_err(|error| Error::file("read", &path, error))?;
    let report: Report = serde_json::from_str(&text).map_err(|error| {
        let reason = format!("{error}; if another version of rmtl wrote it, train the run again");
        Error::file("read", &path, reason)
    })?;
    let blocks = [&report.actors, &report.validation]
        .into_iter()
        .flat_map(|actors| [Some(&actors.tasks), actors.baseline.as_ref(), actors.equal_budget.as_ref()]);
    for block in blocks.flatten() {
        let tasks = report.data.positives.values().next();
        if tasks.is_some_and(|tasks| !tasks.keys().eq(block.keys())) {
            return Err(Error::file("read", &path, "its actors do not have the tasks of its data"));
        }
    }
    let folder = folder.canonicalize().map_err(|error| Error::file("read", folder, error))?;
    Ok(Some(Finished { path: folder, config: RunFile::read(&config, &[])?, report }))
}

/// The data are the same already; only the paths to them differ. What is logged changes no result.
fn same_but_for_the_seed(a: &RunFile, b: &RunFile) -> bool {
    RunFile { seed: b.seed, data: b.data.clone(), log: b.log.clone(), ..a.clone() } == *b
}

fn check_seeds(runs: &[Finished]) -> Result<()> {
    for (index, run) in runs.iter().enumerate() {
        if let Some(other) = runs[..index].iter().find(|other| other.report.seed == run.report.seed) {
            return Err(Error::Usage(format!(
                "{} and {} are the same run with the same seed {}, so they say nothing about its deviation; leave one out",
                other.path.display(),
                run.path.display(),
                run.report.seed
            )));
        }
    }
    Ok(())
}

/// A name per group, none twice: what the folders' names have in common, or the first folder's where that is not enough.
fn names(groups: &[Vec<Finished>]) -> Vec<String> {
    let common: Vec<String> = groups
        .iter()
        .map(|runs| common_name(runs.iter().map(|run| (folder_name(&run.path), run.report.seed))))
        .collect();
    let unique = |name: &String| common.iter().filter(|other| *other == name).count() == 1;
    let name = |(name, runs): (&String, &Vec<Finished>)| match unique(name) {
        true => name.clone(),
        false => folder_name(&runs[0].path),
    };
    let mut names: Vec<String> = common.iter().zip(groups).map(name).collect();
    for index in 1..names.len() {
        if names[..index].contains(&names[index]) {
            names[index] = groups[index][0].path.display().to_string();
        }
    }
    names
}

fn folder_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// `mmoe` of `mmoe_seed1` and `mmoe_seed2`, given with their seeds.
fn common_name(runs: impl Iterator<Item = (String, u64)>) -> String {
    let stripped = runs.map(|(name, seed)| {
        let suffixes = ["_", "-"].map(|separator| format!("{separator}seed{seed}"));
        let stem = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix.as_str()));
        stem.map_or(name.clone(), str::to_owned)
    });
    let names: Vec<String> = stripped.collect();
    let shared = |name: &String| names[0].chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
    let n_shared = names.iter().map(shared).min().unwrap_or(0);
    let common: String = names[0].chars().take(n_shared).collect();
    match common.trim_end_matches(['_', '-']) {
        "" => names[0].clone(),
        common => common.to_owned(),
    }
}

impl Which {
    fn block(self, report: &Report, on: On) -> Option<&TaskBlock> {
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
}

impl Group {
    fn of(name: String, runs: &[Finished], which: Which, on: On) -> Option<Self> {
        let blocks: Vec<&TaskBlock> =
            runs.iter().map(|run| which.block(&run.report, on)).collect::<Option<_>>()?;
        let over_seeds = |task: &String, metric: fn(&TaskMetrics) -> Option<f64>| {
            let of_run =
                |(run, block): (&Finished, &&TaskBlock)| Some((run.report.seed, metric(&block[task])?));
            OverSeeds::of(runs.iter().zip(&blocks).filter_map(of_run).collect())
        };
        let metrics = |task: &String| {
            METRICS.iter().filter_map(|(name, metric)| Some((*name, over_seeds(task, *metric)?))).collect()
        };
        let critics = |run: &Finished| run.report.critics.clone().map(|critics| critics.tasks);
        // Only the final actor has met them.
        let critics: Vec<_> = runs.iter().filter(|_| which == Which::Final).filter_map(critics).collect();
        let critic_metrics = |task: &String| {
            let spread = |metric: fn(&TaskCriticSummary) -> Option<f64>| {
                Spread::of(critics.iter().filter_map(|tasks| metric(tasks.get(task)?)))
            };
            CRITIC_METRICS.iter().filter_map(|(name, metric)| Some((*name, spread(*metric)?))).collect()
        };
        let critic_tasks = critics.iter().take(1).flat_map(|tasks| tasks.keys());
        Some(Self {
            critics: critic_tasks.map(|task| (task.clone(), critic_metrics(task))).collect(),
            name,
            seeds: runs.iter().map(|run| run.report.seed).collect(),
            tasks: blocks[0].keys().map(|task| (task.clone(), metrics(task))).collect(),
            dense_parameters: runs[0].report.parameters.dense,
            seconds_per_epoch: Spread::of(runs.iter().filter_map(|run| {
                let rows = *run.report.data.rows.get("train")? as f64;
                Some(rows / run.report.phases.get("pretrain")?.rows_per_second)
            })),
            inference_rows_per_second: Spread::of(
                runs.iter().filter_map(|run| Some(run.report.phases.get(INFERENCE)?.rows_per_second)),
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_by_hand() {
        let spread = Spread::of([1.0, 2.0, 6.0]).unwrap();
        assert_eq!((spread.mean, spread.n), (3.0, 3));
        assert!((spread.std.unwrap() - 7.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of([1.0]).unwrap().std, None);
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn differences_are_taken_seed_by_seed_over_common_seeds() {
        let of = |values: &[(u64, f64)]| OverSeeds::of(values.iter().copied().collect()).unwrap();
        let (a, b) = (of(&[(1, 0.70), (2, 0.80), (3, 0.10)]), of(&[(1, 0.69), (2, 0.77), (4, 0.90)]));
        let difference = a.above(&b).unwrap();
        assert!((difference.mean - 0.02).abs() < 1e-12 && difference.n == 2);
        assert!((difference.std.unwrap() - 0.0002_f64.sqrt()).abs() < 1e-12);
        assert_eq!(of(&[(5, 0.5)]).above(&b), None);
    }

    #[test]
    fn names_lose_their_own_seed_and_nothing_else() {
        let name =
            |runs: &[(&str, u64)]| common_name(runs.iter().map(|&(name, seed)| (name.to_owned(), seed)));
        assert_eq!(name(&[("esmm_seed10", 10), ("esmm_seed12", 12)]), "esmm");
        assert_eq!(name(&[("esmm-seed1", 1)]), "esmm");
        assert_eq!(name(&[("linseed", 1)]), "linseed");
        assert_eq!(name(&[("run-1", 1), ("run-2", 2)]), "run");
        assert_eq!(name(&[("a", 1), ("b", 2)]), "a");
    }
}
