//! Runs that are asked for, whether they lie there already or must be trained.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rmtl_files::{nearest, suggestion};

use crate::config::ConfigError;
use crate::config::RunFile;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::launch::{self, LaunchError};
use crate::output::folder::{REPORT_FILE, RunFolder};
use crate::output::milestone;
use crate::output::report::Report;
use crate::study::file::wrong;
use crate::study::pool::{Limits, side_by_side};
use crate::study::progress::Progress;
use crate::study::runner::{Ended, Job, Runner, content_name};

/// A run that is asked for.
pub(super) struct Wanted {
    /// What it is called for people.
    pub(super) name: String,
    /// All its settings.
    pub(super) config: RunFile,
}

/// A run that finished.
#[derive(Debug)]
pub(super) struct Trained {
    pub(super) folder: PathBuf,
    pub(super) report: Report,
}

/// A run, or why there is none.
pub(super) type Found = std::result::Result<Arc<Trained>, String>;

/// Where runs come from.
pub(super) struct Bench<'a> {
    runs: PathBuf,
    runner: &'a dyn Runner,
    limits: Limits,
    interrupt: &'a Interrupt,
    /// The task that settings are chosen by, which all data must have.
    chosen_by: Option<&'a str>,
    pub(super) progress: Progress,
    /// Those of this study, and those that failed in it: neither is trained again.
    known: HashMap<PathBuf, Found>,
    /// Runs that were trained now and finished.
    pub(super) n_trained: usize,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        runs: PathBuf,
        runner: &'a dyn Runner,
        limits: Limits,
        interrupt: &'a Interrupt,
        chosen_by: Option<&'a str>,
        progress: Progress,
    ) -> Self {
        Self { runs, runner, limits, interrupt, chosen_by, progress, known: HashMap::new(), n_trained: 0 }
    }

    /// The runs in the order they are asked for. One that lies there whole is taken, one that was interrupted goes on from
    /// its last checkpoint, or is trained again where it has none.
    ///
    /// # Errors
    /// The data cannot be had, a run file has no such key, the folder cannot be written, one of the runs is still going on (of a
    /// study that was killed), or somebody asked for the end.
    pub(super) fn run(&mut self, wanted: Vec<Wanted>) -> launch::Result<Vec<Found>> {
        let jobs: Vec<std::result::Result<Job, String>> =
            wanted.into_iter().map(|wanted| self.job(wanted)).collect::<launch::Result<_>>()?;
        let mut seen = HashSet::new();
        let mut missing = Vec::new();
        for job in jobs.iter().filter_map(|job| job.as_ref().ok()) {
            if self.known.contains_key(&job.folder) || !seen.insert(job.folder.clone()) {
                continue;
            }
            match finished(&job.folder) {
                Some(run) => {
                    self.known.insert(job.folder.clone(), Ok(Arc::new(run)));
                }
                None => {
                    // One that still goes on is no failure, of which a choice would know: the study waits for its user.
                    if !milestone::is_resumable(&job.folder) {
                        RunFolder::remove_unfinished(&job.folder)?;
                    }
                    missing.push(job.clone());
                }
            }
        }
        self.train(&missing)?;
        self.progress.asked(jobs.len());
        let found = |job: std::result::Result<Job, String>| match job {
            Ok(job) => self.known[&job.folder].clone(),
            Err(reason) => Err(reason),
        };
        Ok(jobs.into_iter().map(found).collect())
    }

    /// What its run would be; a text where its settings do not go together.
    fn job(&self, Wanted { name, config }: Wanted) -> launch::Result<std::result::Result<Job, String>> {
        let ready = match config
            .check_values()
            .map_err(LaunchError::from)
            .and_then(|()| self.runner.prepare(&config))
        {
            Ok(ready) => ready,
            // In a cross of arms and axes some pairs may not go together; the others do.
            Err(LaunchError::Run(error @ (Error::Config(ConfigError::Value { .. }) | Error::Memory(_)))) => {
                return Ok(Err(error.to_string()));
            }
            Err(error) => return Err(error),
        };
        if let Some(task) = self.chosen_by.filter(|task| !ready.tasks.iter().any(|known| known == task)) {
            let likely = suggestion(nearest(task, ready.tasks.iter().map(String::as_str)));
            let there = ready.tasks.join(", ");
            return Err(
                wrong("metric", format!("no task is called `{task}`{likely}; there are {there}")).into()
            );
        }
        let config = placed(RunFile { data: ready.data, ..config })?;
        let name_of_run = match content_name(&config, env!("CARGO_PKG_VERSION")) {
            Ok(name) => name,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let folder = self.runs.join(name_of_run);
        Ok(Ok(Job { config, name, folder, memory: ready.memory, threads: self.limits.threads }))
    }

    fn train(&mut self, jobs: &[Job]) -> Result<()> {
        fs::create_dir_all(&self.runs).map_err(|error| Error::file("create", &self.runs, error))?;
        let (runner, interrupt, progress) = (self.runner, self.interrupt, &self.progress);
        let work = |job: &Job| {
            if interrupt.cancel().is_asked() {
                return Err(Ended::Interrupted);
            }
            let result = train(runner, job);
            match &result {
                Ok(_) => progress.finished(&job.name),
                Err(Ended::Failed(reason)) => progress.failed(&job.name, reason),
                Err(Ended::Interrupted) => {}
            }
            result
        };
        let results = side_by_side(jobs, &self.limits, |job| job.memory, work);
        let mut interrupted = false;
        for (job, result) in jobs.iter().zip(results) {
            let found = match result {
                Ok(run) => Ok(Arc::new(run)),
                Err(Ended::Failed(reason)) => Err(reason),
                Err(Ended::Interrupted) => {
                    interrupted = true;
                    continue;
                }
            };
            self.n_trained += usize::from(found.is_ok());
            self.known.insert(job.folder.clone(), found);
        }
        match interrupted {
            true => Err(Error::Interrupted { phase: "study", step: self.n_trained as u64 }),
            false => Ok(()),
        }
    }
}

/// The run file with its policy where it lies from anywhere.
fn placed(config: RunFile) -> Result<RunFile> {
    let Some(policy) = config.weighting.policy() else { return Ok(config) };
    let absolute = std::path::absolute(policy).map_err(|error| Error::file("find", policy, error))?;
    let weighting = config.weighting.with_policy(&absolute).unwrap_or_else(|| config.weighting.clone());
    Ok(RunFile { weighting, ..config })
}

fn train(runner: &dyn Runner, job: &Job) -> std::result::Result<Trained, Ended> {
    runner.run(job)?;
    finished(&job.folder)
        .ok_or_else(|| Ended::Failed(format!("it has left no {REPORT_FILE} that can be read")))
}

/// The finished run in `folder`; nothing where its report is not whole.
fn finished(folder: &Path) -> Option<Trained> {
    let text = fs::read_to_string(folder.join(REPORT_FILE)).ok()?;
    let report = serde_json::from_str(&text).ok()?;
    Some(Trained { folder: folder.to_owned(), report })
}
