//! Datasets written, read back, and contradicting themselves.

use std::fs;

use super::*;
use crate::fixture::{rows, schema};
use crate::manifest::{FORMAT_VERSION, MANIFEST_FILE, SessionRule, SplitSummary, Warning};
use crate::table::{SessionEnd, TableWriter};
use SessionEnd::{Cut, Terminated};

const SESSIONS: [&[(u32, SessionEnd)]; 3] = [&[(4, Terminated), (3, Cut)], &[(2, Cut)], &[]];

/// Three tables of two tasks and their manifest.
fn write_dataset(folder: &Path) -> Manifest {
    let mut splits = Vec::new();
    for (split, sessions) in Split::ALL.into_iter().zip(SESSIONS) {
        let path = folder.join(split.file_name());
        let mut writer =
            TableWriter::create(&path, &schema(2), crate::Extras { oracle: true, weight: false }).unwrap();
        rows(2, sessions).iter().for_each(|row| writer.push(row.values()).unwrap());
        writer.finish().unwrap();
        splits.push(SplitSummary::of(split, &LogTable::open(&path, &schema(2)).unwrap(), 2_000));
    }
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        name: "fixture".into(),
        content_hash: "abc".into(),
        dataset_file_hash: String::new(),
        session: SessionRule { key: "user".into(), gap: Some(1000) },
        schema: schema(2),
        weight: false,
        oracle: true,
        splits,
        warnings: vec![Warning { kind: "broken_chain".into(), rows: 3, message: "3 rows".into() }],
    };
    manifest.write(folder).unwrap();
    manifest
}

fn message(folder: &Path) -> String {
    Dataset::open(folder).unwrap_err().to_string()
}

#[test]
fn a_dataset_survives_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = write_dataset(folder.path());
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!(dataset.manifest, manifest);
    assert_eq!(Split::ALL.map(|split| dataset.split(split).n_rows()), [7, 2, 0]);
}

#[test]
fn a_split_is_summed_up_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = write_dataset(folder.path());
    // Labels of rows 0 to 6: 00, 10, 11, 00, 10, 11, 00.
    let train = SplitSummary {
        split: Split::Train,
        rows: 7,
        sessions: 2,
        cut_sessions: 1,
        positives: vec![4, 2],
        first_time: 1_000,
        last_time: 1_006,
        boundary: 2_000,
    };
    assert_eq!(manifest.splits[0], train);
    assert_eq!((train.cut_share(), manifest.splits[2].cut_share()), (0.5, 0.0));
    assert_eq!((manifest.splits[2].rows, manifest.splits[2].first_time), (0, 0));
}

#[test]
fn a_manifest_is_replaced_whole_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = write_dataset(folder.path());
    manifest.name = "another".into();
    manifest.write(folder.path()).unwrap();
    assert_eq!(Manifest::read(folder.path()).unwrap().name, "another");
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["manifest.json", "test.arrow", "train.arrow", "validation.arrow"]);
}

#[test]
#[cfg(unix)]
fn whoever_may_read_the_tables_may_read_the_manifest() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    write_dataset(folder.path());
    let mode = |name| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
    assert_eq!(mode(MANIFEST_FILE), mode(Split::Train.file_name()));
}

#[test]
fn a_manifest_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = write_dataset(folder.path());
    let error = manifest.write(&folder.path().join("missing")).unwrap_err();
    assert!(error.to_string().ends_with("missing/manifest.json"), "{error}");
}

#[test]
fn another_version_is_refused_whatever_its_shape() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(MANIFEST_FILE), r#"{ "format_version": 9, "tables": [] }"#).unwrap();
    assert!(message(folder.path()).contains("format_version: expected 2, found 9"));
}

#[test]
fn what_is_no_manifest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(message(folder.path()).starts_with("cannot read "));
    for text in ["", "{", "[]", r#"{ "format_version": 2 }"#] {
        fs::write(folder.path().join(MANIFEST_FILE), text).unwrap();
        assert!(message(folder.path()).starts_with("cannot read the manifest "), "{text}");
    }
}

#[test]
fn tables_that_are_not_the_manifests_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = write_dataset(folder.path());

    let mut more = manifest.clone();
    more.splits[1].rows = 5;
    more.write(folder.path()).unwrap();
    assert!(message(folder.path()).contains("validation.arrow: rows: expected 5, found 2"));

    let mut unordered = manifest.clone();
    unordered.splits.swap(0, 2);
    unordered.write(folder.path()).unwrap();
    let expected = "splits: expected train, validation, test, found test, validation, train";
    assert!(message(folder.path()).contains(expected));

    let mut blind = manifest.clone();
    blind.oracle = false;
    blind.write(folder.path()).unwrap();
    assert!(message(folder.path()).contains("oracle column: expected false, found true"));

    manifest.write(folder.path()).unwrap();
    fs::remove_file(folder.path().join("test.arrow")).unwrap();
    assert!(message(folder.path()).ends_with("test.arrow"));
}

/// The fixture's folder with checksums, and the names of its files.
fn checked_dataset(folder: &Path) -> Vec<&'static str> {
    write_dataset(folder);
    Checksums::of(folder).unwrap().write(folder).unwrap();
    vec![MANIFEST_FILE, CHECKSUMS_FILE, "train.arrow", "validation.arrow", "test.arrow"]
}

#[test]
fn a_changed_bit_of_any_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in checked_dataset(folder.path()) {
        let path = folder.path().join(name);
        let whole = fs::read(&path).unwrap();
        for position in (0..whole.len()).step_by(5) {
            let mut damaged = whole.clone();
            damaged[position] ^= 1 << (position % 8);
            fs::write(&path, damaged).unwrap();
            assert!(Dataset::open(folder.path()).is_err(), "{name}, byte {position}");
        }
        fs::write(&path, whole).unwrap();
        assert!(Dataset::open(folder.path()).unwrap().is_verified);
    }
}

#[test]
fn a_value_that_is_possible_and_wrong_is_refused_by_file_and_step() {
    let folder = tempfile::tempdir().unwrap();
    checked_dataset(folder.path());
    let mut manifest = Manifest::read(folder.path()).unwrap();
    manifest.splits[0].positives = vec![4, 3];
    manifest.write(folder.path()).unwrap();
    let found = message(folder.path());
    assert!(found.contains("manifest.json: its checksum should be"), "{found}");
    assert!(found.ends_with("prepare the dataset again"), "{found}");
}

#[test]
fn a_dataset_from_before_there_were_checksums_is_read_and_known_as_such() {
    let folder = tempfile::tempdir().unwrap();
    write_dataset(folder.path());
    assert!(!Dataset::open(folder.path()).unwrap().is_verified);
}
