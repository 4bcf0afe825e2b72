use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::datasource::empty::EmptyTable;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::*;

/// Tables `log` and `items` of integers.
async fn plan(query: &str) -> LogicalPlan {
    let mut config = SessionConfig::new();
    config.options_mut().sql_parser.enable_ident_normalization = false;
    let context = SessionContext::new_with_config(config);
    for (table, columns) in
        [("log", ["user", "time", "item", "click"]), ("items", ["id", "brand", "price", "size"])]
    {
        let fields = columns.map(|name| Field::new(name, DataType::Int64, true));
        context
            .register_table(table, Arc::new(EmptyTable::new(Arc::new(Schema::new(fields.to_vec())))))
            .unwrap();
    }
    context.sql(query).await.unwrap_or_else(|error| panic!("{query}: {error}")).logical_plan().clone()
}

/// The columns that are read as text if the result's first one becomes an id and its last one a number.
fn text(query: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let plan = runtime.block_on(plan(query));
    let last = plan.schema().fields().len() - 1;
    let numbers: &[usize] = if last == 0 { &[] } else { &[last] };
    let columns = read_as_text(&plan, &[0], numbers);
    columns
        .iter()
        .flat_map(|(table, columns)| columns.iter().map(move |column| format!("{table}.{column}")))
        .collect()
}

#[test]
fn a_copy_is_followed_through_every_part_of_a_query() {
    for query in [
        "SELECT user FROM log",
        "SELECT user AS u, time FROM log WHERE click = 1 ORDER BY time",
        "WITH a AS (SELECT time, user FROM log) SELECT a.user FROM a",
        "SELECT DISTINCT user FROM log LIMIT 3",
        "SELECT user, count(*) FROM log GROUP BY user",
        "SELECT lag(user) OVER (PARTITION BY item ORDER BY time) FROM log",
        "SELECT CAST(user AS VARCHAR) FROM log",
        "SELECT coalesce(user, 0) FROM log",
        "SELECT CASE WHEN click = 1 THEN user END FROM log",
        "SELECT user FROM log WHERE user <> 3 AND user IN (1, 2)",
        "SELECT log.user FROM log CROSS JOIN items",
    ] {
        assert_eq!(text(query), ["log.user"], "{query}");
    }
    let union = "SELECT user FROM log UNION ALL SELECT id FROM items";
    assert_eq!(text(union), ["items.id", "log.user"]);
    assert_eq!(text("SELECT user || '_' || item FROM log"), ["log.item", "log.user"]);
}

#[test]
fn keys_of_joins_are_read_alike() {
    for query in [
        "SELECT log.item, items.price FROM log LEFT JOIN items ON log.item = items.id",
        "SELECT id FROM log, items WHERE log.item = items.id",
        "SELECT item FROM log WHERE item IN (SELECT id FROM items)",
        "SELECT item FROM log LEFT SEMI JOIN items ON log.item = items.id",
        "SELECT id FROM log RIGHT SEMI JOIN items ON log.item = items.id",
    ] {
        assert_eq!(text(query), ["items.id", "log.item"], "{query}");
    }
    let brand = "SELECT brand, time FROM log JOIN items ON log.item = items.id";
    assert_eq!(text(brand), ["items.brand"], "a key that is no id keeps its type");
}

#[test]
fn what_is_computed_with_keeps_its_type() {
    for query in [
        "SELECT user % 10 FROM log",
        "SELECT user FROM log WHERE user > 5",
        "SELECT user FROM log ORDER BY user",
        "SELECT user, row_number() OVER (ORDER BY user) FROM log",
        "SELECT max(user) FROM log",
        "SELECT user, abs(user) FROM log",
        "SELECT user, user AS number FROM log",
        "SELECT CAST(user AS BIGINT) FROM log",
        "SELECT user FROM log WHERE EXISTS (SELECT 1 FROM items WHERE id > 3 AND id = log.user) AND user BETWEEN 1 AND 3",
    ] {
        assert!(!text(query).contains(&"log.user".to_owned()), "{query}: {:?}", text(query));
    }
}
