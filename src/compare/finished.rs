//! The finished runs below some folders.

use std::path::{Path, PathBuf};

use crate::config::RunFile;
use crate::error::{Error, Result};
use crate::output::folder::{REPORT_FILE, RUN_FILE};
use crate::output::policy_file;
use crate::output::report::Report;

/// A finished run.
pub(super) struct Finished {
    pub(super) path: PathBuf,
    pub(super) config: RunFile,
    pub(super) report: Report,
}

impl Finished {
    /// The name of its folder.
    pub(super) fn folder_name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }
}

/// The finished runs in `folders`, each once, all of the first one's data; `skipped` is told of the others.
pub(super) fn all_finished(folders: &[PathBuf], skipped: &mut impl FnMut(Error)) -> Result<Vec<Finished>> {
    let mut runs: Vec<Finished> = Vec::new();
    for folder in folders {
        let mut n_runs = 0;
        for found in finished_below(folder)? {
            n_runs += 1;
            match found {
                Ok(run) if runs.iter().all(|other| other.path != run.path) => runs.push(run),
                Ok(_) => {}
                Err(error) => skipped(error),
            }
        }
        if n_runs == 0 {
            let reason = format!(
                "no finished run in it: no {REPORT_FILE} beside a {RUN_FILE}, and none one folder below"
            );
            let error = Error::file("compare", folder, reason);
            if folders.len() == 1 {
                return Err(error);
            }
            skipped(error);
        }
    }
    let Some(first) = runs.first() else {
        return Err(Error::Usage("none of these folders holds a finished run that can be read".into()));
    };
    let (data, path) = (first.report.data.clone(), first.path.clone());
    runs.retain(|run| {
        let same = run.report.data == data;
        if !same {
            let name = &run.report.data.name;
            let other = if *name == data.name {
                format!("other contents of {name}")
            } else {
                format!("{name}, not {}", data.name)
            };
            let reason = format!(
                "it is of {other}, and runs of one prepared dataset can be compared; the first is {}",
                path.display()
            );
            skipped(Error::file("compare", &run.path, reason));
        }
        same
    });
    Ok(runs)
}

/// The runs of `folder`: itself or those in it. Such as cannot be read come as errors.
fn finished_below(folder: &Path) -> Result<Vec<Result<Finished>>> {
    if let Some(run) = finished(folder).transpose() {
        return Ok(vec![run]);
    }
    let entries = std::fs::read_dir(folder).map_err(|error| Error::file("read", folder, error))?;
    let mut below: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    below.sort();
    Ok(below.iter().filter_map(|path| finished(path).transpose()).collect())
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
    let mut config = RunFile::read(&config, &[])?;
    // Every run has a copy of its policy; runs with copies of one policy differ in nothing. One that is lost says nothing.
    if let Ok(weighting) = policy_file::by_content(&config.weighting) {
        config.weighting = weighting;
    }
    Ok(Some(Finished { path: folder, config, report }))
}

/// Puts runs that differ in their seed alone together, in the order they came.
///
/// # Errors
/// A seed was run twice.
pub(super) fn by_settings(runs: Vec<Finished>) -> Result<Vec<Vec<Finished>>> {
    let mut groups: Vec<Vec<Finished>> = Vec::new();
    for run in runs {
        match groups.iter_mut().find(|group| same_but_for_the_seed(&group[0].config, &run.config)) {
            Some(group) => group.push(run),
            None => groups.push(vec![run]),
        }
    }
    groups.iter().try_for_each(|runs| check_seeds(runs))?;
    Ok(groups)
}

/// The data are the same already; only the paths to them differ. What is logged, and where a run can go on, changes no result.
fn same_but_for_the_seed(a: &RunFile, b: &RunFile) -> bool {
    let (a, b) = (a.without_idle_settings(), b.without_idle_settings());
    let (data, log, checkpoint) = (b.data.clone(), b.log.clone(), b.checkpoint.clone());
    RunFile { seed: b.seed, data, log, checkpoint, ..a } == b
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

/// What the names of the runs' folders have in common, without their seeds: `mmoe` of `mmoe_seed1` and `mmoe_seed2`.
pub(super) fn common_name(runs: &[Finished]) -> String {
    common(runs.iter().map(|run| (run.folder_name(), run.report.seed)))
}

fn common(runs: impl Iterator<Item = (String, u64)>) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_own_seed_and_nothing_else() {
        let name = |runs: &[(&str, u64)]| common(runs.iter().map(|&(name, seed)| (name.to_owned(), seed)));
        assert_eq!(name(&[("esmm_seed10", 10), ("esmm_seed12", 12)]), "esmm");
        assert_eq!(name(&[("esmm-seed1", 1)]), "esmm");
        assert_eq!(name(&[("linseed", 1)]), "linseed");
        assert_eq!(name(&[("run-1", 1), ("run-2", 2)]), "run");
        assert_eq!(name(&[("a", 1), ("b", 2)]), "a");
    }
}
