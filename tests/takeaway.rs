//! From a raw log of one's own to predictions for new rows.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rmtl::metric::{auc, logloss};
use serde_json::Value;

use crate::workbench::{Workbench, rmtl};

/// A log in one file. Impressions of `item` to `user`; `dwell` becomes known with the click.
const DATASET: &str = r#"
name = "shop"
query = "SELECT user, time, item, price, click, buy FROM log"
session = { key = "user", gap = 3_600 }
time = "time"
categorical = ["user", "item"]
numeric = ["price"]
tasks = [{ name = "click", label = "click" }, { name = "buy", label = "buy", after = "click" }]
tables.log = "log.csv"
"#;

/// Rows of [`log`].
const N_ROWS: u64 = 1_500;

/// A number below `n` that looks random.
fn random(seed: u64, n: u64) -> u64 {
    let mixed = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 33) % n
}

/// A generated log: header and rows. Items with even numbers are clicked more often.
fn log() -> String {
    let row = |row: u64| {
        let draw = |what: u64, n: u64| random(row * 16 + what, n);
        let (user, item) = (draw(0, 60), draw(1, 25));
        let click = draw(2, 100) < if item % 2 == 0 { 60 } else { 20 };
        let buy = click && draw(3, 100) < 40;
        let dwell = if click { 20 + draw(4, 100) } else { draw(4, 10) };
        let price = draw(5, 1_000) as f64 / 8.0;
        format!(
            "u{user},{},{item:03},{price},{},{},{dwell}\n",
            1_700_000_000 + 40 * row,
            u8::from(click),
            u8::from(buy)
        )
    };
    "user,time,item,price,click,buy,dwell\n".to_owned() + &(0..N_ROWS).map(row).collect::<String>()
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (stdout, stderr) = said(&output);
    assert!(output.status.success(), "{stdout}{stderr}");
    stdout
}

fn fails(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (stdout, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
    stderr
}

/// A trained run in `run`, of [`log`].
fn trained() -> Workbench {
    let bench = Workbench::with(DATASET, crate::workbench::RUN);
    fs::write(bench.path("log.csv"), log()).unwrap();
    bench.train("run", &[]);
    bench
}

fn predict(bench: &Workbench, input: &str, out: &str) -> Command {
    let mut command = rmtl();
    command.arg("predict").arg(bench.path("run")).arg("--input").arg(bench.path(input));
    command.arg("--out").arg(bench.path(out));
    command
}

/// The columns of a CSV file, by name.
fn column(path: &Path, name: &str) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let index = lines.next().unwrap().split(',').position(|column| column == name);
    let index = index.unwrap_or_else(|| panic!("no column {name} in {text:.200}"));
    lines.map(|line| line.split(',').nth(index).unwrap().to_owned()).collect()
}

/// The header and the rows of the test split, as they stand in the log.
fn test_rows(bench: &Workbench) -> String {
    let manifest = bench.json("prepared/manifest.json");
    let from = manifest["splits"][1]["boundary"].as_i64().unwrap();
    let log = log();
    let (header, rows) = log.split_once('\n').unwrap();
    let is_test = |row: &&str| row.split(',').nth(1).unwrap().parse::<i64>().unwrap() >= from;
    let rows: Vec<&str> = rows.lines().filter(is_test).collect();
    assert_eq!(rows.len() as u64, manifest["splits"][2]["rows"].as_u64().unwrap());
    format!("{header}\n{}\n", rows.join("\n"))
}

/// The rows without some columns.
fn without(rows: &str, names: &[&str]) -> String {
    let header: Vec<&str> = rows.lines().next().unwrap().split(',').collect();
    let cut = |line: &str| {
        let values = header.iter().zip(line.split(','));
        let kept: Vec<&str> =
            values.filter(|(name, _)| !names.contains(name)).map(|(_, value)| value).collect();
        kept.join(",") + "\n"
    };
    rows.lines().map(cut).collect()
}

