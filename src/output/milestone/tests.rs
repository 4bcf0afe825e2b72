use std::fs;
use std::path::Path;

use rmtl_agents::actor::OptimizerState;
use rmtl_agents::embedding::SparseOptimizerState;
use rmtl_files::checksum;
use tempfile::TempDir;

use super::*;
use crate::config::RunFile;
use crate::error::Result;
use crate::log::METRICS_FILE;
use crate::output::folder::RUN_FILE;

const RUN: &str = "[data]\ndataset = \"d.toml\"\n[backbone.mmoe]\n[weighting.uw]\n";

fn config(more: &str) -> RunFile {
    toml::from_str(&format!("{more}\n{RUN}")).unwrap()
}

fn origin() -> Origin {
    Origin::of(&config("seed = 5"), "content").unwrap()
}

/// A run folder with as many checkpoints, each of a model more than the one before.
fn run(models: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(RUN_FILE), RUN).unwrap();
    fs::create_dir(folder.path().join("model")).unwrap();
    let mut milestone = Milestone { origin: origin(), ..Milestone::default() };
    write(folder.path(), 0, 2, &mut milestone).unwrap();
    for (number, model) in (1..).zip(models) {
        fs::write(folder.path().join(format!("model/{model}.safetensors")), model).unwrap();
        milestone.actors.insert((*model).to_owned(), kept());
        write(folder.path(), number, 2, &mut milestone).unwrap();
    }
    folder
}

fn kept() -> KeptActor {
    KeptActor {
        phase: "pretrain".into(),
        step: 7,
        // A sum that a careless reader of decimals gets wrong in the last bit.
        value: Some(0.1 + 0.2),
        scores: Vec::new(),
        diagnostics: [("gamma".to_owned(), 0.3_f32)].into(),
        n_steps: 9,
        planned_steps: Some(u64::MAX),
        optimizers: None,
    }
}

/// The number of the checkpoint a run goes on from and its actors, and what was said of others.
fn found(folder: &Path, origin: &Origin) -> (Result<(u64, Milestone)>, Vec<String>) {
    let mut said = Vec::new();
    let found = latest(folder, |_| Ok(origin.clone()), |message| said.push(message.to_owned()));
    (found, said)
}

fn number(folder: &Path) -> u64 {
    found(folder, &origin()).0.unwrap().0
}

/// Changes the JSON of a checkpoint, and its checksum with it.
fn change(folder: &Path, number: u64, from: &str, to: &str) {
    let path = folder.join(format!("checkpoint/{number}.json"));
    let text = fs::read_to_string(&path).unwrap();
    let (_, text) = text.split_once('\n').unwrap();
    assert!(text.contains(from), "{text}");
    let text = text.replacen(from, to, 1);
    fs::write(&path, format!("{}\n{text}", checksum(text.as_bytes()))).unwrap();
}

#[test]
fn the_last_two_are_kept_and_the_last_one_is_read_to_the_bit() {
    let folder = run(&["baseline", "actor"]);
    let mut names: Vec<_> = fs::read_dir(folder.path().join(CHECKPOINTS))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["1.json", "2.json"]);
    let (found, said) = found(folder.path(), &origin());
    let (number, milestone) = found.unwrap();
    assert_eq!((number, said.len()), (2, 0));
    assert_eq!(milestone.actors["baseline"], kept());
    assert!(is_resumable(folder.path()));
    remove(folder.path());
    assert!(!exists(folder.path()) && !is_resumable(folder.path()));
}

#[test]
fn of_a_damaged_checkpoint_or_model_the_one_before_is_used() {
    let folder = run(&["baseline", "actor"]);
    let model = folder.path().join("model/actor.safetensors");
    fs::write(&model, "actoR").unwrap();
    let (of, said) = found(folder.path(), &origin());
    assert_eq!(of.unwrap().0, 1);
    assert!(said[0].contains("2.json") && said[0].contains("model/actor.safetensors"), "{said:?}");
    fs::write(&model, "actor").unwrap();
    assert_eq!(number(folder.path()), 2);

    let path = folder.path().join("checkpoint/2.json");
    let whole = fs::read(&path).unwrap();
    for byte in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[byte] ^= 1;
        fs::write(&path, damaged).unwrap();
        assert_eq!(number(folder.path()), 1, "byte {byte}");
    }
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(number(folder.path()), 1);
    fs::write(folder.path().join("checkpoint/1.json"), "").unwrap();
    let message = found(folder.path(), &origin()).0.unwrap_err().to_string();
    assert!(message.contains("no checkpoint") && message.contains("rmtl train"), "{message}");
    assert!(!is_resumable(folder.path()));
}

