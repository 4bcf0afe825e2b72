//! A model that cannot be written: what a run has learnt is not given up for what it is compared with.

use std::fs;
use std::path::{Path, PathBuf};

use rmtl::config::RunFile;
use rmtl::observer::{Observer, PhaseObserver, Unobserved};
use rmtl::output::folder::RunFolder;
use rmtl::trainer::{Trainer, write_report};
use rmtl_envs::Dataset;

use crate::workbench::{Workbench, rmtl};

/// Puts a folder where a model goes once `phase` begins: writing it fails as on a full disk.
struct InTheWay {
    phase: &'static str,
    model: PathBuf,
}

impl Observer for InTheWay {
    fn warn(&self, _: &str) {}

    fn begin(&self, phase: &str, total_rows: u64) -> Box<dyn PhaseObserver> {
        if phase == self.phase {
            fs::create_dir_all(self.model.join("full")).unwrap();
        }
        Unobserved.begin(phase, total_rows)
    }
}

fn prepared(bench: &Workbench) -> Dataset {
    let mut prepare = rmtl();
    prepare.arg("prepare").arg(bench.path("dataset.toml")).arg("--out").arg(bench.path("prepared"));
    assert!(prepare.output().unwrap().status.success());
    Dataset::open(&bench.path("prepared")).unwrap()
}

fn rescued(message: &str) -> &Path {
    Path::new(message.split("saved to ").nth(1).unwrap().split(" instead").next().unwrap())
}

#[test]
fn a_comparison_that_cannot_be_saved_costs_a_warning_and_not_the_report() {
    let bench = Workbench::new();
    let dataset = prepared(&bench);
    let config = RunFile::read(&bench.path("run.toml"), &[]).unwrap();
    let train = |name: &str, phase: &'static str, model: &str| {
        let folder = RunFolder::create(&bench.path(name)).unwrap();
        let model = folder.path().join("model").join(model);
        let trainer = Trainer::new(&config, &dataset).unwrap().observed_by(InTheWay { phase, model });
        let report = trainer.train(&folder)?;
        write_report(&folder, &report)?;
        Ok::<_, rmtl::error::Error>(report)
    };
    let report = train("comparison", "equal_budget", "equal_budget.safetensors").unwrap();
    assert!(report.actors.equal_budget.is_none() && report.actors.baseline.is_some());
    let warning = report.warnings.iter().find(|warning| warning.contains("equal budget")).unwrap();
    assert!(warning.contains("equal_budget.safetensors"), "{warning}");
    fs::remove_file(rescued(warning)).unwrap();
    assert!(bench.path("comparison/report.json").is_file());
    // What the run goes on with is another matter.
    let message = train("critics", "critics", "critic.safetensors").unwrap_err().to_string();
    assert!(message.contains("critic.safetensors"), "{message}");
    fs::remove_file(rescued(&message)).unwrap();
}
