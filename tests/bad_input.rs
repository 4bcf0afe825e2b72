//! Wrong run files and unusable folders: an error that helps, and nothing half-written.

use std::fs;

use crate::workbench::{DATASET, RUN, Workbench, files, rmtl};

fn message(bench: &Workbench, set: &[&str]) -> String {
    bench.try_train("run", set).unwrap_err().to_string()
}

#[test]
fn a_typo_in_the_run_file_names_line_and_nearest_key_and_makes_no_folder() {
    let bench = Workbench::with(DATASET, &RUN.replace("batch_size", "batchsize"));
    let found = message(&bench, &[]);
    assert!(found.contains("run.toml:3") && found.contains("did you mean `batch_size`?"), "{found}");
    assert!(!bench.path("run").exists());
}

#[test]
fn a_typo_in_the_dataset_file_names_line_and_nearest_key() {
    let bench = Workbench::with(&DATASET.replace("query =", "qeury ="), RUN);
    let found = message(&bench, &[]);
    assert!(found.contains("dataset.toml") && found.contains("did you mean `query`?"), "{found}");
    assert!(!bench.path("run").exists() && !bench.path("prepared").exists());
}

#[test]
fn a_missing_run_file_and_a_missing_dataset_file_are_named() {
    let bench = Workbench::new();
    fs::remove_file(bench.path("dataset.toml")).unwrap();
    assert!(message(&bench, &[]).contains("dataset.toml"));
    fs::remove_file(bench.path("run.toml")).unwrap();
    assert!(message(&bench, &[]).contains("run.toml"));
}

#[test]
fn a_used_run_folder_is_left_alone() {
    let bench = Workbench::new();
    fs::create_dir(bench.path("run")).unwrap();
    fs::write(bench.path("run").join("precious"), "results").unwrap();
    let found = message(&bench, &[]);
    assert!(found.contains("not empty") && found.contains("--out"), "{found}");
    assert_eq!(files(&bench.path("run")), ["precious"]);
}

#[test]
fn a_run_folder_that_cannot_be_made_is_named() {
    let bench = Workbench::new();
    fs::write(bench.path("file"), "").unwrap();
    let found = bench.try_train("file/run", &[]).unwrap_err().to_string();
    assert!(found.contains("cannot create") && found.contains("file"), "{found}");
}

#[test]
fn a_backbone_that_needs_a_chain_is_refused_before_anything_is_written() {
    let bench =
        Workbench::with(&DATASET.replace(", after = \"click\"", "").replace(", after = \"cart\"", ""), RUN);
    let found = message(&bench, &[]);
    assert!(found.contains("[backbone.esmm]") && found.contains("after"), "{found}");
    assert!(!bench.path("run").exists());
}

