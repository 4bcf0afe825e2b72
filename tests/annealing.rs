//! What a backbone anneals, from phase to phase of a run, and what it means for validation.

use rmtl::output::report::Report;

use crate::workbench::{Workbench, curve};

/// Four validations an epoch, and so little patience that a training ends as soon as one of them is worse.
const IMPATIENT: &str = "schedule.two_stage.pretrain={max_epochs=6, patience=1, evaluations_per_epoch=4}";

fn apem(gamma: &str) -> String {
    format!("backbone.apem={{n_layers=1, n_inducing_points=6, tower=[8], gamma={{{gamma}}}}}")
}

fn kept_gamma(report: &Report, actor: &str) -> f32 {
    report.selection.actors[actor].diagnostics["gamma"]
}

#[test]
fn annealing_ends_in_the_first_phase_and_no_later_one_starts_it_over() {
    let bench = Workbench::new();
    let report = bench.train("run", &[&apem("planned={share=0.5}"), IMPATIENT, "log.every=1"]);
    let pretrain = curve(&bench, "run", "pretrain/annealed/gamma");
    assert!(pretrain[0].1 > 9.0 && pretrain.is_sorted_by(|a, b| a.1 >= b.1), "{pretrain:?}");
    for phase in ["weighted", "equal_budget"] {
        let later = curve(&bench, "run", &format!("{phase}/annealed/gamma"));
        let is_final = |&(_, gamma): &(u64, f64)| (gamma - 0.001).abs() < 1e-9;
        assert!(!later.is_empty() && later.iter().all(is_final), "{phase}: {later:?}");
    }
    let model = |name: &str| {
        let bytes = std::fs::read(bench.path(&format!("run/model/{name}.safetensors"))).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let data = tensors.tensor("network.backbone.Apem.gamma").unwrap().data().to_vec();
        f32::from_le_bytes(data.try_into().unwrap())
    };
    let page = bench.read("run/report.md");
    for actor in ["baseline", "equal_budget", "actor"] {
        assert_eq!([model(actor), kept_gamma(&report, actor)], [0.001; 2], "{actor}");
        let rate = report.selection.actors[actor].diagnostics["selection_rate"];
        assert!((0.0..=1.0).contains(&rate), "{actor}: {rate}");
        assert!(page.contains(&format!("gamma 0.0010; selection_rate {rate:.4}")), "{page}");
    }
    assert!(bench.read("run/metrics.jsonl").contains("\"pretrain/backbone/selection_rate\""));
    assert!(report.warnings.iter().all(|warning| !warning.contains("annealed")), "{:?}", report.warnings);
}

#[test]
fn no_validation_chooses_and_no_early_stop_counts_before_the_end() {
    let bench = Workbench::new();
    // So fast that validations are soon worse than the one before.
    let fast = "optimizer={learning_rate=0.05, embedding_learning_rate=0.05}";
    let kept = |name: &str, gamma: &str, more: &[&str]| {
        let set = [&["weighting.equal={}", IMPATIENT, fast, gamma], more].concat();
        let report = bench.train(name, &set);
        assert_eq!(kept_gamma(&report, "actor"), 0.001, "{name}");
        let aucs = curve(&bench, name, "pretrain/validation_mean_auc");
        (report.selection.actors["actor"].step, aucs)
    };
    let (at_once, _) = kept("at_once", &apem("planned={share=0.01}"), &[]);
    for (name, more) in [("late", &[][..]), ("average", &["ema=0.9"])] {
        let (step, aucs) = kept(name, &apem("planned={share=0.5}"), more);
        // The end of three epochs.
        let half = aucs.iter().position(|&(step, _)| step == aucs[3].0 * 3).unwrap();
        assert!(
            step >= aucs[half].0 && at_once < aucs[half].0,
            "{name}: {step} of {aucs:?}, {at_once} at once"
        );
        let best = aucs[half..].iter().map(|&(_, auc)| auc).fold(0.0, f64::max);
        assert!(aucs.contains(&(step, best)), "{name}: the best from the end on: {step} of {aucs:?}");
    }
    let before = curve(&bench, "late", "pretrain/validation_mean_auc");
    assert!(
        before[..11].windows(2).any(|two| two[1].1 < two[0].1),
        "an early stop would have come: {before:?}"
    );
}

#[test]
fn an_annealing_that_does_not_end_is_told_and_the_last_validation_kept() {
    let bench = Workbench::new();
    let report = bench.train("run", &[&apem("per_step={}"), IMPATIENT]);
    let last = curve(&bench, "run", "pretrain/validation_mean_auc").last().unwrap().0;
    assert_eq!(report.selection.actors["baseline"].step, last);
    let [baseline, actor] = ["baseline", "actor"].map(|actor| kept_gamma(&report, actor));
    let expected = |steps: u64| 10.0 - 2e-5 * steps as f32;
    assert!((baseline - expected(last)).abs() < 1e-5, "{baseline}");
    // The law counts the steps of both phases.
    let further = report.selection.actors["actor"].step;
    assert!(further > 0 && (actor - expected(last + further)).abs() < 1e-5, "{actor} after {further} more");
    let told: Vec<&String> =
        report.warnings.iter().filter(|warning| warning.contains("still annealed")).collect();
    assert_eq!(told.len(), 3, "pretrain, weighted, equal_budget: {told:?}");
    assert!(told[0].contains("`gamma` of `apem`") && told[0].contains("pretrain"), "{}", told[0]);
}
