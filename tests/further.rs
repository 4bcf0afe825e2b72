//! Training that goes on after pretraining: where it starts, how it stops, and what the report says of it.

use rmtl::output::report::Report;

use crate::workbench::{DATASET, RUN, Workbench, curve};

fn model(bench: &Workbench, run: &str, name: &str) -> Vec<u8> {
    std::fs::read(bench.path(&format!("{run}/model/{name}.safetensors"))).unwrap()
}

#[test]
fn the_start_of_a_further_training_is_kept_where_nothing_surpasses_it() {
    let bench = Workbench::new();
    let ruinous = "learning_rate=1.0, embedding_learning_rate=1.0";
    for (run, further) in [
        ("two_stage", format!("schedule.two_stage.weighted={{{ruinous}}}")),
        ("joint", format!("schedule.joint.training={{{ruinous}}}")),
    ] {
        let report = bench.train(run, &[&further]);
        for name in ["actor", "equal_budget"] {
            assert_eq!(report.selection.actors[name].step, 0, "{run} {name}");
            assert!(
                model(&bench, run, name) == model(&bench, run, "baseline"),
                "{run} {name}: the same bytes"
            );
        }
        assert_eq!(report.selection.best, "baseline", "{run}: of equals the one that took least");
        let page = bench.read(&format!("{run}/report.md"));
        assert!(page.contains("so it is what was kept: equal_budget, actor."), "{page}");
    }
    let scratch = bench.train("scratch", &["schedule.two_stage.weighted={start_from=\"scratch\"}"]);
    assert_ne!(scratch.selection.actors["actor"].step, 0, "an untrained start is surpassed");
}

#[test]
fn a_further_training_is_validated_as_often_as_pretraining_unless_it_says_otherwise() {
    let bench = Workbench::new();
    let pretrain = "schedule.two_stage.pretrain={max_epochs=1, evaluations_per_epoch=3}";
    let steps = |run: &str, phase: &str| -> Vec<u64> {
        let points = curve(&bench, run, &format!("{phase}/validation_auc/click"));
        points.into_iter().map(|(step, _)| step).collect()
    };
    bench.train("alike", &[pretrain, "schedule.two_stage.weighted={max_epochs=1}"]);
    let of_pretraining = steps("alike", "pretrain");
    assert_eq!(of_pretraining.len(), 3);
    for phase in ["weighted", "equal_budget"] {
        assert_eq!(steps("alike", phase), [&[0], &of_pretraining[..]].concat(), "{phase}");
    }
    bench.train("own", &[pretrain, "schedule.two_stage.weighted={max_epochs=1, evaluations_per_epoch=1}"]);
    assert_eq!(steps("own", "weighted").len(), 2);
}

#[test]
fn rates_warm_up_and_belong_to_their_phase() {
    let bench = Workbench::new();
    bench.train(
        "run",
        &[
            "log.every=1",
            "optimizer.learning_rate=0.004",
            "schedule.two_stage.weighted={max_epochs=1, warmup_steps=4, learning_rate=0.002}",
        ],
    );
    let rates = |phase: &str, part: &str| curve(&bench, "run", &format!("{phase}/learning_rate/{part}"));
    assert!(rates("pretrain", "actor_dense").iter().all(|&(_, rate)| rate == 0.004));
    for phase in ["weighted", "equal_budget"] {
        for (part, full) in [("actor_dense", 0.002), ("actor_embedding", 0.005)] {
            for (step, rate) in rates(phase, part) {
                let expected = full * (step as f64 / 4.0).min(1.0);
                assert!((rate - expected).abs() < 1e-12, "{phase} {part} step {step}: {rate}");
            }
        }
    }
}

#[test]
fn optimisers_are_kept_only_where_asked_for() {
    let bench = Workbench::new();
    let losses = |run: &str, set: &str| {
        bench.train(run, &["log.every=1", set]);
        curve(&bench, run, "equal_budget/loss/click")
    };
    let fresh = losses("fresh", "schedule.two_stage.weighted={max_epochs=1}");
    let kept = losses("kept", "schedule.two_stage.weighted={max_epochs=1, keep_optimizer=true}");
    assert_eq!(fresh[0], kept[0], "the same start and the same batch");
    assert_ne!(fresh[1..], kept[1..]);
    let contradiction = "schedule.two_stage.weighted={keep_optimizer=true, start_from=\"scratch\"}";
    let error = bench.try_train("contradiction", &[contradiction]).unwrap_err().to_string();
    assert!(error.contains("`weighted.keep_optimizer`") && error.contains("remove one"), "{error}");
}

