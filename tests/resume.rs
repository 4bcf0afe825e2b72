//! Runs that are stopped and go on: the same bytes as those that never were.

use std::fs;
use std::path::Path;

use rmtl::config::RunFile;
use rmtl::error::Error;
use rmtl::interrupt::Interrupt;
use rmtl::launch;
use rmtl::log::Console;
use rmtl::observer::{Observer, PhaseObserver, Unobserved};
use rmtl::output::folder::{RUN_FILE, RunFolder};
use rmtl::trainer::{Trainer, write_report};
use rmtl_envs::Dataset;
use serde_json::Value;

use crate::workbench::{Workbench, files, rmtl};

const TWO_STAGE: &str = "";

const KEPT_OPTIMIZER: &str = "schedule.two_stage.weighted.keep_optimizer=true";

const JOINT: &str = "schedule.joint={ pretrain = { max_epochs = 2, evaluations_per_epoch = 1 }, training = { max_epochs = 1, \
                     evaluations_per_epoch = 2 } }";

/// Asks for the end after so many steps of a phase.
struct Stop {
    phase: &'static str,
    steps: u64,
    interrupt: Interrupt,
}

/// The same in its phase.
struct Countdown(u64, Interrupt);

impl Observer for Stop {
    fn warn(&self, _: &str) {}

    fn begin(&self, phase: &str, total_rows: u64) -> Box<dyn PhaseObserver> {
        match phase == self.phase {
            true => Box::new(Countdown(self.steps, self.interrupt.clone())),
            false => Unobserved.begin(phase, total_rows),
        }
    }
}

impl PhaseObserver for Countdown {
    fn advance(&mut self, _: u64) {
        self.0 = self.0.saturating_sub(1);
        if self.0 == 0 {
            self.1.ask();
        }
    }

    fn message(&mut self, _: String) {}

    fn finish(self: Box<Self>) {}
}

fn prepared(bench: &Workbench) -> Dataset {
    let mut prepare = rmtl();
    prepare.arg("prepare").arg(bench.path("dataset.toml")).arg("--out").arg(bench.path("prepared"));
    assert!(prepare.output().unwrap().status.success());
    Dataset::open(&bench.path("prepared")).unwrap()
}

fn config(bench: &Workbench, set: &str) -> RunFile {
    let prepared = format!("data.prepared={:?}", bench.path("prepared"));
    let overrides = ["log.every=1", set, &prepared];
    let overrides: Vec<_> =
        overrides.iter().filter(|set| !set.is_empty()).map(|set| set.parse().unwrap()).collect();
    RunFile::read(&bench.path("run.toml"), &overrides).unwrap()
}

