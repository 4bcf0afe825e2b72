//! Labels that are numbers, rows that count differently, and negatives of which a share is kept.

use rmtl::output::report::Report;
use rmtl_agents::weighting::WeightingConfig;
use serde_json::Value;

use crate::workbench::{DATASET, RUN, Workbench, rmtl};

/// Click, and a time watched that depends on how likely a click is: 0 to 66.
fn with_numbers(watch: &str) -> Workbench {
    let tasks = DATASET.find("tasks = [").unwrap();
    let tables = DATASET.find("tables.log").unwrap();
    let dataset = format!(
        "{}tasks = [{{ name = \"click\", label = \"click\" }}, {{ name = \"watch\", label = \"watch\", kind = \"number\" }}]\n{}",
        &DATASET[..tasks],
        &DATASET[tables..]
    );
    let dataset = dataset
        .replace("SELECT * FROM log", &format!("SELECT *, {watch} AS watch FROM log"))
        .replace("oracle = [\"p_click\", \"p_cart\", \"p_buy\"]\n", "")
        .replace("ignore = [", "ignore = [\"p_click\", \"p_cart\", \"p_buy\", \"cart\", \"buy\", ");
    let run = RUN.replace("[backbone.esmm]", "[backbone.shared_bottom]");
    Workbench::with(&dataset, &run)
}

const LEARNABLE: &str = "60.0 * p_click + time % 7";

/// The time, scrambled: of nobody and nothing.
const NOISE: &str = "(time / 1000 * 7919 + session * 104729) % 61";

const EQUAL: &str = "weighting.equal={}";

fn watch(report: &Report) -> rmtl::metric::NumberMetrics {
    report.actors.tasks["watch"].number.unwrap()
}

#[test]
fn a_number_is_learnt_by_every_loss_and_noise_is_not() {
    let bench = with_numbers(LEARNABLE);
    let mut found = Vec::new();
    for (name, loss) in [("squared", "squared"), ("huber", "{huber={delta=0.5}}"), ("poisson", "poisson")] {
        let report = bench.train(name, &[EQUAL, &format!("number_losses.watch={loss}")]);
        let of = watch(&report);
        assert!(of.xauc.unwrap() > 0.65 && of.nmse.unwrap() < 0.8, "{name}: {of:?}");
        assert!((report.actors.tasks["watch"].pcoc.unwrap() - 1.0).abs() < 0.2, "{name}: {report:?}");
        found.push(of.rmse.unwrap());
    }
    assert!(found[0] != found[1] && found[1] != found[2], "{found:?}");
    let noise = with_numbers(NOISE);
    let of = watch(&noise.train("noise", &[EQUAL]));
    assert!((of.xauc.unwrap() - 0.5).abs() < 0.06 && of.nmse.unwrap() > 0.9, "{of:?}");
}