#[test]
fn combinations_that_make_no_sense_are_refused_with_the_reason() {
    let bench = Workbench::new();
    for (set, words) in [
        (&["backbone.escm2={}"][..], &["[backbone.escm2]", "losses.counterfactual"][..]),
        (&["backbone.mmoe={}", "losses.counterfactual={}"], &["[losses.counterfactual]", "escm2"]),
        (&["backbone.apem.n_heads=3"], &["[backbone.apem]", "n_heads", "encoder.dim = 8"]),
        (&["backbone.bpcm={attention=false, aggregation=false}"], &["[backbone.bpcm]", "aggregation"]),
        (&["backbone.ple.levels=[]"], &["[backbone.ple]", "levels"]),
        (&["losses.dependence.sigma=[1.0]"], &["[losses.dependence]", "expected 2, found 1"]),
        (&["backbone.apem.gamma.planned.end=1e-40"], &["[backbone.apem]", "at least 1e-6"]),
        (&["backbone.apem.gamma=1"], &["gamma"]),
        (&["backbone.mmoe.n_experts=100000000000000"], &["[backbone.mmoe]", "65536"]),
        (&["losses.counterfactual.weight=0.0"], &["[losses.counterfactual]", "esmm"]),
        (&["losses.counterfactual.propensity_floor=1e-300"], &["[losses.counterfactual]", "1e-4"]),
        (&["weighting.constant={weights=[1.0]}"], &["[weighting.constant]", "expected 3, found 1"]),
        (
            &["weighting.pcgrad={}", "backbone.single_task={}"],
            &["[weighting.pcgrad]", "single_task", "shares nothing"],
        ),
        (&["weighting.dwa.temperature=0.0"], &["[weighting.dwa]", "temperature"]),
        (&["early_stop.task=by"], &["[early_stop]", "click, cart, buy"]),
        (&["early_stop.weighted=[1.0]"], &["[early_stop]", "expected 3"]),
        (&["critic.n_steps=0"], &["[critic]", "n_steps"]),
        (&["encoder.logarithms=[\"price\"]"], &["[encoder]", "`price` is none", "found quality"]),
        (&["backbone.bpcm.message_dropout=1.5"], &["[backbone.bpcm]", "message_dropout"]),
        (&["weights.clip=[2.0, 1.0]"], &["[weights]", "clip"]),
        (&["losses.embedding_l2=0.1"], &["a table of settings"]),
        (&["losses.dependence.sigma=true"], &["a number, or a list"]),
        (&["losses.class_balance.max_weight=0.5"], &["[losses.class_balance]", "max_weight"]),
    ] {
        let found = message(&bench, set);
        for word in words {
            assert!(found.contains(word), "{set:?}: {found}");
        }
        assert!(!bench.path("run").exists());
    }
}

#[test]
fn a_log_without_categories_trains_log_rounded_and_is_refused_otherwise() {
    let numeric = DATASET
        .replace(
            r#"categorical = ["user", "user_group", "item", "category", "position"]"#,
            "categorical = []",
        )
        .replace(
            r#"ignore = ["hour", "price"]"#,
            r#"ignore = ["hour", "price", "user", "user_group", "item", "category", "position"]"#,
        );
    let bench = Workbench::with(&numeric, RUN);
    let found = message(&bench, &[]);
    assert!(found.contains("[encoder]") && found.contains("log_round"), "{found}");
    bench.train("rounded", &["encoder.numeric=log_round", "schedule.two_stage.pretrain.max_epochs=1"]);
}

#[test]
fn a_term_that_needs_a_chain_is_refused_without_one() {
    let independent = DATASET.replace(", after = \"click\"", "").replace(", after = \"cart\"", "");
    let bench = Workbench::with(&independent, RUN);
    for term in ["dependence", "calibrator"] {
        let set = format!("losses.{term}={{}}");
        let found = message(&bench, &["backbone.mmoe={}", &set]);
        assert!(found.contains(&format!("losses.{term}")) && found.contains("after"), "{found}");
    }
}

#[test]
fn an_unknown_device_is_refused_before_the_log_is_prepared() {
    let bench = Workbench::new();
    let found = message(&bench, &["device=gpu"]);
    assert!(found.contains("unknown device `gpu`") && found.contains("flex"), "{found}");
    assert!(!bench.path("prepared").exists());
}

#[test]
fn a_loss_that_is_no_number_stops_the_run() {
    let bench = Workbench::new();
    let set = [
        "optimizer.learning_rate=1e30",
        "optimizer.embedding_learning_rate=1e30",
        "schedule.two_stage.pretrain.evaluations_per_epoch=9",
    ];
    let found = message(&bench, &set);
    assert!(found.contains("pretrain, step") && found.contains("learning_rate"), "{found}");
    assert!(!bench.path("run/report.json").exists());
}

#[test]
fn a_damaged_model_is_refused_by_name() {
    let bench = Workbench::new();
    bench.train("run", &["weighting.equal={}", "schedule.two_stage.pretrain.max_epochs=1"]);
    let model = bench.path("run/model/actor.safetensors");
    let bytes = fs::read(&model).unwrap();
    fs::write(&model, &bytes[..bytes.len() / 2]).unwrap();
    let output = crate::workbench::rmtl().arg("evaluate").arg(bench.path("run")).output().unwrap();
    let found = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && found.contains("actor.safetensors"), "{found}");
}

