//! The agent beside the actor: schedules, their counts of updates, and what the actor follows.

use rmtl::error::{Error, Learner};
use rmtl::launch::LaunchError;
use rmtl::output::report::Report;

use crate::workbench::Workbench;

/// Actor and critics side by side for two epochs, without an early stop.
const JOINT: [&str; 2] = [
    "schedule.joint.pretrain={max_epochs=2, patience=2, evaluations_per_epoch=1}",
    "schedule.joint.training={max_epochs=2, patience=100, evaluations_per_epoch=2}",
];
/// The policy gradient alone.
const SILENT: &str = "weighting.constant={weights=[0.0, 0.0, 0.0]}";

fn joint<'a>(set: &[&'a str]) -> Vec<&'a str> {
    [&JOINT[..], set].concat()
}

/// Batches of 256 in an epoch.
fn n_batches(report: &Report) -> u64 {
    report.data.rows["train"].div_ceil(256)
}

#[test]
fn a_joint_run_leaves_a_complete_folder() {
    let bench = Workbench::new();
    let report = bench.train("run", &JOINT);
    for model in ["actor", "baseline", "critic", "equal_budget"] {
        assert!(bench.path(&format!("run/model/{model}.safetensors")).is_file(), "{model}");
    }
    assert_eq!(
        report.phases.keys().collect::<Vec<_>>(),
        ["pretrain", "collect", "joint", "equal_budget", "inference"]
    );
    let metrics = bench.read("run/metrics.jsonl");
    for tag in [
        "joint/loss/buy",
        "joint/weight_mean/buy",
        "joint/td_error_abs/buy",
        "joint/q_mean/buy",
        "joint/learning_rate/critic_dense",
        "joint/validation_auc/buy",
        "joint/validation_q_correlation/buy/terminated",
    ] {
        assert!(metrics.contains(&format!("\"{tag}\"")), "{tag} is not logged");
    }
    let page = bench.read("run/report.md");
    assert!(
        page.contains("learnt beside the actor") && page.contains("correlation of Q and return"),
        "{page}"
    );
}

#[test]
fn the_updates_of_every_schedule_are_as_many_as_it_says() {
    let bench = Workbench::new();
    let endless = "patience=1000";
    let counts = |report: &Report| {
        let critics = report.critics.as_ref().unwrap();
        (critics.steps, critics.soft_updates, critics.actor_updates)
    };
    let set = format!("schedule.two_stage.critics={{max_steps=30, {endless}, soft_update_every=4}}");
    let report =
        bench.train("two_stage", &[&set, "schedule.two_stage.weighted={max_epochs=3, patience=100}"]);
    assert_eq!(
        counts(&report),
        (30, 7, 0),
        "targets move with every fourth of 30 updates, the actor not at all"
    );
    assert_eq!(report.phases["critics"].steps, 30);
    assert_eq!(report.phases["weighted"].steps, 3 * n_batches(&report));
    assert_eq!(report.phases["equal_budget"].steps, 3 * n_batches(&report));

    let report = bench.train("joint", &JOINT);
    let n = 2 * n_batches(&report);
    assert_eq!(counts(&report), (n, n, n), "critics, targets and actor in turn");
    assert_eq!((report.phases["joint"].steps, report.phases["equal_budget"].steps), (n, n));

    let report = bench.train("delayed", &joint(&["schedule.joint.critic_steps=3"]));
    assert_eq!(counts(&report), (3 * n, n, n), "three updates of the critics to one of actor and targets");
}

#[test]
fn critics_that_are_not_asked_do_not_touch_the_actor() {
    let bench = Workbench::new();
    let report = bench.train("run", &joint(&["weighting.critic.lambda=0.0"]));
    let model = |name: &str| std::fs::read(bench.path(&format!("run/model/{name}.safetensors"))).unwrap();
    assert!(model("actor") == model("equal_budget"), "the same bytes");
    let weighted = bench.train("weighted", &JOINT);
    assert_eq!(weighted.actors.equal_budget, report.actors.equal_budget);
    assert_ne!(weighted.actors.tasks, report.actors.tasks, "λ = 0.7 must differ");
}