#[test]
fn predictions_of_the_raw_test_rows_have_the_metrics_of_the_report() {
    let bench = trained();
    let rows = test_rows(&bench);
    fs::write(bench.path("test.csv"), &rows).unwrap();
    let labels = |task: &str| -> Vec<u8> {
        column(&bench.path("test.csv"), task).iter().map(|label| label.parse().unwrap()).collect()
    };
    let predictions = |actor: &str, out: &str| -> Vec<Vec<f32>> {
        let of = |task| column(&bench.path(out), &format!("{actor}/{task}"));
        ["click", "buy"]
            .map(of)
            .map(|values| values.iter().map(|value| value.parse().unwrap()).collect())
            .into()
    };
    for (actor, who, block) in [("actor", "final", "tasks"), ("baseline", "pretrained", "baseline")] {
        let out = format!("{actor}.csv");
        let said = succeeds(predict(&bench, "test.csv", &out).args(["--actor", who, "--critics"]));
        assert!(said.contains("rows per second") && said.contains("item"), "{said}");
        let report = &bench.json("run/report.json")[block];
        for (task, predicted) in ["click", "buy"].into_iter().zip(predictions(actor, &out)) {
            let found =
                [auc(&labels(task), &predicted), logloss(&labels(task), &predicted)].map(Option::unwrap);
            let told = ["auc", "logloss"].map(|metric| report[task][metric].as_f64().unwrap());
            for (found, told) in found.iter().zip(told) {
                assert!((found - told).abs() < 1e-6, "{actor} {task}: {found} and {told}");
            }
        }
        assert!(column(&bench.path(&out), "critic/buy").iter().all(|q| q.parse::<f32>().unwrap() <= 0.0));
    }
    assert_ne!(predictions("actor", "actor.csv"), predictions("baseline", "baseline.csv"));

    // Nobody knows the labels of new rows; and what nobody reads may be missing as well.
    fs::write(bench.path("new.csv"), without(&rows, &["click", "buy", "dwell"])).unwrap();
    let parts = format!("{}*", bench.path("new").display());
    succeeds(
        rmtl()
            .arg("predict")
            .arg(bench.path("run"))
            .args(["--input", &parts])
            .arg("--out")
            .arg(bench.path("new.arrow")),
    );
    succeeds(predict(&bench, "new.csv", "predicted.csv").args(["--keep", "item"]));
    assert_eq!(predictions("actor", "predicted.csv"), predictions("actor", "actor.csv"));
    assert_eq!(column(&bench.path("predicted.csv"), "item"), column(&bench.path("test.csv"), "item"));
    assert_eq!(column(&bench.path("predicted.csv"), "time"), column(&bench.path("test.csv"), "time"));

    // Nor need they have a session or a time, where those are no features.
    fs::write(bench.path("bare.csv"), without(&rows, &["click", "buy", "dwell", "time"])).unwrap();
    succeeds(&mut predict(&bench, "bare.csv", "bare.out.csv"));
    assert_eq!(predictions("actor", "bare.out.csv"), predictions("actor", "actor.csv"));
}

#[test]
fn rows_come_through_a_pipe_and_parquet_goes_in_and_out() {
    let bench = trained();
    fs::write(bench.path("test.csv"), test_rows(&bench)).unwrap();
    succeeds(&mut predict(&bench, "test.csv", "direct.csv"));
    let piped = fs::File::open(bench.path("test.csv")).unwrap();
    let mut command = rmtl();
    command.arg("predict").arg(bench.path("run")).args(["--input", "-", "--keep", "item", "price"]);
    succeeds(command.arg("--out").arg(bench.path("kept.parquet")).stdin(piped));
    // What was kept has the columns of rows again.
    succeeds(&mut predict(&bench, "kept.parquet", "again.csv"));
    for task in ["actor/click", "actor/buy"] {
        let [direct, again] = ["direct.csv", "again.csv"].map(|name| column(&bench.path(name), task));
        assert_eq!(direct, again, "{task}");
    }
}

