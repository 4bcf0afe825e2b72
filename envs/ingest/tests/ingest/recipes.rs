//! The recipes of the dataset files' documentation, on a few rows each.

use rmtl_envs::Dataset;

use crate::case::{Case, assert_says, warned};

const DOCUMENTATION: &str = include_str!("../../../../configs/datasets/README.md");

/// The dataset file of the recipe `name`.
fn recipe(name: &str) -> &'static str {
    let (_, recipes) = DOCUMENTATION.split_once("\n## Recipes\n").unwrap();
    let mut files = recipes.split("```toml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    files.find(|file| file.contains(&format!("name = \"{name}\"\n"))).unwrap()
}

/// Rows, sessions and positives of a dataset's splits.
fn counts(dataset: &Dataset) -> Vec<(u64, u64, Vec<u64>)> {
    let splits = dataset.manifest.splits.iter();
    splits.map(|split| (split.rows, split.sessions, split.positives.clone())).collect()
}

#[test]
fn every_recipe_is_tried() {
    let recipes = DOCUMENTATION.split_once("\n## Recipes\n").unwrap().1.matches("```toml").count();
    assert_eq!(recipes, 5, "a new recipe needs a test here");
}

#[test]
fn impressions_with_labels() {
    let first = "user_id,shown_at,item_id,price,clicked,liked\n\
                 7,2024-05-01 12:00:00,a,1.5,1,0\n7,2024-05-01 12:10:00,b,2,0,0\n7,2024-05-01 13:00:00,a,1.5,1,1\n\
                 007,2024-05-01 13:05:00,c,,0,0\n007,2024-05-01 13:06:00,a,1.5,0,0\n7,2024-05-01 14:00:00,b,2,1,0\n";
    let second = "user_id,shown_at,item_id,price,clicked,liked\n\
                  7,2024-05-02 12:00:00,a,1.5,1,0\n7,2024-05-02 12:10:00,b,2,0,1\n\
                  7,2024-05-02 13:00:00,a,1.5,0,1\n8,2024-05-02 13:05:00,c,3,1,0\n";
    let case = Case::new().with("impressions_1.csv", first).with("impressions_2.csv", second);
    // Two users with the pauses of 50 and 60 minutes of one of them: four sessions.
    let expected = vec![(6, 4, vec![3, 1]), (2, 1, vec![1, 1]), (2, 2, vec![1, 1])];
    assert_eq!(counts(&case.dataset(recipe("impressions"))), expected);
}

#[test]
fn bare_events_of_several_types() {
    let hour: i64 = 3_600_000;
    let day = 24 * hour;
    let events = [
        (0, "a", "view", "x"),
        (hour, "a", "view", "y"),
        (2 * hour, "a", "cart", "x"),
        (3 * hour, "a", "buy", "x"),
        (4 * hour, "b", "view", "x"),
        // The cart is more than a day later.
        (5 * hour, "b", "view", "y"),
        (6 * hour, "b", "view", "z"),
        (7 * hour, "c", "view", "z"),
        (30 * hour, "b", "cart", "y"),
        (20 * day, "d", "view", "x"),
        (20 * day + 1, "d", "cart", "x"),
        (20 * day + 2, "d", "view", "y"),
        (7 * hour + 20 * day, "e", "cart", "y"),
        (30 * day, "f", "view", "z"),
        (30 * day + 1, "f", "cart", "z"),
        (30 * day + 2, "f", "buy", "z"),
        (30 * day + 3, "f", "view", "y"),
    ];
    let rows =
        events.map(|(time, visitor, event, item)| format!("{time},{visitor},{event},{item}\n")).concat();
    let case = Case::new().with("events.csv", format!("time,visitor,event,item\n{rows}"));
    let expected = vec![(6, 3, vec![1, 1]), (2, 1, vec![1, 0]), (2, 1, vec![1, 1])];
    assert_eq!(counts(&case.dataset(recipe("events"))), expected);
}

/// Ten impressions, numbered, an hour apart from noon on.
fn shown(columns: &str, time: impl Fn(usize) -> String, last: impl Fn(usize) -> &'static str) -> String {
    let rows =
        (0..10).map(|row| format!("{row},{},{},x{}{}\n", ["a", "b"][row % 2], time(row), row % 3, last(row)));
    format!("{columns}\n{}", rows.collect::<String>())
}

#[test]
fn labels_in_tables_of_their_own() {
    let case = Case::new()
        .with("shown.csv", shown("id,user,time,item", |row| row.to_string(), |_| ""))
        .with("clicks.csv", "id\n1\n1\n3\n6\n8\n")
        .with("orders.csv", "id,amount\n1,5\n3,2\n3,4\n6,1\n9,1\n");
    let dataset = case.dataset(recipe("label_tables"));
    assert_eq!(counts(&dataset), [(6, 2, vec![2, 2]), (2, 2, vec![1, 1]), (2, 2, vec![1, 0])]);
    assert_eq!(warned(&dataset.manifest.warnings, "chain_breaks"), [1], "an order without a click");
}

#[test]
fn labels_that_come_days_later() {
    let time = |row: usize| format!("2024-05-01 {:02}:00:00", 12 + row);
    let click = |row: usize| if row.is_multiple_of(2) { ",1" } else { ",0" };
    let case = Case::new()
        .with("shown.csv", shown("id,user,time,item,click", time, click))
        // Known within training, after it, and twice: the first counts.
        .with("orders.csv", "id,time\n0,2024-05-01 13:00:00\n2,2024-05-03 10:00:00\n4,2024-05-01 17:30:00\n4,2024-05-09 10:00:00\n");
    let dataset = case.dataset(recipe("delayed"));
    assert_eq!(counts(&dataset), [(6, 2, vec![3, 2]), (2, 2, vec![1, 0]), (2, 2, vec![1, 0])]);
    assert_eq!(warned(&dataset.manifest.warnings, "late_labels"), [1]);
}

#[test]
fn day_files_that_differ() {
    let first =
        "user,time,item,brand,click\na,1,x,NA,1\na,2,y,n,0\nb,3,x,n,1\nb,4,y,NA,0\na,5,x,s,1\nb,6,x,s,0\n";
    let second = "1\ts\tx\t7\ta\n0\t\"n\ty\t8\tb\n0\tn\tx\t9\ta\n1\t\ty\t10\tb\n";
    let case = Case::new().with("day_1.csv", first).with("day_2.tsv", second);
    let dataset = case.dataset(recipe("days"));
    assert_eq!(counts(&dataset), [(6, 2, vec![3]), (2, 2, vec![1]), (2, 2, vec![1])]);
    let written = std::fs::read_to_string(case.out().join("vocabulary/brand.csv")).unwrap();
    assert_says(&written, &[",1,2\n", "n,2,2\n", "s,3,2\n"]);
}
