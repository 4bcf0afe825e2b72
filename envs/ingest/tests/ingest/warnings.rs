//! What a preparation says of a log that will mislead, and that it says nothing of a healthy one.

use rmtl_envs::Warning;

use crate::case::{Case, FILE, assert_says, warned};

/// Rows of a log: enough for a precise AUC in every split.
const N_ROWS: usize = 6_000;

/// A row of a log in the columns of [`FILE`].
struct LogRow {
    user: String,
    item: String,
    price: String,
    click: u8,
    buy: u8,
}

/// A number from 0 to 99 for every row and name.
fn dice(row: usize, name: u64) -> u64 {
    let bits =
        (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ name.wrapping_mul(0xD1B5_4A32_D192_ED03);
    let bits = (bits ^ (bits >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((bits ^ (bits >> 29)) >> 33) % 100
}

/// A user's five rows follow one another; half the rows are clicked, half of these bought, whatever the features are.
fn healthy(row: usize) -> LogRow {
    let click = u8::from(dice(row, 1) < 50);
    LogRow {
        user: format!("u{}", row / 5),
        item: format!("i{}", row * 7 % 40),
        price: (row * 37 % 101).to_string(),
        click,
        buy: click & u8::from(dice(row, 2) < 50),
    }
}

fn log(row: impl Fn(usize) -> LogRow) -> String {
    let lines = (0..N_ROWS).map(|time| {
        let LogRow { user, item, price, click, buy } = row(time);
        format!("{user},{time},{item},{price},{click},{buy}\n")
    });
    "user,time,item,price,click,buy\n".to_owned() + &lines.collect::<String>()
}

fn warnings(row: impl Fn(usize) -> LogRow) -> Vec<Warning> {
    Case::with_log(&log(row))
        .prepare(FILE)
        .unwrap_or_else(|error| panic!("{error}"))
        .dataset
        .manifest
        .warnings
}

/// The message of the only warning of its kind.
#[track_caller]
fn message(warnings: &[Warning], kind: &str) -> String {
    let of_kind: Vec<&Warning> = warnings.iter().filter(|warning| warning.kind == kind).collect();
    let [warning] = of_kind.as_slice() else { panic!("{warnings:?}") };
    warning.message.clone()
}

#[test]
fn a_healthy_log_gives_no_warnings() {
    let ending = FILE.replace("session = \"user\"", "session = { key = \"user\", gap = 10 }");
    let found = Case::with_log(&log(healthy)).prepare(&ending).unwrap().dataset.manifest.warnings;
    // Users do not come back, so every later one is new.
    let other: Vec<Warning> =
        found.into_iter().filter(|warning| warning.kind != "out_of_vocabulary").collect();
    assert_eq!(other, []);
}

#[test]
fn a_label_among_the_features_is_found_under_another_name() {
    let copied = FILE
        .replace("SELECT *", "SELECT *, CASE buy WHEN 1 THEN 'yes' ELSE 'no' END AS status")
        .replace("\"item\"]", "\"item\", \"status\"]");
    let warnings = Case::with_log(&log(healthy)).prepare(&copied).unwrap().dataset.manifest.warnings;
    assert_says(&message(&warnings, "label_copy"), &["`status` equals the label of task `buy`", "`ignore`"]);
}

#[test]
fn a_value_that_comes_with_the_outcome_is_found_by_its_absence() {
    let paid = |row| {
        let of = healthy(row);
        LogRow { price: if of.buy == 1 { of.price } else { String::new() }, ..of }
    };
    let warnings = warnings(paid);
    assert_says(
        &message(&warnings, "missing_with_label"),
        &["`price` is missing exactly where", "`buy` is 0"],
    );
    // As an id: the order's number, which no two rows share.
    let order = FILE
        .replace("SELECT *", "SELECT *, CASE buy WHEN 1 THEN CAST(time AS VARCHAR) END AS order")
        .replace("\"item\"]", "\"item\", \"order\"]");
    let warnings = Case::with_log(&log(healthy)).prepare(&order).unwrap().dataset.manifest.warnings;
    assert_says(
        &message(&warnings, "missing_with_label"),
        &["`order` is missing exactly where", "`buy` is 0"],
    );
}

#[test]
fn fields_of_one_value_and_of_a_value_per_row_are_named() {
    let numbered = FILE
        .replace("SELECT *", "SELECT *, 'de' AS country, time AS impression")
        .replace("\"item\"]", "\"item\", \"country\", \"impression\"]");
    let warnings = Case::with_log(&log(healthy)).prepare(&numbered).unwrap().dataset.manifest.warnings;
    assert_says(&message(&warnings, "constant_category"), &["`country` has one value"]);
    assert_says(&message(&warnings, "row_id"), &["`impression` has 3600 values in 3600 training rows"]);
    assert_eq!(warned(&warnings, "telling_feature"), [0; 0]);
}

#[test]
fn positives_lost_to_the_chain_are_a_share_and_many_of_them_are_loud() {
    // A quarter of the rows are bought after a click. Without one, half the rows, 2 or 50 in a hundred are bought as well.
    let lost = |percent: u64| {
        move |row| {
            let of = healthy(row);
            LogRow { buy: of.buy | u8::from(of.click == 0 && dice(row, 3) < percent), ..of }
        }
    };
    let few = message(&warnings(lost(2)), "chain_breaks");
    assert_says(
        &few,
        &["rows (", " % of the positives of buy) have buy without click; their label buy is 0"],
    );
    let many = message(&warnings(lost(50)), "chain_breaks");
    assert_says(&many, &["task `buy` loses", "remove `after = \"click\"`"]);
    // By hand: two buys without a click beside three with one, in the ten rows of the smallest case.
    let tiny = Case::with_log(crate::case::LOG).prepare(FILE).unwrap().dataset.manifest.warnings;
    assert_says(&message(&tiny, "chain_breaks"), &["loses 40 % of its positives: 2 rows"]);
}

#[test]
fn a_label_that_fades_towards_the_end_of_the_log_is_named() {
    let fading = |row| {
        let of = healthy(row);
        LogRow { buy: of.buy & u8::from(row < 4_800 || dice(row, 4) < 40), ..of }
    };
    let warnings = warnings(fading);
    assert_says(
        &message(&warnings, "label_rate"),
        &["task `buy`: the label is 1 in 2", "of test rows", "not yet known"],
    );
    assert_eq!(warned(&warnings, "label_rate"), [1_200], "the test rows alone");
}

#[test]
fn splits_with_few_positives_are_named_with_the_error_of_an_auc() {
    let rare = |row| {
        let of = healthy(row);
        LogRow { buy: of.buy & u8::from(dice(row, 5) < 5), ..of }
    };
    let message = message(&warnings(rare), "few_positives");
    assert_says(
        &message,
        &[
            "task `buy`: only ",
            "positives in validation (standard error of an AUC there about 0.0",
            " in test",
        ],
    );
}

#[test]
fn a_log_whose_sessions_are_mostly_cut_says_so() {
    let returning = |row| LogRow { user: format!("u{}", row % 50), ..healthy(row) };
    let message = message(&warnings(returning), "cut_sessions");
    assert_says(&message, &["100 % of the train sessions", "are cut", "`gap` under `[session]`"]);
}
