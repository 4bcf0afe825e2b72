//! `rmtl compare`.

use serde_json::Value;

use crate::workbench::{Workbench, rmtl};

fn compare(bench: &Workbench, arguments: &[&str]) -> (bool, String) {
    let output = rmtl().arg("compare").current_dir(bench.path("")).args(arguments).output().unwrap();
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn runs_are_averaged_over_their_seeds_and_set_in_relation_to_a_base() {
    let bench = Workbench::new();
    let short = "schedule.two_stage.pretrain.max_epochs=1";
    let (equal, shared) = ("weighting.equal={}", "backbone.shared_bottom={bottom=[16], tower=[8]}");
    let a = bench.train("runs/esmm_seed1", &[short, equal, "seed=1"]);
    let b = bench.train("runs/esmm_seed2", &[short, equal, "seed=2"]);
    bench.train("runs/shared", &[short, equal, shared]);

    let (ok, json) = compare(&bench, &["runs", "--json"]);
    assert!(ok, "{json}");
    let groups: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(groups.as_array().unwrap().len(), 2);
    assert_eq!(
        (groups[0]["name"].as_str(), groups[1]["name"].as_str()),
        (Some("backbone=esmm"), Some("backbone=shared_bottom"))
    );
    assert_eq!(
        (groups[0]["folder"].as_str(), groups[0]["actor"].as_str()),
        (Some("esmm"), Some("pretrained"))
    );
    let updates = groups[0]["updates"]["mean"].as_f64().unwrap();
    assert!((updates - (a.phases["pretrain"].steps + b.phases["pretrain"].steps) as f64 / 2.0).abs() < 1e-9);
    assert_eq!(groups[0]["seeds"], serde_json::json!([1, 2]));
    let auc = |report: &rmtl::output::report::Report| report.validation.tasks["click"].auc.unwrap();
    let found = groups[0]["tasks"]["click"]["AUC"]["mean"].as_f64().unwrap();
    assert!((found - (auc(&a) + auc(&b)) / 2.0).abs() < 1e-12);
    assert_eq!(groups[0]["dense_parameters"], a.parameters.dense);

    let (ok, table) = compare(&bench, &["runs", "--base", "esmm", "--markdown"]);
    assert!(
        ok && table.contains("RelaImpr over backbone=esmm:pretrained") && table.contains("+0.00 %"),
        "{table}"
    );
    assert!(table.contains("pooled over the runs"), "{table}");
    let (ok, message) = compare(&bench, &["runs", "--base", "mmoe"]);
    assert!(!ok && message.contains("backbone=esmm (esmm):pretrained"), "{message}");
    // The base has seed 1 alone.
    std::fs::remove_dir_all(bench.path("runs/shared")).unwrap();
    bench.train("runs/shared_seed1", &[short, equal, shared, "seed=1"]);
    let (_, json) = compare(&bench, &["runs", "--json"]);
    let groups: Value = serde_json::from_str(&json).unwrap();
    let of_seed_1 = |group: usize| groups[group]["tasks"]["click"]["AUC"]["by_seed"]["1"].as_f64().unwrap();
    let expected = 100.0 * ((of_seed_1(0) - 0.5) / (of_seed_1(1) - 0.5) - 1.0);
    let (ok, table) = compare(&bench, &["runs", "--base", "shared", "--markdown"]);
    let row = table.lines().find(|line| line.contains("backbone=esmm")).unwrap();
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    assert!(ok && cells[4] == "2" && cells[8] == "1", "{table}");
    assert_eq!(cells[9], format!("{expected:+.2} %"), "{table}");
    // One common seed says nothing of other seeds; the rows of both runs say what they can.
    assert!(table.contains("Δ mean AUC from backbone=shared_bottom"), "{table}");
    assert!(table.contains("cannot be told (one seed)"), "{table}");
    assert!(table.contains("Two models on the same rows"), "{table}");
    let (ok, csv) = compare(&bench, &["runs", "--base", "shared", "--csv"]);
    let difference = of_seed_1(0) - of_seed_1(1);
    let line = format!("backbone=esmm,,click,AUC,difference,{difference}");
    assert!(ok && csv.lines().any(|found| found == line), "{line}\n{csv}");
    for statistic in ["delong_p", "sessions_low", "session_error"] {
        assert!(csv.contains(&format!("backbone=esmm,,click,AUC,{statistic},")), "{statistic}\n{csv}");
    }
    let (ok, latex) = compare(&bench, &["runs", "--base", "shared", "--latex", "--resamples", "0"]);
    assert!(ok && latex.contains("backbone=shared\\_bottom &"), "{latex}");
    let (ok, message) = compare(&bench, &["runs", "--csv"]);
    assert!(!ok && message.contains("--base"), "{message}");
}

#[test]
fn arms_that_differ_by_nothing_but_their_names_cannot_be_told_apart() {
    let bench = Workbench::new();
    let short = "schedule.two_stage.pretrain.max_epochs=1";
    // Constant weights of 1 are equal weights.
    for seed in ["seed=1", "seed=2"] {
        bench.train(&format!("runs/one_{}", &seed[5..]), &[short, seed, "weighting.equal={}"]);
        bench.train(
            &format!("runs/two_{}", &seed[5..]),
            &[short, seed, "weighting.constant={weights=[1.0,1.0,1.0]}"],
        );
    }
    let (ok, csv) = compare(&bench, &["runs", "--base", "weighting=equal", "--csv"]);
    for line in ["difference,0", "session_error,0", "p_holm,1", "verdict,cannot be told"] {
        let line = format!("weighting=constant,,mean,AUC,{line}");
        let is_it = |found: &str| found == line;
        assert!(ok && csv.lines().any(is_it), "{line}\n{csv}");
    }
}

#[test]
fn every_actor_of_a_critic_run_can_be_compared() {
    let bench = Workbench::new();
    let report = bench.train("run", &[]);
    for (split, actors) in [(&[][..], &report.validation), (&["--split", "test"], &report.actors)] {
        for (which, block) in [
            ("final", &actors.tasks),
            ("pretrained", actors.baseline.as_ref().unwrap()),
            ("equal-budget", actors.equal_budget.as_ref().unwrap()),
        ] {
            let (ok, json) = compare(&bench, &[&["run", "--actor", which, "--json"], split].concat());
            assert!(ok, "{json}");
            let groups: Value = serde_json::from_str(&json).unwrap();
            assert_eq!(
                groups[0]["tasks"]["buy"]["AUC"]["mean"].as_f64(),
                block["buy"].auc,
                "{which} {split:?}"
            );
        }
    }
    assert_ne!(report.validation.tasks["buy"].auc, report.actors.tasks["buy"].auc, "the splits differ");
    // All of them are shown, with the updates each has had, and any of them is a base.
    let steps = |phase: &str| report.phases[phase].steps;
    let (ok, table) = compare(&bench, &["run", "--base", "run:equal-budget", "--markdown"]);
    assert!(ok && table.contains("RelaImpr over run:equal-budget"), "{table}");
    for (actor, updates) in [
        ("pretrained", steps("pretrain")),
        ("equal-budget", steps("pretrain") + steps("equal_budget")),
        ("final", steps("pretrain") + steps("weighted")),
    ] {
        let is_it = |line: &&str| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            cells.len() > 5 && cells[2] == actor && cells[3] == updates.to_string()
        };
        assert!(table.lines().any(|line| is_it(&line)), "{actor} after {updates}: {table}");
    }
    // The pretrained actor has had another budget than the base: it stands apart, and why is said.
    assert!(table.contains("### Δ mean AUC from run:equal-budget"), "{table}");
    assert!(table.contains("### budget=pretraining: Δ mean AUC from run:equal-budget"), "{table}");
    assert!(table.contains("with the pretraining alone: run:pretrained;"), "{table}");
}