#[test]
fn unknown_values_are_counted_and_what_cannot_be_predicted_leaves_nothing() {
    let bench = trained();
    let header = "user,time,item,price\n";
    fs::write(bench.path("new.csv"), format!("{header}u1,1,000,2\nu1,2,new,\nnobody,3,newer,1e3\n")).unwrap();
    let said = succeeds(&mut predict(&bench, "new.csv", "new.out.csv"));
    let counted = |field: &str| -> Vec<String> {
        let line = said.lines().find(|line| line.contains(field)).unwrap_or_else(|| panic!("{said}"));
        line.split(|c: char| !c.is_ascii_digit() && c != '.')
            .filter(|part| !part.is_empty())
            .map(String::from)
            .collect()
    };
    assert_eq!(counted(" user "), ["3", "1", "33.3"]);
    assert_eq!(counted(" item "), ["3", "2", "66.7"]);
    assert_eq!(counted(" price "), ["3", "1", "33.3"]);

    // The second file has a mistake, after rows that can be predicted.
    let good: String = (0..20_000).map(|row| format!("u1,{row},001,1\n")).collect();
    fs::write(bench.path("bad_1.csv"), format!("{header}{good}")).unwrap();
    fs::write(bench.path("bad_2.csv"), format!("{header}u1,1,001,cheap\n")).unwrap();
    fs::write(bench.path("old.csv"), "old").unwrap();
    let before = crate::workbench::files(&bench.path("")).len();
    let message = fails(&mut predict(&bench, "bad_*.csv", "old.csv"));
    assert!(message.contains("found cheap"), "{message}");
    assert_eq!(bench.read("old.csv"), "old");
    assert_eq!(crate::workbench::files(&bench.path("")).len(), before, "something was left");

    fs::write(bench.path("lacks.csv"), "user,time,itme,price\nu1,1,001,1\n").unwrap();
    let message = fails(&mut predict(&bench, "lacks.csv", "none.csv"));
    for words in ["lacks.csv", "no column `item`", "did you mean `itme`?", "user, time, itme, price"] {
        assert!(message.contains(words), "{words}: {message}");
    }
    let message = fails(&mut predict(&bench, "new.csv", "none.txt"));
    assert!(message.contains("none.txt") && message.contains(".parquet"), "{message}");
    let message = fails(predict(&bench, "new.csv", "none.csv").args(["--actor", "last-good"]));
    assert!(message.contains("last_good") && message.contains("actor, baseline"), "{message}");
    assert!(!bench.path("none.csv").exists());

    // As with evaluate, nothing is prepared unless somebody asks.
    fs::remove_dir_all(bench.path("prepared")).unwrap();
    let message = fails(&mut predict(&bench, "new.csv", "none.csv"));
    assert!(message.contains("content hash") && message.contains("--prepare"), "{message}");
    assert!(!bench.path("prepared").exists() && !bench.path("none.csv").exists());
    let before = column(&bench.path("new.out.csv"), "actor/buy");
    succeeds(predict(&bench, "new.csv", "again.csv").arg("--prepare"));
    assert_eq!(column(&bench.path("again.csv"), "actor/buy"), before);
}

#[test]
fn features_and_filters_that_need_a_label_say_so() {
    // The label of the row before is a feature; a filter asks for the label.
    let lag = DATASET
        .replace("price, click", "price, lag(click) OVER (PARTITION BY user ORDER BY time) AS before, click")
        .replace("[\"price\"]", "[\"price\", \"before\"]");
    let filtered = DATASET.replace("FROM log", "FROM log WHERE click IS NOT NULL");
    for dataset in [lag, filtered] {
        let bench = Workbench::with(&dataset, crate::workbench::RUN);
        fs::write(bench.path("log.csv"), log()).unwrap();
        bench.train("run", &["weighting.equal={}", "schedule.two_stage.pretrain.max_epochs=1"]);
        let rows = test_rows(&bench);
        fs::write(bench.path("whole.csv"), &rows).unwrap();
        succeeds(&mut predict(&bench, "whole.csv", "whole.out.csv"));
        fs::write(bench.path("new.csv"), without(&rows, &["click", "buy"])).unwrap();
        let message = fails(&mut predict(&bench, "new.csv", "new.out.csv"));
        assert!(message.contains("no column `click`"), "{message}");
        assert!(!bench.path("new.out.csv").exists());
    }
}

