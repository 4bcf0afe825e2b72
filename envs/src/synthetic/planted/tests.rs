//! Planted tasks are as frequent, as noisy and as related as they are asked to be.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt8Type, UInt32Type};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;
use crate::SyntheticConfig;

fn task(name: &str, family: &str, rate: f64) -> PlantedTask {
    PlantedTask {
        name: name.into(),
        family: family.into(),
        rate,
        signal: 1.0,
        label_noise: 0.0,
        own: 0.0,
        after: None,
    }
}

fn with(tasks: Vec<PlantedTask>) -> SyntheticConfig {
    let planted = Planted { relatedness: 0.6, user_share: 0.0, tasks };
    SyntheticConfig { n_items: 4_000, n_sessions: 3_000, planted: Some(planted), ..Default::default() }
}

fn draw(config: &SyntheticConfig) -> RecordBatch {
    crate::generate(config, &mut Xoshiro256PlusPlus::seed_from_u64(config.seed))
}

fn oracle(batch: &RecordBatch, task: &str) -> Vec<f64> {
    batch.column_by_name(&format!("p_{task}")).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

fn labels(batch: &RecordBatch, task: &str) -> Vec<u8> {
    batch.column_by_name(task).unwrap().as_primitive::<UInt8Type>().values().to_vec()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let (x_mean, y_mean) = (mean(x.iter().copied()), mean(y.iter().copied()));
    let product = |a: &[f64], a_mean: f64, b: &[f64], b_mean: f64| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - a_mean) * (b - b_mean)).sum()
    };
    product(x, x_mean, y, y_mean) / (product(x, x_mean, x, x_mean) * product(y, y_mean, y, y_mean)).sqrt()
}

/// The score a probability without noise was made of, up to a shift.
fn logits(batch: &RecordBatch, task: &str) -> Vec<f64> {
    // Items are looked at once each: shown ones follow a power law.
    let items = batch.column_by_name("item").unwrap().as_primitive::<UInt32Type>().values();
    let mut seen = std::collections::BTreeMap::new();
    for (item, p) in items.iter().zip(oracle(batch, task)) {
        seen.insert(*item, (p / (1.0 - p)).ln());
    }
    seen.into_values().collect()
}

#[test]
fn rates_are_exact_and_labels_follow_them_with_noise_or_without() {
    let noisy = PlantedTask { label_noise: 0.7, ..task("noisy", "a", 0.3) };
    let batch = draw(&with(vec![task("clean", "a", 0.3), noisy, task("rare", "b", 0.01)]));
    for (name, rate) in [("clean", 0.3), ("noisy", 0.3), ("rare", 0.01)] {
        let p = oracle(&batch, name);
        assert!((mean(p.iter().copied()) - rate).abs() < 1e-9, "{name}");
        let deviation = p.iter().map(|p| p * (1.0 - p)).sum::<f64>().sqrt();
        let positives: f64 = labels(&batch, name).into_iter().map(f64::from).sum();
        assert!((positives - rate * p.len() as f64).abs() < 4.0 * deviation, "{name}: {positives}");
    }
    // Signal and rate are the same, so the noisy probability is the clean one drawn to the rate: .3 · p + .7 · .3.
    let pairs = oracle(&batch, "clean").into_iter().zip(oracle(&batch, "noisy"));
    pairs.for_each(|(clean, noisy)| assert!((noisy - (0.3 * clean + 0.21)).abs() < 1e-9, "{clean}, {noisy}"));
}

#[test]
fn families_share_a_factor_and_are_related_as_told() {
    let own = PlantedTask { own: 0.5, ..task("own", "a", 0.3) };
    let batch =
        draw(&with(vec![task("first", "a", 0.3), task("second", "a", 0.1), own, task("other", "b", 0.3)]));
    let of = |a, b| correlation(&logits(&batch, a), &logits(&batch, b));
    assert!(of("first", "second") > 1.0 - 1e-9);
    // √(1 − own) of the family's factor; the deviation over some 3,500 items is .01.
    assert!((of("first", "own") - 0.5_f64.sqrt()).abs() < 0.05, "{}", of("first", "own"));
    assert!((of("first", "other") - 0.6).abs() < 0.05, "{}", of("first", "other"));
}

#[test]
fn a_chain_falls_and_independent_tasks_do_not() {
    let child = PlantedTask { after: Some("parent".into()), label_noise: 0.2, ..task("child", "b", 0.2) };
    let batch = draw(&with(vec![task("parent", "a", 0.4), child, task("free", "b", 0.4)]));
    let (parent, child, free) = (labels(&batch, "parent"), labels(&batch, "child"), labels(&batch, "free"));
    assert!(parent.iter().zip(&child).all(|(parent, child)| child <= parent));
    assert!(parent.iter().zip(&free).any(|(parent, free)| free > parent));
    // P(child) = E[P(parent) P(child | parent)], .4 · .2 by the meaning of the rate.
    assert!((mean(oracle(&batch, "child").into_iter()) - 0.08).abs() < 1e-9);
}

#[test]
fn the_users_share_decides_whether_users_matter() {
    let batch = draw(&with(vec![task("only", "a", 0.3)]));
    let items = batch.column_by_name("item").unwrap().as_primitive::<UInt32Type>().values().to_vec();
    // Of the item that is shown most.
    let spread = |batch: &RecordBatch| {
        let p = oracle(batch, "only");
        let mut of_first = p.iter().zip(&items).filter(|(_, item)| **item == 0).map(|(p, _)| *p);
        let first = of_first.next().unwrap();
        of_first.map(|p| (p - first).abs()).fold(0.0, f64::max)
    };
    assert_eq!(spread(&batch), 0.0, "an item is worth the same to all");
    let mut config = with(vec![task("only", "a", 0.3)]);
    config.planted.as_mut().unwrap().user_share = 0.5;
    // Another share moves no draw: the rows are the same.
    assert!(spread(&draw(&config)) > 0.05);
}

#[test]
fn what_is_wrong_with_planted_tasks_is_named() {
    let message = |change: fn(&mut SyntheticConfig, &mut Planted)| {
        let mut config = with(vec![task("first", "a", 0.3), task("second", "b", 0.3)]);
        let mut planted = config.planted.take().unwrap();
        change(&mut config, &mut planted);
        SyntheticConfig { planted: Some(planted), ..config }.validate().unwrap_err().to_string()
    };
    assert_eq!(
        message(|config, _| config.signal = 2.0),
        "synthetic log: `signal`: expected to be left out beside `planted`, found another value than the default"
    );
    assert!(message(|config, _| config.tasks.truncate(2)).contains("`tasks`"));
    assert!(message(|_, planted| planted.relatedness = 1.5).contains("`planted.relatedness`"));
    assert!(message(|_, planted| planted.tasks.clear()).contains("1 to 16 tasks, found 0"));
    assert!(message(|_, planted| planted.tasks[1].name = "first".into()).contains("`first` twice"));
    assert!(message(|_, planted| planted.tasks[1].rate = 0.0).contains("`planted.tasks.rate`"));
    assert!(
        message(|_, planted| planted.tasks[0].label_noise = -0.1).contains("`planted.tasks.label_noise`")
    );
    assert!(message(|_, planted| planted.tasks[0].after = Some("second".into())).contains("an earlier task"));
}

#[test]
fn a_log_without_planted_tasks_is_written_as_before() {
    let text = serde_json::to_string(&SyntheticConfig::default()).unwrap();
    assert!(
        !text.contains("planted") && !text.contains("label_noise"),
        "the hash of a dataset file is of this text: {text}"
    );
}