#[test]
fn tables_stay_where_they_are_frozen_in_both_arms() {
    let bench = Workbench::new();
    bench.train("frozen", &["schedule.two_stage.weighted={max_epochs=1, freeze_tables=true}"]);
    bench.train("free", &["schedule.two_stage.weighted={max_epochs=1}"]);
    let tables = |run: &str, name: &str| {
        let bytes = model(&bench, run, name);
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let of: Vec<Vec<u8>> = tensors
            .iter()
            .filter(|(name, _)| name.starts_with("embedding"))
            .map(|(_, tensor)| tensor.data().to_vec())
            .collect();
        assert!(!of.is_empty());
        of
    };
    // The start may be what is kept in both, so the steps are looked at as well.
    let rates = |run: &str| curve(&bench, run, "equal_budget/gradient_norm/actor_embedding");
    for arm in ["actor", "equal_budget"] {
        assert!(tables("frozen", arm) == tables("frozen", "baseline"), "{arm}");
    }
    assert_eq!(rates("frozen")[0], rates("free")[0], "the same start and the same batch");
    assert_ne!(rates("frozen")[1..], rates("free")[1..]);
    let scratch = "schedule.two_stage.weighted={freeze_tables=true, start_from=\"scratch\"}";
    let error = bench.try_train("contradiction", &[scratch]).unwrap_err().to_string();
    assert!(error.contains("`weighted.freeze_tables`"), "{error}");
}

#[test]
fn what_starts_from_scratch_may_learn_as_long_as_pretraining() {
    let bench = Workbench::new();
    let steps = |run: &str, further: &str| {
        let pretrain = "schedule.two_stage.pretrain={max_epochs=3, patience=100, evaluations_per_epoch=1}";
        let report = bench.train(run, &[pretrain, &format!("schedule.two_stage.weighted={further}")]);
        ["pretrain", "weighted", "equal_budget"].map(|phase| report.phases[phase].steps)
    };
    let [pretrain, weighted, equal_budget] = steps("scratch", "{start_from=\"scratch\"}");
    assert_eq!((weighted, equal_budget), (pretrain, pretrain));
    let [pretrain, weighted, equal_budget] = steps("further", "{}");
    assert_eq!((3 * weighted, 3 * equal_budget), (2 * pretrain, 2 * pretrain), "two epochs of three");
}

/// The step of the smallest or largest value.
fn best(points: &[(u64, f64)], sign: f64) -> u64 {
    points.iter().max_by(|a, b| (sign * a.1).total_cmp(&(sign * b.1))).unwrap().0
}

#[test]
fn the_early_stop_may_follow_the_logloss() {
    let bench = Workbench::new();
    let set = [
        "weighting.equal={}",
        "schedule.two_stage.pretrain={max_epochs=8, patience=100, evaluations_per_epoch=3}",
        "optimizer={learning_rate=0.02, embedding_learning_rate=0.02}",
    ];
    let kept = |report: &Report| report.selection.actors["actor"].step;
    let by_logloss = bench.train("logloss", &[&set[..], &["early_stop=logloss"]].concat());
    let by_one = bench.train("one", &[&set[..], &["early_stop.task_logloss=click"]].concat());
    assert_eq!(by_logloss.selection.criterion, "mean logloss");
    let of = |task: &str| curve(&bench, "one", &format!("pretrain/validation_logloss/{task}"));
    assert_eq!(kept(&by_one), best(&of("click"), -1.0));
    let [click, cart, buy] = ["click", "cart", "buy"].map(of);
    let mean: Vec<(u64, f64)> =
        click.iter().zip(&cart).zip(&buy).map(|((a, b), c)| (a.0, (a.1 + b.1 + c.1) / 3.0)).collect();
    assert_eq!(kept(&by_logloss), best(&mean, -1.0));
    let by_auc = bench.train("auc", &set);
    assert_ne!(kept(&by_auc), kept(&by_logloss), "the log tells the two criteria apart");
}

#[test]
fn a_task_without_a_positive_in_validation_is_stopped_by_logloss() {
    // Nobody buys after the first part of the log.
    let query = "SELECT * EXCEPT (buy, p_buy), CASE WHEN row_number() OVER (ORDER BY time, session) <= 3000 \
                 THEN buy ELSE 0 END AS buy FROM log";
    let dataset = DATASET
        .replace("SELECT * FROM log", query)
        .replace("oracle = [\"p_click\", \"p_cart\", \"p_buy\"]", "")
        .replace("ignore = [\"hour\", \"price\"]", "ignore = [\"hour\", \"price\", \"p_click\", \"p_cart\"]");
    let bench = Workbench::with(&dataset, RUN);
    let report = bench.train("run", &["weighting.equal={}"]);
    assert_eq!(report.selection.criterion, "mean logloss");
    let told = |words: &str| report.warnings.iter().filter(|warning| warning.contains(words)).count();
    assert_eq!(
        told("task `buy` lacks one of its labels in the validation split"),
        1,
        "{:?}",
        report.warnings
    );
    let other = bench.train("click", &["weighting.equal={}", "early_stop.task=click"]);
    assert_eq!(other.selection.criterion, "AUC of click", "click has an AUC of its own");
}

