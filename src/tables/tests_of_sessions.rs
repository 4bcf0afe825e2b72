//! Comparisons with the predictions that runs have kept.

use std::path::Path;

use indexmap::IndexMap;
use rmtl_envs::Split;

use super::{Against, Comparison, Metric, Settings};
use crate::metric::{auc, logloss};
use crate::output::predictions::{Predictions, predictions_path};
use crate::tables::{ArmRuns, SeedRun, TaskScores};

/// A run that has predicted a click in sessions of one row each, and kept it as `actor`.
fn run(folder: &Path, seed: u64, actor: &str, labels: &[u8], predicted: &[f32]) -> SeedRun {
    let folder = folder.join(format!("{actor}-{seed}-{}", predicted[0]));
    std::fs::create_dir(&folder).unwrap();
    let sessions: Vec<_> = (0..labels.len() as u32).map(|row| row..row + 1).collect();
    let mut kept = Predictions::of(&sessions, &["click"], labels);
    kept.add(actor, predicted);
    kept.write(&predictions_path(&folder, Split::Test)).unwrap();
    let of =
        TaskScores { task: "click".into(), auc: auc(labels, predicted), logloss: logloss(labels, predicted) };
    SeedRun { seed, folder, seconds: 1.0, test: vec![of], validation: vec![] }
}

fn arm(name: &str, actor: &str, seeds: Vec<SeedRun>) -> ArmRuns {
    ArmRuns { name: name.into(), cell: vec![], actor: actor.into(), chosen: vec![], trials: 0, seeds }
}

fn compared(base: ArmRuns, other: ArmRuns) -> (Comparison, IndexMap<&'static str, Against>) {
    let found = Comparison::of(&[base, other], &Settings::of("base", Split::Test)).unwrap();
    let of = |metric: Metric| {
        Some((metric.name(), found.cells[0].arms[1].figure(Some("click"), metric).against.clone()?))
    };
    let against = Metric::ALL.into_iter().filter_map(of).collect();
    (found, against)
}

/// 400 clicks: a base of ½, and one that is .4 and .55 in turn. The losses differ by −ln .8 = .223144 and −ln 1.1 = −.095310 in
/// turn, deviation .159227, so that the error of the mean over 400 sessions is .007961.
fn alternating() -> (Vec<u8>, Vec<f32>, Vec<f32>) {
    let other = (0..400).map(|row| if row % 2 == 0 { 0.4 } else { 0.55 }).collect();
    (vec![1; 400], vec![0.5; 400], other)
}

#[test]
fn one_seed_is_told_of_its_sessions_and_not_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let (labels, base, other) = alternating();
    let of = |name, predicted: &[f32]| {
        arm(name, "final", vec![run(folder.path(), 1, "actor", &labels, predicted)])
    };
    let (found, against) = compared(of("base", &base), of("other", &other));
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    assert!(!against.contains_key("AUC"), "there is one class alone");
    let of = &against["logloss"];
    assert!((of.difference - (0.223_144 - 0.095_310) / 2.0).abs() < 1e-5);
    let rows = of.same_rows.as_ref().unwrap();
    assert!((rows.sessions.error / 0.007_961 - 1.0).abs() < 0.15, "{}", rows.sessions.error);
    assert_eq!(rows.delong, None, "it is of AUCs");
    // The interval is clear of 0, and still one seed says nothing of another.
    assert!(rows.sessions.interval[0] > 0.0);
    assert_eq!(of.words(), "cannot be told (one seed)");
    assert!(found.to_markdown().contains("Two models on the same rows"));
}

#[test]
fn sessions_widen_what_quiet_seeds_say() {
    let folder = tempfile::tempdir().unwrap();
    let (labels, base, other) = alternating();
    // The same two models under every seed: all of the variance is that of the sessions.
    let of = |name: &str, predicted: &[f32]| {
        let runs = (1..=3).map(|seed| run(folder.path(), seed, "actor", &labels, predicted));
        arm(name, "final", runs.collect())
    };
    let (_, against) = compared(of("base", &base), of("other", &other));
    let of = &against["logloss"];
    let both = of.both.unwrap();
    assert!(both.seed_error.unwrap() < 1e-9 && (both.session_error / 0.007_961 - 1.0).abs() < 0.15);
    assert!((both.interval[1] - both.difference - 1.96 * both.session_error).abs() < 1e-5);
    assert_eq!(of.same_rows, None, "there are three seeds");
}

#[test]
fn two_models_on_the_same_rows_have_delong() {
    let folder = tempfile::tempdir().unwrap();
    let labels = [1, 1, 0, 0];
    let base = run(folder.path(), 1, "baseline", &labels, &[0.9, 0.8, 0.2, 0.1]);
    let other = run(folder.path(), 1, "equal_budget", &labels, &[0.9, 0.4, 0.5, 0.1]);
    let (found, against) =
        compared(arm("base", "pretrained", vec![base]), arm("other", "equal-budget", vec![other]));
    let delong = against["AUC"].same_rows.as_ref().unwrap().delong.unwrap();
    // As beside DeLong's test itself.
    assert!((delong.difference + 0.25).abs() < 1e-12 && (delong.error - 0.125_f64.sqrt()).abs() < 1e-12);
    assert!(found.notes[0].contains("Another budget"), "{:?}", found.notes);
}

#[test]
fn what_is_not_of_the_same_rows_or_not_of_the_report_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let (labels, base, other) = alternating();
    let of = |name: &str, rows: usize, predicted: &[f32]| {
        let run = run(folder.path(), 1, "actor", &labels[..rows], &predicted[..rows]);
        arm(name, "final", vec![run])
    };
    let (_, against) = compared(of("base", 400, &base), of("other", 200, &other));
    assert_eq!((&against["logloss"].same_rows, against["logloss"].both), (&None, None));
    // A number is kept as whether it is above 0, and its report has another metric.
    let (mut one, two) = (of("base", 400, &[0.55; 400]), of("other", 400, &[0.45; 400]));
    one.seeds[0].test[0].logloss = Some(0.123);
    let (_, against) = compared(one, two);
    assert_eq!(against["logloss"].same_rows, None);
}

#[test]
fn runs_that_kept_no_predictions_are_compared_by_their_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let (labels, base, other) = alternating();
    let of = |name: &str, predicted: &[f32]| {
        let runs = (1..=2).map(|seed| run(folder.path(), seed, "actor", &labels, predicted));
        arm(name, "final", runs.collect())
    };
    let (base, other) = (of("base", &base), of("other", &other));
    std::fs::remove_file(predictions_path(&other.seeds[1].folder, Split::Test)).unwrap();
    let (found, against) = compared(base, other);
    assert!(against["logloss"].both.is_none() && against["logloss"].paired.is_some());
    let [note] = found.notes.as_slice() else { panic!("{:?}", found.notes) };
    assert!(note.contains("1 of 4 runs") && note.contains("test.arrow"), "{note}");
}
