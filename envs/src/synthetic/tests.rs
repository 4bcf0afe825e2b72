//! The log's outcomes are as likely as it says, and can be told from its features.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt8Type, UInt32Type};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;

fn draw(config: &SyntheticConfig) -> RecordBatch {
    generate(config, &mut Xoshiro256PlusPlus::seed_from_u64(config.seed))
}

fn small() -> SyntheticConfig {
    SyntheticConfig { n_users: 30, n_items: 20, n_sessions: 400, ..Default::default() }
}

fn ids(batch: &RecordBatch, name: &str) -> Vec<u32> {
    batch.column_by_name(name).unwrap().as_primitive::<UInt32Type>().values().to_vec()
}

fn times(batch: &RecordBatch) -> Vec<i64> {
    batch.column_by_name("time").unwrap().as_primitive::<Int64Type>().values().to_vec()
}

fn labels(batch: &RecordBatch, task: &str) -> Vec<u8> {
    batch.column_by_name(task).unwrap().as_primitive::<UInt8Type>().values().to_vec()
}

fn numbers(batch: &RecordBatch, name: &str) -> Vec<f64> {
    batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

fn oracle(batch: &RecordBatch, task: &str) -> Vec<f64> {
    numbers(batch, &format!("p_{task}"))
}

/// Rows of every session, as indices into the log.
fn sessions(batch: &RecordBatch) -> HashMap<u32, Vec<usize>> {
    let mut sessions: HashMap<u32, Vec<usize>> = HashMap::new();
    for (row, session) in ids(batch, "session").into_iter().enumerate() {
        sessions.entry(session).or_default().push(row);
    }
    sessions
}

/// P(score of a positive > score of a negative), ties counted half.
fn auc(scores: &[f64], labels: &[u8]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut wins, mut negatives) = (0.0, 0.0);
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let positive = tied.iter().filter(|&&row| labels[row] == 1).count() as f64;
        let negative = tied.len() as f64 - positive;
        wins += positive * (negatives + negative / 2.0);
        negatives += negative;
    }
    wins / (negatives * (labels.len() as f64 - negatives))
}

#[test]
fn the_default_log_has_the_documented_size_and_rates() {
    let config = SyntheticConfig::default();
    let batch = draw(&config);
    assert!((80_000..88_000).contains(&batch.num_rows()), "{} rows", batch.num_rows());
    let mut expected = 1.0;
    for (task, rate) in config.tasks.iter().zip(&config.rates) {
        expected *= rate;
        let probabilities = oracle(&batch, task);
        let mean = probabilities.iter().sum::<f64>() / probabilities.len() as f64;
        assert!((mean - expected).abs() < 1e-9, "mean probability of {task}: {mean}, not {expected}");
    }
}

#[test]
fn labels_are_as_frequent_as_the_oracle_says() {
    for seed in 0..3 {
        let batch = draw(&SyntheticConfig { seed, ..Default::default() });
        for task in ["click", "cart", "buy"] {
            let probabilities = oracle(&batch, task);
            let positives: u64 = labels(&batch, task).into_iter().map(u64::from).sum();
            let expected: f64 = probabilities.iter().sum();
            let deviation = probabilities.iter().map(|p| p * (1.0 - p)).sum::<f64>().sqrt();
            assert!(
                (positives as f64 - expected).abs() < 3.0 * deviation,
                "{task}: {positives} of {expected}"
            );
        }
    }
}

#[test]
fn the_oracle_is_calibrated_in_every_decile() {
    let batch = draw(&SyntheticConfig::default());
    let (probabilities, labels) = (oracle(&batch, "cart"), labels(&batch, "cart"));
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    for decile in order.chunks(labels.len().div_ceil(10)) {
        let expected: f64 = decile.iter().map(|&row| probabilities[row]).sum();
        let found: f64 = decile.iter().map(|&row| f64::from(labels[row])).sum();
        assert!((found - expected).abs() < 4.0 * expected.sqrt(), "{found} of {expected}");
    }
}