#[test]
fn inspect_shows_a_prepared_dataset_and_says_where_there_is_none() {
    let bench = Workbench::with(DATASET, "");
    fs::write(bench.path("log.csv"), log()).unwrap();
    let mut inspect = rmtl();
    inspect.arg("inspect").arg(bench.path("dataset.toml")).arg("--prepared").arg(bench.path("prepared"));
    assert!(fails(&mut inspect).contains("rmtl prepare"));
    succeeds(rmtl().arg("prepare").arg(bench.path("dataset.toml")).arg("--out").arg(bench.path("prepared")));
    let shown = succeeds(&mut inspect);
    for words in ["shop", "2023-11-14", "item", "█", "Rows per session", "click"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let json = succeeds(rmtl().arg("inspect").arg(bench.path("prepared")).arg("--json"));
    let json: Value = serde_json::from_str(&json).unwrap();
    let manifest = bench.json("prepared/manifest.json");
    for (split, told) in json["splits"].as_array().unwrap().iter().zip(manifest["splits"].as_array().unwrap())
    {
        let parts = split["parts"].as_array().unwrap();
        let rows: u64 = parts.iter().map(|part| part["rows"].as_u64().unwrap()).sum();
        assert_eq!((parts.len(), rows), (10, told["rows"].as_u64().unwrap()));
    }
    // Every buy has its click.
    assert_eq!(json["together"][1][0].as_f64(), Some(1.0));
}

/// `rmtl init` of files in the bench's folder, into it.
fn init(bench: &Workbench, log: &str, arguments: &[&str]) -> Command {
    let mut command = rmtl();
    command.current_dir(bench.path("")).args(["init", log]).args(arguments);
    command
}

#[test]
fn from_a_log_nobody_has_described_to_predictions() {
    let bench = Workbench::with("", "");
    fs::write(bench.path("shop.csv"), log()).unwrap();
    let said = succeeds(&mut init(&bench, "shop.csv", &[]));
    assert!(said.contains("SUSPICIOUS: `dwell` is ignored, because its value ranks `click`"), "{said}");
    let dataset = bench.read("shop.toml");
    for words in
        ["key = \"user\", gap = 3600", "time = \"time\"", "log = \"shop.csv\"", "\"dwell\", # SUSPICIOUS"]
    {
        assert!(dataset.contains(words), "{words}: {dataset}");
    }
    let here = || {
        let mut command = rmtl();
        command.current_dir(bench.path(""));
        command
    };
    let checked = succeeds(here().args(["check", "shop.toml", "--run", "shop_run.toml"]));
    assert!(checked.contains("fit the log") && checked.contains("fits the columns"), "{checked}");

    // What is there stays, unless told.
    fs::write(bench.path("shop_run.toml"), "mine").unwrap();
    let message = fails(&mut init(&bench, "shop.csv", &[]));
    assert!(message.contains("shop.toml") && message.contains("--force"), "{message}");
    fs::remove_file(bench.path("shop.toml")).unwrap();
    assert!(fails(&mut init(&bench, "shop.csv", &[])).contains("shop_run.toml"));
    assert!(!bench.path("shop.toml").exists() && bench.read("shop_run.toml") == "mine");
    succeeds(&mut init(&bench, "shop.csv", &["--force"]));
    assert_eq!(bench.read("shop.toml"), dataset, "the same log, the same guesses");

    let train = ["train", "shop_run.toml", "--quiet", "--out", "run", "--set", "weighting.equal={}"];
    succeeds(here().args(train).args(["--set", "schedule.two_stage.pretrain.max_epochs=1"]));
    fs::write(bench.path("new.csv"), without(&log(), &["click", "buy", "dwell"])).unwrap();
    succeeds(here().args(["predict", "run", "--input", "new.csv", "--out", "new.out.csv"]));
    assert_eq!(column(&bench.path("new.out.csv"), "actor/buy").len() as u64, N_ROWS);
}

#[test]
fn tasks_can_be_named_and_other_dialects_are_found() {
    let bench = Workbench::with("", "");
    // Semicolons, words for missing prices, and labels that say nothing by their names.
    let other = log().replace(',', ";").replace("click;buy", "first;second").replace(";0.5;", ";NA;");
    fs::write(bench.path("odd.csv"), other).unwrap();
    fs::write(bench.path("odd.tsv"), log().replace(',', "\t")).unwrap();
    let message = fails(&mut init(&bench, "odd.csv", &[]));
    assert!(message.contains("first, second") && message.contains("--task"), "{message}");
    succeeds(&mut init(&bench, "odd.csv", &["--task", "first", "--task", "second", "--name", "odd"]));
    let dataset = bench.read("odd.toml");
    assert!(dataset.contains("delimiter = \";\"") && dataset.contains("after = \"first\""), "{dataset}");
    assert!(dataset.contains("null = [\"NA\"]"), "{dataset}");
    succeeds(&mut init(&bench, "odd.tsv", &["--name", "tabs", "--out", "elsewhere"]));
    for (folder, name) in [("", "odd"), ("elsewhere", "tabs")] {
        let folder = bench.path(folder);
        let [dataset, run] = ["", "_run"].map(|end| folder.join(format!("{name}{end}.toml")));
        succeeds(rmtl().arg("check").arg(dataset).arg("--run").arg(run));
    }
    let message = fails(&mut init(&bench, "odd.tsv", &["--name", "x", "--time", "tiem"]));
    assert!(message.contains("did you mean `time`?"), "{message}");
}
