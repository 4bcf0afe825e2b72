//! The dataset files that come with the project.

use std::fs;
use std::path::{Path, PathBuf};

use rmtl_envs::{Cancel, Dataset, Manifest};
use rmtl_ingest::{DatasetFile, prepare};

use crate::case::{Case, ids, labels, times, warned};

pub(crate) fn dataset_file(name: &str) -> DatasetFile {
    DatasetFile::read(&folder().join(name)).unwrap_or_else(|error| panic!("{error}"))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/datasets")
}

/// A real log's folder, or a printed reason why there is none.
pub(crate) fn real_log(name: &str) -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("RMTL_DATA_DIR").map_or(shared, PathBuf::from).join(name);
    if !data.exists() {
        eprintln!("skipped: {} is not there (set RMTL_DATA_DIR)", data.display());
        return None;
    }
    Some(data)
}

/// A shipped log gives no warning that would make a reader doubt its numbers.
#[track_caller]
fn assert_trusted(manifest: &Manifest) {
    let doubts = [
        "label_copy",
        "missing_with_label",
        "telling_feature",
        "cut_sessions",
        "label_rate",
        "few_positives",
        "one_class",
        "constant_number",
        "constant_category",
        "row_id",
    ];
    for kind in doubts {
        assert_eq!(warned(&manifest.warnings, kind), [0; 0], "{kind}: {:?}", manifest.warnings);
    }
    let lost = manifest.warnings.iter().filter(|warning| warning.message.contains("of its positives"));
    assert_eq!(lost.count(), 0, "{:?}", manifest.warnings);
}

fn total(manifest: &Manifest, of: impl Fn(&rmtl_envs::SplitSummary) -> u64) -> u64 {
    manifest.splits.iter().map(of).sum()
}

#[test]
fn all_of_them_are_valid() {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| DatasetFile::read(&path).unwrap_or_else(|error| panic!("{error}")).name)
        .collect();
    assert_eq!(names.len(), 11, "{names:?}");
}

#[test]
fn kuairand_pure() {
    let Some(root) = real_log("kuairand_pure") else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let prepared = prepare(
        &dataset_file("kuairand_pure_two.toml"),
        Some(&root),
        &out.path().join("p"),
        &|_| {},
        &Cancel::default(),
    )
    .unwrap();
    let manifest = &prepared.dataset.manifest;
    let rows = total(manifest, |split| split.rows);
    assert_eq!(rows, 228_329);
    let share = |split: usize| manifest.splits[split].rows as f64 / rows as f64;
    assert!((share(0) - 0.6).abs() < 1e-4 && (share(1) - 0.2).abs() < 1e-4);
    let click = total(manifest, |split| split.positives[0]) as f64 / rows as f64;
    assert!((click - 0.442).abs() < 5e-4, "{click}");
    assert_eq!(warned(&manifest.warnings, "chain_breaks"), [250]);
    // 5,460 rows repeat another in all 19 columns of the log, 9 more in all columns that are used.
    assert_eq!(warned(&manifest.warnings, "duplicate_rows"), [5_469]);
    let train = &manifest.splits[0];
    assert_eq!(train.sessions, 50_159);
    assert!((train.cut_share() - 0.189).abs() < 5e-4, "{}", train.cut_share());
    assert_trusted(manifest);
    // Every row found its user and its video.
    let degree = fs::read_to_string(prepared.directory.join("vocabulary/user_active_degree.csv")).unwrap();
    assert!(degree.contains("full_active") && !degree.contains("\"\""), "{degree}");
}

#[test]
fn kuairand_pure_of_four_and_seven_tasks() {
    let Some(root) = real_log("kuairand_pure") else {
        return;
    };
    // Positives as the raw columns have them: the tasks are independent, so nothing is ANDed along a chain.
    let counts = [100_900, 70_963, 4_231, 3_915, 579, 304, 195];
    for (name, n_tasks) in [("kuairand_pure_four.toml", 4), ("kuairand_pure_seven.toml", 7)] {
        let out = tempfile::tempdir().unwrap();
        let (file, folder) = (dataset_file(name), out.path().join("p"));
        let manifest =
            prepare(&file, Some(&root), &folder, &|_| {}, &Cancel::default()).unwrap().dataset.manifest;
        let positives: Vec<u64> =
            (0..n_tasks).map(|task| total(&manifest, |split| split.positives[task])).collect();
        assert_eq!(positives, counts[..n_tasks]);
        assert_eq!(manifest.splits[0].positives.len(), n_tasks);
        if n_tasks == 4 {
            assert_trusted(&manifest);
        } else {
            // The rarest three: comment, follow, forward.
            assert_eq!(warned(&manifest.warnings, "few_positives").len(), 3);
        }
    }
}

