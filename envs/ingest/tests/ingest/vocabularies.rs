//! Values and their ids.

use std::fs;

use rmtl_envs::PADDING;

use crate::case::{Case, FILE, LOG, ids, warned};

fn with_vocabulary(rules: &str) -> String {
    format!("{FILE}\n[vocabulary]\n{rules}\n")
}

#[test]
fn rare_values_share_the_unknown_id() {
    let case = Case::with_log(LOG);
    let dataset = case.dataset(&with_vocabulary("fields.item.min_count = 2"));
    // z is seen once: its row has id 0, and nothing is kept for it.
    assert_eq!(ids(&dataset.train), [[1, 1], [1, 2], [1, 1], [2, 1], [2, 0], [2, 2]]);
    assert_eq!(dataset.manifest.schema.categorical[1].vocabulary_size, 3);
    let file = fs::read_to_string(case.out().join("vocabulary/item.csv")).unwrap();
    assert_eq!(file, "value,id,count\nx,1,3\ny,2,2\n");
    let users = fs::read_to_string(case.out().join("vocabulary/user.csv")).unwrap();
    assert_eq!(users, "value,id,count\na,1,3\nb,2,3\n");
}

#[test]
fn a_vocabulary_can_be_limited_to_the_most_frequent_values() {
    let dataset = Case::with_log(LOG).dataset(&with_vocabulary("max_size = 1"));
    assert_eq!(ids(&dataset.train), [[1, 1], [1, 0], [1, 1], [0, 1], [0, 0], [0, 0]]);
}

#[test]
fn hashed_ids_need_no_training_rows() {
    let case = Case::with_log(LOG);
    let dataset = case.dataset(&with_vocabulary("fields.item.hash_buckets = 1000"));
    let items: Vec<u32> = ids(&dataset.test).iter().map(|row| row[1]).collect();
    let x = ids(&dataset.train)[0][1];
    // Item v is in the test rows only, and not unknown.
    assert_eq!(items[0], x);
    assert!(items[1] != 0 && items[1] != x);
    assert_eq!(dataset.manifest.schema.categorical[1].vocabulary_size, 1001);
    assert!(!case.out().join("vocabulary/item.csv").exists());
}

#[test]
fn null_and_empty_text_are_one_value_of_their_own() {
    let log = LOG.replace("a,1,x", "a,1,").replace("a,2,y", "a,2,\"\"");
    let case = Case::with_log(&log);
    let dataset = case.dataset(FILE);
    // Two empty, two x, one y, one z: ties in order of their bytes.
    let file = fs::read_to_string(case.out().join("vocabulary/item.csv")).unwrap();
    assert_eq!(file, "value,id,count\n,1,2\nx,2,2\ny,3,1\nz,4,1\n");
    assert_eq!(ids(&dataset.train)[..3], [[1, 1], [1, 1], [1, 2]]);
}

#[test]
fn lists_fill_their_slots_and_the_rest_is_padding() {
    let tags = ["p;q", "q", "", "q; r;s", "p", "q", "t", "p;t", "q", "q"];
    let mut log = String::from("user,time,item,click,buy,tag\n");
    for (time, tag) in tags.iter().enumerate() {
        log += &format!("a,{time},x,{},{},{tag}\n", time % 2, time % 2);
    }
    let file = FILE.replace(
        "numeric = [\"price\"]",
        "multi_valued = [{ name = \"tag\", separator = \";\", max_values = 2 }]",
    );
    let case = Case::with_log(&log);
    let dataset = case.dataset(&file);
    let field = &dataset.manifest.schema.categorical[2];
    assert_eq!((field.name.as_str(), field.n_values, field.vocabulary_size), ("tag", 2, 5));
    // In training: q 4, p 2, then once each the empty value and r; s has no slot.
    let written = fs::read_to_string(case.out().join("vocabulary/tag.csv")).unwrap();
    assert_eq!(written, "value,id,count\nq,1,4\np,2,2\n,3,1\nr,4,1\n");
    let slots = |ids: Vec<Vec<u32>>| ids.iter().map(|row| [row[2], row[3]]).collect::<Vec<_>>();
    let expected = [[2, 1], [1, PADDING], [3, PADDING], [1, 4], [2, PADDING], [1, PADDING]];
    assert_eq!(slots(ids(&dataset.train)), expected);
    assert_eq!(slots(ids(&dataset.validation)), [[0, PADDING], [2, 0]]);
    assert_eq!(warned(&dataset.manifest.warnings, "shortened_lists"), [1]);
}
