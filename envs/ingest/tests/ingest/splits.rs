//! Where the splits meet.

use std::collections::HashMap;

use rmtl_envs::{Dataset, Split};

use crate::case::{Case, FILE, LOG, assert_says, ids, times};

fn with_split(rule: &str) -> String {
    format!("{FILE}\n[split]\n{rule}\n")
}

fn rows(dataset: &Dataset) -> [u64; 3] {
    [0, 1, 2].map(|split| dataset.manifest.splits[split].rows)
}

#[test]
fn equal_times_never_straddle_a_boundary() {
    let at = [1, 1, 1, 1, 1, 2, 2, 2, 3, 4];
    let mut log = String::from("user,time,item,price,click,buy\n");
    for (row, time) in at.iter().enumerate() {
        log += &format!("a,{time},x,{row},{},1\n", row % 2);
    }
    let dataset = Case::with_log(&log).dataset(FILE);
    // Six rows are wanted before the first boundary: time changes after five or eight.
    assert_eq!(rows(&dataset), [5, 3, 2]);
    assert_eq!(times(&dataset.validation), [2, 2, 2]);
}

#[test]
fn ratios_count_rows_and_not_time() {
    let log = LOG.replace("b,10,v", "b,1000000,v");
    let dataset =
        Case::with_log(&log).dataset(&with_split("kind = \"time_ratio\"\nratios = [0.5, 0.3, 0.2]"));
    assert_eq!(rows(&dataset), [5, 3, 2]);
}

#[test]
fn boundaries_may_be_given_as_times() {
    let rule = "kind = \"time_boundary\"\nvalidation_from = 4\ntest_from = 10";
    assert_eq!(rows(&Case::with_log(LOG).dataset(&with_split(rule))), [3, 6, 1]);

    let rule =
        "kind = \"time_boundary\"\nvalidation_from = \"2022-05-04\"\ntest_from = \"2022-05-10T00:00:00Z\"";
    let query = "SELECT * EXCEPT (time), CAST(concat('2022-05-', lpad(CAST(time AS TEXT), 2, '0')) AS TIMESTAMP) AS time FROM log";
    let dataset = Case::with_log(LOG).dataset(&with_split(rule).replace("SELECT * FROM log", query));
    assert_eq!(rows(&dataset), [3, 6, 1]);
    // Milliseconds since 1970 of 2022-05-10.
    assert_eq!(times(&dataset.test), [1_652_140_800_000]);

    let message = Case::with_log(LOG).error(&with_split(rule));
    assert_says(&message, &["split.validation_from", "number in the unit of column `time`", "2022-05-04"]);
}

#[test]
fn a_column_may_name_the_split_and_sessions_are_cut_there() {
    let query =
        "SELECT *, CASE WHEN time = 3 THEN 'test' WHEN time > 8 THEN 'dev' ELSE 'past' END AS part FROM log";
    let rule =
        "kind = \"column\"\ncolumn = \"part\"\ntrain = [\"past\"]\nvalidation = [\"dev\"]\ntest = [\"test\"]";
    let file = with_split(rule).replace("SELECT * FROM log", query);
    let dataset = Case::with_log(LOG).dataset(&file);
    assert_eq!(rows(&dataset), [7, 2, 1]);
    // b's first row is for test.
    assert_eq!(dataset.manifest.splits[2].cut_sessions, 1);
    assert_eq!(times(&dataset.train), [1, 2, 5, 7, 4, 6, 8]);
    // Each split ends with the last of its own rows.
    assert_eq!(dataset.manifest.splits.iter().map(|split| split.boundary).collect::<Vec<_>>(), [8, 10, 3]);
    // Row 5 of session a in another split leaves a hole in it, not an end.
    let hole = Case::with_log(LOG).dataset(&file.replace("time = 3", "time = 5"));
    assert_eq!(times(&hole.train), [1, 2, 7, 3, 4, 6, 8]);
    assert_eq!(hole.manifest.splits[0].sessions, 3);

    let message = Case::with_log(LOG).error(&file.replace("'dev'", "'other'"));
    assert_says(&message, &["`split.column`", "`part`", "found other in 2 row(s)", "session a, time 9"]);
}

#[test]
fn random_splits_keep_sessions_whole() {
    let mut log = String::from("user,time,item,price,click,buy\n");
    for row in 0..600 {
        log += &format!("u{},{row},x,1,{},1\n", row % 100, row % 2);
    }
    let file = |seed| {
        with_split(&format!("kind = \"random\"\nratios = [6, 2, 2]\nseed = {seed}"))
            .replace("SELECT *", "SELECT *, user AS visitor")
            .replace("\"item\"]", "\"item\", \"visitor\"]\nvocabulary.fields.visitor.hash_buckets = 1000000")
    };
    let case = Case::with_log(&log);
    let dataset = case.dataset(&file(1));
    let mut split_of: HashMap<u32, Split> = HashMap::new();
    for split in Split::ALL {
        let before = split_of.len();
        for row in ids(dataset.split(split)) {
            assert_eq!(*split_of.entry(row[2]).or_insert(split), split);
        }
        assert_eq!(dataset.manifest.splits[split as usize].sessions as usize, split_of.len() - before);
    }
    // With a gap their parts stay together.
    let gap = case.dataset(&file(1).replace("session = \"user\"", "session = { key = \"user\", gap = 50 }"));
    assert_eq!(times(&gap.train), times(&dataset.train));
    assert_eq!(gap.manifest.splits[0].sessions, gap.manifest.splits[0].rows);
    assert_eq!(split_of.len(), 100);
    let [train, validation, test] = rows(&dataset);
    assert_eq!(train + validation + test, 600);
    assert!((270..450).contains(&train), "60 % of 600, give or take, not {train}");
    let other = case.dataset(&file(2));
    assert_ne!(times(&other.train), times(&dataset.train));
}
