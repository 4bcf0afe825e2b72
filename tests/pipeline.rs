//! A whole run: what it leaves behind, and that it can be repeated.

use rmtl::interrupt::Interrupt;

use crate::workbench::{DATASET, RUN, Workbench, files};

#[test]
fn a_critic_run_over_three_tasks_leaves_a_complete_folder() {
    let bench = Workbench::new();
    let report = bench.train("run", &[]);
    let found = files(&bench.path("run"));
    for file in [
        "dataset.toml",
        "metrics.jsonl",
        "model/actor.safetensors",
        "model/baseline.safetensors",
        "model/critic.safetensors",
        "model/equal_budget.safetensors",
        "predictions/test.arrow",
        "predictions/validation.arrow",
        "report.html",
        "report.json",
        "report.md",
        "run.toml",
        "timings.jsonl",
    ] {
        assert!(found.iter().any(|name| name == file), "{file} is missing in {found:?}");
    }
    assert!(
        found.iter().any(|name| name.starts_with("tensorboard/critic-seed-5/events.out.tfevents")),
        "{found:?}"
    );

    let json = bench.json("run/report.json");
    for block in ["tasks", "baseline", "equal_budget", "oracle"] {
        for task in ["click", "cart", "buy"] {
            for metric in ["auc", "logloss", "s_logloss", "gauc", "pcoc", "ne", "positives", "rows"] {
                assert!(
                    json[block][task][metric].is_number(),
                    "{block}.{task}.{metric}: {}",
                    json[block][task]
                );
            }
        }
    }
    for phase in ["pretrain", "collect", "critics", "weighted", "equal_budget"] {
        for key in ["seconds", "steps", "rows_per_second"] {
            assert!(json["phases"][phase][key].as_f64().unwrap() > 0.0, "{phase}.{key}");
        }
    }
    assert!(json["parameters"]["dense"].as_u64().unwrap() > 0);
    assert!(json["parameters"]["embedding"].as_u64().unwrap() > 0);
    assert_eq!((json["seed"].as_u64(), json["device"].as_str()), (Some(5), Some("flex")));
    assert_eq!(report.actors.tasks["click"].rows, json["data"]["rows"]["test"].as_u64().unwrap());
    for word in ["RL-weighted", "equal budget", "baseline", "oracle"] {
        assert!(bench.read("run/report.md").contains(word), "{word}");
    }
    let page = bench.read("run/report.md");
    let outcome = page.lines().nth(2).unwrap();
    assert_eq!(outcome, report.outcome());
    assert!(outcome.starts_with("critic weights: mean AUC "), "{outcome}");
    assert!(outcome.contains("of equal weights with the same start"), "{outcome}");
    // The measured difference is that of the blocks.
    let mean = |block: &str| {
        let aucs = ["click", "cart", "buy"].map(|task| json[block][task]["auc"].as_f64().unwrap());
        aucs.iter().sum::<f64>() / 3.0
    };
    let difference = json["difference"]["difference"].as_f64().unwrap();
    assert!((difference - (mean("tasks") - mean("equal_budget"))).abs() < 1e-9, "{difference}");
    assert!(json["difference"]["session_error"].as_f64().unwrap() > 0.0);
}

