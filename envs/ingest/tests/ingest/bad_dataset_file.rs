//! Dataset files that cannot be meant.

use crate::case::{Case, FILE, LOG, assert_says};

fn error(file: &str) -> String {
    Case::with_log(LOG).error(file)
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_valid_one_and_its_line() {
    let message = error(&FILE.replace("query = ", "qeury = "));
    assert_says(&message, &["tiny.toml:3:", "unknown key `qeury`", "did you mean `query`?", "`session`"]);
    let message = error(&FILE.replace("label = \"buy\"", "lable = \"buy\""));
    assert_says(&message, &["tiny.toml:15:", "unknown key `lable`", "did you mean `label`?"]);
    let message = error(&format!("{FILE}\n[split]\nkind = \"time_ratio\"\nratio = [6, 2, 2]\n"));
    assert_says(&message, &["tiny.toml:23:", "unknown key `ratio`", "did you mean `ratios`?"]);
    let message = error(&format!("{FILE}\n[split]\nkind = \"time_ration\"\n"));
    assert_says(&message, &["tiny.toml:22:", "`time_ration`", "did you mean `time_ratio`?"]);
    let message = error(&FILE.replace("\"log.csv\"", "{ path = \"log.csv\", delimeter = \";\" }"));
    assert_says(&message, &["tiny.toml:19:", "`delimeter`", "did you mean `delimiter`?"]);
    let message = error(&FILE.replace("\"log.csv\"", "{ synthetic = { n_user = 3 } }"));
    assert_says(&message, &["`n_user`", "did you mean `n_users`?"]);
}

#[test]
fn what_is_not_toml_or_lacks_a_key_is_reported_with_its_line() {
    assert_says(&error(&FILE.replace("name = \"tiny\"", "name = tiny")), &["tiny.toml:2:"]);
    assert_says(&error(&FILE.replace("name = \"tiny\"", "name = 3")), &["tiny.toml:2:", "string"]);
    assert_says(&error(&FILE.replace("session = \"user\"\n", "")), &["missing field `session`"]);
    assert_says(&error(&FILE.replace("\"log.csv\"", "3")), &["tiny.toml:19:", "a path"]);
    assert_says(
        &error(&FILE.replace("\"log.csv\"", "{ delimiter = \";\" }")),
        &["either `path` or `synthetic`"],
    );
    let missing = rmtl_ingest::DatasetFile::read(std::path::Path::new("/nowhere/tiny.toml")).unwrap_err();
    assert_says(&crate::case::message(&missing), &["cannot read", "/nowhere/tiny.toml", "No such file"]);
}

#[test]
fn a_column_has_one_use() {
    let twice = error(&FILE.replace("[\"user\", \"item\"]", "[\"user\", \"item\", \"item\"]"));
    assert_says(&twice, &["`categorical`", "column `item`, already named under `categorical`"]);
    let both = error(&FILE.replace("[\"price\"]", "[\"price\", \"item\"]"));
    assert_says(&both, &["`numeric`", "column `item`, already named under `categorical`"]);
    // A label among the features is the answer in the question.
    let leak = error(&FILE.replace("[\"price\"]", "[\"price\", \"buy\"]"));
    assert_says(&leak, &["`tasks.label`", "column `buy`, already named under `numeric`"]);
    let session = error(&FILE.replace("session = \"user\"", "session = \"click\""));
    assert_says(&session, &["`session`", "column `click`, also named under `tasks.label`"]);
}

#[test]
fn a_gap_is_a_span_of_the_time_columns_unit() {
    let session = |session: &str| error(&FILE.replace("session = \"user\"", &format!("session = {session}")));
    let duration = session("{ key = \"user\", gap = \"6h\" }");
    assert_says(
        &duration,
        &["`session.gap`", "a whole number in the unit of column `time`", "Int64", "\"6h\""],
    );
    for gap in ["0", "-5", "\"6 hours\"", "\"0s\"", "1.5"] {
        let message = session(&format!("{{ key = \"user\", gap = {gap} }}"));
        assert_says(
            &message,
            &["tiny.toml:4:", "a positive whole number in the unit of `time`", "\"30min\""],
        );
    }
    assert_says(&session("{ key = \"user\", gpa = 5 }"), &["unknown key `gpa`", "did you mean `gap`?"]);
    assert_says(&session("{ gap = 5 }"), &["missing field `key`"]);
    assert_says(&session("5"), &["tiny.toml:4:", "a column or { key = \"column\", gap = .. }"]);
    let synthetic = error(&FILE.replace("\"log.csv\"", "{ synthetic = {}, time = \"time\" }"));
    assert_says(&synthetic, &["a synthetic table has no", "`time`"]);
}

#[test]
fn tasks_follow_tasks_further_up() {
    let unknown = error(&FILE.replace("after = \"click\"", "after = \"clik\""));
    assert_says(&unknown, &["`tasks.buy.after`", "`clik`", "did you mean `click`?"]);
    assert_says(
        &error(&FILE.replace("after = \"click\"", "after = \"buy\"")),
        &["a task further up", "`buy`"],
    );
    let twice = error(&FILE.replace("name = \"buy\"\nlabel", "name = \"click\"\nlabel"));
    assert_says(&twice, &["`tasks.name`", "`click` twice"]);
    let oracle = error(&FILE.replace("numeric = [\"price\"]", "oracle = [\"price\"]"));
    assert_says(&oracle, &["`oracle`", "one column per task (2)", "found 1"]);
}

#[test]
fn settings_outside_their_range_are_refused() {
    let with = |tail: &str| error(&format!("{FILE}\n{tail}\n"));
    let zero = with("[split]\nkind = \"time_ratio\"\nratios = [8, 0, 2]");
    assert_says(&zero, &["`split.ratios`", "three positive numbers", "[8.0, 0.0, 2.0]"]);
    let backwards = with("[split]\nkind = \"time_boundary\"\nvalidation_from = 8\ntest_from = 8");
    assert_says(&backwards, &["`split.test_from`", "later time", "found 8"]);
    let shared = with(
        "[split]\nkind = \"column\"\ncolumn = \"part\"\ntrain = [\"a\"]\nvalidation = [\"a\"]\ntest = []",
    );
    assert_says(&shared, &["`split`", "`a` twice"]);
    let field = with("[vocabulary.fields.itme]\nmin_count = 2");
    assert_says(&field, &["`vocabulary.fields`", "`itme`", "did you mean `item`?"]);
    let both = with("[vocabulary.fields.item]\nmin_count = 2\nhash_buckets = 9");
    assert_says(&both, &["`vocabulary.fields.item`", "`hash_buckets` or", "found both"]);
    assert_says(&with("[vocabulary]\nmax_size = 0"), &["`vocabulary`", "found 0"]);
    let slots =
        FILE.replace("numeric = [\"price\"]", "multi_valued = [{ name = \"price\", max_values = 0 }]");
    assert_says(&error(&slots), &["`multi_valued`", "`max_values` of at least 1"]);
    assert_says(&error(&FILE.replace("\"tiny\"", "\"a/b\"")), &["`name`", "letters", "`a/b`"]);
    assert_says(&error(&FILE.replace("\"log.csv\"", "[]")), &["`tables.log`", "at least one path"]);
    let synthetic = "{ synthetic = { n_users = 0 } }";
    assert_says(&error(&FILE.replace("\"log.csv\"", synthetic)), &["`n_users`", "at least 1", "found 0"]);
}

#[test]
fn sql_that_cannot_be_planned_is_reported_shortly() {
    let query = |query: &str| error(&FILE.replace("SELECT * FROM log", query));
    let column = query("SELECT user, tiem AS time FROM log");
    assert_says(&column, &["tiny.toml: `query`", "no column `tiem`", "did you mean `time`?"]);
    let table = query("SELECT * FROM lgo");
    assert_says(&table, &["no table `lgo` under [tables], which has log", "did you mean `log`?"]);
    assert_says(&query("SELEC * FROM log"), &["`query`", "SELEC"]);
    assert_says(&query("DROP TABLE log"), &["`query`", "DDL not supported"]);
    assert_says(&query("COPY log TO 'stolen.csv'"), &["`query`", "DML not supported"]);
    assert_says(&query("SELECT * FROM log; SELECT 1"), &["`query`"]);
    let failing = query("SELECT * EXCEPT (click), CAST(item AS INT) AS click FROM log");
    assert_says(&failing, &["`query` failed", "CAST(log.item AS Int32)", "no such value is `x`"]);
}