/// One bit of a value, which stays a number: neither Arrow nor safetensors has anything against it.
#[test]
fn a_changed_bit_of_a_table_or_a_model_is_refused_by_name() {
    let bench = Workbench::new();
    bench.train("run", &["weighting.equal={}", "schedule.two_stage.pretrain.max_epochs=1"]);
    let evaluate = || crate::workbench::rmtl().arg("evaluate").arg(bench.path("run")).output().unwrap();
    for (name, from_the_end) in [("prepared/test.arrow", None), ("run/model/actor.safetensors", Some(4))] {
        let path = bench.path(name);
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        let position = from_the_end.map_or(whole.len() / 2, |bytes| whole.len() - bytes);
        damaged[position] ^= 1;
        fs::write(&path, damaged).unwrap();
        let output = evaluate();
        let found = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && found.contains(name.rsplit('/').next().unwrap()), "{found}");
        assert!(found.contains("checksum"), "{found}");
        fs::write(&path, whole).unwrap();
        assert!(evaluate().status.success());
    }
}

/// As earlier versions prepared them.
#[test]
fn a_dataset_without_checksums_is_read_and_that_is_said() {
    let bench = Workbench::new();
    bench.train("run", &["weighting.equal={}", "schedule.two_stage.pretrain.max_epochs=1"]);
    let evaluate = || crate::workbench::rmtl().arg("evaluate").arg(bench.path("run")).output().unwrap();
    let before = evaluate();
    assert!(!String::from_utf8(before.stderr).unwrap().contains("checksum"));
    fs::remove_file(bench.path("prepared/checksums.txt")).unwrap();
    let output = evaluate();
    let found = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && found.contains("has no checksums"), "{found}");
    assert_eq!(output.stdout, before.stdout);
    let report = bench.train("again", &["weighting.equal={}", "schedule.two_stage.pretrain.max_epochs=1"]);
    assert!(
        report.warnings.iter().any(|warning| warning.contains("has no checksums")),
        "{:?}",
        report.warnings
    );
}

#[test]
fn a_run_is_never_evaluated_on_other_data() {
    let bench = Workbench::new();
    bench.train("run", &["weighting.equal={}", "schedule.two_stage.pretrain.max_epochs=1"]);
    let evaluate = || crate::workbench::rmtl().arg("evaluate").arg(bench.path("run")).output().unwrap();
    assert!(evaluate().status.success());
    // The dataset file in the run folder is changed, and what it says takes the place of the run's data.
    let dataset = bench.path("run/dataset.toml");
    fs::write(&dataset, DATASET.replace("seed = 3", "seed = 4")).unwrap();
    let mut prepare = crate::workbench::rmtl();
    prepare.arg("prepare").arg(&dataset).arg("--out").arg(bench.path("prepared"));
    assert!(prepare.output().unwrap().status.success());
    let found = String::from_utf8(evaluate().stderr).unwrap();
    assert!(found.contains("content hash") && found.contains("--prepare"), "{found}");
    let prepare =
        || crate::workbench::rmtl().arg("evaluate").arg(bench.path("run")).arg("--prepare").output().unwrap();
    let found = String::from_utf8(prepare().stderr).unwrap();
    assert!(found.contains("content hash") && found.contains("has changed"), "{found}");
    fs::write(&dataset, DATASET).unwrap();
    assert!(prepare().status.success());
}

#[test]
fn a_failed_preparation_leaves_no_run_folder() {
    let bench = Workbench::with(&DATASET.replace("\"item\", ", "\"itm\", "), RUN);
    let found = message(&bench, &[]);
    assert!(found.contains("itm") && found.contains("item"), "{found}");
    assert!(!bench.path("run").exists() && !bench.path("prepared").exists());
}

#[test]
fn a_mistake_is_told_once() {
    let bench = Workbench::with(DATASET, &RUN.replace("seed = 5", "sed = 5"));
    let output = crate::workbench::rmtl().arg("train").arg(bench.path("run.toml")).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors.matches("did you mean `seed`").count(), 1, "{errors}");
}