#[test]
fn every_quantity_of_the_issue_is_logged() {
    let bench = Workbench::new();
    bench.train("run", &["losses.dependence.sigma=1.0"]);
    let (metrics, timings) = (bench.read("run/metrics.jsonl"), bench.read("run/timings.jsonl"));
    for tag in [
        "critics/td_error_mean/buy",
        "critics/td_error_abs/buy",
        "critics/critic_loss",
        "critics/q_mean/buy",
        "critics/q_zero_share/buy",
        "critics/reward_mean/buy",
        "critics/gradient_norm/critic_dense",
        "critics/gradient_norm/critic_embedding",
        "weighted/weight_mean/buy",
        "weighted/weight_std/buy",
        "weighted/weight_min/buy",
        "weighted/weight_max/buy",
        "weighted/weight/buy",
        "weighted/weight_loss_correlation/buy",
        "critics/q_outside_share/buy",
        "critics/validation_q_correlation/buy/terminated",
        "critics/validation_q_bias/buy/terminated",
        "critics/validation_q_error/buy/terminated",
        "critics/validation_td_loss/buy/terminated",
        "critics/calibration_q/buy/terminated",
        "critics/calibration_return/buy/terminated",
        "critics/validation_td_error_by_label/buy/1",
        "critics/validation_td_error_by_position/buy/2-5",
        "weighted/validation_q_correlation/buy/terminated",
        "weighted/loss/buy",
        "weighted/weighted_loss/buy",
        "weighted/loss_term/dependence",
        "weighted/learning_rate/actor_dense",
        "weighted/gradient_norm/actor_dense",
        "weighted/gradient_norm/actor_embedding",
        "weighted/validation_auc/buy",
        "weighted/validation_logloss/buy",
        "weighted/validation_s_logloss/buy",
        "equal_budget/loss/buy",
        "pretrain/loss/buy",
    ] {
        assert!(metrics.contains(&format!("\"{tag}\"")), "{tag} is not logged");
    }
    assert!(timings.contains("weighted/time/rows_per_second"));
    assert!(!metrics.contains("/time/"), "a clock among the reproducible values");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let bench = Workbench::new();
    for (out, seed) in [("one", "seed=5"), ("two", "seed=5"), ("other", "seed=6")] {
        bench.train(out, &[seed]);
    }
    for file in [
        "model/actor.safetensors",
        "model/critic.safetensors",
        "model/equal_budget.safetensors",
        "predictions/test.arrow",
        "metrics.jsonl",
    ] {
        let bytes = |out: &str| std::fs::read(bench.path(out).join(file)).unwrap();
        assert!(bytes("one") == bytes("two"), "{file} differs between two runs of one seed");
        assert!(bytes("one") != bytes("other"), "{file} is the same for another seed");
    }
    let mut reports = ["one", "two"].map(|out| bench.json(&format!("{out}/report.json")));
    reports.iter_mut().for_each(|report| report["phases"] = serde_json::Value::Null);
    assert_eq!(reports[0], reports[1]);
}

#[test]
fn lambda_zero_is_the_equal_budget() {
    let bench = Workbench::new();
    let report = bench.train("run", &["weighting.critic.lambda=0.0"]);
    assert_eq!(Some(&report.actors.tasks), report.actors.equal_budget.as_ref());
    let report = bench.train("weighted", &[]);
    assert_ne!(Some(&report.actors.tasks), report.actors.equal_budget.as_ref(), "λ = 0.7 must differ");
}

#[test]
fn the_placebo_weighs_as_the_critics_do_and_says_nothing_of_the_row() {
    let bench = Workbench::new();
    let logged = |run: &str, tag: &str| -> Vec<f64> {
        let metrics = bench.read(&format!("{run}/metrics.jsonl"));
        let lines = metrics.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter(|line| line["tag"] == tag).map(|line| line["value"].as_f64().unwrap()).collect()
    };
    bench.train("critic", &["log.every=1"]);
    bench.train("placebo", &["log.every=1", "weighting.critic.placebo=permute"]);
    for tag in ["weighted/weight_mean/click", "weighted/weight_std/click"] {
        let (critic, placebo) = (logged("critic", tag)[0], logged("placebo", tag)[0]);
        assert!(
            (critic - placebo).abs() < 1e-6 * critic,
            "{tag}: {critic} and {placebo} before the first step"
        );
    }
    assert_ne!(logged("critic", "weighted/loss/click"), logged("placebo", "weighted/loss/click"));
    // What a critic knows of a session's end shows in the segments, and not in the placebo's.
    let apart = |run: &str| {
        let [ended, cut] = ["terminated", "cut"].map(|segment| {
            let of = logged(run, &format!("weighted/weight_mean_by_segment/click/{segment}"));
            of.iter().sum::<f64>() / of.len() as f64
        });
        (ended - cut).abs()
    };
    let (critic, placebo) = (apart("critic"), apart("placebo"));
    assert!(
        critic > 2.0 * placebo,
        "weights of ended and cut sessions apart: {critic:.4}, placebo {placebo:.4}"
    );
    let report = bench.train("again", &[]);
    let segments = &report.critics.unwrap().weights.unwrap()["click"];
    for segment in ["position_1", "position_2-5", "terminated", "cut"] {
        assert!(segments[segment].is_finite(), "{segment}");
    }
}