#[test]
fn retailrocket_buyers() {
    let Some(root) = real_log("retailrocket_buyers") else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let file = dataset_file("retailrocket_buyers.toml");
    let manifest = prepare(&file, Some(&root), &out.path().join("p"), &|_| {}, &Cancel::default())
        .unwrap()
        .dataset
        .manifest;
    let rows = total(&manifest, |split| split.rows);
    assert_eq!(rows, 75_374);
    // With the labels that become 1 too late for their split.
    let late = |task: &str| -> u64 {
        let warnings = manifest.warnings.iter().filter(|warning| warning.kind == "late_labels");
        warnings.filter(|warning| warning.message.contains(task)).map(|warning| warning.rows).sum()
    };
    let cart = (total(&manifest, |split| split.positives[0]) + late("`cart`")) as f64 / rows as f64;
    assert!((cart - 0.144).abs() < 5e-4, "{cart}");
    assert!(late("`cart`") > 0);
    // Of 772 pairs bought without a cart 512 were viewed; those count as not bought.
    assert_eq!(warned(&manifest.warnings, "chain_breaks"), [512]);
    let bought = (total(&manifest, |split| split.positives[1]) + late("`buy`") + 512) as f64 / rows as f64;
    assert!((bought - 0.112).abs() < 5e-4, "{bought}");
    assert_trusted(&manifest);
}

#[test]
fn synthetic() {
    let out = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(folder().join("synthetic.toml")).unwrap();
    let small = text.replace("{ seed = 0 }", "{ seed = 0, n_sessions = 300 }");
    let file = DatasetFile::parse(&small, Path::new("synthetic.toml")).unwrap();
    let prepared = prepare(&file, None, &out.path().join("p"), &|_| {}, &Cancel::default()).unwrap();
    assert_eq!(warned(&prepared.dataset.manifest.warnings, "chain_breaks"), [0; 0]);
    let dataset = Dataset::open(&prepared.directory).unwrap();
    let table = &dataset.train;
    // The oracle's mean is the labels' mean, within five standard deviations of a mean of coin tosses.
    for task in 0..3 {
        let oracle: f64 = table.rows().map(|row| f64::from(table.oracle(row).unwrap()[task])).sum();
        let positives: u64 = table.rows().map(|row| u64::from(table.labels(row)[task])).sum();
        let tolerance = 5.0 * (table.n_rows() as f64 / 4.0).sqrt();
        assert!((oracle - positives as f64).abs() < tolerance, "task {task}: {oracle} and {positives}");
    }
}

#[test]
fn the_whole_generated_logs_of_a_chain_are_trusted() {
    let out = tempfile::tempdir().unwrap();
    for name in ["synthetic.toml", "quickstart.toml"] {
        let file = dataset_file(name);
        let prepared = prepare(&file, None, &out.path().join(name), &|_| {}, &Cancel::default()).unwrap();
        assert_trusted(&prepared.dataset.manifest);
    }
}

