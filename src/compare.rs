//! Runs side by side: mean and deviation over the seeds, relative to one of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::config::RunFile;
use crate::error::{Error, Result};
use crate::folder::{REPORT_FILE, RUN_FILE};
use crate::metric::{TaskMetrics, rela_impr};
use crate::report::{INFERENCE, Report, TaskBlock};

/// Which actor of a run is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    /// The final one.
    #[default]
    Final,
    /// The pretrained one; the final one of a run that ended there.
    Pretrained,
    /// The one trained on with all weights 1; runs without are left out.
    EqualBudget,
}

/// Runs that differ in their seed alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// What their folders' names have in common.
    pub name: String,
    /// Their seeds.
    pub seeds: Vec<u64>,
    /// Metrics by task and name, over the seeds.
    pub tasks: BTreeMap<String, BTreeMap<&'static str, Spread>>,
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

/// A metric of a task.
type Metric = (&'static str, fn(&TaskMetrics) -> Option<f64>);

const METRICS: [Metric; 3] =
    [("AUC", |of| of.auc), ("logloss", |of| of.logloss), ("s-logloss", |of| of.s_logloss)];

/// A finished run.
struct Finished {
    name: String,
    config: RunFile,
    report: Report,
}

/// Reads the finished runs in `folders` (run folders, or folders of them) and groups them, in the order given.
///
/// # Errors
/// A folder holds no finished run, or the runs are not of one dataset.
pub fn compare(folders: &[PathBuf], which: Which) -> Result<Vec<Group>> {
    let mut runs = Vec::new();
    for folder in folders {
        let found = finished_below(folder)?;
        if found.is_empty() {
            let reason = format!(
                "no finished run in it: no {REPORT_FILE} beside a {RUN_FILE}, and none one folder below"
            );
            return Err(Error::file("compare", folder, reason));
        }
        runs.extend(found);
    }
    if let Some(other) = runs.iter().find(|run| run.report.data != runs[0].report.data) {
        return Err(Error::Usage(format!(
            "runs of one prepared dataset can be compared: `{}` is of {}, `{}` of {}{}",
            runs[0].name,
            runs[0].report.data.name,
            other.name,
            other.report.data.name,
            if other.report.data.name == runs[0].report.data.name { " with other contents" } else { "" },
        )));
    }
    let mut groups: Vec<Vec<Finished>> = Vec::new();
    for run in runs {
        match groups.iter_mut().find(|group| same_but_for_the_seed(&group[0].config, &run.config)) {
            Some(group) => group.push(run),
            None => groups.push(vec![run]),
        }
    }
    Ok(groups.iter().filter_map(|runs| Group::of(runs, which)).collect())
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
    let (report, config) = (folder.join(REPORT_FILE), folder.join(RUN_FILE));
    if !report.is_file() || !config.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&report).map_err(|error| Error::file("read", &report, error))?;
    let report = serde_json::from_str(&text).map_err(|error| Error::file("read", &report, error))?;
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
    Ok(Some(Finished { name, config: RunFile::read(&config, &[])?, report }))
}

/// The data are the same already; only the paths to them differ.
fn same_but_for_the_seed(a: &RunFile, b: &RunFile) -> bool {
    RunFile { seed: b.seed, data: b.data.clone(), ..a.clone() } == *b
}

impl Which {
    fn block(self, report: &Report) -> Option<&TaskBlock> {
        let actors = &report.actors;
        match self {
            Self::Final => Some(&actors.tasks),
            Self::Pretrained => Some(actors.baseline.as_ref().unwrap_or(&actors.tasks)),
            Self::EqualBudget => actors.equal_budget.as_ref(),
        }
    }
}