#[test]
fn the_report_says_what_validation_saw_where_each_actor_was_kept() {
    let bench = Workbench::new();
    let report = bench.train("run", &[]);
    for (name, phase, block) in [
        ("baseline", "pretrain", report.validation.baseline.as_ref().unwrap()),
        ("equal_budget", "equal_budget", report.validation.equal_budget.as_ref().unwrap()),
        ("actor", "weighted", &report.validation.tasks),
    ] {
        let selected = &report.selection.actors[name];
        assert_eq!(
            (selected.phase.as_str(), selected.file.clone()),
            (phase, format!("model/{name}.safetensors"))
        );
        for (task, metrics) in block {
            let curve = curve(&bench, "run", &format!("{phase}/validation_auc/{task}"));
            let at_best = curve.iter().find(|(step, _)| *step == selected.step).unwrap().1;
            assert_eq!(metrics.auc, Some(at_best), "{name} {task}");
        }
        let mean = block.values().map(|task| task.auc.unwrap()).sum::<f64>() / block.len() as f64;
        assert!((selected.value.unwrap() - mean).abs() < 1e-12, "{name}");
    }
    let best = report.selection.actors.values().map(|of| of.value.unwrap()).fold(0.0, f64::max);
    assert_eq!(report.selection.actors[&report.selection.best].value, Some(best));
    let page = bench.read("run/report.md");
    let line = format!(
        "* `model/{}.safetensors`: mean AUC {best:.4}, the best; kept at step",
        report.selection.best
    );
    assert!(page.contains(&line), "{page}");
    assert!(report.validation.oracle.is_some());
}

#[test]
fn an_untrained_actor_predicts_the_base_rates_and_from_zero_it_does_not() {
    // About 25 of 3,000 training rows.
    let query = "SELECT * EXCEPT (buy, p_buy), CASE WHEN (time + session) % 13 = 0 THEN buy ELSE 0 END AS buy FROM log";
    let dataset = DATASET
        .replace("SELECT * FROM log", query)
        .replace("oracle = [\"p_click\", \"p_cart\", \"p_buy\"]", "")
        .replace("ignore = [\"hour\", \"price\"]", "ignore = [\"hour\", \"price\", \"p_click\", \"p_cart\"]");
    let bench = Workbench::with(&dataset, RUN);
    let still = [
        "weighting.equal={}",
        "optimizer={learning_rate=1e-9, embedding_learning_rate=1e-9}",
        "schedule.two_stage.pretrain.max_epochs=1",
    ];
    let pcoc = |run: &str, set: &[&str]| {
        let report = bench.train(run, &[&still[..], set].concat());
        println!("{} positives", report.data.positives["train"]["buy"]);
        let (predicted, rows) =
            (report.validation.tasks["buy"].pcoc.unwrap(), report.data.rows["validation"] as f64);
        // Against the training rate: the validation split has a rate of its own.
        let positives = report.data.positives["validation"]["buy"] as f64;
        let rate = report.data.positives["train"]["buy"] as f64 / report.data.rows["train"] as f64;
        predicted * positives / rows / rate
    };
    let (prior, zero) = (pcoc("prior", &[]), pcoc("zero", &["bias_init=zero"]));
    assert!((0.5..=2.0).contains(&prior), "{prior}");
    assert!(zero > 10.0, "{zero}");
}

#[test]
fn an_average_of_the_actor_is_what_is_kept_in_every_arm_alike() {
    let bench = Workbench::new();
    let set = ["schedule.two_stage.weighted={max_epochs=1}"];
    let plain = bench.train("plain", &set);
    let averaged = bench.train("averaged", &[set[0], "ema=0.9"]);
    for phase in ["pretrain", "weighted", "equal_budget"] {
        let of = |quantity: &str| curve(&bench, "averaged", &format!("{phase}/{quantity}/click"));
        let (raw, kept) = (of("raw_validation_auc"), of("validation_auc"));
        assert_eq!(raw.len(), kept.len(), "{phase}");
        assert_ne!(raw, kept, "{phase}: the average is another actor");
    }
    let raw = curve(&bench, "averaged", "pretrain/raw_validation_auc/click");
    assert_eq!(
        raw[0],
        curve(&bench, "plain", "pretrain/validation_auc/click")[0],
        "the training itself is not touched"
    );
    assert!(!bench.read("plain/metrics.jsonl").contains("raw_validation_auc"));
    assert_ne!(plain.actors.baseline, averaged.actors.baseline);
    bench.train("joint", &["ema=0.9", "schedule.joint.training.max_epochs=1"]);
    let error = bench.try_train("wrong", &["ema=1.0"]).unwrap_err().to_string();
    assert!(error.contains("[ema]") && error.contains("0.995"), "{error}");
}