#[test]
fn the_oracle_ranks_and_no_signal_does_not() {
    let batch = draw(&SyntheticConfig::default());
    for task in ["click", "cart", "buy"] {
        let auc = auc(&oracle(&batch, task), &labels(&batch, task));
        assert!((0.7..0.9).contains(&auc), "oracle AUC of {task}: {auc}");
    }
    let blind = draw(&SyntheticConfig { signal: 0.0, noise: 0.0, ..Default::default() });
    let auc = auc(&oracle(&blind, "click"), &labels(&blind, "click"));
    assert!((auc - 0.5).abs() < 0.01, "without signal: {auc}");
}

/// Log odds of `task` by value of one column, counted on the rows before `bound`, shrunk to the overall ones.
fn counted_odds(values: &[u32], labels: &[u8], bound: usize) -> HashMap<u32, f64> {
    let positives: f64 = labels[..bound].iter().map(|&label| f64::from(label)).sum();
    let rate = positives / bound as f64;
    let mut counts: HashMap<u32, (f64, f64)> = HashMap::new();
    for (&value, &label) in values.iter().zip(labels).take(bound) {
        let count = counts.entry(value).or_default();
        count.0 += f64::from(label);
        count.1 += 1.0;
    }
    let shrink = 20.0;
    let odds = |rate: f64| (rate / (1.0 - rate)).ln();
    counts
        .into_iter()
        .map(|(value, (positive, n))| (value, odds((positive + shrink * rate) / (n + shrink)) - odds(rate)))
        .collect()
}

#[test]
fn features_tell_much_of_the_oracle_but_not_all() {
    let config = SyntheticConfig::default();
    let batch = draw(&config);
    let bound = batch.num_rows() * 6 / 10;
    let cell = |groups: Vec<u32>, categories: Vec<u32>| -> Vec<u32> {
        groups
            .iter()
            .zip(categories)
            .map(|(group, category)| group * config.n_categories + category)
            .collect()
    };
    let columns = [
        ids(&batch, "user"),
        ids(&batch, "item"),
        cell(ids(&batch, "user_group"), ids(&batch, "category")),
        ids(&batch, "hour"),
        ids(&batch, "position"),
    ];
    for task in ["click", "cart", "buy"] {
        let labels = labels(&batch, task);
        // Naive Bayes over values seen before the bound, judged on the rows after it.
        let mut scores = vec![0.0; batch.num_rows() - bound];
        for values in &columns {
            let odds = counted_odds(values, &labels, bound);
            for (score, value) in scores.iter_mut().zip(&values[bound..]) {
                *score += odds.get(value).copied().unwrap_or(0.0);
            }
        }
        let learnt = auc(&scores, &labels[bound..]);
        let best = auc(&oracle(&batch, task)[bound..], &labels[bound..]);
        println!("{task}: counts {learnt:.4}, oracle {best:.4}");
        assert!(learnt > 0.5 + 0.6 * (best - 0.5), "{task}: {learnt} of {best}");
        assert!(learnt < best - 0.005, "{task}: {learnt} of {best}");
    }
}

#[test]
fn the_same_seed_draws_the_same_log() {
    assert_eq!(draw(&small()), draw(&small()));
    assert_ne!(draw(&small()), draw(&SyntheticConfig { seed: 1, ..small() }));
}

#[test]
fn drift_and_noise_are_all_that_features_hide() {
    // Without them, the same user sees the same item at the same hour and place with the same probability.
    let spread = |drift, noise| {
        let config =
            SyntheticConfig { n_users: 2, n_items: 2, n_sessions: 2_000, drift, noise, ..Default::default() };
        let batch = draw(&config);
        let (users, items, hours) = (ids(&batch, "user"), ids(&batch, "item"), ids(&batch, "hour"));
        let (positions, probabilities) = (ids(&batch, "position"), oracle(&batch, "click"));
        let mut seen: HashMap<_, (f64, f64)> = HashMap::new();
        // Positions 0 is one place, higher ones are several.
        for row in (0..batch.num_rows()).filter(|&row| positions[row] == 0) {
            let probability = probabilities[row];
            let range =
                seen.entry((users[row], items[row], hours[row])).or_insert((probability, probability));
            *range = (range.0.min(probability), range.1.max(probability));
        }
        seen.values().map(|(low, high)| high - low).fold(0.0, f64::max)
    };
    assert_eq!(spread(0.0, 0.0), 0.0);
    assert_eq!(spread(0.3, 0.0), 0.0, "a session starts undrifted");
    assert!(spread(0.0, 0.3) > 0.05);
}