#[test]
fn every_training_row_is_replayed_and_cut_rows_are_left_out_where_asked_for() {
    // Without a gap no session is known to end.
    let bench = Workbench::with(&DATASET.replace(", gap = 3_600_000", ""), RUN);
    let transitions = |report: &rmtl::output::report::Report| {
        let critics = report.critics.as_ref().unwrap();
        assert!(critics.tasks["buy"].evaluation.terminated.sessions == 0, "no session is known to end");
        critics.transitions
    };
    let all = bench.train("all", &[]);
    let cut = all.data.sessions["train"];
    assert_eq!(transitions(&all), all.data.rows["train"]);
    let fewer = bench.train("fewer", &["replay.cut_rows=leave_out"]);
    assert_eq!(transitions(&fewer), all.data.rows["train"] - cut);
    assert_ne!(all.critics.unwrap().td_loss, fewer.critics.unwrap().td_loss);
    let error = bench.try_train("endless", &["critic.gamma=1.0"]).unwrap_err().to_string();
    assert!(error.contains("[critic]") && error.contains("no finite return"), "{error}");
    bench.train("ends", &["critic.gamma=1.0", "replay.cut_rows=leave_out"]);
}

#[test]
fn the_early_stop_follows_the_task_it_is_told() {
    let bench = Workbench::new();
    let best_of = |run: &str, task: &str| {
        let metrics = bench.read(&format!("{run}/metrics.jsonl"));
        let tag = format!("pretrain/validation_auc/{task}");
        let lines = metrics.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let aucs: Vec<f64> =
            lines.filter(|line| line["tag"] == tag).map(|line| line["value"].as_f64().unwrap()).collect();
        aucs.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0
    };
    let set = [
        "weighting.equal={}",
        "schedule.two_stage.pretrain={max_epochs=8, patience=8}",
        "optimizer={learning_rate=0.01, embedding_learning_rate=0.01}",
    ];
    let mut kept = Vec::new();
    for task in ["click", "buy"] {
        let stop = format!("early_stop.task={task}");
        let report = bench.train(task, &[&set[..], &[&stop]].concat());
        kept.push((best_of(task, task), report.actors.tasks));
    }
    // Same seed, same training: what is kept differs exactly where the best epochs do.
    assert_eq!(kept[0].0 == kept[1].0, kept[0].1 == kept[1].1);
    assert_ne!(kept[0].0, kept[1].0, "the log tells the two criteria apart");
}

#[test]
fn every_way_for_critics_to_learn_changes_them_and_nothing_before() {
    let bench = Workbench::new();
    let plain = bench.train("plain", &[]);
    for (name, set) in [
        ("n_steps", "critic.n_steps=3"),
        ("anew", "replay.resample_actions=true"),
        ("prioritized", "replay.prioritized={}"),
        ("twins", "critic.twins=true"),
        ("smoothed", "critic.smoothing={}"),
        (
            "wandering",
            "schedule.two_stage.collect.policy.ornstein_uhlenbeck={reversion=0.15, standard_deviation=0.1}",
        ),
    ] {
        let report = bench.train(name, &[set]);
        assert_eq!(report.actors.baseline, plain.actors.baseline, "{name}: pretraining is the same");
        assert_ne!(report.actors.tasks, plain.actors.tasks, "{name} changes nothing");
        assert!(report.critics.unwrap().td_loss.is_finite());
    }
}

#[test]
fn weights_stay_within_their_bounds() {
    let bench = Workbench::new();
    bench.train(
        "run",
        &[
            "weights.normalize=batch_mean",
            "weights.clip=[0.9, 1.1]",
            "schedule.two_stage.pretrain.max_epochs=1",
        ],
    );
    let metrics = bench.read("run/metrics.jsonl");
    let of = |tag: &str| -> Vec<f64> {
        let lines = metrics.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter(|line| line["tag"] == tag).map(|line| line["value"].as_f64().unwrap()).collect()
    };
    let (least, most) = (of("weighted/weight_min/buy"), of("weighted/weight_max/buy"));
    assert!(
        !least.is_empty() && least.iter().chain(&most).all(|weight| (0.9..=1.1).contains(&(*weight as f32)))
    );
    assert!(most.iter().zip(&least).any(|(most, least)| most > least), "the weights tell no rows apart");
}

