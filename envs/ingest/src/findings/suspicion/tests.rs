use rmtl_envs::{CategoricalField, NumericField, PADDING, RowValues, SessionEnd, Task};

use super::*;

const NULL: u32 = 1;

/// A row: ids of two fields and of a list, a number, labels of click and buy.
type Sketch = ([u32; 2], [u32; 2], f32, [u8; 2]);

/// Sessions of three rows, described one by one.
fn table(n_rows: usize, sketch: impl Fn(usize) -> Sketch) -> (LogTable, Schema) {
    let field =
        |name: &str, n_values| CategoricalField { name: name.into(), vocabulary_size: 3_001, n_values };
    let task = |name: &str| Task { name: name.into(), after: None, number: None };
    let schema = Schema {
        categorical: vec![field("item", 1), field("other", 1), field("tags", 2)],
        numeric: vec![NumericField { name: "x".into(), mean: 0.0, standard_deviation: 1.0 }],
        tasks: vec![task("click"), task("buy")],
    };
    let rows: Vec<([u32; 4], [f32; 1], [u8; 2])> = (0..n_rows)
        .map(|row| {
            let (ids, tags, number, labels) = sketch(row);
            ([ids[0], ids[1], tags[0], tags[1]], [number], labels)
        })
        .collect();
    let values = rows.iter().enumerate().map(|(row, (categorical, numeric, labels))| RowValues {
        categorical,
        numeric,
        labels,
        time: 0,
        end: if row % 3 == 2 || row + 1 == n_rows { SessionEnd::Cut } else { SessionEnd::Continues },
        oracle: &[],
        targets: &[],
        weight: &[],
    });
    (LogTable::from_rows(&schema, values), schema)
}

