use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};

use super::*;

const N_ROWS: i64 = 400;

/// A log whose columns are functions of the row's number.
fn rows() -> RecordBatch {
    let integers =
        |of: &dyn Fn(i64) -> i64| -> ArrayRef { Arc::new((0..N_ROWS).map(of).collect::<Int64Array>()) };
    let texts = |of: &dyn Fn(i64) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..N_ROWS).map(of)))
    };
    let click = |row: i64| i64::from(row % 3 == 0);
    let buy = |row: i64| i64::from(row % 9 == 0);
    let numbers = |of: &dyn Fn(i64) -> Option<f64>| -> ArrayRef {
        Arc::new((0..N_ROWS).map(of).collect::<Float64Array>())
    };
    RecordBatch::try_from_iter([
        ("user-id", integers(&|row| row % 20)),
        ("shown_at", integers(&|row| 1_700_000_000_000 + 30_000 * row)),
        ("item", texts(&|row| format!("i{}", row * 7 % 31))),
        ("tags", texts(&|row| if row % 4 == 0 { "a".into() } else { format!("a|b{}", row % 5) })),
        ("price", numbers(&|row| Some((row * 37 % 101) as f64 / 4.0))),
        ("impression_id", integers(&|row| 1_000 + row)),
        ("is_buy", integers(&buy)),
        ("is_click", integers(&click)),
        ("dwell_ms", integers(&|row| 10_000 * click(row) + row * 13 % 997)),
        ("order_total", numbers(&|row| (buy(row) == 1).then_some(5.0 + (row % 4) as f64))),
        ("is_weekend", integers(&|row| i64::from(row % 2 == 0))),
        ("source", texts(&|_| "web".into())),
    ])
    .unwrap()
}

fn sketch(wishes: &Wishes<'_>) -> Result<Sketch, IngestError> {
    Sketch::of("log.csv", FileTable::default(), &rows(), wishes)
}

fn roles(sketch: &Sketch) -> Vec<(&str, &Role)> {
    sketch.columns.iter().map(|guess| (guess.name.as_str(), &guess.role)).collect()
}

#[test]
fn every_column_has_its_use() {
    let sketch = sketch(&Wishes::default()).unwrap();
    let task = |after: Option<&str>| Role::Task { after: after.map(Into::into) };
    // Users come every 20 rows, after 10 minutes: half an hour leaves sessions of 20 rows.
    let session = Role::Session { gap: Some("1800000".into()), is_feature: true };
    let tags = Role::List { separator: Some('|'), max_values: 2 };
    let expected = [
        ("user_id", &session),
        ("shown_at", &Role::Time),
        ("item", &Role::Id),
        ("tags", &tags),
        ("price", &Role::Number),
        ("impression_id", &Role::Ignored),
        ("is_buy", &task(Some("is_click"))),
        ("is_click", &task(None)),
        ("dwell_ms", &Role::Suspicious),
        ("order_total", &Role::Suspicious),
        ("is_weekend", &Role::Id),
        ("source", &Role::Ignored),
    ];
    assert_eq!(roles(&sketch), expected);
    let why = |name: &str| &sketch.columns.iter().find(|guess| guess.name == name).unwrap().why;
    assert!(
        why("dwell_ms").contains("its value ranks `is_click` with an AUC of 1.000"),
        "{}",
        why("dwell_ms")
    );
    assert!(why("order_total").contains("missing ranks `is_buy`"), "{}", why("order_total"));
}

#[test]
fn the_dataset_file_is_one_and_names_columns_as_it_may() {
    let text = sketch(&Wishes::default()).unwrap().dataset_file("shop", &["log.csv".into()]);
    let file = crate::DatasetFile::parse(&text, Path::new("shop.toml"))
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(file.query.contains("\"user-id\" AS \"user_id\""), "{}", file.query);
    assert_eq!(file.ignore, ["impression_id", "dwell_ms", "order_total", "source"]);
    assert_eq!(file.tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>(), ["is_click", "is_buy"]);
    assert!(text.contains("\"dwell_ms\", # SUSPICIOUS: its value"), "{text}");
}

#[test]
fn wishes_come_first_and_what_is_not_there_is_named() {
    let tasks = ["is_weekend".to_owned()];
    let wished = Wishes { tasks: &tasks, session: Some("item"), time: None };
    let sketch = sketch(&wished).unwrap();
    assert_eq!(sketch.tasks().map(|guess| guess.name.as_str()).collect::<Vec<_>>(), ["is_weekend"]);
    let role = |name: &str| roles(&sketch).into_iter().find(|(known, _)| *known == name).unwrap().1.clone();
    assert!(matches!(role("item"), Role::Session { .. }));
    // Outcomes that nobody wants to predict are no features.
    assert_eq!([role("is_click"), role("is_buy")], [Role::Ignored, Role::Ignored]);
    let message = |wishes: &Wishes<'_>| super::tests::sketch(wishes).unwrap_err().to_string();
    let tasks = ["is_clik".to_owned()];
    let wrong = message(&Wishes { tasks: &tasks, ..Wishes::default() });
    assert!(wrong.contains("log.csv") && wrong.contains("did you mean `is_click`?"), "{wrong}");
    let tasks = ["price".to_owned()];
    assert!(message(&Wishes { tasks: &tasks, ..Wishes::default() }).contains("0 and 1 in every row"));
}

#[test]
fn honest_columns_are_not_suspected() {
    let sketch = sketch(&Wishes::default()).unwrap();
    let suspected: Vec<&str> = sketch
        .columns
        .iter()
        .filter(|guess| guess.role == Role::Suspicious)
        .map(|guess| guess.name.as_str())
        .collect();
    assert_eq!(suspected, ["dwell_ms", "order_total"]);
}

#[test]
fn names_of_datasets_come_from_files() {
    let names = ["logs/day_*.csv.gz", "My Log 2.parquet", "*.csv"].map(dataset_name);
    assert_eq!(names, ["day", "My_Log_2", "log"]);
}
