//! Priorities by hand, and against the distribution they promise.

use super::*;
use crate::stream::Streams;

const CONFIG: PrioritizedConfig = PrioritizedConfig { alpha: 0.5, beta: 0.4, epsilon: 1e-3 };

/// One task; the action tells the row.
fn replay(capacity: usize, n_rows: u32) -> Replay {
    let config = ReplayConfig { capacity, prioritized: Some(CONFIG), ..ReplayConfig::default() };
    let mut replay = Replay::new(&config, usize::MAX, 1);
    (0..n_rows).for_each(|row| replay.push(Transition { row: Row(row), action: &[row as f32] }));
    replay
}

/// Draws until every transition was in a batch, and tells the replay its error.
fn record(replay: &mut Replay, stream: &mut Stream, error: impl Fn(u32) -> f32) {
    let mut batch = TransitionBatch::default();
    let n = replay.len();
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < n {
        replay.sample(8 * n, 0.0, stream, &mut batch);
        let errors: Vec<f32> = batch.rows.iter().map(|row| error(row.0)).collect();
        replay.update(&batch, &errors);
        seen.extend(batch.rows.iter().map(|row| row.0));
    }
}

#[test]
fn importance_weights_by_hand() {
    let mut replay = replay(2, 2);
    let mut stream = Streams::new(1).named("replay");
    // p = (|δ| + ε)^½ = 1 and 3, so P = ¼ and ¾.
    record(&mut replay, &mut stream, |row| if row == 0 { 0.999 } else { -8.999 });
    let mut batch = TransitionBatch::default();
    for (progress, beta) in [(0.0, 0.4), (0.5, 0.7), (1.0, 1.0)] {
        replay.sample(400, progress, &mut stream, &mut batch);
        // u = (2 P)^{−β}, divided by that of the rarer one.
        let expected = [1.0, (1.5_f64 / 0.5).powf(-beta) as f32];
        for (row, found) in batch.rows.iter().zip(&batch.importance) {
            assert!((found - expected[row.0 as usize]).abs() < 1e-5, "β {beta}, {row:?}: {found}");
        }
        // Stretches of equal length: exactly a quarter of the draws, but for the one on the border.
        let rare = batch.rows.iter().filter(|row| row.0 == 0).count();
        assert!((99..=101).contains(&rare), "{rare}");
    }
}

#[test]
fn corrected_draws_have_the_mean_of_uniform_ones_and_uncorrected_ones_do_not() {
    let mut replay = replay(10, 10);
    let mut stream = Streams::new(1).named("replay");
    record(&mut replay, &mut stream, |row| (row * row) as f32);
    let mut batch = TransitionBatch::default();
    replay.sample(10_000, 1.0, &mut stream, &mut batch);
    let value = |row: &Row| f64::from(row.0);
    let weights: f64 = batch.importance.iter().map(|&weight| f64::from(weight)).sum();
    let corrected: f64 =
        batch.rows.iter().zip(&batch.importance).map(|(row, &weight)| value(row) * f64::from(weight)).sum();
    assert!((corrected / weights - 4.5).abs() < 0.05, "{}", corrected / weights);
    // Negative control: p is about the row's number, whose mean under p is Σ i² / Σ i = 6.33.
    let plain = batch.rows.iter().map(value).sum::<f64>() / 10_000.0;
    assert!((plain - 6.33).abs() < 0.1, "{plain}");
}

#[test]
fn priorities_stay_with_their_transitions_when_the_ring_wraps() {
    let mut replay = replay(4, 4);
    let mut stream = Streams::new(1).named("replay");
    record(&mut replay, &mut stream, |_| 0.249); // p = ½
    for row in 4..6 {
        replay.push(Transition { row: Row(row), action: &[row as f32] });
    }
    let mut batch = TransitionBatch::default();
    let mut shares = |replay: &mut Replay| {
        replay.sample(1200, 0.0, &mut stream, &mut batch);
        for (row, action) in batch.rows.iter().zip(&batch.actions) {
            assert!((2..6).contains(&row.0), "rows 0 and 1 are gone, found {row:?}");
            assert_eq!(*action, row.0 as f32);
        }
        [2, 3, 4, 5].map(|row| batch.rows.iter().filter(|found| found.0 == row).count())
    };
    let close = |found: [usize; 4], expected: [usize; 4]| {
        assert!(found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 2), "{found:?}, not {expected:?}");
    };
    // The new ones have the largest priority so far, the 1 that transitions start with.
    close(shares(&mut replay), [200, 200, 400, 400]);
    // p = 1, 2, 3 and 6 for rows 2 to 5.
    let mut stream = Streams::new(2).named("replay");
    record(&mut replay, &mut stream, |row| [0.999, 3.999, 8.999, 35.999][row as usize - 2]);
    close(shares(&mut replay), [100, 200, 300, 600]);
}

#[test]
fn the_priority_of_a_row_is_the_mean_error_of_its_tasks() {
    let config = ReplayConfig { prioritized: Some(CONFIG), ..ReplayConfig::default() };
    let mut replay = Replay::new(&config, 2, 2);
    (0..2).for_each(|row| replay.push(Transition { row: Row(row), action: &[0.0; 2] }));
    let mut batch = TransitionBatch::default();
    let mut stream = Streams::new(1).named("replay");
    replay.sample(2, 0.0, &mut stream, &mut batch);
    assert_eq!(batch.rows, [Row(0), Row(1)], "equal priorities: one draw per stretch");
    // Means 1 and 9 (less ε): p = 1 and 3.
    replay.update(&batch, &[-0.998, 1.0, 8.0, -9.998]);
    replay.sample(400, 0.0, &mut stream, &mut batch);
    let rare = batch.rows.iter().filter(|row| row.0 == 0).count();
    assert!((99..=101).contains(&rare), "{rare}");
}

#[test]
fn uniform_draws_have_no_importance_and_hear_nothing() {
    let mut replay = Replay::new(&ReplayConfig::default(), 3, 1);
    (0..3).for_each(|row| replay.push(Transition { row: Row(row), action: &[row as f32] }));
    let mut batch = TransitionBatch::default();
    replay.sample(5, 0.0, &mut Streams::new(1).named("replay"), &mut batch);
    assert_eq!((batch.rows.len(), batch.importance.len()), (5, 0));
    replay.update(&batch, &[1.0; 5]);
}

#[test]
fn settings_that_contradict_one_another_are_refused_with_the_reason() {
    let both = ReplayConfig { resample_actions: true, prioritized: Some(CONFIG), ..ReplayConfig::default() };
    assert!(both.check().unwrap_err().contains("redrawn action"));
    let beta = PrioritizedConfig { beta: 1.5, ..CONFIG };
    let found = ReplayConfig { prioritized: Some(beta), ..ReplayConfig::default() }.check().unwrap_err();
    assert!(found.contains("`prioritized.beta`") && found.contains("1.5"), "{found}");
}
