//! Rows that cannot be used: named by file and line, and left out where the dataset file allows it.

use std::fs;

use crate::case::{Case, FILE, LOG, assert_says, gzipped, labels, numbers, warned};

fn allowing(rows: u64) -> String {
    format!("max_bad_rows = {rows}\n{FILE}")
}

fn rejects(case: &Case) -> Vec<String> {
    let text = fs::read_to_string(case.out().join("rejects.csv")).unwrap();
    text.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn a_row_cut_short_is_named_and_can_be_left_out() {
    let log = format!("{LOG}a,11,x");
    for (name, bytes, file) in [
        ("log.csv", log.clone().into_bytes(), FILE.to_owned()),
        ("log.csv.gz", gzipped(&log), FILE.replace("log.csv", "log.csv.gz")),
    ] {
        let case = Case::new().with(name, bytes);
        let message = case.error(&file);
        assert_says(&message, &[name, "line 12", "expected 6 values, found 3", "max_bad_rows"]);
        let dataset = case.dataset(&format!("max_bad_rows = 1\n{file}"));
        assert_eq!(labels(&dataset.test), labels(&Case::with_log(LOG).dataset(FILE).test));
        assert_eq!(warned(&dataset.manifest.warnings, "bad_rows"), [1]);
        assert_eq!(rejects(&case), [format!("{name},line 12,\"expected 6 values, found 3\"")]);
    }
}

#[test]
fn values_that_are_not_allowed_are_left_out_with_their_place_in_the_source() {
    // A label, a number and a key, two of them in one row.
    let log = LOG.replace("a,2,y,2,0,0", "a,2,y,2,2,0").replace("b,4,z,4,0,1", ",4,z,four,0,1");
    let case = Case::with_log(&log);
    let message = case.error(FILE);
    assert_says(&message, &["log.csv, line"]);
    assert_says(
        &case.error(&allowing(1)),
        &["max_bad_rows", "at most 1 rows", "log.csv, line 3: `tasks.label`"],
    );
    let dataset = case.dataset(&allowing(2));
    let found = rejects(&case);
    assert_eq!(found.len(), 2);
    assert_says(&found[0], &["log.csv,line 3,", "`tasks.label`: column `click`", "found 2"]);
    assert_says(&found[1], &["log.csv,line 5,", "`session`", "found null"]);
    let without: String = LOG
        .lines()
        .filter(|line| !line.starts_with("a,2") && !line.starts_with("b,4"))
        .map(|l| format!("{l}\n"))
        .collect();
    let expected = Case::with_log(&without).dataset(FILE);
    assert_eq!(numbers(&dataset.train), numbers(&expected.train));
    assert_eq!(dataset.manifest.splits, expected.manifest.splits);
    assert_eq!(warned(&dataset.manifest.warnings, "bad_rows"), [2]);
    assert_eq!(
        warned(&dataset.manifest.warnings, "chain_breaks"),
        [1],
        "those of rows left out do not count"
    );
}

#[test]
fn values_that_are_not_of_their_columns_type_are_left_out() {
    let log = LOG.replace("b,6,y", "b,sometime,y");
    let file = |rows| {
        allowing(rows).replace("\"log.csv\"", "{ path = \"log.csv\", types = { time = \"integer\" } }")
    };
    let case = Case::with_log(&log);
    assert_says(
        &case.error(&file(0)),
        &["log.csv", "line 7", "column `time`", "an integer of 64 bits", "`sometime`"],
    );
    case.dataset(&file(1));
    assert_says(&rejects(&case)[0], &["log.csv,line 7,", "found `sometime`"]);
}

#[test]
fn lines_stay_what_they_are_behind_rows_left_out() {
    let long = "user,time,item,price,click,buy\n\"a\nb\",1,x\n".to_owned();
    let log =
        LOG.replacen("user,time,item,price,click,buy\n", &long, 1).replace("b,6,y,6,0,0", "b,6,y,6,7,0");
    let case = Case::with_log(&log);
    case.dataset(&allowing(2));
    let found = rejects(&case);
    assert_says(&found[0], &["log.csv,line 2,"]);
    assert_says(&found[1], &["log.csv,line 9,", "found 7"]);
}

#[test]
fn a_whole_log_has_no_list_of_rows_left_out() {
    let case = Case::with_log(LOG);
    case.dataset(&allowing(5));
    assert!(!case.out().join("rejects.csv").exists());
}

#[test]
fn numbers_no_table_can_hold_are_named_with_their_line() {
    let largest = LOG.replace("b,6,y,6,", "b,6,y,1.7976931348623157E308,");
    let message = Case::with_log(&largest).error(FILE);
    assert_says(&message, &["column `price`", "at most 3.4e38", "1.7976931348623157e308", "log.csv, line 7"]);
    // All training prices are 1, but for one that is 1e-30 off; a test price lies 1e38 away from them.
    let log: String = (0..20)
        .map(|row| {
            let price = match row {
                3 => "1e-30",
                18 => "1e38",
                _ => "0",
            };
            format!("a,{row},x,{price},1,1\n")
        })
        .collect();
    let message = Case::with_log(&format!("user,time,item,price,click,buy\n{log}")).error(FILE);
    assert_says(&message, &["`numeric`", "values of `price`", "1e38 in row 19"]);
}

/// Whatever ends lines and stands between them.
#[test]
fn lines_are_counted_as_editors_count_them() {
    let plain = LOG
        .replace("a,2,y,2,0,0", "a,2,y,2,0,7")
        .replace("b,6,y,6,0,0", "b,6,y,6,0")
        .replace("c,8,x,8,0,0", "c,8,x,8,0,5");
    let windows = plain.replace('\n', "\r\n");
    let blank = plain.replace("b,4,", "\n\nb,4,");
    let commented = plain.replace("b,4,", "# a note\nb,4,");
    let file = format!("max_bad_rows = 3\n{FILE}")
        .replace("log = \"log.csv\"", "log = { path = \"log.csv\", comment = \"#\" }");
    for (log, expected) in
        [(&plain, [3, 7, 9]), (&windows, [3, 7, 9]), (&blank, [3, 9, 11]), (&commented, [3, 8, 10])]
    {
        let prepared = Case::with_log(log);
        let directory = prepared
            .prepare(&file)
            .unwrap_or_else(|error| panic!("{}", crate::case::message(&error)))
            .directory;
        let rejects = std::fs::read_to_string(directory.join("rejects.csv")).unwrap();
        let lines: std::collections::BTreeSet<u64> = rejects
            .lines()
            .skip(1)
            .map(|line| line.split(',').nth(1).unwrap().trim_start_matches("line ").parse().unwrap())
            .collect();
        assert_eq!(lines.into_iter().collect::<Vec<_>>(), expected, "{rejects}");
    }
}
