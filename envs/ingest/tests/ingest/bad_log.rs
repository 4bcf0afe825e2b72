//! Logs that do not hold what the dataset file says.

use crate::case::{Case, FILE, LOG, assert_says};

fn error(log: &str) -> String {
    Case::with_log(log).error(FILE)
}

#[test]
fn a_missing_column_is_named_with_the_nearest_one() {
    let message = error(&LOG.replace("price", "prise"));
    assert_says(
        &message,
        &["`numeric` names column `price`", "did you mean `prise`?", "user, time, item, prise"],
    );
    let message = Case::with_log(LOG).error(&FILE.replace("label = \"buy\"", "label = \"purchase\""));
    assert_says(&message, &["`tasks.label`", "`purchase`", "it yields user, time"]);
}

#[test]
fn columns_nobody_asked_for_are_listed_unless_ignored() {
    let extra = FILE.replace("SELECT *", "SELECT *, 1 AS one, 2 AS two");
    let message = Case::with_log(LOG).error(&extra);
    assert_says(&message, &["columns no list names: `one`, `two`", "`ignore`"]);
    let ignored = extra.replace("numeric = ", "ignore = [\"one\", \"two\"]\nnumeric = ");
    assert_eq!(Case::with_log(LOG).dataset(&ignored).train.n_rows(), 6);
    let gone = FILE.replace("numeric = ", "ignore = [\"one\"]\nnumeric = ");
    assert_says(&Case::with_log(LOG).error(&gone), &["`ignore` names column `one`"]);
}

#[test]
fn a_column_yielded_twice_is_refused() {
    let file = FILE
        .replace("SELECT *", "SELECT log.*, other.item")
        .replace("FROM log", "FROM log JOIN log AS other USING (time)");
    assert_says(&Case::with_log(LOG).error(&file), &["column `item` twice", "AS"]);
}

#[test]
fn wrong_types_are_named() {
    let number = error(&LOG.replace("a,5,x,5,", "a,5,x,five,"));
    assert_says(
        &number,
        &["`numeric`: column `price`", "expected numbers", "found five in 1 row(s)", "`null`", "TRY_CAST"],
    );
    assert_says(&number, &["row 5 of the query's result", "log.csv, line 6"]);
    let time = error(&LOG.replace("a,5,", "a,five,"));
    assert_says(&time, &["`time`: column `time`", "expected integers or timestamps", "Utf8"]);
    let fraction = error(&LOG.replace("a,5,", "a,5.5,"));
    assert_says(&fraction, &["`time`", "Float64", "CAST"]);
    let label = error(&LOG.replace("a,5,x,5,1,1", "a,5,x,5,yes,1"));
    assert_says(
        &label,
        &["`tasks.label`: column `click`", "expected numbers", "found yes", "log.csv, line 6"],
    );
    let list = FILE.replace("SELECT *", "SELECT * EXCEPT (item), arrow_cast(item, 'Binary') AS item");
    assert_says(&Case::with_log(LOG).error(&list), &["`item`"]);
}

#[test]
fn labels_are_zero_or_one() {
    // Two in rows 5 and 7, the first is reported.
    let message = error(&LOG.replace("a,5,x,5,1,1", "a,5,x,5,1,2").replace("a,7,w,7,1,1", "a,7,w,7,1,3"));
    assert_says(
        &message,
        &["column `buy`", "expected 0 or 1, found 2 in 2 row(s)", "row 5", "session a, time 5"],
    );
    let message = error(&LOG.replace("b,6,y,6,0,0", "b,6,y,6,,0"));
    assert_says(&message, &["column `click`", "found null in 1 row(s)", "session b, time 6"]);
    let message = error(&LOG.replace("b,6,y,6,0,0", "b,6,y,6,0.5,0"));
    assert_says(&message, &["column `click`", "found 0.5"]);
}

#[test]
fn infinite_numbers_and_missing_keys_are_refused() {
    let message = error(&LOG.replace("b,6,y,6,", "b,6,y,-inf,"));
    assert_says(
        &message,
        &[
            "column `price`",
            "expected finite numbers of at most 3.4e38 (32 bits), found -inf",
            "session b, time 6",
        ],
    );
    let message = error(&LOG.replace("b,6,y", ",6,y"));
    assert_says(&message, &["`session`: column `user`", "found null in 1 row(s)", "row 6", "time 6"]);
    let message = error(&LOG.replace("b,6,y", "b,,y"));
    assert_says(&message, &["`time`: column `time`", "found null", "session b"]);
    let oracle = FILE
        .replace("numeric = [\"price\"]", "oracle = [\"p\", \"q\"]")
        .replace("SELECT *", "SELECT * EXCEPT (price), 0.5 AS p, price / 9.0 AS q");
    assert_says(&Case::with_log(LOG).error(&oracle), &["column `q`", "probabilities", "session b, time 10"]);
}

#[test]
fn an_empty_split_is_refused() {
    let message = Case::with_log(LOG)
        .error(&format!("{FILE}\n[split]\nkind = \"time_boundary\"\nvalidation_from = 5\ntest_from = 11\n"));
    assert_says(&message, &["test split is empty", "found 4, 6 and 0", "from time 11"]);
    let same: String =
        LOG.lines().take(1).chain(["a,1,x,1,1,1"; 9]).map(|line| format!("{line}\n")).collect();
    assert_says(&error(&same), &["validation split is empty", "found 9, 0 and 0"]);
}

#[test]
fn a_task_without_positives_is_refused() {
    // Both buys of the training rows without their clicks.
    let message = error(&LOG.replace("b,3,x,3,1,1", "b,3,x,3,0,1").replace("a,5,x,5,1,1", "a,5,x,5,0,1"));
    assert_says(&message, &["task `buy`", "none of the 6 training rows", "label column `buy`"]);
}
