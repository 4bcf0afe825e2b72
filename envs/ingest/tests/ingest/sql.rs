//! What the query may be, and what is said of one that cannot be run.

use crate::case::{Case, FILE, LOG, assert_says};

#[test]
fn a_query_gives_the_same_rows_whenever_it_is_run() {
    for (function, name) in [("random()", "random"), ("uuid()", "uuid"), ("to_unixtime(now())", "now")] {
        let file = FILE.replace("SELECT *", &format!("SELECT * EXCEPT (item), {function} AS item"));
        let message = Case::with_log(LOG).error(&file);
        assert_says(&message, &["`query`", "the same rows whenever it is run", &format!("`{name}()`")]);
    }
    let hidden = FILE.replace(
        "SELECT * FROM log",
        "SELECT * FROM log WHERE user IN (SELECT user FROM log WHERE random() < 0.5)",
    );
    assert_says(&Case::with_log(LOG).error(&hidden), &["`random()`"]);
}

#[test]
fn an_unknown_column_lists_those_there_are() {
    let message = Case::with_log(LOG).error(&FILE.replace("SELECT *", "SELECT user, itm"));
    assert_says(
        &message,
        &["no column `itm`", "user, time, item, price, click, buy", "did you mean `item`?"],
    );
    let dashed = Case::with_log(&LOG.replacen("item", "item-id", 1));
    let file = FILE.replace("SELECT *", "SELECT user, time, item-id AS item, price, click, buy");
    assert_says(&dashed.error(&file), &["no column `item`", "double quotes", "\"item-id\""]);
    let quoted = file.replace("item-id AS", "\\\"item-id\\\" AS");
    assert_eq!(dashed.dataset(&quoted).train.n_rows(), 6);
    let headless = LOG.replacen("user,time,item,price,click,buy", "c,0,z,7,1,2", 1);
    let message = Case::with_log(&headless).error(&FILE.replace("SELECT *", "SELECT user"));
    assert_says(&message, &["no column `user`", "columns = [..]"]);
}

#[test]
fn a_failed_cast_names_its_column_and_value() {
    let file = FILE.replace("SELECT *", "SELECT * EXCEPT (price), CAST(price AS DOUBLE) AS price");
    let message = Case::with_log(&LOG.replace("b,6,y,6,", "b,6,y,six,")).error(&file);
    assert_says(&message, &["CAST(log.price AS Float64)", "`six`", "TRY_CAST", "`null`"]);
    let tried = FILE.replace("SELECT *", "SELECT * EXCEPT (price), TRY_CAST(price AS DOUBLE) AS price");
    assert_eq!(Case::with_log(&LOG.replace("b,6,y,6,", "b,6,y,six,")).dataset(&tried).train.n_rows(), 6);
}

#[test]
fn lists_subqueries_and_unions_by_name_are_there() {
    let split = FILE.replace(
        "SELECT *",
        "SELECT * EXCEPT (item), string_to_array(concat(item, '-', user), '-')[1] AS item",
    );
    assert_eq!(Case::with_log(LOG).dataset(&split).train.n_rows(), 6);
    let exists = FILE.replace(
        "SELECT * FROM log",
        "SELECT * FROM log WHERE EXISTS (SELECT 1 FROM log AS other WHERE other.user = log.user AND other.click = 1)",
    );
    // All users but c have clicked.
    assert_eq!(
        Case::with_log(LOG).dataset(&exists).manifest.splits.iter().map(|split| split.rows).sum::<u64>(),
        9
    );
    let by_name = FILE.replace("SELECT * FROM log", "SELECT * FROM log UNION ALL BY NAME SELECT * FROM more")
        + "more = \"more.csv\"\n";
    let case = Case::with_log(LOG).with("more.csv", "time,user,item,click,buy\n11,d,x,0,0\n");
    assert_eq!(case.dataset(&by_name).manifest.splits.iter().map(|split| split.rows).sum::<u64>(), 11);
}

/// What walks through an expression calls itself once a level; five thousand ended the process.
#[test]
fn a_query_of_great_depth_is_refused_and_one_that_people_write_is_not() {
    let chain = |length: usize, link: &str| vec!["price >= 0"; length].join(link);
    for (query, words) in [
        (format!("SELECT * FROM log WHERE {}", chain(5_000, " OR ")), "at most 200 operators"),
        (format!("SELECT * FROM log WHERE f({})", chain(5_000, " + ")), "at most 200 operators"),
        (vec!["SELECT * FROM log"; 5_000].join(" UNION ALL "), "at most 200 tables"),
        (format!("SELECT * FROM log{}", ", log".repeat(5_000)), "at most 200 tables"),
    ] {
        let message = Case::with_log(LOG).error(&FILE.replace("SELECT * FROM log", &query));
        assert_says(&message, &["`query`", words]);
        assert!(message.len() < 1_000, "{message}");
    }
    let file = FILE.replace("SELECT * FROM log", &format!("SELECT * FROM log WHERE {}", chain(20, " OR ")));
    assert_eq!(Case::with_log(LOG).dataset(&file).train.n_rows(), 6);
}
