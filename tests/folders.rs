//! One run, one folder, one dataset: runs beside each other, runs that move, runs that are stopped.

use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rmtl_files::Lock;
use serde_json::Value;

use crate::workbench::{DATASET, RUN, Workbench, files, rmtl};

const SHORT: [&str; 2] = ["weighting.equal={}", "schedule.two_stage.pretrain.max_epochs=1"];

/// `rmtl` in the workbench's folder.
fn program(bench: &Workbench, arguments: &[&str]) -> Command {
    let mut command = rmtl();
    command.current_dir(bench.path("")).args(arguments);
    command
}

fn finished(bench: &Workbench, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = program(bench, arguments).output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

fn refused(bench: &Workbench, arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = program(bench, arguments).output().unwrap();
    assert!(!status.success());
    String::from_utf8(stderr).unwrap()
}

fn train<'a>(out: &'a str, run_file: &'a str) -> Vec<&'a str> {
    ["train", run_file, "-q", "--out", out]
        .into_iter()
        .chain(SHORT.iter().flat_map(|set| ["--set", *set]))
        .collect()
}

/// A log as a file beside the dataset file, so that it can change.
fn with_a_log(sessions: u32) -> Workbench {
    let query = "SELECT * FROM log";
    let dataset = format!(
        "name = \"small\"\nquery = \"{query}\"\nsession = \"session\"\ntime = \"time\"\n\
         categorical = [\"user\", \"item\"]\ntasks = [{{ name = \"click\", label = \"click\" }}]\n\
         tables = {{ log = \"log.csv\" }}\n"
    );
    let bench = Workbench::with(&dataset, &RUN.replace("esmm", "shared_bottom"));
    fs::write(bench.path("log.csv"), log(sessions)).unwrap();
    bench
}

fn log(sessions: u32) -> String {
    let row = |row: u32| {
        let (session, item) = (row / 4, row * 7 % 31);
        format!("{session},{},{item},{row},{}\n", session % 40, u32::from((session + item) % 3 == 0))
    };
    "session,user,item,time,click\n".to_owned() + &(0..4 * sessions).map(row).collect::<String>()
}

#[test]
fn a_folder_in_use_belongs_to_its_run() {
    let bench = Workbench::new();
    fs::create_dir(bench.path("run")).unwrap();
    let lock = Lock::try_at(&bench.path("run/.lock")).unwrap().unwrap();
    fs::write(bench.path("run/run.toml"), "of the first").unwrap();
    let message = refused(&bench, &train("run", "run.toml"));
    assert!(message.contains("another run is going on in it") && message.contains("--out"), "{message}");
    assert_eq!(files(&bench.path("run")), [".lock", "run.toml"]);
    drop(lock);
    assert!(refused(&bench, &train("run", "run.toml")).contains("is not empty"));
    assert_eq!(bench.read("run/run.toml"), "of the first");
}

#[test]
fn a_run_that_cannot_begin_takes_back_what_it_made_and_nothing_else() {
    let bench = Workbench::new();
    fs::create_dir(bench.path("given")).unwrap();
    let wrong = ["early_stop={task=\"sale\"}"];
    assert!(bench.try_train("given", &wrong).is_err());
    assert!(bench.path("given").is_dir() && files(&bench.path("given")).is_empty());
    assert!(bench.try_train("a/b/c", &wrong).is_err());
    assert!(!bench.path("a").exists());
    bench.train("given", &SHORT);
    assert!(!files(&bench.path("given")).contains(&".lock".to_owned()));
}

#[test]
fn of_runs_started_together_in_one_folder_one_goes_on() {
    let bench = Workbench::new();
    let start =
        || program(&bench, &train("run", "run.toml")).stderr(Stdio::null()).stdout(Stdio::null()).spawn();
    let mut runs: Vec<Child> = (0..3).map(|_| start().unwrap()).collect();
    let ended = runs.iter_mut().map(|run| run.wait().unwrap());
    assert_eq!(ended.filter(|status| status.success()).count(), 1);
    assert!(bench.path("run/report.json").is_file() && bench.path("run/run.toml").is_file());
}

#[test]
fn runs_started_together_train_on_their_own_data() {
    let bench = Workbench::new();
    fs::write(bench.path("other.toml"), DATASET.replace("seed = 3", "seed = 4")).unwrap();
    fs::write(bench.path("other_run.toml"), RUN.replace("\"dataset.toml\"", "\"other.toml\"")).unwrap();
    let mut expected = Vec::new();
    for dataset in ["dataset.toml", "other.toml"] {
        finished(&bench, &["prepare", dataset, "--out", "alone"]);
        expected.push(bench.json("alone/manifest.json")["content_hash"].clone());
    }
    assert_ne!(expected[0], expected[1]);
    let names: Vec<String> = (0..6).map(|index| format!("run_{index}")).collect();
    let start = |(index, name): (usize, &String)| {
        program(&bench, &train(name, ["run.toml", "other_run.toml"][index % 2]))
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let runs: Vec<Child> = names.iter().enumerate().map(start).collect();
    for (index, (name, mut run)) in names.iter().zip(runs).enumerate() {
        assert!(run.wait().unwrap().success());
        let hash = &bench.json(&format!("{name}/report.json"))["data"]["content_hash"];
        assert_eq!(*hash, expected[index % 2], "{name}");
        assert!(bench.read(&format!("{name}/run.toml")).contains(hash.as_str().unwrap()));
    }
}

#[test]
fn an_earlier_run_is_evaluated_after_its_dataset_file_has_changed() {
    let bench = with_a_log(150);
    finished(&bench, &train("first", "run.toml"));
    let before = finished(&bench, &["evaluate", "first", "--json"]);
    let dataset = bench.read("dataset.toml");
    fs::write(bench.path("dataset.toml"), dataset + "vocabulary = { min_count = 4 }\n").unwrap();
    finished(&bench, &train("second", "run.toml"));
    let second = bench.read("prepared/small/manifest.json");
    let found = files(&bench.path(""));
    let message = refused(&bench, &["evaluate", "first"]);
    assert!(message.contains("content hash") && message.contains("--prepare"), "{message}");
    assert_eq!(files(&bench.path("")), found, "nothing is written unless somebody asks");
    assert_eq!(finished(&bench, &["evaluate", "first", "--prepare", "--json"]), before);
    assert_eq!(finished(&bench, &["evaluate", "first", "--json"]), before, "it is there now");
    assert_eq!(bench.read("prepared/small/manifest.json"), second, "the other run keeps its data");
    for elsewhere in [&["--prepared", "elsewhere"][..], &["--set", "data.prepared=elsewhere"]] {
        assert_eq!(finished(&bench, &[&["evaluate", "first", "--json"], elsewhere].concat()), before);
    }
    let message = refused(&bench, &["evaluate", "first", "--set", "seed=2"]);
    assert!(message.contains("--set seed") && message.contains("rmtl train"), "{message}");
}

#[test]
fn an_earlier_run_needs_its_raw_log_and_says_so() {
    let bench = with_a_log(150);
    finished(&bench, &train("first", "run.toml"));
    let before = finished(&bench, &["evaluate", "first", "--json"]);
    fs::create_dir(bench.path("old")).unwrap();
    fs::rename(bench.path("log.csv"), bench.path("old/log.csv")).unwrap();
    fs::rename(bench.path("prepared/small"), bench.path("kept")).unwrap();
    let message = refused(&bench, &["evaluate", "first", "--prepare"]);
    assert!(
        message.contains("no such file") && message.contains("--root") && message.contains("--prepared"),
        "{message}"
    );
    fs::write(bench.path("log.csv"), log(140)).unwrap();
    let message = refused(&bench, &["evaluate", "first", "--prepare"]);
    assert!(message.contains("has changed") && message.contains("--root"), "{message}");
    assert!(!bench.path("prepared/small").exists(), "nothing is prepared in vain");
    assert_eq!(finished(&bench, &["evaluate", "first", "--prepared", "kept", "--json"]), before);
    assert_eq!(finished(&bench, &["evaluate", "first", "--root", "old", "--json"]), before);
}

#[test]
fn a_dataset_prepared_elsewhere_is_enough_where_the_raw_log_is_not_here() {
    let bench = with_a_log(150);
    finished(&bench, &train("here", "run.toml"));
    fs::rename(bench.path("prepared/small"), bench.path("brought")).unwrap();
    fs::remove_file(bench.path("log.csv")).unwrap();
    let message = refused(&bench, &train("never", "run.toml"));
    assert!(message.contains("no such file"), "a place that nobody named is not searched: {message}");
    let with = |out| [&train(out, "run.toml")[..], &["--prepared", "brought"]].concat();
    finished(&bench, &with("there"));
    for file in ["metrics.jsonl", "model/actor.safetensors"] {
        assert_eq!(
            fs::read(bench.path("here").join(file)).unwrap(),
            fs::read(bench.path("there").join(file)).unwrap()
        );
    }
    let (table, whole) =
        (bench.path("brought/train.arrow"), fs::read(bench.path("brought/train.arrow")).unwrap());
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(&table, damaged).unwrap();
    let message = refused(&bench, &with("damaged"));
    assert!(message.contains("train.arrow: its checksum should be"), "{message}");
    fs::write(&table, whole).unwrap();
    let dataset = bench.read("dataset.toml");
    fs::write(bench.path("dataset.toml"), dataset.replace("\"user\", \"item\"", "\"item\", \"user\""))
        .unwrap();
    assert!(
        refused(&bench, &with("other")).contains("no such file"),
        "columns in another order are another dataset"
    );
}

#[test]
fn a_project_may_move_with_its_runs() {
    let bench = with_a_log(150);
    fs::create_dir(bench.path("project")).unwrap();
    for file in ["log.csv", "dataset.toml", "run.toml"] {
        fs::rename(bench.path(file), bench.path("project").join(file)).unwrap();
    }
    let within = |project: &str, arguments: &[&str]| {
        let output = rmtl().current_dir(bench.path(project)).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    within("project", &train("runs/a", "run.toml"));
    let before = within("project", &["evaluate", "runs/a", "--json"]);
    let run_file = bench.read("project/runs/a/run.toml");
    assert!(!run_file.contains(bench.path("").to_str().unwrap()), "{run_file}");
    fs::rename(bench.path("project"), bench.path("moved")).unwrap();
    assert_eq!(within("moved", &["evaluate", "runs/a", "--json"]), before);
    assert_eq!(within("moved/runs/a", &["evaluate", ".", "--json"]), before);
    fs::remove_dir_all(bench.path("moved/prepared")).unwrap();
    let again = within("moved", &["evaluate", "runs/a", "--prepare", "--json"]);
    assert_eq!(again, before, "prepared again from the raw log");
    // The run folder alone, with the raw log, where nothing else is.
    fs::create_dir(bench.path("colleague")).unwrap();
    fs::rename(bench.path("moved/runs/a"), bench.path("colleague/a")).unwrap();
    fs::rename(bench.path("moved"), bench.path("raw")).unwrap();
    assert_eq!(within("colleague", &["evaluate", "a", "--root", "../raw", "--json"]), before);
}

/// Sends `signal` to a run once it has logged something, and gives its exit status and what it said.
#[cfg(target_os = "linux")]
fn stopped(bench: &Workbench, start: &mut Command, signal: &str) -> (Option<i32>, String) {
    let child = start.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id().to_string();
    let deadline = Instant::now() + Duration::from_secs(60);
    while fs::metadata(bench.path("run/metrics.jsonl")).map_or(0, |file| file.len()) == 0 {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[cfg(target_os = "linux")]
const ENDLESS: [&str; 4] = [
    "--set",
    "schedule.two_stage.pretrain={max_epochs=100000, patience=100000, evaluations_per_epoch=8}",
    "--set",
    "log.every=1",
];

#[cfg(target_os = "linux")]
#[test]
fn schedulers_and_closed_terminals_end_a_run_cleanly_and_its_best_actor_can_be_evaluated() {
    for (signal, status) in [("-TERM", 143), ("-HUP", 129)] {
        let bench = Workbench::new();
        let arguments = [&["train", "run.toml", "--out", "run"][..], &ENDLESS].concat();
        let mut command = program(&bench, &arguments);
        let (code, message) = stopped(&bench, &mut command, signal);
        assert_eq!(code, Some(status), "{message}");
        assert!(bench.path("run/model/last_good.safetensors").is_file(), "{message}");
        let Output { status, stdout, stderr } =
            program(&bench, &["evaluate", "run", "--json"]).output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert!(
            status.success() && stderr.contains("did not finish") && stderr.contains("last_good"),
            "{stderr}"
        );
        let found: Value = serde_json::from_slice(&stdout).unwrap();
        assert!(found["tasks"]["click"]["auc"].is_f64(), "{found}");
    }
}

/// What a run has learnt is rescued, and nobody is told that all went well.
#[test]
fn a_run_whose_folder_is_removed_fails_and_keeps_what_it_learnt() {
    let bench = Workbench::new();
    let run = std::thread::scope(|scope| {
        let run = scope.spawn(|| bench.try_train("run", &["weighting.equal={}", "log.every=1"]));
        while fs::metadata(bench.path("run/metrics.jsonl")).is_err() && !run.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // Log files may appear while it goes.
        while bench.path("run").exists() {
            drop(fs::remove_dir_all(bench.path("run")));
        }
        run.join().unwrap()
    });
    let message = run.unwrap_err().to_string();
    let rescued = message.split("saved to ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(fs::metadata(rescued).is_ok_and(|file| file.len() > 0), "{message}");
    fs::remove_file(rescued).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_under_nohup_outlives_its_terminal() {
    let bench = Workbench::new();
    let arguments = [&["train", "run.toml", "--out", "run"][..], &ENDLESS].concat();
    let mut command = Command::new("nohup");
    command.arg(env!("CARGO_BIN_EXE_rmtl")).args(arguments).current_dir(bench.path(""));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while fs::metadata(bench.path("run/metrics.jsonl")).map_or(0, |file| file.len()) == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let send = |signal: &str| {
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success()
    };
    assert!(send("-HUP"));
    std::thread::sleep(Duration::from_millis(700));
    assert!(send("-0"), "it is still there");
    assert!(!bench.path("run/model/last_good.safetensors").exists());
    assert!(send("-TERM"));
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_while_the_log_is_prepared_leaves_nothing() {
    let bench = with_a_log(400_000);
    let mut command = program(&bench, &train("runs/a", "run.toml"));
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let staging = || {
        let entries = fs::read_dir(bench.path("prepared")).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(".small.preparing-"))
    };
    while !staging() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let asked = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    println!("ended after {:.2} s", asked.elapsed().as_secs_f64());
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.contains("asked to end"), "{message}");
    assert!(!bench.path("prepared").exists() && !bench.path("runs").exists(), "{:?}", files(&bench.path("")));
}