/// A fair coin for every row and name.
fn coin(row: usize, name: u64) -> u8 {
    let mut bits =
        (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ name.wrapping_mul(0xD1B5_4A32_D192_ED03);
    bits = (bits ^ (bits >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((bits ^ (bits >> 29)) >> 40) as u8 & 1
}

fn number(row: usize) -> f32 {
    (row * 37 % 101) as f32 / 50.0 - 1.0
}

/// Features that have nothing to do with the labels.
fn healthy(row: usize) -> Sketch {
    let ids = [2 + row as u32 * 7 % 40, 1 + row as u32 % 5];
    (ids, [1 + row as u32 % 9, PADDING], number(row), [coin(row, 1), coin(row, 2)])
}

/// (kind, message) of what is found where numbers may be missing.
fn found(n_rows: usize, sketch: impl Fn(usize) -> Sketch) -> Vec<(String, String)> {
    let (table, schema) = table(n_rows, sketch);
    let warnings = all(&table, &schema, &[NULL; 3], &[1]);
    assert!(warnings.iter().all(|warning| warning.rows == n_rows as u64));
    warnings.into_iter().map(|warning| (warning.kind, warning.message)).collect()
}

#[track_caller]
fn assert_one(found: &[(String, String)], kind: &str, words: &str) {
    let [(found_kind, message)] = found else { panic!("{found:?}") };
    assert!(found_kind == kind && message.contains(words), "{found:?}");
}

#[test]
fn features_that_know_nothing_are_not_suspected() {
    assert_eq!(found(900, healthy), []);
}

#[test]
fn good_features_are_not_suspected() {
    // Each of 38 items is clicked in 19 rows of 20, or in one: an AUC of .95.
    let good = |row: usize| {
        let (mut ids, tags, _, mut labels) = healthy(row);
        ids[0] = 2 + (row / 3 % 38) as u32;
        labels[0] = u8::from(ids[0].is_multiple_of(2)) ^ u8::from(row.is_multiple_of(20));
        (ids, tags, f32::from(labels[0]) + number(row), labels)
    };
    assert_eq!(found(3_000, good), []);
}

#[test]
fn a_copy_of_a_label_is_found_whatever_its_type() {
    let category = |row| {
        let (ids, tags, number, labels) = healthy(row);
        ([ids[0], 2 + u32::from(labels[1])], tags, number, labels)
    };
    assert_one(&found(900, category), "label_copy", "`other` equals the label of task `buy`");
    let number = |row| {
        let (ids, tags, _, labels) = healthy(row);
        (ids, tags, 1.5 - 2.0 * f32::from(labels[0]), labels)
    };
    assert_one(&found(900, number), "label_copy", "`x` equals the label of task `click`");
}

#[test]
fn values_that_are_missing_with_a_label_are_found() {
    // A number that stands on both sides of the mean where it is known.
    let number = |row| {
        let (ids, tags, number, labels) = healthy(row);
        (ids, tags, if labels[1] == 0 { 0.0 } else { number + 0.005 }, labels)
    };
    assert_one(
        &found(900, number),
        "missing_with_label",
        "`x` is missing exactly where the label of task `buy` is 0",
    );
    // The id of an order, which nobody has twice.
    let order = |row| {
        let (ids, tags, number, labels) = healthy(row);
        ([ids[0], if labels[1] == 1 { 2 + row as u32 } else { NULL }], tags, number, labels)
    };
    assert_one(
        &found(900, order),
        "missing_with_label",
        "`other` is missing exactly where the label of task `buy` is 0",
    );
    // Missing where the label is 1, in all rows but one in three hundred.
    let nearly = |row: usize| {
        let (ids, tags, number, labels) = healthy(row);
        (ids, tags, if labels[0] == 1 || row.is_multiple_of(300) { 0.0 } else { number + 0.005 }, labels)
    };
    assert_one(&found(900, nearly), "telling_feature", "whether `x` is missing ranks task `click`");
}

#[test]
fn a_number_at_the_mean_is_not_missing_where_none_is() {
    let sketch = |row| {
        let (ids, tags, number, labels) = healthy(row);
        (ids, tags, if labels[1] == 0 { 0.0 } else { number + 0.005 }, labels)
    };
    let (table, schema) = table(900, sketch);
    assert_eq!(all(&table, &schema, &[NULL; 3], &[0]), []);
}

#[test]
fn a_feature_that_ranks_a_label_nearly_without_error_is_found() {
    // Ten values of each outcome; one row in a thousand has the wrong one.
    let status = |row: usize| {
        let (ids, tags, number, labels) = healthy(row);
        let label = u32::from(labels[0]) ^ u32::from(row.is_multiple_of(1000));
        ([ids[0], 2 + 2 * (row as u32 % 10) + label], tags, number, labels)
    };
    assert_one(
        &found(3_000, status),
        "telling_feature",
        "`other` alone ranks task `click` with an AUC of 0.99",
    );
    let dwell = |row: usize| {
        let (ids, tags, number, labels) = healthy(row);
        let label = labels[1] ^ u8::from(row.is_multiple_of(1000));
        (ids, tags, number - 2.5 * f32::from(label), labels)
    };
    assert_one(&found(3_000, dwell), "telling_feature", "`x` alone ranks task `buy`");
    // A tag of a list that comes with the label.
    let list = |row| {
        let (ids, tags, number, labels) = healthy(row);
        (ids, [tags[0], if labels[0] == 1 { 50 } else { 51 + row as u32 % 3 }], number, labels)
    };
    assert_one(&found(900, list), "telling_feature", "`tags` alone ranks task `click`");
}

#[test]
fn a_number_per_row_is_named_as_such_and_not_taken_for_a_label() {
    let numbered = |row| {
        let (ids, tags, number, labels) = healthy(row);
        ([1 + row as u32, ids[1]], tags, number, labels)
    };
    assert_one(&found(900, numbered), "row_id", "`item` has 900 values in 900 training rows");
    // Nine values for ten rows are enough, eight are not.
    let shared = |of_ten: usize| {
        move |row: usize| {
            let (ids, tags, number, labels) = healthy(row);
            let id = if row % 10 < of_ten { 2 + row as u32 } else { 2 };
            ([id, ids[1]], tags, number, labels)
        }
    };
    assert_one(&found(900, shared(9)), "row_id", "`item` has 810 values");
    assert_eq!(found(900, shared(8)), []);
}

#[test]
fn a_field_of_one_value_is_named() {
    let constant = |id: u32| {
        move |row| {
            let (ids, tags, number, labels) = healthy(row);
            ([ids[0], id], tags, number, labels)
        }
    };
    assert_one(&found(900, constant(5)), "constant_category", "`other` has one value in all training rows");
    assert_one(&found(900, constant(OUT_OF_VOCABULARY)), "constant_category", "lower its `min_count`");
}

#[test]
fn a_handful_of_outcomes_says_nothing() {
    // The number tells nine buys from all other rows.
    let rare = |n: usize| {
        move |row: usize| {
            let (ids, tags, number, [click, _]) = healthy(row);
            let buy = row.is_multiple_of(90) && row < 90 * n;
            (ids, tags, if buy { 9.0 } else { number }, [click, u8::from(buy)])
        }
    };
    assert_eq!(found(900, rare(9)), []);
    assert_one(&found(900, rare(10)), "telling_feature", "`x` alone ranks task `buy` with an AUC of 1.0000");
}
