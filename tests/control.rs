//! A controller of the task weights: the environment of trainings, learning, and the use of what was learnt.

use std::fs;

use rmtl::config::RunFile;
use rmtl::control::{ControlEnv, Objective, RewardOf, Steering};
use rmtl::output::checkpoint;
use rmtl::output::folder::RunFolder;
use rmtl::trainer::Trainer;
use rmtl_agents::controller::Blocks;
use rmtl_envs::{BlockEnvironment, Dataset, check_blocks};

use crate::workbench::{Workbench, curve, rmtl};

const EQUAL: &str = "weighting.equal={}";
const SHORT: &str = "schedule.two_stage.pretrain={max_epochs=2, patience=9, evaluations_per_epoch=1}";

fn steering(base: &str) -> Steering {
    Steering {
        base: base.into(),
        blocks: Blocks { n: 4, control_share: 0.2 },
        bound: 1.0,
        limit: 2.0,
        objective: Objective::MeanAuc,
        weights: Vec::new(),
        rewards: RewardOf::Shared,
    }
}

/// Gives a training's environment to `test`.
fn with_environment(base: &str, test: impl FnOnce(&mut ControlEnv<'_, '_>)) {
    let bench = Workbench::new();
    bench.train("first", &[EQUAL, SHORT]);
    let set = [EQUAL, SHORT].map(|text| text.parse().unwrap());
    let config = RunFile::read(&bench.path("run.toml"), &set).unwrap();
    let dataset = Dataset::open(&bench.path("prepared")).unwrap();
    let folder = RunFolder::create(&bench.path("environment")).unwrap();
    let run = Trainer::new(&config, &dataset).unwrap().begin(&folder).unwrap();
    test(&mut ControlEnv::new(&run, &steering(base)).unwrap());
}

#[test]
fn a_training_keeps_the_contract_and_its_rewards_add_up() {
    for base in ["equal", "imtl"] {
        with_environment(base, |env| {
            let (trained, measured) = env.rows();
            assert!(measured * 5 >= trained + measured && measured * 3 < trained, "{trained} {measured}");
            env.reset(3).unwrap();
            let before = env.objective();
            let total = check_blocks(env, 3).unwrap();
            // Each of three tasks is paid what all gain.
            let gained = 100.0 * (env.objective() - before);
            assert!((total / 3.0 - gained).abs() < 1e-3, "{base}: {total} {gained}");
            // A whole walk with two more branches a block, and one without.
            assert_eq!(env.work().steps, 4 * env.planned_steps(), "{base}");
            let spent = env.trainings();
            env.reset(3).unwrap();
            (0..4).for_each(|_| drop(env.step(&[0.0; 3]).unwrap()));
            assert!((env.trainings() - spent - env.cost(1)).abs() < 1e-9, "{base}: {}", env.cost(1));
        });
    }
}

#[test]
fn gone_back_a_training_is_byte_for_byte_what_it_is_without_branches() {
    with_environment("imtl", |env| {
        let actions = [[1.0, -0.5, -0.5], [0.0, 0.5, -0.5]];
        let mut plain = Vec::new();
        env.reset(3).unwrap();
        for action in &actions {
            env.step(action).unwrap();
            plain.push((env.weights(), env.state().to_vec(), env.log_weights().clone()));
        }
        env.reset(3).unwrap();
        for (action, plain) in actions.iter().zip(&plain) {
            let here = env.snapshot();
            env.step(&[-1.0, 0.5, 0.5]).unwrap();
            assert_ne!(env.weights(), plain.0, "another action is another training");
            env.restore(&here);
            env.step(action).unwrap();
            assert_eq!((env.weights(), env.state().to_vec(), env.log_weights().clone()), *plain);
        }
        assert_eq!(env.log_weights()[..], [1.0, 0.0, -1.0]);
    });
}

#[test]
fn a_training_that_cannot_be_gone_back_in_or_is_not_the_one_of_use_is_refused() {
    let bench = Workbench::new();
    bench.train("first", &[EQUAL, SHORT]);
    let dataset = Dataset::open(&bench.path("prepared")).unwrap();
    let refused = |base: &str, set: &[&str]| {
        let set: Vec<_> = [EQUAL, SHORT].iter().chain(set).map(|text| text.parse().unwrap()).collect();
        let config = RunFile::read(&bench.path("run.toml"), &set).unwrap();
        let folder = RunFolder::create(&bench.path(&format!("environment-{base}-{}", set.len()))).unwrap();
        let run = Trainer::new(&config, &dataset).unwrap().begin(&folder).unwrap();
        ControlEnv::new(&run, &steering(base)).err().expect("it is refused").to_string()
    };
    let famo = refused("famo", &[]);
    assert!(famo.contains("`famo`") && famo.contains("`equal`"), "{famo}");
    assert!(refused("critic", &[]).contains("`critic` asks critics"));
    let bounded = refused("equal", &["weights.clip=[0.1, 9.0]"]);
    assert!(bounded.contains("`[weights]`"), "{bounded}");
}

#[test]
fn a_schedule_of_zeros_is_equal_weights_and_another_is_not() {
    let bench = Workbench::new();
    bench.train("equal", &[EQUAL, SHORT]);
    let actor = |out: &str| fs::read(bench.path(out).join("model/actor.safetensors")).unwrap();
    let schedule = |out: &str, schedule: &str| {
        bench.train(out, &[&format!("weighting.controller={{schedule={schedule}}}"), SHORT]);
        actor(out)
    };
    assert_eq!(schedule("zeros", "[[0.0, 0.0, 0.0]]"), actor("equal"));
    assert_ne!(schedule("late", "[[0.0, 0.0, 0.0], [-1.0, 0.0, 1.0]]"), actor("equal"));
    let weights = curve(&bench, "late", "pretrain/weight_mean/buy");
    let (first, last) = (weights[0].1, weights[weights.len() - 1].1);
    assert!((first - 1.0).abs() < 1e-6 && (last - std::f64::consts::E).abs() < 1e-5, "{weights:?}");
}

