//! What a good log becomes.

use rmtl_envs::SessionEnd::{Continues, Cut, Terminated};
use rmtl_envs::{LogTable, SessionEnd, SplitSummary};

use crate::case::{Case, FILE, LOG, ids, labels, numbers, times, warned};

fn ends(table: &LogTable) -> Vec<SessionEnd> {
    table.rows().map(|row| table.end(row)).collect()
}

fn with_session(session: &str) -> String {
    FILE.replace("session = \"user\"", &format!("session = {session}"))
}

#[test]
fn rows_are_sorted_by_session_then_time() {
    let dataset = Case::with_log(LOG).dataset(FILE);
    assert_eq!(times(&dataset.train), [1, 2, 5, 3, 4, 6]);
    assert_eq!(times(&dataset.validation), [7, 8]);
    assert_eq!(times(&dataset.test), [9, 10]);
}

#[test]
fn without_a_gap_no_end_is_known_and_every_last_row_is_cut() {
    let dataset = Case::with_log(LOG).dataset(FILE);
    // a: 1 2 5 | 7 | 9, b: 3 4 6 | | 10, c: | 8 |
    assert_eq!(ends(&dataset.train), [Continues, Continues, Cut, Continues, Continues, Cut]);
    assert_eq!(ends(&dataset.validation), [Cut, Cut]);
    assert_eq!(ends(&dataset.test), [Cut, Cut]);
}

#[test]
fn a_longer_pause_than_the_gap_ends_a_session_and_so_does_a_boundary_that_far_away() {
    let dataset = Case::with_log(LOG).dataset(&with_session("{ key = \"user\", gap = 1 }"));
    // a: 1 2 . 5, known to end twice, because 7 is two later; b: 3 4 . 6, of which 6 may go on.
    assert_eq!(ends(&dataset.train), [Continues, Terminated, Terminated, Continues, Terminated, Cut]);
    // Validation ends at 9, the test split with its last row at 10.
    assert_eq!(ends(&dataset.validation), [Terminated, Cut]);
    assert_eq!(ends(&dataset.test), [Cut, Cut]);
    let counts = dataset.manifest.splits.iter().map(|split| (split.sessions, split.cut_sessions));
    assert_eq!(counts.collect::<Vec<_>>(), [(4, 1), (2, 1), (2, 2)]);
    let table = Case::with_log(LOG).dataset(
        &FILE
            .replace("session = \"user\"", "")
            .replace("[tables]", "[session]\nkey = \"user\"\ngap = 1\n\n[tables]"),
    );
    assert_eq!(ends(&table.train), ends(&dataset.train));
}

#[test]
fn a_gap_may_be_a_duration_where_times_are_timestamps() {
    let minutes = "SELECT * EXCEPT (time), to_timestamp_millis(60000 * time) AS time FROM log";
    let file = |gap: &str| {
        with_session(&format!("{{ key = \"user\", gap = {gap} }}")).replace("SELECT * FROM log", minutes)
    };
    let expected = [Continues, Terminated, Terminated, Continues, Terminated, Cut];
    for gap in ["\"60s\"", "\"1min\"", "60000"] {
        assert_eq!(ends(&Case::with_log(LOG).dataset(&file(gap)).train), expected, "{gap}");
    }
}

#[test]
fn what_comes_after_a_split_says_nothing_about_its_sessions() {
    let file = with_session("{ key = \"user\", gap = 1 }")
        + "\n[split]\nkind = \"time_boundary\"\nvalidation_from = 7\ntest_from = 9\n";
    // Neither a nor b ever comes back.
    let log = LOG.replace("\na,7", "\nd,7").replace("\na,9", "\nd,9").replace("\nb,10", "\nd,10");
    let (one, other) = (Case::with_log(LOG), Case::with_log(&log));
    let [one, other] = [one, other].map(|case| {
        case.dataset(&file);
        std::fs::read(case.out().join("train.arrow")).unwrap()
    });
    assert!(one == other);
}

#[test]
fn labels_are_the_and_along_the_chain() {
    let dataset = Case::with_log(LOG).dataset(FILE);
    assert_eq!(labels(&dataset.train), [[1, 0], [0, 0], [1, 1], [1, 1], [0, 0], [0, 0]]);
    // Rows 4 and 10 have a buy without a click.
    assert_eq!(labels(&dataset.test), [[1, 0], [0, 0]]);
    assert_eq!(warned(&dataset.manifest.warnings, "chain_breaks"), [2]);
}

