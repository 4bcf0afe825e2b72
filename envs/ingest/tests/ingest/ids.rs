//! Values that are names, not numbers: each stays what it is, however it is spelt.

use std::fs;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, Int64Array, ListArray, StringArray, TimestampSecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::Int64Type;
use rmtl_envs::PADDING;

use crate::case::{Case, FILE, LOG, assert_says, ids, labels, write_parquet};

/// The log with other users for `a` and `b`.
fn with_users(a: &str, b: &str) -> String {
    let rename = |line: &str| match line.split_once(',') {
        Some(("a", rest)) => format!("{a},{rest}\n"),
        Some(("b", rest)) => format!("{b},{rest}\n"),
        _ => format!("{line}\n"),
    };
    LOG.lines().map(rename).collect()
}

#[test]
fn numbers_that_are_spelt_differently_are_different_users() {
    let expected = Case::with_log(LOG).dataset(FILE);
    let pairs =
        [("7", "007"), ("9007199254740992", "9007199254740993"), ("1e5", "100000"), ("-1", "4.857E+18")];
    for (a, b) in pairs {
        let found = Case::with_log(&with_users(a, b).replace("c,8", "3,8")).dataset(FILE);
        assert_eq!(found.manifest.summary(rmtl_envs::Split::Train).sessions, 2, "{a} and {b}");
        assert_eq!(found.manifest.schema.categorical, expected.manifest.schema.categorical, "{a} and {b}");
    }
}

#[test]
fn one_cell_of_a_spreadsheet_does_not_merge_the_others() {
    let numbered = with_users("14857091259186476033", "14857091259186476034");
    let case = Case::with_log(&numbered.replace("b,10,", "4.857E+18,10,"));
    assert_eq!(case.dataset(FILE).manifest.summary(rmtl_envs::Split::Train).sessions, 2);
    let written = fs::read_to_string(case.out().join("vocabulary/user.csv")).unwrap();
    assert_eq!(written, "value,id,count\n14857091259186476033,1,3\n14857091259186476034,2,3\n");
}

#[test]
fn integers_sort_as_integers_and_before_other_keys() {
    let dataset = Case::with_log(&with_users("10", "9")).dataset(FILE);
    let first = |table: &rmtl_envs::LogTable| table.time(rmtl_envs::Row(0));
    assert_eq!(first(&dataset.train), 3, "user 9 comes first");
    let dataset = Case::with_log(&with_users("10", "09")).dataset(FILE);
    assert_eq!(first(&dataset.train), 1, "09 is a text");
}

#[test]
fn a_later_row_changes_nothing_about_earlier_ones() {
    // Row 10 is of the test split; 60 % of its ids would make the column one of numbers with a fraction.
    let case = Case::with_log(&with_users("7", "007"));
    case.dataset(FILE);
    let read = || {
        let files = ["train.arrow", "vocabulary/user.csv", "vocabulary/item.csv"];
        files.map(|file| fs::read(case.out().join(file)).unwrap())
    };
    let before = read();
    for last in ["7.5,10,1e5,0,0,1", "x,10,,0,0,1"] {
        let log: String = with_users("7", "007").lines().take(10).map(|line| format!("{line}\n")).collect();
        case.write("log.csv", log + last + "\n");
        case.dataset(FILE);
        assert!(read() == before, "{last}");
    }
}

#[test]
fn ids_keep_their_spelling_through_joins_and_keys_match_by_it() {
    let items = "id,brand\n07,north\n7,south\n";
    let file = FILE
        .replace(
            "SELECT * FROM log",
            "SELECT log.*, items.brand FROM log LEFT JOIN items ON log.item = items.id",
        )
        .replace("[\"user\", \"item\"]", "[\"user\", \"item\", \"brand\"]")
        + "items = \"items.csv\"\n";
    let case = Case::with_log(&LOG.replace(",x,", ",07,").replace(",y,", ",7,")).with("items.csv", items);
    case.dataset(&file);
    let written = fs::read_to_string(case.out().join("vocabulary/brand.csv")).unwrap();
    assert_eq!(written, "value,id,count\nnorth,1,3\nsouth,2,2\n,3,1\n");
}

#[test]
fn a_declared_type_is_kept() {
    let file = FILE.replace("\"log.csv\"", "{ path = \"log.csv\", types = { user = \"integer\" } }");
    let log = with_users("7", "007").replace("c,8", "3,8");
    assert_eq!(Case::with_log(&log).dataset(&file).manifest.summary(rmtl_envs::Split::Train).sessions, 1);
}

