//! How values may be written in text files.

use crate::case::{Case, FILE, LOG, assert_says, ids, labels, numbers};

/// The dataset file with other settings of its table.
fn file(table: &str) -> String {
    FILE.replace("\"log.csv\"", table)
}

/// As many rows as lines, and the labels of all of them.
#[track_caller]
fn assert_whole(case: &Case, file: &str) {
    let (found, expected) = (case.dataset(file), Case::with_log(LOG).dataset(FILE));
    assert_eq!(labels(&found.train), labels(&expected.train));
    assert_eq!(labels(&found.test), labels(&expected.test));
}

/// The log with a quote that opens some values and is closed nowhere, in columns between tabs.
fn with_stray_quotes() -> String {
    LOG.replace(',', "\t").replacen("\tx\t", "\t\"x\t", 1)
}

#[test]
fn a_quote_between_tabs_is_a_character() {
    let log = with_stray_quotes();
    assert_ne!(log, LOG.replace(',', "\t"), "the log has an item x");
    assert_whole(&Case::new().with("log.tsv", log), &file("\"log.tsv\""));
}

#[test]
fn quoting_can_be_switched_off_and_otherwise_lost_lines_are_reported() {
    let log = with_stray_quotes().replace('\t', ",");
    let case = Case::new().with("log.csv", &log);
    assert_whole(&case, &file("{ path = \"log.csv\", quote = \"\" }"));
    let quoted = LOG.replacen(",x,", ",\"x\ny\",", 1);
    let warnings = Case::with_log(&quoted).prepare(FILE).unwrap().dataset.manifest.warnings;
    let found = warnings.iter().find(|warning| warning.kind == "quoted_line_breaks").unwrap();
    assert_eq!(found.rows, 1);
    assert_says(&found.message, &["table `log`", "set quote = \"\""]);
    let none = Case::with_log(LOG).prepare(FILE).unwrap().dataset.manifest.warnings;
    assert!(none.iter().all(|warning| warning.kind != "quoted_line_breaks"));
}

#[test]
fn words_for_missing_values_comments_and_other_extensions() {
    let plain = Case::with_log(LOG).dataset(FILE);
    let missing = |word: &str| LOG.replacen("a,1,x,1,", &format!("a,1,x,{word},"), 1);
    let expected = Case::with_log(&missing("")).dataset(FILE);
    assert_ne!(numbers(&plain.train), numbers(&expected.train));
    for word in ["NA", "\\\\N"] {
        let table = "{ path = \"log.csv\", null = [\"NA\", \"\\\\N\"] }";
        let log = missing(&word.replace("\\\\", "\\"));
        let found = Case::with_log(&log).dataset(&file(table));
        assert_eq!(numbers(&found.train), numbers(&expected.train), "{word}");
        assert_eq!(ids(&found.train), ids(&expected.train), "{word}");
    }
    let commented = format!("{LOG}# the end\n");
    let case = Case::new().with("part-00000", &commented);
    assert_whole(&case, &file("{ path = \"part-00000\", format = \"csv\", comment = \"#\" }"));
    let refused = Case::new().with("part-00000", &commented).error(&file("\"part-00000\""));
    assert_says(&refused, &["expected the extension", "set `format`"]);
}

#[test]
fn keys_that_mean_nothing_are_refused() {
    let case = Case::new().with("log.parquet", "PAR1");
    let found =
        case.error(&file("{ path = \"log.parquet\", delimiter = \";\", types = { price = \"float\" } }"));
    assert_says(&found, &["log.parquet", "`delimiter`, `types`", "remove it"]);
    let found = case.error(&file("{ path = \"log.parquet\", quote = \"ab\" }"));
    assert_says(&found, &["tables.log.quote", "one ASCII character"]);
}
