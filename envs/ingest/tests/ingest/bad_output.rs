//! Places that cannot be written to, and what else stands there.

use std::fs;
use std::path::Path;
use std::process::Command;

use rmtl_envs::Cancel;
use rmtl_ingest::{DatasetFile, IngestError, prepare};

use crate::case::{Case, FILE, LOG, assert_says, gzipped, message};

fn prepare_into(case: &Case, out: &Path) -> Result<rmtl_ingest::Prepared, IngestError> {
    let file = DatasetFile::parse(FILE, Path::new("tiny.toml")).unwrap();
    prepare(&file, Some(&case.root()), out, &|_| {}, &Cancel::default())
}

#[test]
fn a_folder_that_cannot_be_created_is_named() {
    let case = Case::with_log(LOG);
    let out = case.root().join("log.csv").join("prepared");
    let error = prepare_into(&case, &out).unwrap_err();
    assert_says(&message(&error), &["cannot create a folder beside", "log.csv/prepared", "not a directory"]);
    assert_eq!(fs::read_to_string(case.root().join("log.csv")).unwrap(), LOG);
}

#[test]
fn other_peoples_folders_and_files_are_never_replaced() {
    let case = Case::with_log(LOG).with("home/thesis.tex", "years of work");
    let error = prepare_into(&case, &case.root().join("home")).unwrap_err();
    assert_says(&message(&error), &["is in the way", "a folder with `thesis.tex` in it", "--out"]);
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
    assert_eq!(rmtl_envs::Manifest::read(&case.out()).unwrap(), first.dataset.manifest);
    case.write("log.csv", LOG.replace("a,1,x", "a,1,y"));
    let second = case.prepare(FILE).unwrap();
    assert!(!second.reused);
    assert_ne!(second.dataset.manifest.content_hash, first.dataset.manifest.content_hash);
    assert_eq!(rmtl_envs::Manifest::read(&case.out()).unwrap(), second.dataset.manifest);
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

#[test]
fn leftovers_go_too_when_the_dataset_is_there_already() {
    let case = Case::with_log(LOG);
    case.prepare(FILE).unwrap();
    let left = case.out().parent().unwrap().join(".prepared.preparing-dead");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("lock"), "").unwrap();
    assert!(case.prepare(FILE).unwrap().reused);
    assert!(!left.exists());
}

/// What a kill between two renamings leaves, on a file system that cannot exchange folders.
#[test]
fn a_dataset_that_was_moved_aside_is_there_again_at_the_next_start() {
    let case = Case::with_log(LOG);
    let first = case.prepare(FILE).unwrap();
    let left = case.out().parent().unwrap().join(".prepared.preparing-killed");
    fs::create_dir(&left).unwrap();
    fs::rename(case.out(), left.join("old")).unwrap();
    let again = case.prepare(FILE).unwrap();
    assert!(again.reused && !left.exists());
    assert_eq!(again.dataset.manifest, first.dataset.manifest);
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_what_it_leads_to_is_replaced() {
    let case = Case::with_log(LOG);
    let (link, target) = (case.root().join("link"), case.root().join("disk/data"));
    fs::create_dir(case.root().join("disk")).unwrap();
    std::os::unix::fs::symlink("disk/data", &link).unwrap();
    for log in [LOG.to_owned(), LOG.replace("a,1,x", "a,1,y")] {
        case.write("log.csv", log);
        let made = prepare_into(&case, &link).unwrap();
        assert!(!made.reused && made.directory == link);
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("disk/data"));
        assert_eq!(rmtl_envs::Manifest::read(&target).unwrap(), made.dataset.manifest);
    }
    assert_eq!(fs::read_dir(case.root().join("disk")).unwrap().count(), 1, "nothing beside it");
}

#[test]
fn a_damaged_dataset_is_made_again() {
    let case = Case::with_log(LOG);
    let first = case.prepare(FILE).unwrap();
    let path = case.out().join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    let wrong = text.replacen("\"cut_sessions\": ", "\"cut_sessions\": 1", 1);
    assert_ne!(wrong, text);
    fs::write(&path, wrong).unwrap();
    let again = case.prepare(FILE).unwrap();
    assert!(!again.reused);
    assert_eq!(again.dataset.manifest, first.dataset.manifest);
}

/// A limit on the size of files stands in for a full disk: writing fails in the same places. The test starts itself
/// again under that limit.
#[cfg(unix)]
#[test]
fn a_full_disk_is_reported_and_leaves_nothing_behind() {
    const UNDER_THE_LIMIT: &str = "RMTL_INGEST_FILE_SIZE_LIMIT";
    if std::env::var_os(UNDER_THE_LIMIT).is_some() {
        return fill_the_disk();
    }
    let limited = "trap '' XFSZ; ulimit -f 160; exec \"$0\" --exact \"$1\"";
    let name = "bad_output::a_full_disk_is_reported_and_leaves_nothing_behind";
    let executable = std::env::current_exe().unwrap();
    let mut child = Command::new("bash");
    child.args(["-c", limited, executable.to_str().unwrap(), name]).env(UNDER_THE_LIMIT, "1");
    let child = child.output().unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
}

/// No file may have more than 160 KiB: the sources are below that, and what is made of them is not.
fn fill_the_disk() {
    const HEADER: &str = "user,time,item,price,click,buy\n";
    let rows = |rows: std::ops::Range<u32>, items: u32| {
        rows.map(|row| format!("u{},{row},i{},{row},{},1\n", row % 97, row % items, row % 2))
            .collect::<String>()
    };
    // Gzipped files, when they are unpacked.
    let case = Case::new().with("log.csv.gz", gzipped(&format!("{HEADER}{}", rows(0..20_000, 10))));
    let message = case.error(&FILE.replace("log.csv", "log.csv.gz"));
    assert_full(&message, "scratch");
    // Many files, when the query's rows are kept.
    let case = Case::new();
    for part in 0..10 {
        case.write(
            format!("log_{part}.csv"),
            HEADER.to_owned() + &rows(part * 4000..(part + 1) * 4000, 40_000),
        );
    }
    assert_full(&case.error(&FILE.replace("log.csv", "log_*.csv")), "scratch");
    // Few rows of many equal columns, small until they are a table.
    let copies: Vec<String> = (0..40).map(|copy| format!("c{copy}")).collect();
    let query = format!("SELECT *, item AS {} FROM log", copies.join(", item AS "));
    let categorical = format!("[\"user\", \"{}\", \"item\"]", copies.join("\", \""));
    let file = FILE.replace("SELECT * FROM log", &query).replace("[\"user\", \"item\"]", &categorical);
    let case = Case::with_log(&(HEADER.to_owned() + &rows(0..3000, 10)));
    assert_full(&case.error(&file), "dataset/train.arrow");
}

fn assert_full(message: &str, place: &str) {
    assert_says(
        &message.to_lowercase(),
        &["cannot write", "made/.prepared.preparing", place, "file too large"],
    );
}