#[test]
fn interests_drift_within_a_session() {
    // One user, one item, one category: what changes within an hour is the place and the drift.
    let roughness = |drift| {
        let config = SyntheticConfig {
            n_users: 1,
            n_items: 1,
            n_sessions: 300,
            mean_session_rows: 20.0,
            return_probability: 0.0,
            noise: 0.0,
            drift,
            ..Default::default()
        };
        let batch = draw(&config);
        let (probabilities, hours) = (oracle(&batch, "click"), ids(&batch, "hour"));
        let logit = |row: usize| (probabilities[row] / (1.0 - probabilities[row])).ln();
        let mut rises = 0_usize;
        for rows in sessions(&batch).values() {
            let steps = rows.windows(2).filter(|pair| hours[pair[0]] == hours[pair[1]]);
            rises += steps.filter(|pair| logit(pair[1]) > logit(pair[0])).count();
        }
        rises
    };
    assert_eq!(roughness(0.0), 0, "only the place tells, and it only ever lowers");
    assert!(roughness(0.2) > 1_000);
}

#[test]
fn the_log_is_sorted_and_some_sessions_lie_across_a_time_bound() {
    let batch = draw(&SyntheticConfig::default());
    let times = times(&batch);
    assert!(times.is_sorted());
    let bound = times[times.len() * 6 / 10];
    let sessions = sessions(&batch);
    for rows in sessions.values() {
        assert!(
            rows.windows(2).all(|pair| times[pair[0]] < times[pair[1]]),
            "times of a session ascend strictly"
        );
    }
    let across = sessions
        .values()
        .filter(|rows| times[rows[0]] < bound && times[rows[rows.len() - 1]] >= bound)
        .count();
    let share = across as f64 / sessions.len() as f64;
    println!("{across} of {} sessions ({:.2} %) lie across the bound", sessions.len(), 100.0 * share);
    assert!((0.005..0.2).contains(&share), "{across} of {} sessions", sessions.len());

    let one_visit = draw(&SyntheticConfig { return_probability: 0.0, ..small() });
    let longest = |batch: &RecordBatch, times: &[i64]| {
        self::sessions(batch).values().map(|rows| times[rows[rows.len() - 1]] - times[rows[0]]).max().unwrap()
    };
    assert!(longest(&one_visit, &self::times(&one_visit)) < 3_600_000, "a visit takes less than an hour");
}

#[test]
fn few_items_are_shown_often() {
    let share_of_the_top_tenth = |popularity_exponent| {
        let batch = draw(&SyntheticConfig { popularity_exponent, ..Default::default() });
        let mut counts = vec![0_usize; 400];
        ids(&batch, "item").into_iter().for_each(|item| counts[item as usize] += 1);
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts[..40].iter().sum::<usize>() as f64 / batch.num_rows() as f64
    };
    assert!((0.5..0.7).contains(&share_of_the_top_tenth(0.9)));
    assert!(share_of_the_top_tenth(0.0) < 0.15);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_world_is_a_chain_of_probabilities(
        n_tasks in 2..=4_usize,
        (n_users, n_items, n_sessions) in (1..20_u32, 1..20_u32, 1..40_u32),
        (signal, drift, noise) in (0.0..3.0, 0.0..1.0, 0.0..1.0),
        rate in 0.01..0.99,
        seed in any::<u64>(),
    ) {
        let tasks: Vec<String> = (0..n_tasks).map(|task| format!("task{task}")).collect();
        let rates = vec![rate; n_tasks];
        let config = SyntheticConfig {
            n_users, n_items, n_sessions, tasks, rates, signal, drift, noise, seed, ..Default::default()
        };
        let batch = draw(&config);
        prop_assert_eq!(sessions(&batch).len(), n_sessions as usize);
        let mut before = (vec![1; batch.num_rows()], vec![1.0; batch.num_rows()]);
        for task in &config.tasks {
            let (labels, probabilities) = (labels(&batch, task), oracle(&batch, task));
            for row in 0..batch.num_rows() {
                prop_assert!(labels[row] <= before.0[row]);
                prop_assert!((0.0..=before.1[row]).contains(&probabilities[row]));
            }
            before = (labels, probabilities);
        }
    }
}