impl Group {
    fn of(runs: &[Finished], which: Which) -> Option<Self> {
        let blocks: Vec<&TaskBlock> =
            runs.iter().map(|run| which.block(&run.report)).collect::<Option<_>>()?;
        let spread = |task: &String, metric: fn(&TaskMetrics) -> Option<f64>| {
            Spread::of(blocks.iter().filter_map(|block| metric(&block[task])))
        };
        let metrics = |task: &String| {
            METRICS.iter().filter_map(|(name, metric)| Some((*name, spread(task, *metric)?))).collect()
        };
        Some(Self {
            name: common_name(runs),
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

/// `mmoe` of `mmoe_seed1` and `mmoe_seed2`; the whole name of one run.
fn common_name(runs: &[Finished]) -> String {
    let first = &runs[0].name;
    let n_common =
        runs.iter().map(|run| first.bytes().zip(run.name.bytes()).take_while(|(a, b)| a == b).count());
    let common = first.get(..n_common.min().unwrap_or(0)).unwrap_or(first);
    let seed = format!("seed{}", runs[0].report.seed);
    let common = common.strip_suffix("seed").or(common.strip_suffix(&seed)).unwrap_or(common);
    let name = common.trim_end_matches(['_', '-']);
    if name.is_empty() { first.clone() } else { name.to_owned() }
}

/// One table per task, and one of what the models cost.
///
/// # Errors
/// No group is called `base`.
pub fn tables(groups: &[Group], base: Option<&str>) -> Result<Vec<(String, Table)>> {
    let base = base.map(|name| {
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        groups.iter().find(|group| group.name == name).ok_or_else(|| {
            Error::Usage(format!("--base {name}: no such run; there are {}", names.join(", ")))
        })
    });
    let base = base.transpose()?;
    let tasks = groups.first().into_iter().flat_map(|group| group.tasks.keys());
    let mut tables: Vec<(String, Table)> =
        tasks.map(|task| (task.clone(), task_table(groups, base, task))).collect();
    tables.push(("cost".into(), cost_table(groups)));
    Ok(tables)
}

fn task_table(groups: &[Group], base: Option<&Group>, task: &str) -> Table {
    let auc = |group: &Group| group.tasks[task].get("AUC").map(|auc| auc.mean);
    let rows = groups.iter().map(|group| {
        let metrics = METRICS.iter().map(|(name, _)| cell(group.tasks[task].get(name).copied(), 4));
        let improvement = base.map(|base| {
            let value = auc(group).zip(auc(base)).and_then(|(auc, base)| rela_impr(auc, base));
            value.map_or("undefined".into(), |value| format!("{:+.2} %", 100.0 * value))
        });
        [group.name.clone(), group.seeds.len().to_string()]
            .into_iter()
            .chain(metrics)
            .chain(improvement)
            .collect()
    });
    let names = METRICS.iter().map(|(name, _)| (*name).to_owned());
    let header = ["run".to_owned(), "seeds".to_owned()].into_iter().chain(names);
    let improvement = base.map(|base| format!("RelaImpr over {}", base.name));
    table(header.chain(improvement).collect(), rows)
}

fn cost_table(groups: &[Group]) -> Table {
    let header = ["run", "dense parameters", "s per epoch", "inference rows/s"].map(String::from).to_vec();
    let rows = groups.iter().map(|group| {
        let seconds = group.seconds_per_epoch.map_or("–".into(), |of| format!("{:.1}", of.mean));
        let speed = group.inference_rows_per_second.map_or("–".into(), |of| format!("{:.0}", of.mean));
        vec![group.name.clone(), group.dense_parameters.to_string(), seconds, speed]
    });
    table(header, rows)
}

fn table(header: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.set_header(header);
    rows.for_each(|row| {
        table.add_row(row);
    });
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn cell(spread: Option<Spread>, digits: usize) -> String {
    match spread {
        None => "undefined".into(),
        Some(Spread { mean, std: None, .. }) => format!("{mean:.digits$}"),
        Some(Spread { mean, std: Some(std), .. }) => format!("{mean:.digits$} ± {std:.digits$}"),
    }
}

/// The standard deviation between seeds of one metric, pooled over the groups: what of a difference is noise.
pub fn seed_deviation(groups: &[Group], task: &str, metric: &str) -> Option<f64> {
    let spreads = groups.iter().filter_map(|group| group.tasks.get(task)?.get(metric));
    let (mut squares, mut degrees) = (0.0, 0);
    for spread in spreads {
        if let Some(std) = spread.std {
            squares += std.powi(2) * (spread.n - 1) as f64;
            degrees += spread.n - 1;
        }
    }
    (degrees > 0).then(|| (squares / degrees as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, aucs: &[f64]) -> Group {
        let metrics = [("AUC", Spread::of(aucs.iter().copied()).unwrap())].into();
        Group {
            name: name.into(),
            seeds: (1..=aucs.len() as u64).collect(),
            tasks: [("click".to_owned(), metrics)].into(),
            dense_parameters: 1,
            seconds_per_epoch: None,
            inference_rows_per_second: None,
        }
    }

    #[test]
    fn spread_by_hand() {
        let spread = Spread::of([1.0, 2.0, 6.0]).unwrap();
        assert_eq!((spread.mean, spread.n), (3.0, 3));
        assert!((spread.std.unwrap() - 7.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of([1.0]).unwrap().std, None);
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn the_seed_deviation_is_pooled_over_the_groups() {
        // Sample variances 0.0002 and 0.0008, one degree of freedom each.
        let groups = [group("a", &[0.70, 0.72]), group("b", &[0.70, 0.74]), group("c", &[0.9])];
        let found = seed_deviation(&groups, "click", "AUC").unwrap();
        assert!((found - 0.0005_f64.sqrt()).abs() < 1e-12, "{found}");
        assert_eq!(seed_deviation(&groups[2..], "click", "AUC"), None);
    }

    #[test]
    fn improvements_are_relative_to_the_base_and_a_wrong_base_is_told_the_right_ones() {
        let groups = [group("single", &[0.70]), group("mmoe", &[0.72, 0.72])];
        let rendered = tables(&groups, Some("single")).unwrap()[0].1.to_string();
        assert!(rendered.contains("+10.00 %") && rendered.contains("+0.00 %"), "{rendered}");
        let error = tables(&groups, Some("singel")).unwrap_err().to_string();
        assert!(error.contains("single, mmoe"), "{error}");
    }
}