/// Learns into the folder `out` with these lines in the study.
fn learn(bench: &Workbench, out: &str, lines: &str) -> serde_json::Value {
    let study = format!(
        "run = \"run.toml\"\nset = ['{EQUAL}', '{SHORT}', 'log.tensorboard=false']\nblocks = 4\nseeds = [3, 4]\n{lines}\n"
    );
    fs::write(bench.path("study.toml"), study).unwrap();
    let done = rmtl()
        .args(["control", "learn", "--quiet"])
        .arg(bench.path("study.toml"))
        .arg("--out")
        .arg(bench.path(out))
        .arg("--prepared")
        .arg(bench.path("prepared"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    bench.json(&format!("{out}/learn.json"))
}

#[test]
fn a_learnt_policy_steers_a_run_and_its_folder_repeats_it() {
    let bench = Workbench::new();
    let lines = "budget = 20.0\nepisodes = 2\nbranches = 2\n[agent]\nwarmup = 4\nupdates = 1\n";
    let learnt = learn(&bench, "policy", lines);
    assert_eq!(learnt["episodes"].as_array().unwrap().len(), 2);
    // Two trainings of two branches each, and one by the policy as it is at last.
    let whole = learnt["steps_per_training"].as_u64().unwrap();
    assert_eq!(learnt["work"]["steps"].as_u64().unwrap(), 5 * whole);
    assert_eq!(learnt["replay"].as_array().unwrap().len(), 4);
    for tag in [
        "control/state/progress/buy",
        "control/action/click",
        "control/reward_mean/cart",
        "control/td_error_abs/buy",
    ] {
        assert!(!curve(&bench, "policy", tag).is_empty(), "{tag}");
    }
    let policy = bench.path("policy/policy.safetensors");
    let set = format!("weighting.controller={{policy={policy:?}}}");
    let report = bench.train("steered", &[&set, SHORT]);
    assert!(
        report.warnings.iter().any(|warning| warning.contains("not trained on")),
        "{:?}",
        report.warnings
    );
    assert_eq!(
        curve(&bench, "steered", "pretrain/control_auc/buy").len(),
        4,
        "before the first block and between them"
    );
    let weights = curve(&bench, "steered", "pretrain/weight_mean/buy");
    assert!(weights.iter().any(|(_, weight)| (weight - 1.0).abs() > 1e-6), "{weights:?}");
    assert!(bench.path("steered/policy.safetensors").is_file());
    assert!(bench.read("steered/run.toml").contains("policy = \"policy.safetensors\""));
    // Learnt once more, it is the same; the entries of a header have no order.
    learn(&bench, "again", lines);
    let [policy, again] = ["policy", "again"]
        .map(|folder| checkpoint::read(&bench.path(folder).join("policy.safetensors")).unwrap());
    assert_eq!(policy, again);
    // Another seed's run has a copy of the policy in another folder, and is a run of the same settings.
    bench.train("steered_seed6", &[&set, SHORT, "seed=6"]);
    let mut compare = rmtl();
    compare.arg("compare").args([bench.path("steered"), bench.path("steered_seed6")]).arg("--json");
    let compared = compare.output().unwrap();
    let groups: serde_json::Value = serde_json::from_slice(&compared.stdout).unwrap();
    assert_eq!(groups.as_array().map(Vec::len), Some(1), "{groups}");
    assert_eq!(groups[0]["seeds"], serde_json::json!([5, 6]));
}

#[test]
fn every_rival_leaves_a_schedule_within_its_budget() {
    let bench = Workbench::new();
    let methods =
        [("greedy", 4), ("random", 4), ("open_loop", 3), ("constant", 1), ("pbt", 4), ("bandit", 4)];
    for (method, n_lists) in methods {
        let learnt = learn(&bench, method, &format!("method = \"{method}\"\nbudget = 6.0\nbranches = 2"));
        assert!(learnt["trainings"].as_f64().unwrap() <= 6.5, "{method}: {learnt}");
        assert_eq!(learnt["schedule"].as_array().unwrap().len(), n_lists, "{method}: {learnt}");
        let table: toml::Table = bench.read(&format!("{method}/weighting.toml")).parse().unwrap();
        let set = format!("weighting.controller={}", table["weighting"]["controller"]);
        bench.train(&format!("{method}-used"), &[&set, SHORT]);
    }
}

#[test]
fn a_search_begins_where_it_is_told() {
    let bench = Workbench::new();
    let start = "[[0.5, 0.0, -0.5], [-1.0, 0.0, 1.0]]";
    let lines = format!("method = \"open_loop\"\nepisodes = 1\nstart = {start}");
    let learnt = learn(&bench, "started", &lines);
    assert_eq!(learnt["schedule"], serde_json::from_str::<serde_json::Value>(start).unwrap());
}

#[test]
fn a_file_that_is_no_policy_is_refused_before_anything_is_trained() {
    let bench = Workbench::new();
    bench.train("first", &[EQUAL, SHORT]);
    let actor = bench.path("first/model/actor.safetensors");
    let set = format!("weighting.controller={{policy={actor:?}}}");
    let message = bench.try_train("refused", &[&set, SHORT]).expect_err("it is no policy").to_string();
    assert!(message.contains("actor.safetensors") && message.contains("rmtl control learn"), "{message}");
    assert!(!bench.path("refused").exists());
}
