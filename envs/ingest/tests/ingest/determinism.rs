//! Same input, same bytes; and nothing done twice.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use rmtl_envs::Cancel;
use rmtl_ingest::{DatasetFile, Prepared, Progress, prepare};

use crate::case::{Case, FILE, LOG, contents};

/// Enough rows for several partitions and row groups, with many ties in time, and numbers whose sum depends on order.
fn large_log() -> String {
    let mut log = String::from("user,time,item,price,click,buy\n");
    let mut state = 1u64;
    for row in 0..150_000u64 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = state >> 33;
        let price = (random % 1000) as f64 / 7.0;
        log += &format!("u{},{},i{},{price},{},1\n", random % 997, row / 5, random % 311, random % 2);
    }
    log
}

#[test]
fn two_runs_give_the_same_bytes() {
    let log = large_log();
    let runs = [Case::with_log(&log), Case::with_log(&log)].map(|case| {
        case.prepare(FILE).unwrap();
        contents(&case.out())
    });
    let names: Vec<&str> = runs[0].keys().map(String::as_str).collect();
    let expected = [
        "checksums.txt",
        "manifest.json",
        "test.arrow",
        "train.arrow",
        "validation.arrow",
        "vocabulary/item.csv",
        "vocabulary/user.csv",
    ];
    assert_eq!(names, expected);
    for name in runs[0].keys() {
        assert!(runs[0][name] == runs[1][name], "{name} differs");
    }
}

#[test]
fn a_shuffled_log_gives_the_same_tables() {
    let log = large_log();
    let mut lines: Vec<&str> = log.lines().skip(1).collect();
    lines.reverse();
    lines.swap(10, 70_000);
    let reversed = format!("{}\n{}\n", log.lines().next().unwrap(), lines.join("\n"));
    let runs = [log, reversed].map(|log| {
        let case = Case::with_log(&log);
        case.prepare(FILE).unwrap();
        contents(&case.out())
    });
    for name in ["train.arrow", "validation.arrow", "test.arrow", "vocabulary/item.csv"] {
        assert!(runs[0][name] == runs[1][name], "{name} differs");
    }
}

/// Prepares and notes every step.
fn watched(case: &Case, file: &DatasetFile) -> (Prepared, Vec<Progress>) {
    let steps = RefCell::new(Vec::new());
    let observe = |step| steps.borrow_mut().push(step);
    let prepared = prepare(file, Some(&case.root()), &case.out(), &observe, &Cancel::default()).unwrap();
    (prepared, steps.into_inner())
}

#[test]
fn an_unchanged_log_is_not_prepared_again() {
    let case = Case::with_log(LOG);
    assert!(!case.prepare(FILE).unwrap().reused);
    let commented = FILE.replace("[tables]", "# where the files are\n[tables]");
    let file = DatasetFile::parse(&commented, Path::new("elsewhere.toml")).unwrap();
    let (again, steps) = watched(&case, &file);
    assert!(again.reused);
    assert!(steps.iter().all(|step| matches!(step, Progress::Hashing { .. })));

    assert!(!case.prepare(&FILE.replace("\"tiny\"", "\"small\"")).unwrap().reused);
    assert!(case.prepare(&FILE.replace("\"tiny\"", "\"small\"")).unwrap().reused);
    case.write("log.csv", LOG.replace("a,1,x", "a,1,y"));
    assert!(!case.prepare(FILE).unwrap().reused);
}

#[test]
fn a_damaged_dataset_is_prepared_again() {
    let case = Case::with_log(LOG);
    case.prepare(FILE).unwrap();
    let table = case.out().join("test.arrow");
    let whole = fs::read(&table).unwrap();
    fs::write(&table, &whole[..whole.len() / 2]).unwrap();
    assert!(!case.prepare(FILE).unwrap().reused);
    assert_eq!(fs::read(&table).unwrap(), whole);
}

#[test]
fn progress_counts_to_the_end() {
    let case = Case::with_log(LOG);
    let file = DatasetFile::parse(FILE, Path::new("tiny.toml")).unwrap();
    let (_, steps) = watched(&case, &file);
    let bytes = LOG.len() as u64;
    assert_eq!(steps[0], Progress::Hashing { bytes: 0, total: bytes });
    assert!(steps.contains(&Progress::Hashing { bytes, total: bytes }));
    assert!(steps.contains(&Progress::Querying { rows: 10 }));
    assert!(steps.contains(&Progress::FittingVocabulary { field: "item".into() }));
    assert_eq!(steps.last(), Some(&Progress::Writing { rows: 10, total: 10 }));
}
