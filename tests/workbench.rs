//! A folder with a small dataset and run file, and runs of it.

use std::fs;
use std::path::{Path, PathBuf};

use rmtl::cli::{DataArguments, TrainArguments, train};
use rmtl::interrupt::Interrupt;
use rmtl::launch::LaunchError;
use rmtl::log::Console;
use rmtl::output::report::Report;
use serde_json::Value;
use tempfile::TempDir;

/// A synthetic log of about 4,000 rows with a chain of three tasks.
pub(crate) const DATASET: &str = r#"
name = "small"
query = "SELECT * FROM log"
session = { key = "session", gap = 3_600_000 }
time = "time"
categorical = ["user", "user_group", "item", "category", "position"]
numeric = ["quality"]
ignore = ["hour", "price"]
oracle = ["p_click", "p_cart", "p_buy"]
tasks = [
    { name = "click", label = "click" },
    { name = "cart", label = "cart", after = "click" },
    { name = "buy", label = "buy", after = "cart" },
]
tables.log = { synthetic = { seed = 3, n_users = 200, n_items = 80, n_sessions = 700 } }
"#;

/// All phases in a second or two.
pub(crate) const RUN: &str = r#"
seed = 5
batch_size = 256
[data]
dataset = "dataset.toml"
[encoder]
dim = 8
[backbone.esmm]
bottom = [32, 16]
tower = [8]
[weighting.critic]
[optimizer]
learning_rate = 0.005
embedding_learning_rate = 0.005
[critic]
bottom = [32, 16]
tower = [8]
[schedule.two_stage]
pretrain = { max_epochs = 4, patience = 2, evaluations_per_epoch = 1 }
weighted = { max_epochs = 2, patience = 2, evaluations_per_epoch = 2 }
critics = { max_steps = 40, window = 10 }
"#;

/// A temporary folder with `dataset.toml` and `run.toml`.
pub(crate) struct Workbench {
    folder: TempDir,
}

impl Workbench {
    pub(crate) fn new() -> Self {
        Self::with(DATASET, RUN)
    }

    pub(crate) fn with(dataset: &str, run: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("dataset.toml"), dataset).unwrap();
        fs::write(folder.path().join("run.toml"), run).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs into the folder `out` with `--set` for each of `set`.
    pub(crate) fn try_train(&self, out: &str, set: &[&str]) -> Result<Report, LaunchError> {
        self.train_until(out, set, Interrupt::default())
    }

    pub(crate) fn train_until(
        &self,
        out: &str,
        set: &[&str],
        interrupt: Interrupt,
    ) -> Result<Report, LaunchError> {
        let mut overrides: Vec<_> = set.iter().map(|text| text.parse().unwrap()).collect();
        let prepared = format!("data.prepared={:?}", self.path("prepared"));
        overrides.push(prepared.parse().unwrap());
        let arguments = TrainArguments {
            run_file: self.path("run.toml"),
            overrides,
            out: None,
            data: DataArguments::default(),
            device: None,
            quiet: true,
        };
        train(&arguments, &self.path(out), Console::quiet(), interrupt)
    }

    pub(crate) fn train(&self, out: &str, set: &[&str]) -> Report {
        self.try_train(out, set).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }
}

/// The values of a tag, by step.
pub(crate) fn curve(bench: &Workbench, run: &str, tag: &str) -> Vec<(u64, f64)> {
    let metrics = bench.read(&format!("{run}/metrics.jsonl"));
    let lines = metrics.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .filter(|line| line["tag"] == tag)
        .map(|line| (line["step"].as_u64().unwrap(), line["value"].as_f64().unwrap()))
        .collect()
}

/// The program itself.
pub(crate) fn rmtl() -> std::process::Command {
    std::process::Command::new(env!("CARGO_BIN_EXE_rmtl"))
}

/// Every file below `folder`, by its path in it.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    let mut found = Vec::new();
    if folder.exists() {
        walk(folder, folder, &mut found);
    }
    found.sort();
    found
}