#[test]
fn what_cannot_be_compared_is_skipped_by_name() {
    let bench = Workbench::new();
    std::fs::create_dir(bench.path("empty")).unwrap();
    let (ok, message) = compare(&bench, &["empty"]);
    assert!(!ok && message.contains("no finished run"), "{message}");
    bench.train("run", &["schedule.two_stage.pretrain.max_epochs=1", "weighting.equal={}"]);
    let report = bench.read("run/report.json").replacen("\"content_hash\": \"", "\"content_hash\": \"0", 1);
    let other = bench.path("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy(bench.path("run/run.toml"), other.join("run.toml")).unwrap();
    std::fs::write(other.join("report.json"), report).unwrap();
    let both = |other: &str| {
        let output = rmtl().current_dir(bench.path("")).args(["compare", "run", "other"]).output().unwrap();
        let [out, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(output.status.success() && out.contains("click"), "{errors}");
        assert!(errors.contains("warning: ") && errors.contains(other), "{errors}");
    };
    both("other contents of small");
    let (ok, message) = compare(&bench, &["run", "--actor", "equal-budget"]);
    assert!(!ok && message.contains("equal_budget = true"), "{message}");
    let report = bench.read("run/report.json").replacen("\"cart\": {", "\"chart\": {", 1);
    std::fs::write(other.join("report.json"), report).unwrap();
    both("do not have the tasks of its data");
    let (ok, message) = compare(&bench, &["other"]);
    assert!(!ok && message.contains("other/report.json") && message.contains("tasks"), "{message}");
    assert!(message.contains("holds a finished run that can be read"), "{message}");
}

#[test]
fn a_run_counts_once_and_groups_never_share_a_name() {
    let bench = Workbench::new();
    let (short, equal) = ("schedule.two_stage.pretrain.max_epochs=1", "weighting.equal={}");
    let shared = "backbone.shared_bottom={bottom=[16], tower=[8]}";
    bench.train("runs/run-1", &[short, equal]);
    bench.train("runs/run-2", &[short, equal, "seed=6"]);
    bench.train("runs/run-3", &[short, equal, shared]);
    bench.train("runs/run-4", &[short, equal, shared, "seed=6", "log.every=3"]);
    let (ok, json) = compare(&bench, &["runs", "runs/run-1", "--json"]);
    assert!(ok, "{json}");
    let groups: Value = serde_json::from_str(&json).unwrap();
    let names: Vec<_> =
        groups.as_array().unwrap().iter().map(|group| group["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["backbone=esmm", "backbone=shared_bottom"]);
    assert_eq!(groups[0]["seeds"], serde_json::json!([5, 6]));

    bench.train("again", &[short, equal]);
    let (ok, message) = compare(&bench, &["runs", "again"]);
    assert!(!ok && message.contains("same seed 5"), "{message}");
}

#[test]
fn an_unfinished_run_among_others_is_skipped_with_a_warning() {
    let bench = Workbench::new();
    bench.train("done", &["weighting.equal={}", "schedule.two_stage.pretrain.max_epochs=1"]);
    std::fs::create_dir(bench.path("stopped")).unwrap();
    let output = rmtl()
        .current_dir(bench.path(""))
        .args(["compare", "done", "stopped", "--base", "./done"])
        .output()
        .unwrap();
    let [out, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success() && out.contains("RelaImpr over done:pretrained"), "{out}{errors}");
    assert!(errors.contains("warning: ") && errors.contains("stopped: no finished run"), "{errors}");
}

#[test]
fn a_run_from_scratch_has_no_pretrained_actor_to_compare() {
    let bench = Workbench::new();
    let scratch = "schedule.joint.training={start_from=\"scratch\", max_epochs=1}";
    bench.train("scratch", &[scratch]);
    let (ok, table) = compare(&bench, &["scratch"]);
    assert!(ok && table.contains("critics of buy"), "{table}");
    let (ok, message) = compare(&bench, &["scratch", "--actor", "pretrained"]);
    assert!(!ok && message.contains("no"), "{message}");
    let (ok, table) = compare(&bench, &["scratch", "--actor", "equal-budget"]);
    assert!(ok && !table.contains("critics of"), "critics are the final actor's alone: {table}");
}
