//! Places that cannot be written to, and what else stands there.

use std::fs;
use std::path::Path;
use std::process::Command;

use rmtl_ingest::{DatasetFile, IngestError, prepare};

use crate::case::{Case, FILE, LOG, assert_says, message};

fn prepare_into(case: &Case, out: &Path) -> Result<rmtl_ingest::Prepared, IngestError> {
    let file = DatasetFile::parse(FILE, Path::new("tiny.toml")).unwrap();
    prepare(&file, Some(&case.root()), out, &|_| {})
}

#[test]
fn a_folder_that_cannot_be_created_is_named() {
    let case = Case::with_log(LOG);
    let out = case.root().join("log.csv").join("prepared");
    let error = prepare_into(&case, &out).unwrap_err();
    assert_says(
        &message(&error),
        &[
            "cannot create a folder beside",
            "log.csv/prepared",
            "not a directory",
        ],
    );
    assert_eq!(fs::read_to_string(case.root().join("log.csv")).unwrap(), LOG);
}

#[test]
fn other_peoples_folders_and_files_are_never_replaced() {
    let case = Case::with_log(LOG).with("home/thesis.tex", "years of work");
    let error = prepare_into(&case, &case.root().join("home")).unwrap_err();
    assert_says(
        &message(&error),
        &["is in the way", "a folder with `thesis.tex` in it", "--out"],
    );
    let error = prepare_into(&case, &case.root().join("log.csv")).unwrap_err();
    assert_says(&message(&error), &["is in the way", "found a file"]);
    // A prepared dataset to which somebody has added notes.
    case.prepare(FILE).unwrap();
    fs::write(case.out().join("notes.md"), "mine").unwrap();
    case.write("log.csv", LOG.replace("a,1,x", "a,1,y"));
    assert_says(&message(&case.prepare(FILE).unwrap_err()), &["notes.md"]);
    assert_eq!(fs::read_dir(case.out().parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn an_older_dataset_stays_until_the_new_one_is_whole() {
    let case = Case::with_log(LOG);
    let first = case.prepare(FILE).unwrap();
    case.write("log.csv", LOG.replace("a,1,x,1,1,0", "a,1,x,1,7,0"));
    case.prepare(FILE).unwrap_err();
    assert_eq!(rmtl_envs::Manifest::read(&case.out()).unwrap(), first.manifest);
    case.write("log.csv", LOG.replace("a,1,x", "a,1,y"));
    let second = case.prepare(FILE).unwrap();
    assert!(!second.reused);
    assert_ne!(second.manifest.content_hash, first.manifest.content_hash);
    assert_eq!(rmtl_envs::Manifest::read(&case.out()).unwrap(), second.manifest);
    // Nothing beside it.
    assert_eq!(fs::read_dir(case.out().parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn leftovers_of_a_killed_process_are_removed_and_those_of_a_living_one_are_not() {
    let case = Case::with_log(LOG);
    let beside = case.out().parent().unwrap().to_owned();
    let [dead, living] =
        [".prepared.preparing-dead", ".prepared.preparing-living"].map(|name| beside.join(name));
    for folder in [&dead, &living] {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("lock"), "").unwrap();
    }
    let lock = fs::File::open(living.join("lock")).unwrap();
    lock.lock().unwrap();
    case.prepare(FILE).unwrap();
    assert!(!dead.exists());
    assert!(living.exists());
}

/// A limit on the size of files stands in for a full disk: writing fails in the same places. The test starts itself
/// again under that limit.
#[cfg(unix)]
#[test]
fn a_full_disk_is_reported_and_leaves_nothing_behind() {
    const UNDER_THE_LIMIT: &str = "RMTL_INGEST_FILE_SIZE_LIMIT";
    if std::env::var_os(UNDER_THE_LIMIT).is_some() {
        let log = "user,time,item,price,click,buy\n".to_owned()
            + &(0..20_000)
                .map(|row| format!("u{},{row},i{row},{row},{},1\n", row % 97, row % 2))
                .collect::<String>();
        let folder = tempfile::tempdir().unwrap();
        let gzip = |text: &str| {
            use std::io::Write;
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        // Compressed, the log itself stays below the limit.
        fs::write(folder.path().join("log.csv.gz"), gzip(&log)).unwrap();
        let file = FILE.replace("log.csv", "log.csv.gz");
        let file = DatasetFile::parse(&file, &folder.path().join("tiny.toml")).unwrap();
        let error = prepare(&file, None, &folder.path().join("made").join("prepared"), &|_| {}).unwrap_err();
        assert_says(
            &message(&error),
            &["cannot write", "made/.prepared.preparing", "file too large"],
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        return;
    }
    let limited = "trap '' XFSZ; ulimit -f 160; exec \"$0\" --exact \"$1\"";
    let name = "bad_output::a_full_disk_is_reported_and_leaves_nothing_behind";
    let child = Command::new("bash")
        .args([
            "-c",
            limited,
            std::env::current_exe().unwrap().to_str().unwrap(),
            name,
        ])
        .env(UNDER_THE_LIMIT, "1")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
}
