//! Formats and places of source files.

use std::fs::File;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::parquet::arrow::ArrowWriter;
use rmtl_envs::{Cancel, Dataset};

use crate::case::{Case, FILE, LOG, assert_says, gzipped, ids, labels, numbers, times, write_parquet};

/// The log in two halves, each with the header.
fn halves() -> [String; 2] {
    let lines: Vec<&str> = LOG.lines().collect();
    [&lines[1..5], &lines[5..]].map(|half| format!("{}\n{}\n", lines[0], half.join("\n")))
}

#[track_caller]
fn assert_is_the_log(dataset: &Dataset) {
    let expected = Case::with_log(LOG).dataset(FILE);
    for (found, expected) in [(&dataset.train, &expected.train), (&dataset.test, &expected.test)] {
        assert_eq!(ids(found), ids(expected));
        assert_eq!(times(found), times(expected));
        assert_eq!(labels(found), labels(expected));
        assert_eq!(numbers(found), numbers(expected));
    }
}

#[test]
fn gzipped_files() {
    let case = Case::new().with("log.csv.gz", gzipped(LOG));
    assert_is_the_log(&case.dataset(&FILE.replace("\"log.csv\"", "\"log.csv.gz\"")));
}

#[test]
fn a_damaged_gzipped_file_is_named() {
    let whole = gzipped(LOG);
    let case = Case::new().with("log.csv.gz", &whole[..whole.len() / 2]);
    let message = case.error(&FILE.replace("\"log.csv\"", "\"log.csv.gz\""));
    assert_says(&message, &["table `log`", "logs/log.csv.gz: cannot be read"]);
}

#[test]
fn globs_and_lists_of_files() {
    let [first, second] = halves();
    let case = Case::new()
        .with("days/log_1.csv", first)
        .with("days/log_2.csv", second)
        .with("days/other.csv", "x\n");
    assert_is_the_log(&case.dataset(&FILE.replace("\"log.csv\"", "\"days/log_*.csv\"")));
    std::fs::remove_dir_all(case.out()).unwrap();
    // A file named twice is read once.
    assert_is_the_log(
        &case.dataset(&FILE.replace("\"log.csv\"", "[\"days/log_2.csv\", \"days/log_?.csv\"]")),
    );
}

#[test]
fn names_with_glob_characters_and_spaces() {
    let case = Case::new().with("my [new] log%20.csv", LOG);
    assert_is_the_log(&case.dataset(&FILE.replace("\"log.csv\"", "\"my [new] log%20.csv\"")));
}

#[test]
fn parquet_files() {
    let lines: Vec<Vec<&str>> = LOG.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let text = |column: usize| StringArray::from_iter_values(lines.iter().map(|line| line[column]));
    let integer = |column: usize| {
        Int64Array::from_iter_values(lines.iter().map(|line| line[column].parse::<i64>().unwrap()))
    };
    let price = Float64Array::from_iter_values(lines.iter().map(|line| line[3].parse::<f64>().unwrap()));
    let batch = RecordBatch::try_from_iter([
        ("user", Arc::new(text(0)) as _),
        ("time", Arc::new(integer(1)) as _),
        ("item", Arc::new(text(2)) as _),
        ("price", Arc::new(price) as _),
        ("click", Arc::new(integer(4)) as _),
        ("buy", Arc::new(integer(5)) as _),
    ])
    .unwrap();
    let case = Case::new().with("placeholder", "");
    let file = File::create(case.root().join("log.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert_is_the_log(&case.dataset(&FILE.replace("\"log.csv\"", "\"log.parquet\"")));
}

/// A day of the log: its users as a dictionary, prices and buys as told.
fn day(rows: std::ops::Range<usize>, price: ArrayRef, buy: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let lines: Vec<Vec<&str>> = LOG.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let lines = &lines[rows];
    let users: DictionaryArray<Int32Type> = lines.iter().map(|line| line[0]).collect();
    let items = StringArray::from_iter_values(lines.iter().map(|line| line[2]));
    let integers = |column: usize| {
        Int64Array::from_iter_values(lines.iter().map(|line| line[column].parse::<i64>().unwrap()))
    };
    vec![
        ("user", Arc::new(users)),
        ("time", Arc::new(integers(1))),
        ("item", Arc::new(items)),
        ("price", price),
        ("click", Arc::new(integers(4))),
        ("buy", buy),
    ]
}