#[test]
fn ids_and_numbers_are_fitted_on_training_rows() {
    let dataset = Case::with_log(LOG).dataset(FILE);
    // Users a and b 3 times each; items x 3, y 2, z 1. User c and items w and v come later.
    assert_eq!(ids(&dataset.train), [[1, 1], [1, 2], [1, 1], [2, 1], [2, 3], [2, 2]]);
    assert_eq!(ids(&dataset.validation), [[1, 0], [0, 1]]);
    assert_eq!(ids(&dataset.test), [[1, 1], [2, 0]]);
    let sizes: Vec<u32> =
        dataset.manifest.schema.categorical.iter().map(|field| field.vocabulary_size).collect();
    assert_eq!(sizes, [3, 4]);
    let price = &dataset.manifest.schema.numeric[0];
    assert_eq!((price.mean, price.standard_deviation), (3.5, (35.0f64 / 12.0).sqrt()));
    let standardised = |value: f64| ((value - 3.5) / (35.0f64 / 12.0).sqrt()) as f32;
    assert_eq!(numbers(&dataset.train), [1.0, 2.0, 5.0, 3.0, 4.0, 6.0].map(standardised));
    assert_eq!(numbers(&dataset.test), [9.0, 10.0].map(standardised));
}

#[test]
fn the_manifest_tells_what_is_in_the_tables() {
    let dataset = Case::with_log(LOG).dataset(FILE);
    let tables = [&dataset.train, &dataset.validation, &dataset.test];
    for (summary, table) in dataset.manifest.splits.iter().zip(tables) {
        assert_eq!(*summary, SplitSummary::of(summary.split, table, summary.boundary));
    }
    assert_eq!(dataset.manifest.splits[0].cut_sessions, 2);
    assert_eq!(dataset.manifest.name, "tiny");
    assert!(dataset.manifest.schema.is_chain());
}

#[test]
fn harmless_oddities_are_counted() {
    let log = "\
user,time,item,price,click,buy
a,3,x,1,1,1
a,1,x,,0,0
a,1,x,,0,0
b,2,y,nan,1,0
c,4,x,5,1,1
c,5,x,5,0,0
c,6,x,5,1,1
d,7,x,5,0,0
c,8,x,5,1,1
c,9,x,5,0,0
";
    let dataset = Case::with_log(log).dataset(FILE);
    let warned = |kind| warned(&dataset.manifest.warnings, kind);
    assert_eq!(warned("duplicate_rows"), [1]);
    // The row at time 3 stands before those at time 1.
    assert_eq!(warned("unsorted_time"), [1]);
    // b, d, and c in validation.
    assert_eq!(warned("single_row_sessions"), [3]);
    assert_eq!(warned("missing_numbers"), [3]);
    // Validation has user d, whom training does not.
    assert_eq!(warned("out_of_vocabulary"), [1]);
    assert_eq!(warned("chain_breaks"), [0; 0]);
    // Missing prices stand at the mean of 1, 5 and 5.
    let price = &dataset.manifest.schema.numeric[0];
    assert!((price.mean - 11.0 / 3.0).abs() < 1e-12);
    assert_eq!(numbers(&dataset.train)[..2], [0.0, 0.0]);
}

#[test]
fn a_task_with_one_outcome_outside_training_and_a_constant_number_are_warnings() {
    let log = LOG.replace(",10,0,1", ",10,0,0").replace("\na,9,x,9,1,0", "\na,9,x,9,0,0");
    let dataset = Case::with_log(&log).dataset(FILE);
    // Neither click nor buy in the two test rows.
    assert_eq!(warned(&dataset.manifest.warnings, "one_class"), [2, 2]);
    let constant = FILE.replace("SELECT *", "SELECT * EXCEPT (price), 7 AS price");
    let dataset = Case::with_log(LOG).dataset(&constant);
    assert_eq!(warned(&dataset.manifest.warnings, "constant_number"), [10]);
    assert_eq!(numbers(&dataset.train), [0.0; 6]);
}

#[test]
fn labels_may_be_booleans_or_floats_and_sessions_numbers() {
    let query = "SELECT ascii(user) AS user, time, item, price, click = 1 AS click, CAST(buy AS DOUBLE) AS buy FROM log";
    let typed = Case::with_log(LOG).dataset(&FILE.replace("SELECT * FROM log", query));
    let plain = Case::with_log(LOG).dataset(FILE);
    assert_eq!(labels(&typed.train), labels(&plain.train));
    assert_eq!(ids(&typed.train), ids(&plain.train));
}

#[test]
fn a_chain_of_three_is_cumulative_and_breaks_are_counted_per_task() {
    let log = "user,time,item,click,cart,buy\n".to_owned()
        + &(1..=10)
            .map(|time| format!("a,{time},x,{},{},1\n", time % 2, u8::from(time != 3)))
            .collect::<String>();
    let file = FILE.replace("numeric = [\"price\"]\n", "").replace("after = \"click\"", "after = \"cart\"\n");
    let cart = "[[tasks]]\nname = \"cart\"\nlabel = \"cart\"\nafter = \"click\"\n\n[[tasks]]\nname = \"buy\"";
    let dataset = Case::with_log(&log).dataset(&file.replace("[[tasks]]\nname = \"buy\"", cart));
    let expected = [[1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 0, 0], [1, 1, 1], [0, 0, 0]];
    assert_eq!(labels(&dataset.train), expected);
    // Carts without click at even times; buys without (cumulative) cart there and at time 3.
    assert_eq!(warned(&dataset.manifest.warnings, "chain_breaks"), [5, 6]);
    assert_eq!(dataset.manifest.schema.parents(), [None, Some(0), Some(1)]);
}