#[test]
fn what_no_memory_holds_is_refused_with_the_numbers_before_it_is_asked_for() {
    let bench = Workbench::new();
    for (set, words) in [
        (&["encoder.dim=200000000"][..], &["`encoder.dim`", "embedding tables"][..]),
        (&["critic.dim=200000000"], &["`critic.dim`", "the critics' embedding tables"]),
        (&["critic.bottom=[200000000, 200000000]"], &["`critic.bottom`", "the critics' networks"]),
        (&["backbone.esmm.bottom=[200000000, 200000000]"], &["[backbone.esmm]", "the actor's network"]),
        (&["interaction.cross.n_layers=60000", "encoder.dim=2048"], &["`interaction.cross`"]),
    ] {
        let found = message(&bench, set);
        for word in words.iter().chain(&["this run needs at least", "are there", "lower"]) {
            assert!(found.contains(word), "{set:?}: {found}");
        }
        assert!(!bench.path("run").exists());
    }
}

#[test]
fn hashed_ids_that_no_memory_holds_are_refused_before_the_log_is_prepared() {
    let hashed = format!("{DATASET}\nvocabulary.fields.item = {{ hash_buckets = 4_000_000_000 }}\n");
    let bench = Workbench::with(&hashed, RUN);
    let found = message(&bench, &["encoder.dim=1024"]);
    assert!(
        found.contains("`hash_buckets`") && found.contains("`item`, which has 4000000001 ids"),
        "{found}"
    );
    assert!(!bench.path("run").exists() && !bench.path("prepared").exists());
}

#[test]
fn lists_longer_than_memory_are_refused_by_train_and_check() {
    let long = DATASET.replace(r#""category", "#, "").replace(
        "numeric =",
        "multi_valued = [{ name = \"category\", max_values = 1_000_000_000 }]\nnumeric =",
    );
    let bench = Workbench::with(&long, RUN);
    let found = message(&bench, &[]);
    let says = "`max_values` of `category`, which has 1000000000";
    assert!(found.contains(says) && found.contains("are there"), "{found}");
    assert!(!bench.path("run").exists() && !bench.path("prepared").exists());
    let output = rmtl().arg("check").arg(bench.path("dataset.toml")).output().unwrap();
    let found = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && found.contains(says), "{found}");
}

#[test]
fn check_holds_a_run_file_against_memory_before_the_log_is_prepared() {
    let bench = Workbench::new();
    let check = || {
        let mut command = rmtl();
        command.arg("check").arg(bench.path("dataset.toml")).arg("--run").arg(bench.path("run.toml"));
        command.output().unwrap()
    };
    let output = check();
    let found = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && found.contains("fits the columns") && found.contains("kB"), "{found}");
    fs::write(
        bench.path("run.toml"),
        RUN.replace("bottom = [32, 16]", "bottom = [200_000_000, 200_000_000]"),
    )
    .unwrap();
    let output = check();
    let found = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && found.contains("[backbone.esmm]"), "{found}");
    assert!(!bench.path("prepared").exists());
}

/// A header of a megabyte with the sequence that clears a terminal.
#[test]
fn what_stands_in_a_log_neither_fills_nor_steers_the_terminal() {
    let dataset = "name = \"wide\"\nquery = \"SELECT * FROM log\"\nsession = \"user\"\ntime = \"time\"\n\
                   categorical = [\"user\"]\ntasks = [{ name = \"click\", label = \"click\" }]\n\
                   tables = { log = \"log.csv\" }\n";
    let bench = Workbench::with(dataset, RUN);
    let log = format!("user,time,click,\u{1b}[2J{}\na,1,1,x\nb,2,0,y\n", "wide".repeat(1 << 18));
    fs::write(bench.path("log.csv"), log).unwrap();
    let output = crate::workbench::rmtl().arg("prepare").arg(bench.path("dataset.toml")).output().unwrap();
    let found = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && found.contains("columns no list names"), "{}", found.len());
    assert!(
        found.contains("\\u{1b}[2Jwide") && !found.contains('\u{1b}') && found.len() < 10_000,
        "{}",
        found.len()
    );
}
