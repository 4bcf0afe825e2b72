//! Rows in memory and rows asked in SQL: one dataset. Between them the logs have every use of a column.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Float64Array, Int64Array, Int64Builder, ListBuilder, RecordBatch, StringArray,
};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rmtl_envs::Cancel;
use rmtl_ingest::{DatasetFile, IngestError, Progress, prepare, prepare_rows};

use crate::case::{Case, assert_says, contents, message, write_parquet};

const SPLITS: [&str; 4] = [
    "kind = \"time_ratio\"\nratios = [6, 2, 2]",
    "kind = \"time_boundary\"\nvalidation_from = 300\ntest_from = 400",
    "kind = \"random\"\nratios = [6, 2, 2]\nseed = 3",
    "kind = \"column\"\ncolumn = \"day\"\ntrain = [\"1\"]\nvalidation = [\"2\"]\ntest = [\"3\"]",
];

/// Every use a column can have beside a number; `query` and `tables` are left out for rows in memory.
fn file(source: &str, split: &str, max_bad_rows: u64) -> String {
    let ignored = if split.contains("day") { "" } else { "ignore = [\"day\"]" };
    format!(
        r#"
name = "all"
{source}
session = {{ key = "user", gap = 40 }}
time = "time"
categorical = ["user", "item"]
numeric = ["price"]
weight = "weight"
max_bad_rows = {max_bad_rows}
multi_valued = [{{ name = "tags", separator = "|", max_values = 2 }}, {{ name = "history", max_values = 3 }}]
{ignored}
tasks = [
    {{ name = "click", label = "click" }},
    {{ name = "buy", label = "buy", after = "click", known_at = "bought" }},
    {{ name = "watch", label = "watch", kind = "number", cap = 8.0 }},
]

[vocabulary]
min_count = 2
fields.item = {{ max_size = 5 }}
fields.user = {{ hash_buckets = 7 }}

[split]
{split}
"#
    )
}

const FROM_SQL: &str = "query = \"SELECT * FROM log\"\ntables = { log = \"log.parquet\" }";

/// Rows out of order, with ties, duplicates, nulls and broken chains.
fn rows(seed: u64) -> Vec<(&'static str, ArrayRef)> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let n = 500;
    let mut draw = |below: i64| -> Vec<i64> { (0..n).map(|_| rng.random_range(0..below)).collect() };
    let (user, item, tags) = (draw(12), draw(9), draw(5));
    let (price, weight, watch) = (draw(7), draw(4), draw(11));
    let (click, buy, bought) = (draw(2), draw(2), draw(60));
    let time: Vec<i64> = (0..n).zip(draw(3)).map(|(row, back)| row - 3 * back).collect();
    let text = |of: &dyn Fn(usize) -> Option<String>| -> ArrayRef {
        Arc::new((0..n as usize).map(of).collect::<StringArray>())
    };
    let mut history = ListBuilder::new(Int64Builder::new());
    for &row in &item {
        (0..row % 5).for_each(|value| history.values().append_value(value));
        history.append(row > 0);
    }
    let known =
        buy.iter().zip(&time).zip(&bought).map(|((&buy, time), later)| (buy == 1).then_some(time + later));
    vec![
        // Keys that are integers, as text, and one that is none.
        ("user", text(&|row| Some(if user[row] == 3 { "b".into() } else { user[row].to_string() }))),
        ("time", Arc::new(Int64Array::from(time.clone()))),
        ("item", text(&|row| (item[row] > 0).then(|| format!("i{}", item[row])))),
        ("tags", text(&|row| Some((0..tags[row]).map(|tag| format!("{tag} |")).collect()))),
        ("history", Arc::new(history.finish())),
        ("price", Arc::new(price.iter().map(|&p| (p > 0).then(|| p as f64 / 7.0)).collect::<Float64Array>())),
        ("weight", Arc::new(weight.iter().map(|&w| Some(w as f64 / 3.0)).collect::<Float64Array>())),
        ("click", Arc::new(Int64Array::from(click))),
        ("buy", Arc::new(Int64Array::from(buy.clone()))),
        ("bought", Arc::new(known.collect::<Int64Array>())),
        ("watch", Arc::new(watch.iter().map(|&w| Some(w as f64)).collect::<Float64Array>())),
        ("day", text(&|row| Some((1 + row / 300 + row / 400).to_string()))),
    ]
}

/// The files of a dataset, without what says where it was made from.
fn made(out: &Path) -> BTreeMap<String, String> {
    let mut files = contents(out);
    files.remove("rejects.csv");
    files.remove("checksums.txt");
    let bytes = |(name, bytes): (String, Vec<u8>)| {
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        let lines = text.split_inclusive('\n').filter(|line| !line.contains("_hash\":"));
        (name, lines.collect())
    };
    files.into_iter().map(bytes).collect()
}

fn assert_same(sql: &Path, memory: &Path, what: &str) {
    let (sql, memory) = (made(sql), made(memory));
    assert!(sql.keys().eq(memory.keys()), "{what}: {:?} and {:?}", sql.keys(), memory.keys());
    for (name, bytes) in &sql {
        let shown = if name.ends_with("arrow") { "" } else { bytes };
        assert!(*bytes == memory[name], "{what}, {name}: {shown}\n{}", memory["manifest.json"]);
    }
    assert!(sql.contains_key("train.arrow"));
}