/// The raw Kaggle layout in miniature. Features and labels by hand.
#[test]
fn retailrocket_raw_layout() {
    const HOUR: i64 = 3_600_000;
    // Visitor 1 views item 10 twice and carts it between; visitor 2 buys item 10 without a cart, then views item 11,
    // whose cart came before the view and again too late; visitor 3 carts and buys item 11, and carts it again; visitor 4
    // only views.
    let events = format!(
        "timestamp,visitorid,event,itemid,transactionid\n\
         {},1,view,10,\n{},1,addtocart,10,\n{},2,view,10,\n{},2,transaction,10,77\n\
         {},2,addtocart,11,\n{},2,view,11,\n{},3,view,11,\n{},3,addtocart,11,\n\
         {},3,transaction,11,78\n{},1,view,10,\n{},4,view,10,\n{},4,view,11,\n\
         {},2,addtocart,11,\n{},3,addtocart,11,\n",
        HOUR,
        2 * HOUR,
        3 * HOUR,
        4 * HOUR,
        5 * HOUR,
        6 * HOUR,
        7 * HOUR,
        8 * HOUR,
        9 * HOUR,
        10 * HOUR,
        11 * HOUR,
        12 * HOUR,
        13 * HOUR,
        14 * HOUR,
    );
    let part_1 = format!(
        "timestamp,itemid,property,value\n{},10,categoryid,500\n{},10,available,1\n",
        2 * HOUR,
        2 * HOUR
    );
    let part_2 = format!(
        "timestamp,itemid,property,value\n{},10,categoryid,501\n{},11,888,n24.000 7\n",
        10 * HOUR,
        HOUR
    );
    let case = Case::new()
        .with("events.csv", events)
        .with("item_properties_part1.csv", part_1)
        .with("item_properties_part2.csv", part_2)
        .with("category_tree.csv", "categoryid,parentid\n500,9\n501,\n");
    let text = fs::read_to_string(folder().join("retailrocket.toml")).unwrap();
    let text = text.replace("visitorid = { min_count = 3 }\nitemid = { min_count = 3 }\n", "");
    let dataset = case.dataset(&text.replace("ratios = [6, 2, 2]", "ratios = [4, 1, 1]"));
    // Six pairs: (1,10) at 1 h, (2,10) at 3 h, (2,11) at 6 h, (3,11) at 7 h | (4,10) at 11 h | (4,11) at 12 h.
    assert_eq!(times(&dataset.train), [1, 3, 6, 7].map(|hour| hour * HOUR));
    assert_eq!(times(&dataset.validation), [11 * HOUR]);
    // (1,10) carted; (2,10) bought without cart; (2,11) carted before its view and after the split; (3,11) carted and bought.
    assert_eq!(labels(&dataset.train), [[1, 0], [0, 0], [0, 0], [1, 1]]);
    assert_eq!(warned(&dataset.manifest.warnings, "chain_breaks"), [1]);
    assert_eq!(warned(&dataset.manifest.warnings, "late_labels"), [1]);
    let field = |name: &str| {
        let index = dataset.manifest.schema.categorical.iter().position(|field| field.name == name).unwrap();
        let text = fs::read_to_string(case.out().join(format!("vocabulary/{name}.csv"))).unwrap();
        let values: Vec<String> =
            text.lines().skip(1).map(|line| line.split(',').next().unwrap().replace('"', "")).collect();
        let value =
            |row: &Vec<u32>| values.get((row[index] as usize).wrapping_sub(1)).cloned().unwrap_or("?".into());
        ids(&dataset.train).iter().chain(&ids(&dataset.validation)).map(value).collect::<Vec<_>>()
    };
    // Item 10 is in category 500 from 2 h, in 501 from 10 h; item 11 never has one. 501 is unknown to training.
    assert_eq!(field("category"), ["", "500", "", "", "?"]);
    assert_eq!(field("parent_category"), ["", "9", "", "", ""]);
    // Powers of two of 0, 1, 0, 1 and 3 earlier views of the item.
    assert_eq!(field("item_views"), ["0", "1", "0", "1", "?"]);
    assert_eq!(field("visitor_carts"), ["0", "0", "1", "0", "0"]);
    assert_eq!(field("visitor_buys"), ["0", "0", "1", "0", "0"]);
    assert_eq!(field("hour"), ["1", "3", "6", "7", "?"]);
    assert_eq!(field("weekday"), ["4"; 5]);
    // An hour is 2^11.8 seconds; visitors 1, 3 and 4 have no earlier event.
    assert_eq!(field("pause"), ["", "", "11", "", ""]);
}