#[test]
fn equal_weights_need_no_critics_and_equal_the_pretraining_of_a_critic_run() {
    let bench = Workbench::new();
    let critic = bench.train("critic", &[]);
    let equal = bench.try_train("equal", &["weighting.equal={}"]).unwrap();
    assert_eq!(Some(&equal.actors.tasks), critic.actors.baseline.as_ref());
    assert_eq!(equal.actors.baseline, None);
    assert_eq!(equal.phases.keys().collect::<Vec<_>>(), ["pretrain", "inference"]);
}

#[test]
fn every_backbone_runs_under_the_critics() {
    let bench = Workbench::new();
    for backbone in rmtl_agents::backbone::BackboneConfig::all() {
        let name = backbone.name();
        let settings = match name {
            "apem" => "{n_layers=2, n_inducing_points=6, tower=[8]}",
            "bpcm" => "{tower=[8]}",
            "pepnet" => {
                "{domain_fields=[\"position\"], personal_fields=[\"user\", \"item\"], gate=8, tower=[16, 8]}"
            }
            "mmoe" | "omoe" => "{n_experts=2, bottom=[32, 16], tower=[8]}",
            "ple" | "adatt" => "{n_specific_experts=1, n_shared_experts=1, levels=[[32], [16]], tower=[8]}",
            _ => "{bottom=[32, 16], tower=[8]}",
        };
        let mut set = vec![format!("backbone.{name}={settings}")];
        set.extend(backbone.needs_loss().map(|term| format!("losses.{term}={{}}")));
        set.push("schedule.two_stage.pretrain.max_epochs=1".into());
        let report = bench.train(name, &set.iter().map(String::as_str).collect::<Vec<_>>());
        let equal_budget = report.actors.equal_budget.as_ref().unwrap();
        assert_ne!(&report.actors.tasks, equal_budget, "{name}: the weights change nothing");
        for task in report.actors.tasks.values().chain(equal_budget.values()) {
            assert!(task.logloss.unwrap() < 1.0, "{name}: {task:?}");
        }
    }
}

#[test]
fn every_weighting_trains_logs_its_weights_and_repeats_itself() {
    let bench = Workbench::new();
    let short = "schedule.two_stage.pretrain.max_epochs=3";
    bench.train("equal", &[short, "weighting.equal={}"]);
    let equal = bench.read("equal/metrics.jsonl");
    for config in rmtl_agents::weighting::WeightingConfig::all() {
        let name = config.name();
        let settings = match name {
            "critic" | "equal" => continue,
            "constant" => "{weights=[1.0, 0.5, 2.0]}",
            "exponential" => "{decay=0.99}",
            "controller" => "{schedule=[[0.0, 0.0, 0.0], [-0.5, 0.0, 0.5]]}",
            _ => "{}",
        };
        let set = format!("weighting.{name}={settings}");
        bench.train(name, &[short, &set]);
        let metrics = bench.read(&format!("{name}/metrics.jsonl"));
        assert_ne!(metrics, equal, "{name} weighs nothing");
        assert!(metrics.contains("\"pretrain/weight_mean/buy\""), "{name}");
        let again = format!("{name}-again");
        bench.train(&again, &[short, &set]);
        assert_eq!(metrics, bench.read(&format!("{again}/metrics.jsonl")), "{name}");
    }
}