#[test]
fn critics_weigh_a_number_as_any_task_and_everything_tells_of_it() {
    let bench = with_numbers(LEARNABLE);
    let report = bench.train("run", &["log.every=1"]);
    let critics = &report.critics.as_ref().unwrap().tasks;
    assert!(critics["watch"].q_range > 0.0, "{critics:?}");
    let metrics = bench.read("run/metrics.jsonl");
    let values = |tag: &str| -> Vec<f64> {
        let lines = metrics.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["tag"] == tag).map(|line| line["value"].as_f64().unwrap()).collect()
    };
    assert!(values("weighted/weight_std/watch").iter().all(|&deviation| deviation > 0.0));
    assert!(values("critics/reward_mean/watch").iter().all(|&reward| reward < 0.0));
    assert!(
        !values("pretrain/validation_rmse/watch").is_empty()
            && !values("pretrain/validation_xauc/watch").is_empty()
    );
    assert!(
        values("pretrain/validation_auc/watch").is_empty()
            && values("pretrain/validation_rmse/click").is_empty()
    );
    let page = bench.read("run/report.md");
    assert!(page.contains(" XAUC |") && page.contains("RMSE") && page.contains(" AUC |"), "{page}");
    let program = |arguments: &[&str]| {
        let output = rmtl().current_dir(bench.path("")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let evaluated: Value = serde_json::from_str(&program(&["evaluate", "run", "--json"])).unwrap();
    assert_eq!(evaluated["tasks"], bench.json("run/report.json")["tasks"]);
    let table = program(&["compare", "run", "--base", "run:pretrained", "--markdown"]);
    assert!(
        table.contains("XAUC")
            && table.contains("ΔRMSE, seed by seed")
            && table.contains("ΔAUC, seed by seed"),
        "{table}"
    );
    // The early stop counts its XAUC, or its squared error over the variance.
    let stopped = bench.train("stopped", &[EQUAL, "early_stop.task=watch"]);
    let value = stopped.selection.actors["actor"].value;
    assert_eq!(value, stopped.validation.tasks["watch"].number.unwrap().xauc);
}

#[test]
fn every_weighting_trains_beside_a_number() {
    let bench = with_numbers(LEARNABLE);
    for config in WeightingConfig::all() {
        let name = config.name();
        let weighting = match name {
            "constant" => "weighting.constant={weights=[1.0, 0.5]}".to_owned(),
            name => format!("weighting.{name}={{}}"),
        };
        let short = "schedule.two_stage.pretrain={max_epochs=2, patience=2, evaluations_per_epoch=1}";
        let report = bench.train(name, &[&weighting, short, "schedule.two_stage.critics.max_steps=5"]);
        assert!(watch(&report).nmse.unwrap().is_finite(), "{name}");
    }
    for agent in ["losses.policy_gradient={}", "critic.twins=true"] {
        let joint = "schedule.joint={training={max_epochs=1}, pretrain={max_epochs=1}}";
        let report = bench.train(&format!("joint_{}", &agent[..6]), &[agent, joint]);
        assert!(watch(&report).rmse.unwrap().is_finite() && report.critics.is_some(), "{agent}");
    }
}

#[test]
fn kept_negatives_make_training_short_and_leave_probabilities_what_they_are() {
    let bench = Workbench::new();
    let all = bench.train("all", &[EQUAL]);
    let rates = [EQUAL, "negative_rates={click=0.3, cart=0.1, buy=0.1}"];
    let some = bench.train("some", &rates);
    let steps = |report: &Report| report.phases["pretrain"].steps;
    assert!(
        steps(&some) * 2 < steps(&all) * 3 && steps(&some) < steps(&all),
        "{} of {}",
        steps(&some),
        steps(&all)
    );
    for task in ["click", "cart", "buy"] {
        let pcoc = some.actors.tasks[task].pcoc.unwrap();
        // Uncorrected, a third of the negatives would make clicks look more than twice as likely.
        assert!((0.7..1.4).contains(&pcoc), "{task}: {pcoc}");
    }
    let auc = |report: &Report| report.actors.tasks["click"].auc.unwrap();
    assert!(auc(&some) > auc(&all) - 0.05 && auc(&some) > 0.52, "{} and {}", auc(&some), auc(&all));
    let again = bench.train("again", &rates);
    assert_eq!(bench.read("some/metrics.jsonl"), bench.read("again/metrics.jsonl"));
    assert_eq!(again.actors, some.actors);
    // A rate of 1 is none at all.
    bench.train("one", &[EQUAL, "negative_rates.click=1.0"]);
    let model = |run: &str| std::fs::read(bench.path(&format!("{run}/model/actor.safetensors"))).unwrap();
    assert!(model("one") == model("all"));
}

#[test]
fn rows_count_as_their_weight_says() {
    let weighted = |weight: &str| {
        let query = format!("SELECT *, {weight} AS w FROM log");
        let dataset = DATASET
            .replace("SELECT * FROM log", &query)
            .replace("time = \"time\"", "time = \"time\"\nweight = \"w\"");
        Workbench::with(&dataset, RUN)
    };
    let plain = Workbench::new();
    plain.train("run", &[EQUAL]);
    let model = |bench: &Workbench| std::fs::read(bench.path("run/model/actor.safetensors")).unwrap();
    let alike = weighted("3.0");
    alike.train("run", &[EQUAL]);
    assert!(model(&alike) == model(&plain), "weights that are all the same change nothing");
    let clicks = weighted("CASE WHEN click = 1 THEN 1.0 ELSE 0.0 END");
    let report = clicks.train("run", &[EQUAL]);
    let pcoc = report.actors.tasks["click"].pcoc.unwrap();
    let of_plain = plain.json("run/report.json")["tasks"]["click"]["pcoc"].as_f64().unwrap();
    assert!(
        pcoc > 1.5 && (of_plain - 1.0).abs() < 0.3,
        "rows without a click count nothing: {pcoc}, {of_plain}"
    );
    // Gradient-based weightings and critics see the same rows.
    for weighting in ["weighting.imtl={}", "weighting.critic={}"] {
        let backbone = "backbone.shared_bottom={bottom=[16], tower=[8]}";
        clicks.train(&weighting[10..14], &[weighting, backbone, "schedule.two_stage.pretrain.max_epochs=1"]);
    }
}

/// Labels that are all the same in validation rank nothing: the early stop looks at losses, and says so.
#[test]
fn a_number_without_variation_in_validation_does_not_stop_the_training() {
    let bench = with_numbers("CASE WHEN session % 5 = 3 THEN 5.0 ELSE 60.0 * p_click END");
    let parts = "AS watch, CASE session % 5 WHEN 3 THEN 'b' WHEN 4 THEN 'c' ELSE 'a' END AS part FROM log";
    let split = "\n[split]\nkind = \"column\"\ncolumn = \"part\"\ntrain = [\"a\"]\nvalidation = [\"b\"]\ntest = [\"c\"]\n";
    let dataset = bench.read("dataset.toml").replace("AS watch FROM log", parts) + split;
    std::fs::write(bench.path("dataset.toml"), dataset).unwrap();
    let report = bench.train("run", &[EQUAL, "schedule.two_stage.pretrain.patience=4"]);
    let told =
        report.warnings.iter().filter(|warning| warning.contains("one number in all its rows")).count();
    assert_eq!(told, 1, "{:?}", report.warnings);
    assert!(
        report.warnings.iter().any(|warning| warning.contains("nothing can be ranked")),
        "{:?}",
        report.warnings
    );
    assert!(
        report.selection.actors["actor"].value.is_some() && report.selection.criterion.contains("logloss")
    );
}

/// Along with a weight, the mean is over the rows a task keeps, each by its weight.
#[test]
fn weights_and_kept_negatives_go_together() {
    let query = "SELECT *, CASE WHEN click = 1 THEN 10.0 ELSE 1.0 END AS w FROM log";
    let dataset = DATASET
        .replace("SELECT * FROM log", query)
        .replace("time = \"time\"", "time = \"time\"\nweight = \"w\"");
    let bench = Workbench::with(&dataset, RUN);
    let one_batch = [
        "batch_size=100000",
        "log.every=1",
        "schedule.two_stage.pretrain.max_epochs=1",
        EQUAL,
        "bias_init=zero",
    ];
    bench
        .train("run", &[&one_batch[..], &["negative_rates.click=0.1", "backbone.esmm.dropout=0.0"]].concat());
    let metrics = bench.read("run/metrics.jsonl");
    let losses = metrics.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let loss = losses.into_iter().find(|line| line["tag"] == "pretrain/loss/click").unwrap()["value"]
        .as_f64()
        .unwrap();
    // Untrained, p is about ½ for every row, and among kept ones p' = 10/11. With w the weight of clicks among click's own rows,
    // the loss is −w ln p' − (1 − w) ln(1 − p').
    let splits = &bench.json("prepared/manifest.json")["splits"][0];
    let count = |key: &str| splits[key].as_f64().unwrap();
    let clicks = splits["positives"][0].as_f64().unwrap();
    let share = 10.0 * clicks / (10.0 * clicks + 0.1 * (count("rows") - clicks));
    let expected = -share * (10.0_f64 / 11.0).ln() - (1.0 - share) * (1.0_f64 / 11.0).ln();
    assert!((loss - expected).abs() < 0.03, "{loss}, expected about {expected}");
}

/// Training sees the clicked rows alone, and of them the conditional; the report counts the others, and metrics are of
/// all.
#[test]
fn a_local_task_is_trained_where_its_parent_happened_and_measured_everywhere() {
    let bench = Workbench::new();
    let one_batch = [
        "batch_size=100000",
        "log.every=1",
        "schedule.two_stage.pretrain.max_epochs=1",
        "backbone.esmm.dropout=0.0",
        EQUAL,
    ];
    let losses = |out: &str, set: &[&str]| {
        let report = bench.train(out, &[&one_batch[..], set].concat());
        let metrics = bench.read(&format!("{out}/metrics.jsonl"));
        let lines: Vec<Value> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |task: &str| {
            let tag = format!("pretrain/loss/{task}");
            lines.iter().find(|line| line["tag"] == tag.as_str()).unwrap()["value"].as_f64().unwrap()
        };
        (report, ["click", "cart", "buy"].map(of))
    };
    let (entire, of_entire) = losses("entire", &[]);
    let (local, of_local) = losses("local", &["local_tasks=[\"cart\"]"]);
    let splits = &bench.json("prepared/manifest.json")["splits"];
    let training = |index: usize| splits[0]["positives"][index].as_f64().unwrap();
    let [rows, clicks, carts] = [splits[0]["rows"].as_f64().unwrap(), training(0), training(1)];
    // Untrained predictions are near the base rates: the loss is the entropy of the carts among the rows trained on.
    let entropy = |p: f64| -p * p.ln() - (1.0 - p) * (1.0 - p).ln();
    let [among_all, among_clicks] = [carts / rows, carts / clicks].map(entropy);
    assert!((of_entire[1] - among_all).abs() < 0.05, "{of_entire:?}, expected about {among_all}");
    assert!((of_local[1] - among_clicks).abs() < 0.05, "{of_local:?}, expected about {among_clicks}");
    assert!(among_clicks - among_all > 0.15, "{among_all}, {among_clicks}");
    for task in [0, 2] {
        assert!(
            (of_local[task] - of_entire[task]).abs() < 1e-6,
            "the other tasks: {of_local:?}, {of_entire:?}"
        );
    }
    assert!(entire.masked_rows.is_empty());
    assert_eq!(
        local.masked_rows.iter().collect::<Vec<_>>(),
        [(&"cart".to_owned(), &((rows - clicks) as u64))]
    );
    assert!(bench.read("local/report.md").contains("* `cart` is local: "));
    assert_eq!(Some(local.actors.tasks["cart"].rows), splits[2]["rows"].as_u64());
}

#[test]
fn settings_by_task_are_checked_by_name() {
    let bench = with_numbers(LEARNABLE);
    for (set, parts) in [
        ("negative_rates.clik=0.5", ["no task is called `clik`", "click, watch"]),
        ("negative_rates.watch=0.5", ["is a number", "no negatives"]),
        ("negative_rates.click=0.0", ["(0, 1]", "found 0"]),
        ("local_tasks=[\"clik\"]", ["no task is called `clik`", "click, watch"]),
        ("local_tasks=[\"click\"]", ["depends on no task", "`after`"]),
        ("number_losses.click=poisson", ["cross-entropy", "kind = \"number\""]),
        ("number_losses.watch={huber={delta=-1.0}}", ["`delta`", "above 0"]),
    ] {
        let found = bench.try_train("refused", &[set]).unwrap_err().to_string();
        assert!(parts.iter().all(|part| found.contains(part)), "{set}: {found}");
    }
}