#[test]
fn another_format_version_run_file_or_content_is_refused_with_what_differs() {
    let refused = |folder: &Path, origin: &Origin| found(folder, origin).0.unwrap_err().to_string();
    let folder = run(&["baseline"]);
    change(folder.path(), 1, "\"format\":1", "\"format\":99");
    let message = refused(folder.path(), &origin());
    assert!(message.contains("format 99") && message.contains("reads format 1"), "{message}");
    let folder = run(&["baseline"]);
    let version = env!("CARGO_PKG_VERSION");
    change(folder.path(), 1, &format!("\"version\":\"{version}\""), "\"version\":\"0.0.9\"");
    let message = refused(folder.path(), &origin());
    assert!(
        message.contains("rmtl 0.0.9") && message.contains(&format!("this is rmtl {version}")),
        "{message}"
    );
    assert!(!is_resumable(folder.path()));
    let folder = run(&["baseline"]);
    let message = refused(folder.path(), &Origin::of(&config("seed = 6\nema = 0.9"), "content").unwrap());
    assert!(message.contains("`ema` was absent and is 0.9, `seed` was 5 and is 6"), "{message}");
    let message = refused(folder.path(), &Origin::of(&config("seed = 5"), "other").unwrap());
    assert!(message.contains("was content and is other"), "{message}");
    // Where the data are does not matter.
    let mut moved = config("seed = 5");
    (moved.data.prepared, moved.data.dataset) = (Some("elsewhere".into()), "e.toml".into());
    assert!(found(folder.path(), &Origin::of(&moved, "content").unwrap()).0.is_ok());
}

#[test]
fn logs_go_back_to_where_they_were_and_later_curves_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("tensorboard/run")).unwrap();
    fs::write(path(METRICS_FILE), "one\ntwo\n").unwrap();
    fs::write(path("tensorboard/run/first"), "events").unwrap();
    let positions = LogPosition::all(folder.path()).unwrap();
    assert_eq!(positions.len(), 2, "timings are not there: {positions:?}");
    fs::write(path(METRICS_FILE), "one\ntwo\nthree\nfou").unwrap();
    fs::write(path("tensorboard/run/first"), "events and more").unwrap();
    fs::write(path("tensorboard/run/second"), "later").unwrap();
    assert!(positions.iter().all(|position| position.complaint(folder.path()).is_none()));
    LogPosition::restore(&positions, folder.path()).unwrap();
    assert_eq!(fs::read_to_string(path(METRICS_FILE)).unwrap(), "one\ntwo\n");
    assert_eq!(fs::read_to_string(path("tensorboard/run/first")).unwrap(), "events");
    assert!(!path("tensorboard/run/second").exists());
    for changed in ["one\ntoo\nthree\n", "one\n"] {
        fs::write(path(METRICS_FILE), changed).unwrap();
        let complaint = positions.iter().find_map(|position| position.complaint(folder.path())).unwrap();
        assert!(complaint.contains(METRICS_FILE), "{complaint}");
    }
    // Curves that were removed are missed by people alone.
    fs::remove_dir_all(path("tensorboard")).unwrap();
    LogPosition::restore(&positions, folder.path()).unwrap();
}

#[test]
fn what_optimisers_remember_comes_back_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let adam = |step, value: f32| SparseOptimizerState::Adam {
        step,
        first_moment: vec![value, -0.0, f32::MIN_POSITIVE],
        second_moment: vec![value * value; 3],
    };
    let adagrad = SparseOptimizerState::RowWiseAdagrad { accumulator: vec![0.1, 0.2] };
    let state = OptimizerState {
        tables: vec![vec![adam(3, 0.3), adam(4, 0.7)], vec![adagrad]],
        dense: vec![vec![1, 2, 3], vec![]],
        ids: vec![u64::MAX, 1],
    };
    let files = OptimizerFiles::write(folder.path(), OPTIMIZERS, &state).unwrap();
    let text = serde_json::to_string(&files).unwrap();
    let again: OptimizerFiles = serde_json::from_str(&text).unwrap();
    assert_eq!(again.read(folder.path()).unwrap(), state);
    assert_eq!(files.names().count(), 7, "two moments twice, an accumulator, two records");
    assert!(files.names().all(|name| folder.path().join(name).is_file()));
}
