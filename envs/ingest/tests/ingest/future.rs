//! What comes after a split changes nothing in it.

use std::fs;
use std::path::Path;

use rmtl_envs::{Cancel, Split};
use rmtl_ingest::{DatasetFile, Difference, LEAKAGE_RUNS, LeakageTest, Variant};

use crate::case::{Case, FILE, assert_says, gzipped, message};
use crate::datasets::{dataset_file, real_log};
use crate::miniature::{logs, shipped_files};

fn leakage_test(file: &DatasetFile, root: &Path) -> LeakageTest {
    LeakageTest::new(file, Some(root), &|_| {}, &Cancel::default())
        .unwrap_or_else(|error| panic!("{}: {error}", file.name))
}

fn run(test: &LeakageTest, until: Split, variant: Variant) -> Vec<Difference> {
    test.run(until, variant, &|_| {}).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn no_shipped_file_lets_later_rows_into_earlier_splits() {
    let logs = logs();
    for file in shipped_files() {
        let test = leakage_test(&file, logs.path());
        for (until, variant) in LEAKAGE_RUNS {
            assert_eq!(run(&test, until, variant), [], "{}: {until:?} {variant:?}", file.name);
        }
    }
}

/// `csv` with the lines whose time is not before `boundary` removed, in another order, or with other lines' values; as it
/// is if there is no column `time`. Nothing of the product is used.
fn tampered(csv: &str, time: &str, boundary: i64, variant: Variant) -> String {
    let mut lines = csv.lines();
    let header = lines.next().unwrap();
    let Some(time) = header.split(',').position(|name| name == time) else { return csv.to_owned() };
    let time_of = |line: &str| line.split(',').nth(time).unwrap().parse::<i64>().unwrap();
    let (earlier, later): (Vec<&str>, Vec<&str>) = lines.partition(|line| time_of(line) < boundary);
    let later: Vec<String> = match variant {
        Variant::Unchanged => later.iter().map(|line| line.to_string()).collect(),
        Variant::Removed => Vec::new(),
        Variant::Permuted => later.iter().rev().map(|line| line.to_string()).collect(),
        // Every time stays, with all other values of the line seven places on.
        Variant::Changed => (0..later.len())
            .map(|place| {
                let mut values: Vec<&str> = later[(place + 7) % later.len()].split(',').collect();
                values[time] = later[place].split(',').nth(time).unwrap();
                values.join(",")
            })
            .collect(),
    };
    let lines = earlier.into_iter().map(String::from).chain(later);
    format!("{header}\n{}\n", lines.collect::<Vec<_>>().join("\n"))
}

/// The differences that tampering with the files themselves makes.
fn against_files(
    test: &LeakageTest,
    time: &str,
    root: &Path,
    until: Split,
    variant: Variant,
) -> Vec<Difference> {
    let other = tempfile::tempdir().unwrap();
    let boundary = test.manifest().summary(until).boundary;
    for path in fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap();
        if path.extension().is_some_and(|extension| extension == "csv") {
            let csv = fs::read_to_string(&path).unwrap();
            fs::write(other.path().join(name), tampered(&csv, time, boundary, variant)).unwrap();
        }
    }
    test.against(other.path(), until, &|_| {}).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn truncated_files_give_the_same_bytes_for_every_shipped_file() {
    let logs = logs();
    for file in shipped_files() {
        let test = leakage_test(&file, logs.path());
        for until in [Split::Train, Split::Validation] {
            for variant in [Variant::Removed, Variant::Permuted, Variant::Changed] {
                let found = against_files(&test, &file.time, logs.path(), until, variant);
                assert_eq!(found, [], "{}: {until:?} {variant:?}", file.name);
            }
        }
    }
}

#[test]
fn negative_control_shipped_files_that_forget_when_labels_are_known_leak() {
    let logs = logs();
    let mut forgetful = 0;
    for mut file in shipped_files() {
        let times: Vec<String> = file.tasks.iter_mut().filter_map(|task| task.known_at.take()).collect();
        if times.is_empty() {
            continue;
        }
        file.ignore.extend(times);
        let test = leakage_test(&file, logs.path());
        for until in [Split::Train, Split::Validation] {
            let by_copies = run(&test, until, Variant::Removed);
            assert_says(&by_copies[0].to_string(), &[".arrow (first in row ", ": label of "]);
            let by_files = against_files(&test, &file.time, logs.path(), until, Variant::Removed);
            assert_eq!(by_files, by_copies, "{} until {until:?}", file.name);
        }
        forgetful += 1;
    }
    assert_eq!(forgetful, 2);
}

#[test]
fn truncated_real_logs_give_the_same_bytes() {
    for (name, file) in
        [("kuairand_pure", "kuairand_pure_two.toml"), ("retailrocket_buyers", "retailrocket_buyers.toml")]
    {
        let Some(root) = real_log(name) else { continue };
        let file = dataset_file(file);
        let test = leakage_test(&file, &root);
        for until in [Split::Train, Split::Validation] {
            let found = against_files(&test, &file.time, &root, until, Variant::Removed);
            assert_eq!(found, [], "{name} until {until:?}");
        }
    }
}

/// Ten users, sixty rows, 40 of them for training. The outcomes `buy` come some time after their row.
fn late_log() -> String {
    let row = |row: i64| {
        let (user, item, buy) = (row % 10, row * 7 % 13, i64::from(row % 3 == 0));
        let bought = if buy == 1 { (row + row % 20).to_string() } else { String::new() };
        format!("{user},{row},i{item},{row},{},{buy},{bought}\n", i64::from(row % 2 == 0 || buy == 1))
    };
    "user,time,item,price,click,buy,buy_time\n".to_owned() + &(0..60).map(row).collect::<String>()
}

const LATE_FILE: &str = r#"known_at = "buy_time"
after = "click""#;

fn found(file: &str, log: &str, until: Split, variant: Variant) -> Vec<String> {
    let case = Case::with_log(log);
    let file = DatasetFile::parse(file, Path::new("tiny.toml")).unwrap_or_else(|error| panic!("{error}"));
    run(&leakage_test(&file, &case.root()), until, variant).iter().map(Difference::to_string).collect()
}

#[test]
fn a_count_over_the_whole_log_is_found_by_every_variant_that_shows_it() {
    let leak = FILE
        .replace("SELECT *", "SELECT * EXCEPT (buy_time), count(*) OVER (PARTITION BY item) AS shown")
        .replace("\"item\"]", "\"item\", \"shown\"]");
    for variant in [Variant::Removed, Variant::Changed] {
        let found = found(&leak, &late_log(), Split::Train, variant);
        assert_says(&found[0], &["train.arrow (first in row ", ": shown)"]);
        assert_eq!(found[1], "vocabulary/shown.csv");
    }
    // Whole rows that change places are counted as before; their order may matter elsewhere.
    assert_eq!(found(&leak, &late_log(), Split::Train, Variant::Permuted), [""; 0]);
    let order =
        leak.replace("count(*) OVER (PARTITION BY item)", "last_value(price) OVER (PARTITION BY item)");
    assert_ne!(found(&order, &late_log(), Split::Train, Variant::Permuted), [""; 0]);
    let before =
        "count(*) OVER (PARTITION BY item ORDER BY time RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)";
    let sound = leak.replace("count(*) OVER (PARTITION BY item)", before);
    assert_eq!(found(&sound, &late_log(), Split::Validation, Variant::Changed), [""; 0]);
}

#[test]
fn rows_that_only_later_rows_bring_forth_are_found() {
    let leak = FILE.replace(
        "SELECT * FROM log",
        "SELECT * EXCEPT (buy_time) FROM log WHERE item IN (SELECT item FROM log WHERE time > 50)",
    );
    let found = found(&leak, &late_log(), Split::Train, Variant::Removed);
    assert!(found[0].starts_with("train.arrow (0 rows instead of "), "{found:?}");
}

/// The outcome of a row becomes known by a later row of the log.
const OUTCOMES: &str = "WITH bought AS (SELECT user, item, min(time) AS buy_time FROM log WHERE buy = 1 GROUP BY user, item) \
    SELECT log.user, time, log.item, price, 1 AS click, buy_time IS NOT NULL AS buy, buy_time \
    FROM log LEFT JOIN bought ON log.user = bought.user AND log.item = bought.item";

/// Each user sees each of three items again and again, and buys one now and then.
fn repeating_log() -> String {
    let row = |row: i64| format!("{},{row},{},{row},0,{}\n", row % 5, row % 3, i64::from(row % 11 == 10));
    "user,time,item,price,click,buy\n".to_owned() + &(0..60).map(row).collect::<String>()
}

#[test]
fn a_label_that_later_rows_decide_is_found_unless_it_says_when_it_is_known() {
    let unsaid = FILE
        .replace("SELECT * FROM log", OUTCOMES)
        .replace("[\"price\"]", "[\"price\"]\nignore = [\"buy_time\"]");
    let said = FILE.replace("SELECT * FROM log", OUTCOMES).replace("after = \"click\"", LATE_FILE);
    for (until, variant) in [
        (Split::Train, Variant::Removed),
        (Split::Train, Variant::Changed),
        (Split::Validation, Variant::Removed),
    ] {
        let message = found(&unsaid, &repeating_log(), until, variant).join(", ");
        assert_says(&message, &[".arrow (first in row ", "label of buy)"]);
        assert_eq!(found(&said, &repeating_log(), until, variant), [""; 0], "{until:?} {variant:?}");
    }
}

#[test]
fn later_rows_may_become_what_no_log_holds() {
    // Column by column, labels of 1 lose the time at which they became known.
    let file = FILE.replace("after = \"click\"", LATE_FILE);
    for (until, variant) in LEAKAGE_RUNS {
        assert_eq!(found(&file, &late_log(), until, variant), [""; 0], "{until:?} {variant:?}");
    }
}

#[test]
fn gzipped_files_are_tampered_with_as_well() {
    let leak = FILE
        .replace("SELECT *", "SELECT * EXCEPT (buy_time), count(*) OVER (PARTITION BY item) AS shown")
        .replace("\"item\"]", "\"item\", \"shown\"]")
        .replace("log.csv", "log.csv.gz");
    let case = Case::new().with("log.csv.gz", gzipped(&late_log()));
    let file = DatasetFile::parse(&leak, Path::new("tiny.toml")).unwrap();
    let test = leakage_test(&file, &case.root());
    assert_eq!(run(&test, Split::Test, Variant::Unchanged), []);
    assert_ne!(run(&test, Split::Train, Variant::Removed), []);
}

fn refused(file: &str) -> String {
    let case = Case::with_log(&late_log().replace("time,item", "at,item"));
    let file = DatasetFile::parse(file, Path::new("tiny.toml")).unwrap_or_else(|error| panic!("{error}"));
    let test = LeakageTest::new(&file, Some(&case.root()), &|_| {}, &Cancel::default());
    match test.and_then(|test| test.run(Split::Train, Variant::Removed, &|_| {})) {
        Ok(found) => panic!("not refused: {found:?}"),
        Err(error) => message(&error),
    }
}

#[test]
fn a_table_may_name_its_time_column_and_one_must_have_one() {
    let renamed = FILE.replace("SELECT *", "SELECT * EXCEPT (at, buy_time), at AS time");
    let message = refused(&renamed);
    assert_says(
        &message,
        &["`tables`", "a table with a column `time`", "time = \"..\"", "`log` (user, at, item"],
    );
    let named = |column: &str| {
        renamed.replace("\"log.csv\"", &format!("{{ path = \"log.csv\", time = \"{column}\" }}"))
    };
    assert_says(
        &refused(&named("att")),
        &["`tables.log.time`", "one of the table's columns: user, at", "`att`"],
    );
    assert_says(&refused(&named("item")), &["`tables.log.time`", "integers or timestamps", "type Utf8"]);
    let case = Case::with_log(&late_log().replace("time,item", "at,item"));
    let file = DatasetFile::parse(&named("at"), Path::new("tiny.toml")).unwrap();
    assert_eq!(run(&leakage_test(&file, &case.root()), Split::Train, Variant::Removed), []);
    // Raw times in another unit would lie on one side of every boundary.
    let seconds = named("at").replace("at AS time", "1000 * at AS time");
    assert_says(
        &refused(&seconds),
        &["rows before and after time 36000", "unit of `time`", "60 before and 0 after, by log.at"],
    );
}

#[test]
fn splits_that_are_not_by_time_are_refused() {
    let renamed = FILE.replace("SELECT *", "SELECT * EXCEPT (at, buy_time), at AS time");
    let random = format!("{renamed}\n[split]\nkind = \"random\"\nratios = [6, 2, 2]\n");
    assert_says(&refused(&random), &["`split.kind`", "a split by time", "`random`"]);
    let column = "kind = \"column\"\ncolumn = \"price\"\ntrain = []\nvalidation = []\ntest = []\n";
    let column = format!("{renamed}\n[split]\n{column}").replace("numeric = [\"price\"]", "");
    assert_says(&refused(&column), &["`split.kind`", "`column`"]);
}