/// The log's columns as Parquet stores them.
fn columns(session: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let column = |index: usize| LOG.lines().skip(1).map(move |line| line.split(',').nth(index).unwrap());
    let integers = |index: usize| {
        Arc::new(Int64Array::from_iter_values(column(index).map(|v| v.parse::<i64>().unwrap())))
    };
    vec![
        ("user", session),
        ("time", integers(1)),
        ("item", Arc::new(BinaryArray::from_vec(column(2).map(str::as_bytes).collect()))),
        ("price", integers(3)),
        ("click", Arc::new(StringArray::from(column(4).collect::<Vec<_>>()))),
        ("buy", integers(5)),
    ]
}

fn users() -> Vec<&'static str> {
    LOG.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect()
}

#[test]
fn a_blank_key_is_an_error_wherever_it_comes_from() {
    let file = FILE.replace("log.csv", "log.parquet");
    let case = Case::new().with("placeholder", "");
    write_parquet(&case, "log.parquet", columns(Arc::new(StringArray::from(users()))));
    let (found, expected) = (case.dataset(&file), Case::with_log(LOG).dataset(FILE));
    assert_eq!(labels(&found.train), labels(&expected.train), "labels may be text");
    assert_eq!(ids(&found.train), ids(&expected.train), "bytes are text");
    for blank in ["", "  "] {
        let keys: Vec<&str> =
            users().iter().enumerate().map(|(row, user)| if row == 5 { blank } else { user }).collect();
        let case = Case::new().with("placeholder", "");
        write_parquet(&case, "log.parquet", columns(Arc::new(StringArray::from(keys))));
        let message = case.error(&file);
        assert_says(
            &message,
            &["`session`: column `user`", "a value in every row", "row 6", "log.parquet, row 6"],
        );
        let text = LOG.replace("b,6,", &format!("{blank},6,"));
        assert_says(
            &Case::with_log(&text).error(FILE),
            &["a value in every row", "row 6", "log.csv, line 7"],
        );
    }
}

#[test]
fn times_out_of_range_and_of_two_units_are_refused() {
    let late = LOG.replace("b,6,", "b,18446744073709551615,");
    assert_says(&Case::with_log(&late).error(FILE), &["`time`"]);
    let file = FILE.replace("log.csv", "log.parquet");
    let with_times = |times: ArrayRef| {
        let case = Case::new().with("placeholder", "");
        let mut columns = columns(Arc::new(StringArray::from(users())));
        columns[1].1 = times;
        write_parquet(&case, "log.parquet", columns);
        case.error(&file)
    };
    let large = UInt64Array::from_iter_values((1..10).chain([u64::MAX]));
    assert_says(&with_times(Arc::new(large)), &["`time`", "64 bits", "found 18446744073709551615", "row 10"]);
    let far = TimestampSecondArray::from_iter_values((1..10).chain([i64::MAX / 10]));
    assert_says(&with_times(Arc::new(far)), &["`time`", "milliseconds", "row 10"]);
    let mixed =
        Int64Array::from_iter_values((0..9).map(|row| 1_650_000_000 + row).chain([1_650_000_000_000]));
    let message = with_times(Arc::new(mixed));
    assert_says(&message, &["times in seconds since 1970", "found 1650000000000", "row 10"]);
}

#[test]
fn lists_are_multi_valued() {
    let file = FILE.replace("log.csv", "log.parquet").replace(
        "numeric = [\"price\"]",
        "numeric = [\"price\"]\nmulti_valued = [{ name = \"tags\", max_values = 2 }]",
    );
    let case = Case::new().with("placeholder", "");
    let mut all = columns(Arc::new(StringArray::from(users())));
    let tags =
        [vec![1, 2], vec![], vec![2], vec![2, 3, 1], vec![2], vec![5], vec![1], vec![2], vec![9], vec![]];
    let lists = tags.map(|list| Some(list.into_iter().map(Some)));
    all.push(("tags", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))));
    write_parquet(&case, "log.parquet", all);
    let message = case.error(&file.replace("name = \"tags\"", "name = \"tags\", separator = \";\""));
    assert_says(&message, &["no `separator` for `tags`", "lists already"]);
    let dataset = case.dataset(&file);
    let written = fs::read_to_string(case.out().join("vocabulary/tags.csv")).unwrap();
    assert_eq!(written, "value,id,count\n2,1,4\n,2,1\n1,3,1\n3,4,1\n5,5,1\n");
    let slots: Vec<_> = ids(&dataset.train).iter().map(|row| [row[2], row[3]]).collect();
    assert_eq!(slots, [[3, 1], [2, PADDING], [1, PADDING], [1, PADDING], [1, 4], [5, PADDING]]);
}