/// A person in the raw layout of census-income.data. Nobody real: four columns differ from person to person, the
/// others are the same for all.
fn person(age: u32, n_employees: u32, marital_status: &str, income: &str) -> String {
    let before = format!("{age}, Private, 40, 23, High school graduate, 0, Not in universe");
    let work = "Retail trade, Sales, White, All other, Female, Not in universe, Not in universe, Full-time schedules";
    let home = "0, 0, 12, Single, Not in universe, Not in universe, Householder, Householder";
    let moves =
        format!("1234.56, ?, ?, ?, Not in universe under 1 year old, ?, {n_employees}, Not in universe");
    let origin = "United-States, United-States, United-States, Native- Born in the United States";
    format!(
        "{before}, {marital_status}, {work}, {home}, {moves}, {origin}, 0, Not in universe, 2, 52, 95, {income}\n"
    )
}

#[test]
fn census_income_raw_layout() {
    // 200 people of 20 to 69 years; the older half is married, every fifth has a high income. Each is there twice.
    let people: String = (0..200)
        .map(|index| {
            let age = 20 + index % 50;
            let marital_status = if age < 45 { "Never married" } else { "Married-civilian spouse present" };
            let income = if index % 5 == 0 { "50000+." } else { "- 50000." };
            person(age, index / 50, marital_status, income).repeat(2)
        })
        .collect();
    assert!(people.lines().all(|line| line.split(", ").count() == 42), "{people}");
    let case = Case::new().with("census-income.data", people);
    let text = fs::read_to_string(folder().join("census_income.toml")).unwrap();
    let dataset = case.dataset(&text);
    let manifest = &dataset.manifest;
    assert_eq!(total(manifest, |split| split.rows), 400);
    assert_eq!(total(manifest, |split| split.positives[0]), 80, "every fifth");
    assert_eq!(total(manifest, |split| split.positives[1]), 200, "those below 45");
    assert_eq!(manifest.schema.parents(), [None, None]);
    // Whoever is the same in all columns is one session, in one split.
    assert_eq!(total(manifest, |split| split.sessions), 200);
    assert!(manifest.splits.iter().all(|split| split.rows == 2 * split.sessions));
    let classes = fs::read_to_string(case.out().join("vocabulary/class_worker.csv")).unwrap();
    assert!(classes.contains("Private"), "{classes}");
    let ages: f32 = dataset.train.rows().map(|row| dataset.train.numeric(row)[0]).sum();
    assert!(ages.abs() < 1e-2, "ages are standardised over the training rows: {ages}");
    let names: Vec<&str> = manifest.schema.categorical.iter().map(|field| field.name.as_str()).collect();
    for label in ["marital_status", "income", "high_income", "never_married"] {
        assert!(!names.contains(&label), "`{label}` is no feature");
    }
}

#[test]
fn planted() {
    let text = fs::read_to_string(folder().join("planted.toml")).unwrap();
    let small =
        text.replace("n_sessions = 100_000", "n_sessions = 3_000").replace("rate = 0.002", "rate = 0.05");
    let file = DatasetFile::parse(&small, Path::new("planted.toml")).unwrap();
    let out = tempfile::tempdir().unwrap();
    let prepared = prepare(&file, None, &out.path().join("p"), &|_| {}, &Cancel::default()).unwrap();
    let dataset = Dataset::open(&prepared.directory).unwrap();
    assert_eq!(warned(&dataset.manifest.warnings, "chain_breaks"), [0; 0]);
    // Of the whole log the mean probability is the rate.
    let rows = total(&dataset.manifest, |split| split.rows) as f64;
    for (task, rate) in [0.5, 0.4, 0.3, 0.05, 0.05, 0.05].into_iter().enumerate() {
        let of = |table: &rmtl_envs::LogTable| -> f64 {
            table.rows().map(|row| f64::from(table.oracle(row).unwrap()[task])).sum()
        };
        let mean = [&dataset.train, &dataset.validation, &dataset.test].map(of).iter().sum::<f64>() / rows;
        assert!((mean - rate).abs() < 1e-5, "task {task}: {mean}");
        let positives = total(&dataset.manifest, |split| split.positives[task]) as f64 / rows;
        assert!(
            (positives - rate).abs() < 5.0 * (rate * (1.0 - rate) / rows).sqrt(),
            "task {task}: {positives}"
        );
    }
}
