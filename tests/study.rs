//! Studies whose runs are processes.

use std::process::{Command, Output};

use crate::workbench::{Workbench, files, rmtl};

/// Two arms of which one searches, each run a fraction of a second.
const STUDY: &str = r#"
run = "run.toml"
set = ["schedule.two_stage.pretrain.max_epochs = 1", "log.tensorboard = false"]
seeds = [1]
confirm_seeds = [2, 3]
jobs = 2
[arms.equal]
set = ["weighting.equal = {}"]
[arms.constant]
set = ["weighting.constant.weights = [1.0, {a}, {a}]"]
[arms.constant.search]
method = "grid"
space.a = { values = [0.5, 2.0] }
"#;

fn study(bench: &Workbench, text: &str) -> Command {
    std::fs::write(bench.path("study.toml"), text).unwrap();
    let mut command = rmtl();
    command.arg("study").arg(bench.path("study.toml")).arg("--out").arg(bench.path("out")).arg("--quiet");
    command.arg("--prepared").arg(bench.path("prepared"));
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_study_leaves_one_folder_and_its_runs_are_taken_the_next_time() {
    let bench = Workbench::new();
    let output = study(&bench, STUDY).output().unwrap();
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("runs        6, 6 of them trained now"), "{text}");
    for file in ["study.toml", "table.md", "table.tex", "table.csv", "runs.csv", "summary.json"] {
        assert!(bench.path("out").join(file).is_file(), "{file}");
    }
    let page = bench.read("out/table.md");
    assert!(page.contains("| equal ") && page.contains("* constant has chosen a = "), "{page}");
    assert!(page.contains("with seed 1, from so many tried: constant 2."), "{page}");
    assert!(page.contains("with seeds 2, 3, which no choice has seen."), "{page}");
    assert_eq!(bench.read("out/runs.csv").lines().count(), 7, "a header and six runs");
    let summary = bench.json("out/summary.json");
    let arm = &summary["arms"][1];
    assert_eq!((arm["name"].as_str(), arm["seeds"].as_array().unwrap().len()), (Some("constant"), 2));
    assert_eq!(arm["seeds"][0]["test"].as_array().unwrap().len(), 3, "three tasks");
    let runs = files(&bench.path("out/runs"));
    let count = |end: &str| runs.iter().filter(|path| path.ends_with(end)).count();
    assert_eq!((count("/report.json"), count("/train.log"), count("/run.toml")), (6, 6, 6), "{runs:?}");
    assert!(runs.iter().all(|path| path.contains('/')), "nothing is left beside the folders: {runs:?}");

    let again = study(&bench, STUDY).output().unwrap();
    assert!(said(&again).contains("runs        6, 0 of them trained now"), "{}", said(&again));
    assert_eq!(bench.read("out/table.md"), page);
    // A run of a study is a run: its folder repeats it, to the same numbers.
    let folder = arm["seeds"][0]["folder"].as_str().unwrap();
    let mut repeated = rmtl();
    repeated.arg("train").arg(format!("{folder}/run.toml")).arg("--out").arg(bench.path("again"));
    let repeated = repeated.arg("--quiet").env("RAYON_NUM_THREADS", "1").output().unwrap();
    assert!(repeated.status.success(), "{}", said(&repeated));
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{folder}/report.json")).unwrap()).unwrap();
    assert_eq!(bench.json("again/report.json")["tasks"], report["tasks"]);
}

#[test]
fn a_run_that_fails_stands_below_the_table_with_its_last_lines() {
    let bench = Workbench::new();
    // Rates of which the loss is soon no number.
    let text = format!(
        "{STUDY}[arms.wild]\nset = [\"weighting.equal = {{}}\", \"optimizer.learning_rate = 1e30\", \
         \"optimizer.embedding_learning_rate = 1e30\"]\n"
    );
    let output = study(&bench, &text).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let page = bench.read("out/table.md");
    assert!(page.contains("## Runs that failed") && page.contains("wild, seed 2:"), "{page}");
    assert!(page.contains("error: "), "{page}");
    assert!(page.contains("| wild ") && page.contains("2 runs failed"), "{page}");
}

#[test]
fn a_misspelt_key_ends_a_study_before_it_begins() {
    let bench = Workbench::new();
    let output = study(&bench, &STUDY.replace("weighting.equal", "weighting.eqal")).output().unwrap();
    assert!(!output.status.success() && said(&output).contains("weighting.equal"), "{}", said(&output));
    assert!(!bench.path("out/runs").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_the_runs_and_the_study_goes_on_where_it_was() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let bench = Workbench::new();
    let text = format!(
        "{STUDY}[arms.endless]\nset = [\"weighting.equal = {{}}\", \
         \"schedule.two_stage.pretrain = {{ max_epochs = 100000, patience = 100000 }}\"]\n"
    );
    let child = study(&bench, &text).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let reports =
        || files(&bench.path("out/runs")).iter().filter(|path| path.ends_with("/report.json")).count();
    let deadline = Instant::now() + Duration::from_secs(120);
    while reports() < 2 {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(20));
    }
    let before = reports();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    for folder in std::fs::read_dir(bench.path("out/runs")).unwrap() {
        assert!(!rmtl_files::Lock::is_held(&folder.unwrap().path().join(".lock")), "a run goes on");
    }
    assert!(!bench.path("out/table.md").exists());
    let output = study(&bench, STUDY).output().unwrap();
    let text = said(&output);
    let n_trained: usize = text
        .split("runs        6, ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .unwrap()
        .parse()
        .unwrap();
    assert!(n_trained <= 6 - before, "{text}");
}