/// Trains into a new folder; stopped within a phase where one is given.
fn train(folder: &Path, config: &RunFile, dataset: &Dataset, stop: Option<(&'static str, u64)>) -> bool {
    let folder = RunFolder::create(folder).unwrap();
    folder.write(RUN_FILE, &config.to_toml().unwrap()).unwrap();
    let interrupt = Interrupt::default();
    let (phase, steps) = stop.unwrap_or_default();
    let observer = Stop { phase, steps, interrupt: interrupt.clone() };
    let trainer = Trainer::new(config, dataset).unwrap().observed_by(observer).ended_by(interrupt);
    match trainer.train(&folder) {
        Ok(report) => write_report(&folder, &report).unwrap(),
        Err(Error::Interrupted { phase: stopped, .. }) => {
            assert_eq!(stopped, phase);
            return false;
        }
        Err(error) => panic!("{error}"),
    }
    true
}

fn resume(folder: &Path) -> launch::Result<()> {
    let (folder, _, report) = launch::resume(folder, |_| {}, Console::quiet(), Interrupt::default())?;
    write_report(&folder, &report)?;
    Ok(())
}

/// Models, metrics, and a report without times are the same.
fn assert_same(found: &Path, expected: &Path, what: &str) {
    let names = |folder: &Path| files(&folder.join("model"));
    assert_eq!(names(found), names(expected), "{what}");
    let models = names(expected).into_iter().map(|name| format!("model/{name}"));
    for file in models.chain(["metrics.jsonl".to_owned()]) {
        let bytes = |folder: &Path| fs::read(folder.join(&file)).unwrap();
        assert!(bytes(found) == bytes(expected), "{what}: {file}");
    }
    let report = |folder: &Path| {
        let mut report: Value =
            serde_json::from_str(&fs::read_to_string(folder.join("report.json")).unwrap()).unwrap();
        let phases = report.as_object_mut().unwrap().remove("phases").unwrap();
        (report, phases.as_object().unwrap().keys().cloned().collect::<Vec<_>>())
    };
    assert_eq!(report(found), report(expected), "{what}");
    assert!(!found.join("checkpoint").exists(), "{what}: a finished run has no checkpoint");
}

#[test]
fn a_run_stopped_in_any_phase_of_either_schedule_ends_with_the_same_bytes() {
    let bench = Workbench::new();
    let dataset = prepared(&bench);
    let two_stage = ["pretrain", "collect", "critics", "weighted", "equal_budget"];
    let cases: [(&str, &str, &[&'static str]); 4] = [
        ("two_stage", TWO_STAGE, &two_stage),
        ("kept_optimizer", KEPT_OPTIMIZER, &["critics", "weighted", "equal_budget"]),
        ("joint", JOINT, &["pretrain", "collect", "joint", "equal_budget"]),
        ("supervised", "weighting.equal={}", &["pretrain"]),
    ];
    for (name, set, phases) in cases {
        let config = config(&bench, set);
        assert!(train(&bench.path(name), &config, &dataset, None));
        for &phase in phases {
            let path = bench.path(&format!("{name}_{phase}"));
            assert!(!train(&path, &config, &dataset, Some((phase, 3))), "{name} {phase}");
            assert!(path.join("checkpoint").is_dir());
            resume(&path).unwrap();
            assert_same(&path, &bench.path(name), &format!("{name}, stopped in {phase}"));
        }
    }
    // The control: bytes differ where a run differs.
    let bytes = |name: &str| fs::read(bench.path(name).join("model/actor.safetensors")).unwrap();
    assert!(bytes("two_stage") != bytes("kept_optimizer"));
}

#[test]
fn what_is_damaged_costs_a_phase_and_what_is_another_run_is_refused() {
    let bench = Workbench::new();
    let dataset = prepared(&bench);
    let config = config(&bench, TWO_STAGE);
    assert!(train(&bench.path("whole"), &config, &dataset, None));
    let path = bench.path("run");
    assert!(!train(&path, &config, &dataset, Some(("weighted", 2))));
    let message = RunFolder::create(&path).unwrap_err().to_string();
    assert!(message.contains("rmtl train --resume"), "{message}");

    let run_file = fs::read_to_string(path.join(RUN_FILE)).unwrap();
    fs::write(path.join(RUN_FILE), run_file.replace("seed = 5", "seed = 6")).unwrap();
    let message = resume(&path).unwrap_err().to_string();
    assert!(message.contains("`seed` was 5 and is 6") && message.contains("rmtl train"), "{message}");
    fs::write(path.join(RUN_FILE), run_file).unwrap();

    // The one before the critics is whole.
    let critic = path.join("model/critic.safetensors");
    let mut damaged = fs::read(&critic).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&critic, damaged).unwrap();
    resume(&path).unwrap();
    assert_same(&path, &bench.path("whole"), "with damaged critics");
    let message = resume(&path).unwrap_err().to_string();
    assert!(message.contains("it has finished") && message.contains("rmtl evaluate"), "{message}");
    let message = resume(&bench.path("prepared")).unwrap_err().to_string();
    assert!(message.contains("no run.toml"), "{message}");
}

#[cfg(unix)]
#[test]
fn a_run_killed_again_and_again_ends_with_the_same_bytes() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let bench = Workbench::new();
    let program = |arguments: &[&str]| -> Command {
        let mut command = rmtl();
        command.current_dir(bench.path("")).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let whole = program(&["train", "run.toml", "-q", "--out", "whole"]).output().unwrap();
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
    let mut arguments = vec!["train", "run.toml", "-q", "--out", "run"];
    // Each time in the phase after the checkpoint of that number.
    for number in 0..4 {
        let checkpoint = bench.path(&format!("run/checkpoint/{number}.json"));
        let mut child = program(&arguments).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(120);
        while !checkpoint.exists() && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(checkpoint.exists() || bench.path("run/report.json").exists(), "{number}");
        arguments = vec!["train", "-q", "--resume", "run"];
    }
    if !bench.path("run/report.json").exists() {
        let last = program(&arguments).output().unwrap();
        assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
    }
    assert_same(&bench.path("run"), &bench.path("whole"), "killed");
    assert!(bench.path("run/tensorboard").is_dir());
    let refused = program(&["train", "--resume", "run", "--set", "seed=6"]).output().unwrap();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("--resume"));
}
