use rmtl_envs::{LogTable, RowValues, Schema, SessionEnd};

use super::split::parts;
use super::*;

/// Three sessions: times 0 to 3, 10, and 19; labels by hand.
fn table() -> (Schema, LogTable) {
    let schema = Schema::of_ids(&[("item", 4)], &[("click", None), ("buy", Some("click"))]);
    let rows: [(u32, i64, [u8; 2], SessionEnd); 4] = [
        (1, 0, [1, 1], SessionEnd::Continues),
        (0, 3, [0, 0], SessionEnd::Terminated),
        (2, 10, [1, 0], SessionEnd::Terminated),
        (0, 19, [0, 0], SessionEnd::Cut),
    ];
    let values = rows.iter().map(|(id, time, labels, end)| RowValues {
        categorical: std::slice::from_ref(id),
        labels,
        time: *time,
        end: *end,
        ..RowValues::default()
    });
    let table = LogTable::from_rows(&schema, values);
    (schema, table)
}

#[test]
fn ten_parts_of_equal_time_by_hand() {
    let (_, table) = table();
    let parts = parts(&table, 0, 19);
    let rows: Vec<u64> = parts.iter().map(|part| part.rows).collect();
    assert_eq!(rows, [1, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
    let from: Vec<i64> = parts.iter().map(|part| part.from).collect();
    assert_eq!(from, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    assert_eq!(parts[0].rates, [Some(1.0), Some(1.0)]);
    assert_eq!(parts[5].rates, [Some(1.0), Some(0.0)]);
    assert_eq!(parts[2].rates, [None, None]);
}

#[test]
fn parts_of_one_moment_are_one() {
    let schema = Schema::of_ids(&[("item", 4)], &[("click", None)]);
    let row = RowValues {
        categorical: &[1],
        labels: &[1],
        time: i64::MAX,
        end: SessionEnd::Cut,
        ..RowValues::default()
    };
    let parts = parts(&LogTable::from_rows(&schema, [row]), i64::MAX, i64::MAX);
    assert_eq!((parts.len(), parts[0].rows, parts[0].from), (10, 1, i64::MAX));
}

#[test]
fn labels_together_and_unknown_values_by_hand() {
    let (schema, table) = table();
    // Two clicks, one of them with a buy; every buy has its click.
    assert_eq!(together(&table), [[Some(1.0), Some(0.5)], [Some(1.0), Some(1.0)]]);
    assert_eq!(unknown_shares(&table, &schema), [Some(0.5)]);
}

#[test]
fn lengths_by_hand() {
    let lengths = Lengths::of([5, 1, 2, 1, 3].into_iter());
    assert_eq!((lengths.mean, lengths.median, lengths.longest), (2.4, 2, 5));
    // 3 is up to 4, 5 up to 8.
    assert_eq!(lengths.up_to, [(1, 2), (2, 1), (4, 1), (8, 1)]);
    assert_eq!(Lengths::of(std::iter::empty()), Lengths::default());
}
