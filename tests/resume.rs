//! Runs that are stopped and go on: the same bytes as those that never were.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
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

const KEPT_OPTIMIZER: &str = "schedule.two_stage.weighted.keep_optimizer=true";

const JOINT: &str = "schedule.joint={ pretrain = { max_epochs = 2, evaluations_per_epoch = 1 }, training = { max_epochs = 1, \
                     evaluations_per_epoch = 2 } }";

/// Where and how a run is stopped.
#[derive(Clone, Copy)]
struct Stop {
    phase: &'static str,
    /// Steps of the phase before.
    steps: u64,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    /// As by Ctrl-C.
    Asked,
    /// Without a chance to leave anything, as by a power cut.
    Crash,
}

/// Stops a run, if anything is given.
struct Stopper(Option<Stop>, Interrupt);

/// The same in its phase.
struct Countdown(u64, How, Interrupt);

impl Observer for Stopper {
    fn warn(&self, _: &str) {}

    fn begin(&self, phase: &str, total_rows: u64) -> Box<dyn PhaseObserver> {
        match self.0 {
            Some(stop) if stop.phase == phase => Box::new(Countdown(stop.steps, stop.how, self.1.clone())),
            _ => Unobserved.begin(phase, total_rows),
        }
    }
}

impl PhaseObserver for Countdown {
    fn advance(&mut self, _: u64) {
        self.0 = self.0.saturating_sub(1);
        match (self.0, self.1) {
            (0, How::Asked) => self.2.ask(),
            (0, How::Crash) => panic!("the power is cut"),
            _ => {}
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

fn config(bench: &Workbench, set: &[&str]) -> RunFile {
    let prepared = format!("data.prepared={:?}", bench.path("prepared"));
    let overrides = [&["log.every=1"], set, &[&prepared]].concat();
    let overrides: Vec<_> = overrides.into_iter().map(|set| set.parse().unwrap()).collect();
    RunFile::read(&bench.path("run.toml"), &overrides).unwrap()
}

/// Trains into a new folder, and says whether it has come to the end.
fn train(folder: &Path, config: &RunFile, dataset: &Dataset, stop: Option<Stop>) -> bool {
    let folder = RunFolder::create(folder).unwrap();
    folder.write(RUN_FILE, &config.to_toml().unwrap()).unwrap();
    let interrupt = Interrupt::default();
    let trainer = Trainer::new(config, dataset).unwrap();
    let trainer = trainer.observed_by(Stopper(stop, interrupt.clone())).ended_by(interrupt);
    match catch_unwind(AssertUnwindSafe(|| trainer.train(&folder))) {
        Ok(Ok(report)) => write_report(&folder, &report).unwrap(),
        Ok(Err(Error::Interrupted { phase, .. })) => {
            assert_eq!(Some((phase, How::Asked)), stop.map(|stop| (stop.phase, stop.how)));
            return false;
        }
        Ok(Err(error)) => panic!("{error}"),
        Err(_) => {
            assert_eq!(stop.map(|stop| stop.how), Some(How::Crash));
            return false;
        }
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
    let cases: [(&str, &[&str], &[&'static str]); 4] = [
        ("two_stage", &[], &two_stage),
        ("kept_optimizer", &[KEPT_OPTIMIZER], &["weighted"]),
        ("joint", &[JOINT], &["collect", "joint", "equal_budget"]),
        ("supervised", &["weighting.equal={}"], &["pretrain"]),
    ];
    for (name, set, phases) in cases {
        let config = config(&bench, set);
        assert!(train(&bench.path(name), &config, &dataset, None));
        for &phase in phases {
            let path = bench.path(&format!("{name}_{phase}"));
            let stop = Stop { phase, steps: 3, how: How::Crash };
            assert!(!train(&path, &config, &dataset, Some(stop)), "{name} {phase}");
            assert!(
                !last_checkpoint(&path).contains("\"fit\":{"),
                "{name} {phase}: it begins the phase again"
            );
            resume(&path).unwrap();
            assert_same(&path, &bench.path(name), &format!("{name}, stopped in {phase}"));
        }
    }
    // The control: bytes differ where a run differs.
    let bytes = |name: &str| fs::read(bench.path(name).join("model/actor.safetensors")).unwrap();
    assert!(bytes("two_stage") != bytes("kept_optimizer"));
}

/// The text of the last checkpoint.
fn last_checkpoint(folder: &Path) -> String {
    let names = files(&folder.join("checkpoint"));
    let last = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse::<u64>().ok()).max().unwrap();
    fs::read_to_string(folder.join(format!("checkpoint/{last}.json"))).unwrap()
}

/// With checkpoints every third step, a run that is stopped after the seventh goes on from the sixth, and one that is asked to end
/// from the seventh.
#[test]
fn a_run_stopped_within_a_training_goes_on_within_it_to_the_same_bytes() {
    let bench = Workbench::new();
    let dataset = prepared(&bench);
    let all = ["pretrain", "weighted", "equal_budget"];
    let moments = "optimizer={ method = { adam_w = {} }, moments = \"per_task\", clip = { norm = 1.0 } }";
    let cases: [(&str, &[&str], &[&'static str]); 6] = [
        ("two_stage", &[], &all),
        ("kept_optimizer", &[KEPT_OPTIMIZER, "encoder.optimizer.row_wise_adagrad={}"], &all),
        (
            "average",
            &["ema=0.9", "weighting.critic={ form = \"advantage\" }", "weights.normalize=task_mean"],
            &all,
        ),
        ("learnt", &["weighting.uw={}", "losses.dependence={}", moments], &["pretrain"]),
        ("bound", &["losses.behaviour_cloning={}", "log.every=4"], &["weighted"]),
        ("joint", &[JOINT], &["pretrain", "equal_budget"]),
    ];
    for (name, set, phases) in cases {
        let config = config(&bench, &[set, &["checkpoint={ every = 3, keep = 1 }"]].concat());
        assert!(train(&bench.path(name), &config, &dataset, None));
        for &phase in phases {
            for (how, step) in [(How::Crash, 6), (How::Asked, 7)] {
                if how == How::Asked && name != "two_stage" {
                    continue;
                }
                let what = format!("{name}, stopped within {phase}: {how:?}");
                let path = bench.path(&format!("{name}_{phase}_{how:?}"));
                assert!(!train(&path, &config, &dataset, Some(Stop { phase, steps: 7, how })), "{what}");
                let text = last_checkpoint(&path);
                assert!(text.contains(&format!("\"step\":{step},\"masks\"")), "{what}");
                resume(&path).unwrap();
                assert_same(&path, &bench.path(name), &what);
            }
        }
    }
    // How often there is a checkpoint changes nothing.
    let config = config(&bench, &[]);
    assert!(train(&bench.path("rarely"), &config, &dataset, None));
    assert_same(&bench.path("rarely"), &bench.path("two_stage"), "without checkpoints within phases");
}

#[test]
fn critics_that_learn_beside_an_actor_have_checkpoints_at_phases_alone_and_it_is_said() {
    use std::sync::{Arc, Mutex};

    struct Said(Arc<Mutex<Vec<String>>>);
    impl Observer for Said {
        fn warn(&self, message: &str) {
            self.0.lock().unwrap().push(message.to_owned());
        }

        fn begin(&self, phase: &str, total_rows: u64) -> Box<dyn PhaseObserver> {
            Unobserved.begin(phase, total_rows)
        }
    }

    let bench = Workbench::new();
    let dataset = prepared(&bench);
    let config = config(&bench, &[JOINT, "checkpoint.every=2"]);
    let folder = RunFolder::create(&bench.path("run")).unwrap();
    let said = Arc::new(Mutex::new(Vec::new()));
    let trainer = Trainer::new(&config, &dataset).unwrap().observed_by(Said(said.clone()));
    let report = trainer.train(&folder).unwrap();
    let said = said.lock().unwrap();
    let told: Vec<_> =
        said.iter().filter(|message| message.contains("no checkpoint within `joint`")).collect();
    assert_eq!(told.len(), 1, "{said:?}");
    assert!(told[0].contains("begins this phase again"), "{told:?}");
    assert!(!report.warnings.iter().any(|warning| warning.contains("checkpoint")), "it changes no figure");
}

#[test]
fn what_is_damaged_costs_a_phase_and_what_is_another_run_is_refused() {
    let bench = Workbench::new();
    let dataset = prepared(&bench);
    let config = config(&bench, &[]);
    assert!(train(&bench.path("whole"), &config, &dataset, None));
    let path = bench.path("run");
    let stop = Stop { phase: "weighted", steps: 2, how: How::Crash };
    assert!(!train(&path, &config, &dataset, Some(stop)));
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
