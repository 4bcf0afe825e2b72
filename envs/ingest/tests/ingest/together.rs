//! Several preparations of one place at the same moment, and one that is asked to end.

use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::time::Instant;

use rmtl_envs::{Cancel, Manifest};
use rmtl_ingest::{DatasetFile, IngestError, Prepared, Progress, prepare};

use crate::case::{Case, FILE, LOG};

fn file(text: &str) -> DatasetFile {
    DatasetFile::parse(text, Path::new("tiny.toml")).unwrap()
}

/// Prepares `files` at once in the place of `case`.
fn at_once(case: &Case, files: &[&DatasetFile]) -> Vec<Prepared> {
    let start = Barrier::new(files.len());
    std::thread::scope(|scope| {
        let prepare = |file: &DatasetFile| {
            start.wait();
            prepare(file, Some(&case.root()), &case.out(), &|_| {}, &Cancel::default())
        };
        let threads: Vec<_> = files.iter().map(|file| scope.spawn(move || prepare(file))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
    })
}

#[test]
fn one_of_many_prepares_and_the_others_find_it() {
    for _ in 0..5 {
        let case = Case::with_log(LOG);
        let file = file(FILE);
        let prepared = at_once(&case, &[&file; 8]);
        assert_eq!(prepared.iter().filter(|prepared| !prepared.reused).count(), 1);
        assert_eq!(fs::read_dir(case.out().parent().unwrap()).unwrap().count(), 1, "nothing beside it");
    }
}

#[test]
fn each_gets_its_own_dataset_where_two_want_one_place() {
    let case = Case::with_log(LOG);
    let other = "\n[split]\nkind = \"time_ratio\"\nratios = [7, 2, 1]\n";
    let [one, other] = [file(FILE), file(&(FILE.to_owned() + other))];
    for _ in 0..10 {
        let prepared = at_once(&case, &[&one, &other, &one, &other]);
        for (index, prepared) in prepared.iter().enumerate() {
            let rows = [6, 7][index % 2];
            assert_eq!(
                (prepared.dataset.train.n_rows(), prepared.dataset.manifest.splits[0].rows),
                (rows, rows as u64)
            );
        }
        assert_ne!(prepared[0].dataset.manifest.content_hash, prepared[1].dataset.manifest.content_hash);
    }
}

#[test]
fn a_preparation_that_is_asked_to_end_leaves_what_was_there() {
    let case = Case::with_log(LOG);
    let before = case.prepare(FILE).unwrap().dataset.manifest;
    let rows = |row: u64| format!("{},{row},i{},{row},{},{}\n", row / 40, row % 999, row % 2, row % 3 / 2);
    case.write(
        "log.csv",
        "user,time,item,price,click,buy\n".to_owned() + &(0..400_000).map(rows).collect::<String>(),
    );
    type IsIt = fn(&Progress) -> bool;
    let stages: [(&str, IsIt); 4] = [
        ("hashing", |stage| matches!(stage, Progress::Hashing { .. })),
        ("querying", |stage| matches!(stage, Progress::Querying { .. })),
        ("fitting", |stage| matches!(stage, Progress::FittingVocabulary { .. })),
        ("writing", |stage| matches!(stage, Progress::Writing { .. })),
    ];
    for (name, is_it) in stages {
        let (cancel, asked) = (Cancel::default(), std::cell::Cell::new(None));
        let progress = |stage: Progress| {
            if is_it(&stage) && asked.get().is_none() {
                asked.set(Some(Instant::now()));
                cancel.ask();
            }
        };
        let result = prepare(&file(FILE), Some(&case.root()), &case.out(), &progress, &cancel);
        assert!(matches!(result, Err(IngestError::Cancelled)), "{name}: {result:?}");
        let seconds = asked.get().unwrap().elapsed().as_secs_f64();
        println!("{name}: ended after {seconds:.3} s");
        assert_eq!(Manifest::read(&case.out()).unwrap(), before);
        assert_eq!(fs::read_dir(case.out().parent().unwrap()).unwrap().count(), 1, "nothing beside it");
    }
}

#[test]
fn one_that_waits_for_another_can_be_asked_to_end() {
    let case = Case::with_log(LOG);
    let beside = case.out().parent().unwrap().to_owned();
    fs::create_dir_all(&beside).unwrap();
    let _other = rmtl_files::Lock::try_at(&beside.join(".prepared.lock")).unwrap().unwrap();
    let cancel = Cancel::default();
    let progress = |stage: Progress| {
        if stage == Progress::Waiting {
            cancel.ask();
        }
    };
    let result = prepare(&file(FILE), Some(&case.root()), &case.out(), &progress, &cancel);
    assert!(matches!(result, Err(IngestError::Cancelled)), "{result:?}");
}