#[test]
fn parquet_files_are_read_by_name_under_the_widest_type_and_dictionaries_by_their_values() {
    let case = Case::new().with("placeholder", "");
    let buys = [0, 0, 1, 1, 1, 0, 1, 0, 0, 1];
    let floats = Float64Array::from_iter_values((1..=5).map(f64::from));
    write_parquet(
        &case,
        "day_1.parquet",
        day(0..5, Arc::new(floats), Arc::new(Int32Array::from(buys[..5].to_vec()))),
    );
    let integers = Int64Array::from_iter_values(6..=10);
    let wide: Vec<i64> = buys[5..].iter().map(|&buy| i64::from(buy)).collect();
    let mut second = day(5..10, Arc::new(integers), Arc::new(Int64Array::from(wide)));
    second.reverse();
    write_parquet(&case, "day_2.parquet", second);
    let days = FILE.replace("\"log.csv\"", "\"day_*.parquet\"");
    assert_is_the_log(&case.dataset(&days));

    let case = Case::new().with("placeholder", "");
    let prices = || Arc::new(Int64Array::from_iter_values(1..=5)) as ArrayRef;
    let buy = || Arc::new(Int32Array::from(vec![0, 0, 1, 1, 1])) as ArrayRef;
    write_parquet(&case, "day_1.parquet", day(0..5, prices(), buy()));
    let words = StringArray::from(vec!["6", "7", "8", "9", "10"]);
    write_parquet(&case, "day_2.parquet", day(5..10, Arc::new(words), buy()));
    assert_says(&case.error(&days), &["day_2.parquet", "column `price` is of type Utf8", "of type Int64"]);
    let mut lacking = day(5..10, prices(), buy());
    lacking.remove(3);
    write_parquet(&case, "day_2.parquet", lacking);
    assert_says(&case.error(&days), &["day_2.parquet", "lacks the column `price`", "day_1.parquet"]);
}

#[test]
fn files_without_header_and_with_another_delimiter() {
    let body = LOG.split_once('\n').unwrap().1.replace(',', "|");
    let table = "{ path = \"log.txt\", delimiter = \"|\", columns = [\"user\", \"time\", \"item\", \"price\", \"click\", \"buy\"] }";
    assert_is_the_log(&Case::new().with("log.txt", body).dataset(&FILE.replace("\"log.csv\"", table)));
    let tabs = Case::new().with("log.tsv", LOG.replace(',', "\t"));
    assert_is_the_log(&tabs.dataset(&FILE.replace("\"log.csv\"", "\"log.tsv\"")));
}

#[test]
fn paths_are_relative_to_the_dataset_file_where_no_root_is_given() {
    let case = Case::with_log(LOG).with("tiny.toml", FILE);
    let file = rmtl_ingest::DatasetFile::read(&case.root().join("tiny.toml")).unwrap();
    rmtl_ingest::prepare(&file, None, &case.out(), &|_| {}, &Cancel::default()).unwrap();
    assert_is_the_log(&Dataset::open(&case.out()).unwrap());
}

#[test]
fn names_keep_their_case() {
    let log = LOG.replace("user,time", "userId,eventTime");
    let query =
        "SELECT userId AS user, eventTime AS time, item, price, click, buy FROM Log WHERE LENGTH(item) = 1";
    let file = FILE.replace("SELECT * FROM log", query).replace("log = ", "Log = ");
    assert_is_the_log(&Case::with_log(&log).dataset(&file));
}

#[test]
fn joined_tables_stand_on_either_side() {
    let users = "user,country\na,nl\nb,de\n";
    let file = |query| {
        FILE.replace("SELECT * FROM log", query)
            .replace("\"item\"]", "\"item\", \"country\"]")
            .replace("log = ", "users = \"users.csv\"\nlog = ")
    };
    let countries = |query| {
        let dataset = Case::with_log(LOG).with("users.csv", users).dataset(&file(query));
        (ids(&dataset.train), ids(&dataset.validation))
    };
    let (train, validation) =
        countries("SELECT log.*, country FROM log LEFT JOIN users ON log.user = users.user");
    assert_eq!(train.iter().map(|row| row[2]).collect::<Vec<_>>(), [1, 1, 1, 2, 2, 2].map(|id| 3 - id));
    // User c has no country: a value training rows do not have.
    assert_eq!(validation[1][2], 0);
    let other = countries("SELECT log.*, country FROM users RIGHT JOIN log ON log.user = users.user");
    assert_eq!(other, (train, validation));
}

#[test]
fn a_missing_file_and_an_empty_glob_say_what_was_looked_for() {
    let message = Case::new().with("other.csv", LOG).error(FILE);
    assert_says(&message, &["table `log`", "no such file", "logs/log.csv", "--root"]);
    let message = Case::with_log(LOG).error(&FILE.replace("\"log.csv\"", "\"log_*.csv\""));
    assert_says(&message, &["table `log`", "no file matches", "logs/log_*.csv"]);
}

