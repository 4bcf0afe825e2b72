//! The rows of a planted log, and what happens in them.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, UInt8Array, UInt32Array};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Geometric};

use super::{Planted, PlantedTask};
use crate::synthetic::SyntheticConfig;
use crate::synthetic::log::{ACTIVITY_EXPONENT, pause, power_law, session_starts};
use crate::synthetic::outcome::{bias, sigmoid};
use crate::synthetic::world::{mix, normal};

/// An item shown to a user.
struct Shown {
    session: u32,
    time: i64,
    user: u32,
    item: u32,
}

/// Of one task: true probabilities and labels, `[row]`.
struct Outcomes {
    probabilities: Vec<f64>,
    labels: Vec<u8>,
}

/// Draws a planted log: columns `session`, `time`, `user`, `item`, a label per task, and `p_<task>`.
pub(in crate::synthetic) fn generate<R: Rng + ?Sized>(
    config: &SyntheticConfig,
    planted: &Planted,
    rng: &mut R,
) -> RecordBatch {
    let users = numbers(planted, config.n_users, rng);
    let items = numbers(planted, config.n_items, rng);
    let rows = rows(config, rng);
    let score = |row: &Shown, task: usize| {
        mix(planted.user_share, users[row.user as usize][task], items[row.item as usize][task])
    };
    let mut outcomes: Vec<Outcomes> = Vec::new();
    for (index, (task, parent)) in planted.tasks.iter().zip(planted.parents()).enumerate() {
        let logits = rows.iter().map(|row| task.signal * score(row, index)).collect();
        outcomes.push(Outcomes::draw(task, logits, parent.map(|parent| &outcomes[parent]), rng));
    }
    into_batch(&rows, &planted.tasks, outcomes)
}

/// What each task finds in everybody or everything, `[entity][task]`, standard normal.
fn numbers<R: Rng + ?Sized>(planted: &Planted, n: u32, rng: &mut R) -> Vec<Vec<f64>> {
    let families = planted.families();
    let n_families = families.iter().max().map_or(0, |last| last + 1);
    let mut of_one = || {
        let common = normal(rng);
        let of_family: Vec<f64> =
            (0..n_families).map(|_| mix(planted.relatedness, common, normal(rng))).collect();
        let tasks = planted.tasks.iter().zip(&families);
        tasks.map(|(task, &family)| mix(1.0 - task.own, of_family[family], normal(rng))).collect()
    };
    (0..n).map(|_| of_one()).collect()
}

/// Sorted by time.
fn rows<R: Rng + ?Sized>(config: &SyntheticConfig, rng: &mut R) -> Vec<Shown> {
    let activity = power_law(config.n_users, ACTIVITY_EXPONENT);
    let popularity = power_law(config.n_items, config.popularity_exponent);
    let further = Geometric::new(1.0 / config.mean_session_rows).expect("the mean is at least 1");
    let mut rows = Vec::new();
    for (session, start) in (0..).zip(session_starts(config, rng)) {
        let user = activity.sample(rng) as u32 - 1;
        let mut time = start;
        for place in 0..=further.sample(rng) {
            if place > 0 {
                time += pause(config, rng);
            }
            rows.push(Shown { session, time, user, item: popularity.sample(rng) as u32 - 1 });
        }
    }
    rows.sort_by_key(|row| (row.time, row.session));
    rows
}

impl Outcomes {
    fn draw<R: Rng + ?Sized>(
        task: &PlantedTask,
        logits: Vec<f64>,
        parent: Option<&Self>,
        rng: &mut R,
    ) -> Self {
        let before = parent.map_or_else(|| vec![1.0; logits.len()], |parent| parent.probabilities.clone());
        let bias = bias(&logits, &before, task.rate);
        let mut drawn = Self { probabilities: before, labels: Vec::with_capacity(logits.len()) };
        for (row, logit) in logits.into_iter().enumerate() {
            let told = sigmoid(bias + logit);
            let conditional = (1.0 - task.label_noise) * told + task.label_noise * task.rate;
            drawn.probabilities[row] *= conditional;
            let may_happen = parent.is_none_or(|parent| parent.labels[row] == 1);
            let luck: f64 = rng.random();
            drawn.labels.push(u8::from(may_happen && luck < conditional));
        }
        drawn
    }
}

fn into_batch(rows: &[Shown], tasks: &[PlantedTask], outcomes: Vec<Outcomes>) -> RecordBatch {
    let ids = |of: &dyn Fn(&Shown) -> u32| -> ArrayRef {
        Arc::new(UInt32Array::from(rows.iter().map(of).collect::<Vec<_>>()))
    };
    let times = Int64Array::from(rows.iter().map(|row| row.time).collect::<Vec<_>>());
    let mut columns = vec![
        ("session".to_owned(), ids(&|row| row.session)),
        ("time".to_owned(), Arc::new(times) as ArrayRef),
        ("user".to_owned(), ids(&|row| row.user)),
        ("item".to_owned(), ids(&|row| row.item)),
    ];
    let mut oracle = Vec::new();
    for (task, Outcomes { probabilities, labels }) in tasks.iter().zip(outcomes) {
        columns.push((task.name.clone(), Arc::new(UInt8Array::from(labels))));
        oracle.push((format!("p_{}", task.name), Arc::new(Float64Array::from(probabilities)) as ArrayRef));
    }
    columns.extend(oracle);
    RecordBatch::try_from_iter(columns).expect("all columns have the log's length")
}