#[test]
fn an_epochs_mean_loss_is_that_of_its_rows() {
    let bench = Workbench::new();
    let short = ["weighting.dwa={}", "log.every=1", "schedule.two_stage.pretrain.max_epochs=3"];
    bench.train("whole", &short);
    let n_rows = bench.json("whole/report.json")["data"]["rows"]["train"].as_u64().unwrap() as usize;
    // Batches of this size leave a few rows for a last one.
    let size = (n_rows / 6..n_rows / 3).min_by_key(|size| (n_rows - 1) % size).unwrap();
    let batches = n_rows.div_ceil(size);
    let last = n_rows - (batches - 1) * size;
    assert!(last * 50 < size, "{last} rows beside {size}");
    bench.train("uneven", &[&short[..], &[&format!("batch_size={size}")]].concat());

    let metrics = bench.read("uneven/metrics.jsonl");
    let values = |tag: &str| -> Vec<f64> {
        let lines = metrics.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter(|line| line["tag"] == tag).map(|line| line["value"].as_f64().unwrap()).collect()
    };
    // DWA's weights in the third epoch, given how much the last batch counts beside a whole one.
    let weights = |share: f64| -> Vec<f64> {
        let powers = ["click", "cart", "buy"].map(|task| {
            let losses = values(&format!("pretrain/loss/{task}"));
            let sum = |epoch: usize| -> f64 {
                let losses = &losses[epoch * batches..(epoch + 1) * batches];
                losses[..batches - 1].iter().sum::<f64>() + share * losses[batches - 1]
            };
            (sum(1) / sum(0) / 2.0).exp()
        });
        powers.iter().map(|power| 3.0 * power / powers.iter().sum::<f64>()).collect()
    };
    let distance = |expected: &[f64]| -> f64 {
        let found =
            ["click", "cart", "buy"].map(|task| values(&format!("pretrain/weight_mean/{task}"))[2 * batches]);
        found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max)
    };
    let (by_rows, by_batches) = (distance(&weights(last as f64 / size as f64)), distance(&weights(1.0)));
    assert!(
        by_rows < 1e-5 && by_batches > 1e-3,
        "off by {by_rows}, from the mean over batches by {by_batches}"
    );
}

#[test]
fn moments_of_other_gradients_train_and_repeat_themselves() {
    let bench = Workbench::new();
    let short = "schedule.two_stage.pretrain.max_epochs=2";
    for (name, weighting) in
        [("uw", "weighting.uw={}"), ("imtl", "weighting.imtl={}"), ("critic", "weighting.critic={}")]
    {
        bench.train(name, &[short, weighting]);
        let plain = bench.read(&format!("{name}/metrics.jsonl"));
        for moments in ["unweighted", "per_task"] {
            let set = format!("optimizer.moments={moments}");
            let runs = [1, 2].map(|run| {
                let run = format!("{name}-{moments}-{run}");
                bench.train(&run, &[short, weighting, &set]);
                bench.read(&format!("{run}/metrics.jsonl"))
            });
            assert_eq!(runs[0], runs[1], "{name} {moments}");
            assert_ne!(runs[0], plain, "{name} {moments} changes nothing");
        }
    }
}

#[test]
fn every_loss_term_is_logged_under_its_own_tag_and_changes_the_training() {
    let bench = Workbench::new();
    for term in rmtl_agents::loss::LossesConfig::BUILT_IN.iter().copied() {
        // ESMM cannot break the order that the calibrator guards.
        let backbone = if term == "calibrator" { "shared_bottom" } else { "esmm" };
        let backbone = format!("backbone.{backbone}={{bottom=[16], tower=[8]}}");
        let is_of_agent = ["behaviour_cloning", "policy_gradient"].contains(&term);
        let (weighting, phase) = if is_of_agent {
            ("weighting.critic={}", "weighted")
        } else {
            ("weighting.equal={}", "pretrain")
        };
        // From the base rates nothing breaks that order at once.
        let short = [&backbone, weighting, "schedule.two_stage.pretrain.max_epochs=1", "bias_init=zero"];
        let without = bench.train(&format!("without_{term}"), &short);
        let set = format!("losses.{term}={{}}");
        let with = bench.train(term, &[&short[..], &[&set]].concat());
        assert_ne!(with.actors.tasks, without.actors.tasks, "{term}");
        assert!(
            !is_of_agent || with.actors.baseline == without.actors.baseline,
            "{term} acts without critics"
        );
        assert!(!is_of_agent || with.actors.equal_budget == without.actors.equal_budget, "{term}");
        let tag = format!("\"{phase}/loss_term/{term}\"");
        assert!(bench.read(&format!("{term}/metrics.jsonl")).contains(&tag), "{tag} is not logged");
    }
}

#[test]
fn log_rounded_numeric_columns_train_actor_and_critics() {
    let bench = Workbench::new();
    let projected = bench.train("projected", &[]);
    let rounded = bench.train("rounded", &["encoder.numeric=log_round"]);
    let of = |report: &rmtl::output::report::Report| report.parameters;
    // The projection of one column to 8 dimensions against one table of 1026 rows.
    assert_eq!(of(&projected).dense, of(&rounded).dense + 16);
    assert_eq!(of(&projected).embedding + 1026 * 8, of(&rounded).embedding);
    let again = bench.train("again", &["encoder.numeric=log_round"]);
    assert_eq!(again.actors, rounded.actors);
}

