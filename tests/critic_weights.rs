//! The critic as a weight: every form of it trains, repeats itself and does what it says.

use crate::workbench::{Workbench, curve};

const SHORT: &str = "schedule.two_stage.pretrain={max_epochs=1, patience=1, evaluations_per_epoch=1}";
const ONE: &str = "schedule.two_stage.weighted={max_epochs=1}";
const QUIET: &str = "schedule.two_stage.collect.policy={actor_noise={standard_deviation=0.0}}";
const SHARED: &str = "backbone.shared_bottom={bottom=[16], tower=[8]}";

#[test]
fn every_form_of_the_critics_weights_trains_and_repeats_itself() {
    let bench = Workbench::new();
    let advantage = "weighting.critic={form=\"advantage\", lambda=0.5}";
    let forms: [(&str, Vec<&str>); 9] = [
        ("advantage", vec![advantage]),
        ("against", vec!["weighting.critic={form=\"advantage\", lambda=-0.5}"]),
        ("permuted", vec!["weighting.critic={form=\"advantage\", lambda=0.5, placebo=\"permute\"}"]),
        ("random", vec!["weighting.critic={form=\"advantage\", lambda=0.5, placebo=\"random\"}"]),
        ("folds", vec![advantage, "critic.folds=2"]),
        ("base_entropy", vec!["critic.reward_scale=base_entropy"]),
        ("task_mean", vec!["weights.normalize=task_mean"]),
        ("times_constant", vec![advantage, "weighting.critic.tasks.constant={weights=[1.0, 2.0, 0.5]}"]),
        ("times_famo", vec![advantage, "weighting.critic.tasks.famo={}"]),
    ];
    let mut seen = Vec::new();
    for (name, set) in forms {
        let set = [&[SHORT, ONE][..], &set].concat();
        let report = bench.train(name, &set);
        let again = bench.train(&format!("{name}-again"), &set);
        assert_eq!(report.actors, again.actors, "{name}");
        let losses = curve(&bench, name, "weighted/loss/click");
        assert!(!seen.contains(&losses), "{name} changes nothing");
        seen.push(losses);
    }
    for name in ["advantage", "permuted", "random", "folds"] {
        for task in ["click", "cart", "buy"] {
            for (step, mean) in curve(&bench, name, &format!("weighted/weight_mean/{task}")) {
                assert!((mean - 1.0).abs() < 1e-4, "{name} {task} step {step}: {mean}");
            }
        }
    }
}

#[test]
fn a_weighting_of_gradients_goes_with_the_critics_weights_of_rows() {
    let bench = Workbench::new();
    let with = |name: &str, weighting: &str| {
        let report = bench.train(name, &[SHORT, ONE, SHARED, weighting]);
        assert!(report.critics.is_some() && report.phases.contains_key("equal_budget"), "{name}");
        curve(&bench, name, "weighted/weight_mean/buy")
    };
    let of_rows = with("rows", "weighting.critic={form=\"advantage\"}");
    let product = with("product", "weighting.critic={form=\"advantage\", tasks={imtl={}}}");
    assert_eq!(of_rows.len(), product.len());
    // Rows alone have mean 1; times a weight of the task it is that weight, and those of all tasks sum to 1.
    assert!(of_rows.iter().all(|(_, mean)| (mean - 1.0).abs() < 1e-4));
    let means = ["click", "cart", "buy"]
        .map(|task| curve(&bench, "product", &format!("weighted/weight_mean/{task}")));
    for (index, &(step, buy)) in product.iter().enumerate() {
        let sum: f64 = means.iter().map(|of_task| of_task[index].1).sum();
        assert!((sum - 1.0).abs() < 1e-4, "step {step}: {sum}");
        assert!((buy - 1.0).abs() > 1e-4, "step {step}: {buy}");
    }
}

#[test]
fn rewards_in_units_of_the_base_entropy_are_near_minus_one_for_every_task() {
    let bench = Workbench::new();
    let rewards = |name: &str, set: &[&str]| {
        bench.train(name, &[&[SHORT, ONE, QUIET][..], set].concat());
        ["click", "cart", "buy"].map(|task| curve(&bench, name, &format!("collect/reward_mean/{task}"))[0].1)
    };
    let [plain, scaled] = [rewards("plain", &[]), rewards("scaled", &["critic.reward_scale=base_entropy"])];
    assert!(plain[0] < 2.0 * plain[2], "the common task is paid far less than the rare one: {plain:?}");
    assert!(scaled.iter().all(|reward| (-1.3..-0.5).contains(reward)), "{scaled:?}");
}

#[test]
fn folds_are_refused_beside_draws_that_know_rewards_and_critics_within_critics_are_too() {
    let bench = Workbench::new();
    let refused = |set: &[&str]| bench.try_train("refused", set).unwrap_err().to_string();
    let error = refused(&["critic.folds=2", "replay.prioritized={}"]);
    assert!(error.contains("[critic]") && error.contains("`replay.prioritized`"), "{error}");
    assert!(refused(&["critic.folds=0"]).contains("`folds` must be a number from 1 to 16"));
    let error = refused(&["weighting.critic.tasks.critic={}"]);
    assert!(error.contains("[weighting.critic]") && error.contains("`critic` weighs rows"), "{error}");
    let error = refused(&["weighting.critic.tasks.constant={weights=[1.0]}"]);
    assert!(error.contains("expected 3, found 1"), "{error}");
    let error = refused(&["weighting.critic.tasks.imtl={}", "backbone.single_task={bottom=[8], tower=[4]}"]);
    assert!(error.contains("shares nothing"), "{error}");
}

#[test]
fn critics_of_folds_learn_beside_the_actor_too() {
    let bench = Workbench::new();
    let joint = "schedule.joint={pretrain={max_epochs=1}, training={max_epochs=1, patience=100}}";
    let report = bench.train("folds", &[joint, "critic.folds=3", "losses.policy_gradient={}"]);
    let one = bench.train("one", &[joint, "losses.policy_gradient={}"]);
    assert!(report.actors.tasks.values().all(|task| task.logloss.unwrap() < 1.5));
    assert_ne!(report.actors.tasks, one.actors.tasks);
    assert_eq!(report.actors.equal_budget, one.actors.equal_budget, "the actor's own streams are untouched");
}
