//! A runner that trains nothing: a run's numbers are functions of its settings.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tempfile::TempDir;

use crate::config::{DataConfig, RunFile};
use crate::interrupt::Interrupt;
use crate::launch;
use crate::log::Console;
use crate::study::{Ended, Job, Limits, Outcome, Ready, Runner, Study, conduct};

pub(super) const RUN: &str = r#"
[data]
dataset = "dataset.toml"
[backbone.shared_bottom]
[weighting.equal]
"#;

/// A study's folder with a run file.
pub(super) struct Desk {
    folder: TempDir,
}

impl Desk {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("run.toml"), RUN).unwrap();
        Self { folder }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn study(&self, text: &str) -> Study {
        let path = self.path().join("study.toml");
        std::fs::write(&path, format!("run = \"run.toml\"\n{text}")).unwrap();
        Study::read(&path).unwrap()
    }

    pub(super) fn conduct(&self, text: &str, stub: &Stub) -> launch::Result<Outcome> {
        let limits = Limits { jobs: 2, threads: 1, memory: None };
        let study = self.study(text);
        conduct(&study, &self.path().join("runs"), stub, limits, Console::quiet(), &stub.interrupt)
    }

    /// The run folders that hold a report.
    pub(super) fn reports(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path().join("runs")).unwrap();
        let reports = entries.map(|entry| entry.unwrap().path().join("report.json"));
        reports.filter(|path| path.is_file()).collect()
    }
}

/// What the runs of a study come to.
pub(super) struct Stub {
    pub(super) validation: fn(&RunFile) -> f64,
    pub(super) test: fn(&RunFile) -> f64,
    pub(super) fails: fn(&RunFile) -> bool,
    pub(super) content: &'static str,
    pub(super) interrupt: Interrupt,
    /// Asks for the end once it has trained so many.
    pub(super) ends_after: usize,
    pub(super) n_begun: AtomicUsize,
    pub(super) ran: Mutex<Vec<RunFile>>,
}

impl Default for Stub {
    fn default() -> Self {
        Self {
            validation: rate,
            test: rate,
            fails: |_| false,
            content: "content",
            interrupt: Interrupt::default(),
            ends_after: usize::MAX,
            n_begun: AtomicUsize::new(0),
            ran: Mutex::default(),
        }
    }
}

/// The setting that the studies of these tests change.
pub(super) fn rate(config: &RunFile) -> f64 {
    config.optimizer.learning_rate
}

impl Stub {
    /// Setting and seed of every run that was trained, in no order.
    pub(super) fn ran(&self) -> Vec<(f64, u64)> {
        let mut ran: Vec<_> =
            self.ran.lock().unwrap().iter().map(|config| (rate(config), config.seed)).collect();
        ran.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        ran
    }

    /// Trained runs of which this holds.
    pub(super) fn count(&self, holds: impl Fn(&RunFile) -> bool) -> usize {
        self.ran.lock().unwrap().iter().filter(|config| holds(config)).count()
    }
}

impl Runner for Stub {
    fn prepare(&self, config: &RunFile) -> launch::Result<Ready> {
        let data = DataConfig { content_hash: Some(self.content.into()), ..config.data.clone() };
        Ok(Ready { data, memory: 1, tasks: vec!["click".into()] })
    }

    fn run(&self, job: &Job) -> Result<(), Ended> {
        if self.n_begun.fetch_add(1, Ordering::SeqCst) >= self.ends_after {
            self.interrupt.ask();
            return Err(Ended::Interrupted);
        }
        self.ran.lock().unwrap().push(job.config.clone());
        if (self.fails)(&job.config) {
            return Err(Ended::Failed("the loss is NaN\nerror: stopped".into()));
        }
        std::fs::create_dir_all(&job.folder).unwrap();
        let report = report(&job.config, (self.validation)(&job.config), (self.test)(&job.config));
        std::fs::write(job.folder.join("report.json"), report).unwrap();
        Ok(())
    }
}

/// A report of one task with these AUCs.
fn report(config: &RunFile, validation: f64, test: f64) -> String {
    let task = |auc: f64| json!({ "click": { "auc": auc, "logloss": 0.5, "gauc_skipped_sessions": 0, "positives": 1, "rows": 2 } });
    let selected =
        json!({ "file": "model/actor.safetensors", "phase": "pretrain", "step": 1, "value": validation });
    json!({
        "data": { "name": "stub", "content_hash": "content", "rows": {}, "sessions": {}, "positives": {} },
        "tasks": task(test),
        "validation": { "tasks": task(validation) },
        "selection": { "criterion": "mean AUC", "best": "actor", "actors": { "actor": selected } },
        "phases": { "pretrain": { "seconds": 2.5, "steps": 1, "rows_per_second": 1.0 } },
        "parameters": { "dense": 1, "embedding": 1 },
        "backbone": config.backbone.name(),
        "weighting": config.weighting.name(),
        "warnings": [],
        "version": "0",
        "seed": config.seed,
        "device": "flex",
    })
    .to_string()
}
