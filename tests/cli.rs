//! The program from the command line.

use serde_json::Value;

use crate::workbench::{DATASET, Workbench, rmtl};

fn stdout(command: &mut std::process::Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn lists_name_every_registry_in_text_and_json() {
    for (kind, name) in [
        ("backbones", "mmoe"),
        ("weightings", "critic"),
        ("losses", "dependence"),
        ("datasets", "kuairand-pure"),
        ("devices", "flex"),
    ] {
        assert!(stdout(rmtl().args(["list", kind])).contains(name), "{kind}");
        let json: Value = serde_json::from_str(&stdout(rmtl().args(["list", kind, "--json"]))).unwrap();
        let names: Vec<&str> =
            json.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
        assert!(names.contains(&name), "{kind}: {names:?}");
    }
}

#[test]
fn dataset_files_are_inside_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let list = |arguments: &[&str]| {
        stdout(rmtl().current_dir(folder.path()).args(["list", "datasets"]).args(arguments))
    };
    assert!(list(&[]).contains("kuairand-pure"));
    let shown = list(&["--show", "synthetic"]);
    assert_eq!(shown.trim_end(), include_str!("../configs/datasets/synthetic.toml").trim_end());
    let output = rmtl().args(["list", "datasets", "--show", "sinthetic"]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && message.contains("did you mean `synthetic`?"), "{message}");
}

#[test]
fn evaluate_repeats_the_report_exactly() {
    let bench = Workbench::new();
    bench.train("run", &[]);
    let found: Value =
        serde_json::from_str(&stdout(rmtl().arg("evaluate").arg(bench.path("run")).arg("--json"))).unwrap();
    let report = bench.json("run/report.json");
    for block in ["tasks", "baseline", "equal_budget", "oracle"] {
        assert_eq!(found[block], report[block], "{block}");
    }
    assert!(stdout(rmtl().arg("evaluate").arg(bench.path("run"))).contains("RL-weighted"));
}

#[test]
fn prepare_then_train_reuses_the_prepared_dataset() {
    let bench = Workbench::new();
    let prepare = || {
        stdout(rmtl().arg("prepare").arg(bench.path("dataset.toml")).arg("--out").arg(bench.path("prepared")))
    };
    let first = prepare();
    assert!(first.contains("train") && first.contains("written"), "{first}");
    assert!(prepare().contains("unchanged"));
    let manifest = bench.path("prepared/manifest.json");
    let before = std::fs::metadata(&manifest).unwrap().modified().unwrap();
    bench.train("run", &["weighting.equal={}", "schedule.two_stage.pretrain.max_epochs=1"]);
    assert_eq!(std::fs::metadata(&manifest).unwrap().modified().unwrap(), before, "prepared again");
}

#[test]
fn check_finds_what_later_rows_change_and_says_what_to_do() {
    let check = |dataset: &str, leakage: bool| {
        let bench = Workbench::with(dataset, "");
        let mut command = rmtl();
        command
            .arg("check")
            .arg(bench.path("dataset.toml"))
            .arg("--quiet")
            .args(leakage.then_some("--leakage"));
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (status, stdout, stderr) = check(DATASET, true);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(stdout.contains("% of them cut") && stdout.contains("tampered with: log by `time`"), "{stdout}");
    assert_eq!(stdout.lines().filter(|line| line.ends_with(" same")).count(), 7, "{stdout}");
    let leak = DATASET
        .replace("SELECT * FROM log", "SELECT *, count(*) OVER (PARTITION BY item) AS shown FROM log")
        .replace("\"position\"]", "\"position\", \"shown\"]");
    let (status, stdout, stderr) = check(&leak, true);
    assert_eq!(status, Some(1), "{stderr}");
    assert!(
        stdout.contains("rows after train removed") && stdout.contains("DIFFERS: train.arrow"),
        "{stdout}"
    );
    assert!(
        stderr.contains("earlier rows depend on later ones") && stderr.contains("1 PRECEDING"),
        "{stderr}"
    );

    let (status, stdout, stderr) = check(&leak, false);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(stdout.contains("its query and columns fit the log"), "{stdout}");
    let (status, _, stderr) = check(&leak.replace("\"shown\"]", "\"shwon\"]"), false);
    assert!(status == Some(1) && stderr.contains("did you mean `shown`?"), "{stderr}");
}

#[test]
fn mistakes_end_with_a_message_and_a_status() {
    for arguments in [&["train", "missing.toml"][..], &["evaluate", "missing"], &["prepare", "missing.toml"]]
    {
        let output = rmtl().args(arguments).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.starts_with("error: ") && message.contains("missing"), "{message}");
    }
}

#[test]
fn paths_are_relative_to_the_run_file_whatever_the_working_directory() {
    let bench = Workbench::new();
    let folder = bench.path("");
    let set = ["--set", "weighting.equal={}", "--set", "schedule.two_stage.pretrain.max_epochs=1", "--quiet"];
    stdout(rmtl().current_dir(&folder).args(["train", "run.toml", "--out", "here"]).args(set));
    std::fs::create_dir(bench.path("elsewhere")).unwrap();
    let elsewhere = bench.path("elsewhere");
    stdout(rmtl().current_dir(&elsewhere).args(["train", "../run.toml"]).args(set));
    assert!(elsewhere.join("prepared/small/manifest.json").is_file());
    let run = std::fs::read_dir(elsewhere.join("runs")).unwrap().next().unwrap().unwrap().path();
    assert!(stdout(rmtl().arg("evaluate").arg(run)).contains("click"));
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_with_status_130_and_readable_logs() {
    use std::process::Stdio;
    let bench = Workbench::new();
    let mut child = rmtl()
        .args(["train", "--set", "schedule.two_stage.pretrain.max_epochs=100000"])
        .args(["--set", "schedule.two_stage.pretrain.patience=100000"])
        .arg("--set")
        .arg(format!("data.prepared={:?}", bench.path("prepared")))
        .arg(bench.path("run.toml"))
        .arg("--out")
        .arg(bench.path("run"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let metrics = bench.path("run/timings.jsonl");
    while !metrics.exists() {
        assert!(child.try_wait().unwrap().is_none(), "ended before it began");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    std::thread::sleep(std::time::Duration::from_millis(500));
    let interrupted =
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    for line in bench.read("run/metrics.jsonl").lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
}