#[test]
fn rows_in_memory_give_the_dataset_that_sql_gives() {
    for (seed, split) in (0..).zip(SPLITS) {
        let case = Case::new().with("empty", "");
        let rows = rows(seed);
        write_parquet(&case, "log.parquet", rows.clone());
        case.prepare(&file(FROM_SQL, split, 0)).unwrap_or_else(|error| panic!("{error}"));
        let memory = case.root().join("memory");
        let rows = RecordBatch::try_from_iter(rows).unwrap();
        let described = DatasetFile::parse(&file("", split, 0), Path::new("rows.toml")).unwrap();
        let prepared = prepare_rows(&described, &rows, &memory, &|_| {}, &Cancel::default()).unwrap();
        assert!(!prepared.reused && !prepared.dataset.manifest.warnings.is_empty());
        assert_same(&case.out(), &memory, split);
        let again = prepare_rows(&described, &rows, &memory, &|_| {}, &Cancel::default()).unwrap();
        let fewer = prepare_rows(&described, &rows.slice(0, 450), &memory, &|_| {}, &Cancel::default());
        assert!(again.reused && !fewer.unwrap().reused);
    }
}

#[test]
fn bad_rows_are_left_out_alike() {
    let case = Case::new().with("empty", "");
    let mut rows = rows(9);
    let (_, labels) = rows.iter_mut().find(|(name, _)| *name == "click").unwrap();
    *labels =
        Arc::new((0..500).map(|row| Some(if row % 100 == 7 { 2 } else { row % 2 })).collect::<Int64Array>());
    write_parquet(&case, "log.parquet", rows.clone());
    case.prepare(&file(FROM_SQL, SPLITS[0], 5)).unwrap_or_else(|error| panic!("{error}"));
    let rows = RecordBatch::try_from_iter(rows).unwrap();
    let with = |max_bad_rows| {
        DatasetFile::parse(&file("", SPLITS[0], max_bad_rows), Path::new("rows.toml")).unwrap()
    };
    let memory = case.root().join("memory");
    prepare_rows(&with(5), &rows, &memory, &|_| {}, &Cancel::default()).unwrap();
    assert_same(&case.out(), &memory, "bad rows");
    // In files, a reject has another place.
    let reasons = |folder: &Path| -> Vec<String> {
        let rejects = fs::read_to_string(folder.join("rejects.csv")).unwrap();
        rejects.lines().map(|line| line[line.find("`tasks").unwrap_or(0)..].to_owned()).skip(1).collect()
    };
    assert_eq!((reasons(&memory).len(), reasons(&memory)), (5, reasons(&case.out())));
    let error = prepare_rows(&with(0), &rows, &memory, &|_| {}, &Cancel::default()).unwrap_err();
    assert_says(&message(&error), &["tasks.label", "`click`", "0 or 1", "found 2", "5 row(s)", "row 8"]);
}

#[test]
fn a_generated_log_is_the_same_with_and_without_sql() {
    let text = include_str!("../../../../configs/datasets/synthetic.toml");
    let case = Case::new().with("empty", "");
    let [memory, sql] = ["SELECT * FROM log", "SELECT * FROM log WHERE true"].map(|query| {
        let text = text.replace("SELECT * FROM log", query);
        let file = DatasetFile::parse(&text, Path::new("synthetic.toml")).unwrap();
        let out = case.root().join(query.len().to_string());
        prepare(&file, None, &out, &|_| {}, &Cancel::default()).unwrap_or_else(|error| panic!("{error}"));
        out
    });
    assert_same(&sql, &memory, "synthetic");
}

#[test]
fn rows_and_a_query_exclude_each_other() {
    let parsed = |source: &str| DatasetFile::parse(&file(source, SPLITS[0], 0), Path::new("rows.toml"));
    let (rows, out) = (RecordBatch::try_from_iter(rows(1)).unwrap(), Path::new("never"));
    let error =
        prepare_rows(&parsed(FROM_SQL).unwrap(), &rows, out, &|_| {}, &Cancel::default()).unwrap_err();
    assert_says(&message(&error), &["`query`", "rows that are in memory"]);
    let error = prepare(&parsed("").unwrap(), None, out, &|_| {}, &Cancel::default()).unwrap_err();
    assert_says(&message(&error), &["`query`", "one SQL SELECT over [tables]"]);
    for (source, key) in [("query = \"SELECT 1\"", "`tables`"), ("tables = { log = \"log.csv\" }", "`query`")]
    {
        assert_says(&message(&parsed(source).unwrap_err()), &[key, "found none"]);
    }
    let error =
        prepare_rows(&parsed("").unwrap(), &rows.project(&[0, 1]).unwrap(), out, &|_| {}, &Cancel::default());
    assert_says(&message(&error.unwrap_err()), &["item"]);
}

#[test]
fn rows_whose_preparation_is_cancelled_at_any_stage_leave_nothing() {
    let case = Case::new().with("empty", "");
    let file = DatasetFile::parse(&file("", SPLITS[0], 0), Path::new("rows.toml")).unwrap();
    let rows = RecordBatch::try_from_iter(rows(1)).unwrap();
    let out = case.root().join("made");
    let is_asked_at = |stage: fn(&Progress) -> bool| {
        let cancel = Cancel::default();
        let progress = |now: Progress| {
            if stage(&now) {
                cancel.ask();
            }
        };
        matches!(prepare_rows(&file, &rows, &out, &progress, &cancel), Err(IngestError::Cancelled))
    };
    assert!(is_asked_at(|stage| matches!(stage, Progress::Querying { .. })));
    assert!(is_asked_at(|stage| matches!(stage, Progress::FittingNumeric)));
    // The rows are one batch: its writing is the last thing that happens.
    assert!(is_asked_at(|stage| matches!(stage, Progress::Writing { .. })));
    let left: Vec<_> = fs::read_dir(case.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["empty"]);
    assert!(!is_asked_at(|_| false) && out.join("manifest.json").exists());
}
