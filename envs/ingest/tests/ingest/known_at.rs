//! Labels that become known after their row.

use rmtl_envs::SessionEnd::{Continues, Cut, Terminated};

use crate::case::{Case, FILE, assert_says, labels, warned};

/// Splits at times 7 and 9, the last row at 10. Clicks are known with their row, buys when they happen.
const LOG: &str = "\
user,time,item,price,click,buy,bought
a,1,x,1,1,1,6
a,2,y,2,1,1,7
b,3,x,3,1,1,3
b,4,z,4,1,0,
a,5,x,5,0,0,
b,6,y,6,1,0,
a,7,w,7,1,1,8
c,8,x,8,1,1,9
a,9,x,9,1,1,10
b,10,v,10,1,1,11
";

fn file() -> String {
    FILE.replace("after = \"click\"", "after = \"click\"\nknown_at = \"bought\"")
}

#[test]
fn a_label_counts_once_it_is_known_before_its_splits_end() {
    let dataset = Case::with_log(LOG).dataset(&file());
    // The buy known at 7 is one too late for training; a: 1 2 5, b: 3 4 6.
    assert_eq!(labels(&dataset.train), [[1, 1], [1, 0], [0, 0], [1, 1], [1, 0], [1, 0]]);
    // 8 is before the boundary at 9, and 9 is not; of the last split the last time is part.
    assert_eq!(labels(&dataset.validation), [[1, 1], [1, 0]]);
    assert_eq!(labels(&dataset.test), [[1, 1], [1, 0]]);
    assert_eq!(dataset.manifest.splits.iter().map(|s| s.positives[1]).collect::<Vec<_>>(), [2, 1, 1]);
    assert_eq!(dataset.manifest.splits.iter().map(|s| s.boundary).collect::<Vec<_>>(), [7, 9, 10]);
    assert_eq!(warned(&dataset.manifest.warnings, "late_labels"), [1, 1, 1]);
    let first = dataset.manifest.warnings.iter().find(|warning| warning.kind == "late_labels").unwrap();
    assert_eq!(
        first.message,
        "1 train rows: label `buy` becomes 1 only after the split's end; it counts as 0 there"
    );
}

#[test]
fn splits_by_a_column_end_with_their_last_row() {
    let query = "SELECT *, CASE WHEN time < 7 THEN 'a' WHEN time < 9 THEN 'b' ELSE 'c' END AS part FROM log";
    let rule = "kind = \"column\"\ncolumn = \"part\"\ntrain = [\"a\"]\nvalidation = [\"b\"]\ntest = [\"c\"]";
    let file = format!("{}\n[split]\n{rule}\n", file().replace("SELECT * FROM log", query));
    let dataset = Case::with_log(LOG).dataset(&file);
    assert_eq!(dataset.manifest.splits.iter().map(|s| s.boundary).collect::<Vec<_>>(), [6, 8, 10]);
    // What is known at 6 is known in a split that ends with a row at 6.
    assert_eq!(dataset.manifest.splits.iter().map(|s| s.positives[1]).collect::<Vec<_>>(), [2, 1, 1]);
}

#[test]
fn a_task_after_one_that_is_not_yet_known_is_not_known_either() {
    let clicks_late = FILE.replace("label = \"click\"", "label = \"click\"\nknown_at = \"bought\"");
    let dataset = Case::with_log(LOG).dataset(&clicks_late.replace(
        "SELECT *",
        "SELECT * EXCEPT (bought, click), \
        buy AS click, bought",
    ));
    assert_eq!(labels(&dataset.train), [[1, 1], [0, 0], [0, 0], [1, 1], [0, 0], [0, 0]]);
    assert_eq!(warned(&dataset.manifest.warnings, "late_labels"), [1; 6]);
    assert_eq!(warned(&dataset.manifest.warnings, "chain_breaks"), [0; 0]);
}

#[test]
fn rows_of_one_time_are_ordered_by_the_labels_that_count() {
    // Two rows differ in nothing but a buy that comes too late: in training they are equal.
    let twins = "a,5,x,5,1,1,9\na,5,x,5,1,0,\n";
    let order = |twins: &str| {
        let case = Case::with_log(&LOG.replace("a,5,x,5,0,0,\n", twins));
        let dataset = case.dataset(&file());
        assert_eq!(warned(&dataset.manifest.warnings, "duplicate_rows"), [1]);
        std::fs::read(case.out().join("train.arrow")).unwrap()
    };
    let never = twins.replace("1,1,9", "1,0,");
    assert!(order(twins) == order(&never));
}

#[test]
fn a_label_of_1_needs_a_time_and_a_label_of_0_none() {
    let message = Case::with_log(&LOG.replace("b,3,x,3,1,1,3", "b,3,x,3,1,1,")).error(&file());
    assert_says(
        &message,
        &[
            "`tasks.known_at`: column `bought`",
            "a time in every row whose label is 1",
            "found null in 1 row",
            "row 3",
        ],
    );
    let dataset = Case::with_log(&LOG.replace("b,4,z,4,1,0,", "b,4,z,4,1,0,99")).dataset(&file());
    assert_eq!(labels(&dataset.train)[4], [1, 0]);
}

#[test]
fn the_time_has_the_type_of_the_rows_time_and_no_other_use() {
    let case = Case::with_log(LOG);
    let text = file().replace("SELECT *", "SELECT * EXCEPT (bought), CAST(bought AS TEXT) AS bought");
    assert_says(
        &case.error(&text),
        &["`tasks.known_at`", "`bought` has type Utf8", "integers, in the unit of `time`"],
    );
    let stamp = file().replace("SELECT *", "SELECT * EXCEPT (bought), to_timestamp_millis(bought) AS bought");
    assert_says(&case.error(&stamp), &["`tasks.known_at`", "integers, in the unit of `time`"]);
    let feature = file().replace("[\"price\"]", "[\"price\", \"bought\"]");
    assert_says(&case.error(&feature), &["`tasks.known_at`", "`bought`, already named under `numeric`"]);
    let missing = file().replace("known_at = \"bought\"", "known_at = \"bougth\"");
    assert_says(&case.error(&missing), &["`tasks.known_at` names column `bougth`", "did you mean `bought`?"]);
    // Timestamps go with timestamps; and a label may be known with its row.
    let both = stamp
        .replace("EXCEPT (bought)", "EXCEPT (bought, time)")
        .replace(" FROM", ", to_timestamp_millis(time) AS time FROM");
    assert_eq!(case.dataset(&both).manifest.splits[0].positives, [5, 2]);
    let with_row =
        file().replace("\"bought\"", "\"time\"").replace("[\"price\"]", "[\"price\"]\nignore = [\"bought\"]");
    let dataset = case.dataset(&with_row);
    assert_eq!(dataset.manifest.splits[0].positives, [5, 3]);
    assert_eq!(dataset.train.end(rmtl_envs::Row(0)), Continues);
    assert!(dataset.train.rows().all(|row| dataset.train.end(row) != Terminated));
    assert_eq!(dataset.train.end(rmtl_envs::Row(2)), Cut);
}