#[test]
fn files_of_one_table_must_share_format_and_columns() {
    let glob = FILE.replace("\"log.csv\"", "\"log*\"");
    let message = Case::with_log(LOG).with("log.parquet", "").error(&glob);
    assert_says(&message, &["table `log`", "log.parquet", "`.csv`", "`.parquet`"]);
    let message =
        Case::with_log(LOG).with("log_2.csv", "user,item,time,price,click,buy\na,x,11,1,1,1\n").error(&glob);
    assert_says(&message, &["log_2.csv", "expected the columns of log.csv", "found user, item, time"]);
    let message = Case::new().with("log.json", "{}").error(&FILE.replace("log.csv", "log.json"));
    assert_says(&message, &["log.json", "expected the extension"]);
    let message =
        Case::new().with("log.parquet", "not parquet").error(&FILE.replace("log.csv", "log.parquet"));
    assert_says(&message, &["log.parquet", "is no Parquet file"]);
    let columns = "{ path = \"log.csv\", columns = [\"a\", \"b\"] }";
    let message = Case::with_log(LOG).error(&FILE.replace("\"log.csv\"", columns));
    assert_says(&message, &["log.csv", "expected the 2 columns of `columns`, found 6"]);
    let twice = Case::with_log(&LOG.replace("user,time,item", "user,user,item"));
    assert_says(&twice.error(FILE), &["log.csv", "column `user` twice"]);
    let types = "{ path = \"log.csv\", types = { itme = \"text\" } }";
    let message = Case::with_log(LOG).error(&FILE.replace("\"log.csv\"", types));
    assert_says(&message, &["`types` names column `itme`", "did you mean `item`?"]);
}

#[test]
fn empty_files_and_lines_of_another_length_are_reported() {
    let message = Case::with_log("").error(FILE);
    assert_says(&message, &["log.csv", "empty"]);
    let message = Case::with_log("user,time,item,price,click,buy\n").error(FILE);
    assert_says(&message, &["no row"]);
    let message = Case::with_log(&LOG.replace("b,4,z,4,0,1", "b,4,z,4")).error(FILE);
    assert_says(&message, &["log.csv", "line 5: expected 6 values, found 4", "max_bad_rows"]);
}

#[test]
fn a_late_value_of_another_type_says_how_to_declare_it() {
    let mut log = String::from("user,time,item,price,click,buy\n");
    for row in 0..100_010 {
        log += &format!("a,{row},{},1,{},1\n", if row < 100_005 { "7" } else { "seven" }, row % 2);
    }
    let case = Case::with_log(&log);
    let computed = FILE.replace("SELECT *", "SELECT * EXCEPT (item), item * 1 AS item");
    let message = case.error(&computed);
    assert_says(
        &message,
        &["log.csv", "line 100007", "column `item`", "found `seven`", "types = { item = \"text\" }"],
    );
    let declared = "{ path = \"log.csv\", types = { item = \"integer\" } }";
    assert_says(&case.error(&FILE.replace("\"log.csv\"", declared)), &["line 100007", "`seven`"]);
    assert_eq!(case.dataset(FILE).train.n_rows(), 60_006, "what becomes an id is read as text");
}

#[test]
fn a_parquet_file_that_is_empty_or_whose_end_is_damaged_is_named() {
    let file = FILE.replace("log.csv", "log.parquet");
    let message = Case::new().with("log.parquet", "").error(&file);
    assert_says(&message, &["logs/log.parquet", "is empty: expected a Parquet file"]);
    let case = Case::new().with("other", "");
    write_parquet(&case, "log.parquet", vec![("user", Arc::new(StringArray::from(vec!["a"])))]);
    let whole = std::fs::read(case.root().join("log.parquet")).unwrap();
    let length = whole.len() - 8;
    for claimed in [u32::MAX, whole.len() as u32, whole.len() as u32 - 11] {
        let mut damaged = whole.clone();
        damaged[length..length + 4].copy_from_slice(&claimed.to_le_bytes());
        case.write("log.parquet", damaged);
        assert_says(
            &case.error(&file),
            &["logs/log.parquet", "is damaged: its footer claims", "copy it again"],
        );
    }
    case.write("log.parquet", &whole[..length]);
    assert_says(&case.error(&file), &["logs/log.parquet", "its end is missing"]);
}

#[test]
fn a_line_that_no_log_has_is_refused_by_file_and_line() {
    let long = format!("{LOG}{}", "x".repeat(65 << 20));
    let message = Case::with_log(&long).error(FILE);
    assert_says(&message, &["table `log`", "log.csv: line 12: expected a line of at most 32 MiB"]);
}