#[test]
fn a_column_that_is_a_logarithm_is_log_rounded_as_its_raw_values_are() {
    let quality = |expression: &str| {
        let query = format!("SELECT * EXCEPT (quality), CAST({expression} AS DOUBLE) AS quality FROM log");
        DATASET.replace("SELECT * FROM log", &query)
    };
    let train = |dataset: &str, set: &[&str]| {
        let bench = Workbench::with(dataset, RUN);
        let short =
            ["encoder.numeric=log_round", "weighting.equal={}", "schedule.two_stage.pretrain.max_epochs=1"];
        bench.train("run", &[&short[..], set].concat()).actors
    };
    let (raw, logarithm) = (quality("floor(5000 * price)"), quality("ln(1 + floor(5000 * price))"));
    let expected = train(&raw, &[]);
    assert_eq!(train(&logarithm, &["encoder.logarithms=[\"quality\"]"]), expected);
    assert_ne!(train(&logarithm, &[]), expected);
}

#[test]
fn a_run_interrupted_before_it_begins_leaves_nothing() {
    let bench = Workbench::new();
    let interrupt = Interrupt::default();
    interrupt.ask();
    let error = bench.train_until("run", &[], interrupt).unwrap_err();
    assert!(error.is_interrupt(), "{error}");
    assert!(!bench.path("run").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_in_any_phase_keeps_the_models_of_the_phases_before() {
    for (phase, endless, kept) in [
        ("critics", "schedule.two_stage.critics={max_steps=100000000, patience=100000000}", "baseline"),
        ("weighted", "schedule.two_stage.weighted={max_epochs=100000000, patience=100000000}", "critic"),
    ] {
        let bench = Workbench::new();
        let interrupt = Interrupt::default();
        let error = std::thread::scope(|scope| {
            let run = scope.spawn(|| bench.train_until("run", &[endless, "log.every=1"], interrupt.clone()));
            // The phase has begun once its values reach the log.
            let metrics = bench.path("run/metrics.jsonl");
            let begun =
                || std::fs::read_to_string(&metrics).is_ok_and(|text| text.contains(&format!("\"{phase}/")));
            while !begun() && !run.is_finished() {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            interrupt.ask();
            run.join().unwrap().unwrap_err()
        });
        assert!(error.to_string().contains(&format!("phase {phase}")), "{error}");
        assert!(bench.path(&format!("run/model/{kept}.safetensors")).is_file(), "{phase}");
        let found = files(&bench.path("run"));
        assert!(
            !found
                .iter()
                .any(|name| name.contains("actor") || name.contains("report") || name.contains(".tmp")),
            "{found:?}"
        );
    }
}

#[test]
fn dead_critics_are_reported_and_live_ones_are_not() {
    let bench = Workbench::new();
    // A huge step of the paper's output layer kills every critic at once.
    let report =
        bench.train("dead", &["critic.output=neg_relu", "critic.learning_rate=0.5", "log.every=100000"]);
    assert!(report.warnings.iter().any(|warning| warning.contains("is dead")), "{:?}", report.warnings);
    let report = bench.train("alive", &[]);
    assert!(!report.warnings.iter().any(|warning| warning.contains("is dead")), "{:?}", report.warnings);
    assert!(report.critics.is_some_and(|critics| critics.steps <= 40 && critics.td_loss > 0.0));
}

#[test]
fn a_run_folder_reproduces_its_run() {
    let bench = Workbench::new();
    bench.train("run", &["seed=8", "backbone.mmoe.n_experts=2"]);
    let arguments = rmtl::cli::TrainArguments {
        run_file: bench.path("run").join("run.toml"),
        overrides: vec![],
        out: None,
        data: rmtl::cli::DataArguments::default(),
        device: None,
        quiet: true,
    };
    let again = bench.path("again");
    rmtl::cli::train(&arguments, &again, rmtl::log::Console::quiet(), Interrupt::default()).unwrap();
    for file in ["model/actor.safetensors", "metrics.jsonl", "run.toml", "dataset.toml"] {
        let bytes = |folder: &std::path::Path| std::fs::read(folder.join(file)).unwrap();
        assert!(bytes(&bench.path("run")) == bytes(&again), "{file}");
    }
}
