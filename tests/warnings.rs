//! What a run says of data and numbers that should not be trusted as they are.

use crate::workbench::{DATASET, RUN, Workbench, rmtl};

const SHORT: [&str; 2] = ["weighting.equal={}", "schedule.two_stage.pretrain.max_epochs=1"];

/// The synthetic log with more lines in its query.
fn dataset(columns: &str, categorical: &str) -> String {
    DATASET
        .replace("SELECT * FROM log", &format!("SELECT *, {columns} FROM log"))
        .replace("\"position\"]", &format!("\"position\", {categorical}]"))
}

#[test]
fn a_leak_is_in_the_report_and_named_by_prepare_each_time() {
    let leaking = dataset("click = 1 AS clicked", "\"clicked\"");
    let bench = Workbench::with(&leaking, RUN);
    let report = bench.train("run", &SHORT);
    let words = "`clicked` equals the label of task `click`";
    assert!(report.warnings.iter().any(|warning| warning.contains(words)), "{:?}", report.warnings);
    assert!(bench.read("run/report.md").contains(words));
    for state in ["written", "unchanged"] {
        let mut prepare = rmtl();
        prepare.arg("prepare").arg(bench.path("dataset.toml")).arg("--out").arg(bench.path("again"));
        let output = prepare.output().unwrap();
        let [out, warned] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(out.contains(state) && warned.contains(words), "{out}{warned}");
    }
}

#[test]
fn an_actor_that_does_not_learn_is_named_and_one_that_does_is_not() {
    let bench = Workbench::new();
    let on_click = |set: &[&str], out: &str| -> Vec<String> {
        let warnings = bench.train(out, set).warnings;
        warnings.into_iter().filter(|warning| warning.starts_with("task `click` on test:")).collect()
    };
    let lost = [&SHORT[..], &["optimizer={learning_rate=1e-9, embedding_learning_rate=1e-9}"]].concat();
    let found = on_click(&lost, "lost");
    assert!(!found.is_empty() && found.iter().all(|warning| !warning.contains("undefined")), "{found:?}");
    assert_eq!(on_click(&SHORT[..1], "learnt"), [""; 0]);
}

#[test]
fn a_floor_above_most_propensities_is_told_by_term_and_task() {
    let bench = Workbench::new();
    let below_floor = |out: &str, floor: &str| -> Vec<String> {
        let term = format!("losses.counterfactual.propensity_floor={floor}");
        let warnings = bench.train(out, &[&SHORT[..], &[&term]].concat()).warnings;
        let tag = "pretrain/floor_share/counterfactual/cart";
        assert!(bench.read(&format!("{out}/metrics.jsonl")).contains(tag));
        warnings.into_iter().filter(|warning| warning.contains("below its floor")).collect()
    };
    let found = below_floor("high", "0.99");
    assert_eq!(found.len(), 2, "of cart and of buy: {found:?}");
    assert!(
        found[0].starts_with("`pretrain`: 100 %") && found[0].contains("losses.counterfactual"),
        "{found:?}"
    );
    assert!(found[0].contains("task `cart`") && found[1].contains("task `buy`"), "{found:?}");
    assert_eq!(below_floor("low", "0.001"), [""; 0]);
}

#[test]
fn negative_weights_are_told_per_phase_and_task() {
    let bench = Workbench::new();
    let negative = |out: &str, set: &[&str]| -> Vec<String> {
        let warnings = bench.train(out, set).warnings;
        warnings.into_iter().filter(|warning| warning.contains("negative weight")).collect()
    };
    let found = negative("negative", &["weighting.critic.lambda=-1.0"]);
    assert!(
        !found.is_empty() && found.iter().all(|warning| warning.starts_with("`weighted`: ")),
        "{found:?}"
    );
    assert!(found.iter().any(|warning| warning.contains("for task `click`")), "{found:?}");
    assert_eq!(negative("equal", &SHORT), [""; 0]);
    assert_eq!(negative("critics", &[]), [""; 0]);
}