#[test]
fn critics_may_learn_before_the_actor_moves() {
    let bench = Workbench::new();
    let report = bench.train("warm", &joint(&["schedule.joint.critic_warmup_steps=7"]));
    let critics = report.critics.as_ref().unwrap();
    let n = 2 * n_batches(&report);
    assert_eq!((critics.steps, critics.soft_updates, critics.actor_updates), (n + 7, n + 7, n));
    assert_eq!(report.phases["critics"].steps, 7);
    assert!(bench.read("warm/metrics.jsonl").contains("\"critics/td_loss/buy\""));
    let cold = bench.train("cold", &JOINT);
    assert!(!cold.phases.contains_key("critics"));
    assert_eq!(report.actors.equal_budget, cold.actors.equal_budget, "the actor's own streams are untouched");
}

#[test]
fn the_actors_target_may_follow_at_a_rate_of_its_own() {
    let bench = Workbench::new();
    let td_losses = |run: &str, set: &[&str]| {
        bench.train(run, &joint(set));
        let metrics = bench.read(&format!("{run}/metrics.jsonl"));
        let lines = metrics.lines().filter(|line| line.contains("\"joint/td_loss/click\""));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let plain = td_losses("plain", &[]);
    assert_eq!(plain, td_losses("same", &["schedule.joint.actor_tau=0.2"]), "absent = the critics' τ");
    assert_ne!(plain, td_losses("slow", &["schedule.joint.actor_tau=0.001"]));
    let error = bench.try_train("none", &joint(&["schedule.joint.actor_tau=0.0"])).unwrap_err().to_string();
    assert!(error.contains("`actor_tau` is a rate in (0, 1]"), "{error}");
}

#[test]
fn every_agent_trains_and_repeats_itself() {
    let bench = Workbench::new();
    let constant = "weighting.constant={weights=[1.0, 1.0, 1.0]}";
    let follow = "losses.policy_gradient={}";
    let ple = "backbone.ple={n_specific_experts=1, n_shared_experts=1, levels=[[16]], tower=[8]}";
    let small = "schedule.joint.pretrain.max_epochs=1";
    let agents: [(&str, Vec<&str>); 15] = [
        ("plain", vec![]),
        ("d_ple", vec![ple, constant, follow]),
        ("d_ple_alone", vec![ple, SILENT, follow]),
        (
            "td3",
            vec![SILENT, follow, "critic.twins=true", "critic.smoothing={}", "schedule.joint.critic_steps=2"],
        ),
        (
            "td3_bc",
            vec![
                SILENT,
                "losses.policy_gradient={strength=2.5, normalize=true}",
                "losses.behaviour_cloning={}",
                "critic.twins=true",
            ],
        ),
        ("uniform_replay", vec!["replay.capacity=500"]),
        ("prioritized", vec!["replay.capacity=500", "replay.prioritized={}"]),
        ("uniform_actions", vec!["schedule.joint.collect.policy=uniform"]),
        ("drawn_anew", vec!["replay.resample_actions=true"]),
        ("n_steps", vec!["critic.n_steps=4"]),
        (
            "several_views",
            vec![
                small,
                follow,
                "backbone.single_task={bottom=[16], tower=[8]}",
                "losses.behaviour_cloning={}",
            ],
        ),
        ("annealed", vec![small, "backbone.apem={n_layers=1, n_inducing_points=6, tower=[8]}"]),
        ("log_rounded", vec![small, "encoder.numeric=log_round"]),
        (
            "wandering",
            vec!["schedule.joint.collect.policy.ornstein_uhlenbeck={reversion=0.15, standard_deviation=0.1}"],
        ),
        (
            "from_scratch_with_balanced_gradients",
            vec!["schedule.joint.training.start_from=scratch", "weighting.pcgrad={}", follow],
        ),
    ];
    let mut seen = Vec::new();
    for (name, set) in agents {
        let report = bench.train(name, &joint(&set));
        let again = bench.train(&format!("{name}-again"), &joint(&set));
        assert_eq!(report.actors, again.actors, "{name}");
        let metrics = bench.read(&format!("{name}/metrics.jsonl"));
        assert_eq!(metrics, bench.read(&format!("{name}-again/metrics.jsonl")), "{name}");
        assert!(report.actors.tasks.values().all(|task| task.logloss.unwrap() < 1.5), "{name}");
        assert!(!seen.contains(&metrics), "{name} changes nothing");
        seen.push(metrics);
    }
}

#[test]
fn twins_are_saved_beside_one_another() {
    let bench = Workbench::new();
    let short = "schedule.two_stage.pretrain.max_epochs=1";
    let parameters = |name: &str| {
        let bytes = std::fs::read(bench.path(&format!("{name}/model/critic.safetensors"))).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        tensors.names().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    bench.train("single", &[short]);
    bench.train("twins", &[short, "critic.twins=true"]);
    let (single, twins) = (parameters("single"), parameters("twins"));
    assert_eq!(twins.len(), 2 * single.len());
    assert!(single.iter().all(|name| twins.contains(&format!("twin.{name}"))), "{twins:?}");
}

#[test]
fn behaviour_cloning_holds_the_actor_near_the_pretrained_one() {
    let bench = Workbench::new();
    // Mean squared distance of the predictions from the pretrained actor's in the last batch that was logged.
    let distance = |name: &str, strength: f64| {
        let cloning = format!("losses.behaviour_cloning.strength={strength:?}");
        let longer = "schedule.joint.training.max_epochs=6";
        let gradient = "losses.policy_gradient={strength=100.0}";
        bench.train(name, &joint(&[SILENT, gradient, longer, &cloning, "backbone.esmm.dropout=0.0"]));
        let metrics = bench.read(&format!("{name}/metrics.jsonl"));
        let line =
            metrics.lines().rfind(|line| line.contains("\"joint/loss_term/behaviour_cloning\"")).unwrap();
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["value"].as_f64().unwrap() / strength
    };
    let (free, held) = (distance("free", 1e-6), distance("held", 1e5));
    assert!(held < 0.1 * free, "moved by {held}, without cloning by {free}");
}

#[test]
fn a_policy_gradient_in_two_stages_follows_the_frozen_critics() {
    let bench = Workbench::new();
    let short = "schedule.two_stage.pretrain.max_epochs=1";
    let plain = bench.train("plain", &[short]);
    let followed = bench.train("followed", &[short, "weighting.equal={}", "losses.policy_gradient={}"]);
    assert_eq!(plain.actors.baseline, followed.actors.baseline);
    assert_eq!(
        plain.actors.equal_budget, followed.actors.equal_budget,
        "without critics there is no gradient of theirs"
    );
    assert_ne!(followed.actors.tasks, *followed.actors.equal_budget.as_ref().unwrap());
    let metrics = bench.read("followed/metrics.jsonl");
    assert!(metrics.contains("\"weighted/loss_term/policy_gradient\""));
    assert!(!metrics.contains("\"pretrain/loss_term/policy_gradient\""));
}

#[test]
fn a_joint_run_that_no_number_comes_out_of_keeps_the_best_actor() {
    let bench = Workbench::new();
    let set = [
        "critic.output=linear",
        "critic.learning_rate=1e30",
        "schedule.joint.training.evaluations_per_epoch=9",
    ];
    let error = bench.try_train("run", &joint(&set)).unwrap_err();
    let critics = Learner::Critics;
    assert!(
        matches!(&error, LaunchError::Run(Error::Diverged(of)) if of.phase == "joint" && of.part == critics),
        "{error}"
    );
    assert!(error.to_string().contains("`critic.learning_rate`"), "{error}");
    let kept = bench.path("run/model/last_good.safetensors");
    assert!(
        error.to_string().contains(&format!("; the best parameters so far are in {}.", kept.display())),
        "{error}"
    );
    assert!(kept.is_file());
    assert!(bench.path("run/model/baseline.safetensors").is_file());
}

#[test]
fn a_joint_schedule_that_asks_no_critics_says_so() {
    let bench = Workbench::new();
    let report = bench.train("run", &joint(&["weighting.equal={}"]));
    assert_eq!(report.phases.keys().collect::<Vec<_>>(), ["pretrain", "inference"]);
    assert!(
        report.warnings.iter().any(|warning| warning.contains("asks no critics")),
        "{:?}",
        report.warnings
    );
}

#[test]
fn a_critic_that_diverges_is_reported() {
    let bench = Workbench::new();
    let set =
        ["critic.output=linear", "critic.learning_rate=3.0", "schedule.two_stage.pretrain.max_epochs=1"];
    let report = bench.train("run", &set);
    assert!(report.warnings.iter().any(|warning| warning.contains("has diverged")), "{:?}", report.warnings);
    let collapsed = [
        "critic={output=\"linear\", learning_rate=0.3, bottom=[32, 16], tower=[8]}",
        "schedule.two_stage.critics={max_steps=200, patience=100}",
    ];
    let report = bench.train("collapsed", &collapsed);
    assert!(report.warnings.iter().any(|warning| warning.contains("has collapsed")), "{:?}", report.warnings);
    let report = bench.train("tame", &["critic.output=linear", "schedule.two_stage.pretrain.max_epochs=1"]);
    assert!(!report.warnings.iter().any(|warning| warning.contains("diverge")), "{:?}", report.warnings);
}
