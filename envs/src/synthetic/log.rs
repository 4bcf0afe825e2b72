//! The sessions of a synthetic log, and their outcomes.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, UInt8Array, UInt32Array};
use rand::{Rng, RngExt};
use rand_distr::weighted::WeightedIndex;
use rand_distr::{Distribution, Exp1, Geometric, Zipf};

use super::SyntheticConfig;
use super::outcome::{draw_labels, probabilities};
use super::world::{Context, World, normal};

/// 2024-01-01 00:00 UTC, in milliseconds.
const FIRST_DAY: i64 = 1_704_067_200_000;
const HOUR_MS: f64 = 3_600_000.0;
/// Mean pause between two rows of one visit, and between two visits of one session.
const PAUSE_MS: f64 = 40_000.0;
const ABSENCE_MS: f64 = 18.0 * HOUR_MS;
/// Exponent of the power law of the users' activity.
pub(super) const ACTIVITY_EXPONENT: f64 = 0.6;
const LARGEST_POSITION: u32 = 5;

/// The rows, `n_tasks` probabilities and labels for each.
pub(super) struct Log {
    rows: Vec<Shown>,
    n_tasks: usize,
    probabilities: Vec<f64>,
    labels: Vec<u8>,
}

/// An item shown to a user.
struct Shown {
    session: u32,
    time: i64,
    user: u32,
    item: u32,
    hour: u32,
    place: u32,
    /// Where the row's outcomes stand in the order of drawing.
    drawn: usize,
}

impl Log {
    pub(super) fn draw<R: Rng + ?Sized>(config: &SyntheticConfig, world: &World, rng: &mut R) -> Self {
        let n_tasks = config.tasks.len();
        let mut rows = Vec::new();
        let mut logits = Vec::new();
        let activity = power_law(config.n_users, ACTIVITY_EXPONENT);
        for (session, start) in (0..).zip(session_starts(config, rng)) {
            let user = activity.sample(rng) as u32 - 1;
            draw_session(config, world, (session, start, user), &mut rows, &mut logits, rng);
        }
        let probabilities = probabilities(logits, &config.rates, &config.label_noise);
        let labels = draw_labels(&probabilities, n_tasks, rng);
        Self { rows, n_tasks, probabilities, labels }
    }

    pub(super) fn sort_by_time(&mut self) {
        self.rows.sort_by_key(|row| (row.time, row.session));
    }

    pub(super) fn into_batch(self, config: &SyntheticConfig, world: &World) -> RecordBatch {
        let ids = |of: &dyn Fn(&Shown) -> u32| -> ArrayRef {
            Arc::new(self.rows.iter().map(of).collect::<Vec<_>>().into_iter().collect::<UInt32Array>())
        };
        let numbers = |of: &dyn Fn(&Shown) -> f64| -> ArrayRef {
            Arc::new(self.rows.iter().map(of).collect::<Vec<_>>().into_iter().collect::<Float64Array>())
        };
        let item = |row: &Shown| &world.items[row.item as usize];
        let position = |row: &Shown| (row.place + 1).ilog2().min(LARGEST_POSITION);
        let time: Int64Array = self.rows.iter().map(|row| row.time).collect::<Vec<_>>().into();
        let mut columns = vec![
            ("session".to_owned(), ids(&|row| row.session)),
            ("time".to_owned(), Arc::new(time) as ArrayRef),
            ("user".to_owned(), ids(&|row| row.user)),
            ("user_group".to_owned(), ids(&|row| world.users[row.user as usize].group)),
            ("item".to_owned(), ids(&|row| row.item)),
            ("category".to_owned(), ids(&|row| item(row).category)),
            ("hour".to_owned(), ids(&|row| row.hour)),
            ("position".to_owned(), ids(&position)),
            ("quality".to_owned(), numbers(&|row| item(row).quality_seen)),
            ("price".to_owned(), numbers(&|row| item(row).price)),
        ];
        for (task, name) in config.tasks.iter().enumerate() {
            let index = |row: &Shown| row.drawn * self.n_tasks + task;
            let labels: UInt8Array =
                self.rows.iter().map(|row| self.labels[index(row)]).collect::<Vec<_>>().into();
            columns.push((name.clone(), Arc::new(labels)));
        }
        for (task, name) in config.tasks.iter().enumerate() {
            let index = |row: &Shown| row.drawn * self.n_tasks + task;
            columns.push((format!("p_{name}"), numbers(&|row| self.probabilities[index(row)])));
        }
        RecordBatch::try_from_iter(columns).expect("all columns have the log's length")
    }
}

/// When each session starts, ascending: any day, more often in the evening than at night.
pub(super) fn session_starts<R: Rng + ?Sized>(config: &SyntheticConfig, rng: &mut R) -> Vec<i64> {
    let evening = |hour: u32| 1.0 + 0.8 * ((f64::from(hour) - 20.0) / 24.0 * std::f64::consts::TAU).cos();
    let hours = WeightedIndex::new((0..24).map(evening)).expect("24 positive weights");
    let mut start = || {
        let day = f64::from(rng.random_range(0..config.days));
        let hour = hours.sample(rng) as f64 + rng.random::<f64>();
        FIRST_DAY + ((day * 24.0 + hour) * HOUR_MS) as i64
    };
    let mut starts: Vec<i64> = (0..config.n_sessions).map(|_| start()).collect();
    starts.sort_unstable();
    starts
}

fn draw_session<R: Rng + ?Sized>(
    config: &SyntheticConfig,
    world: &World,
    (session, start, user): (u32, i64, u32),
    rows: &mut Vec<Shown>,
    logits: &mut Vec<f64>,
    rng: &mut R,
) {
    let further = Geometric::new(1.0 / config.mean_session_rows).expect("the mean is at least 1");
    let popularity = power_law(config.n_items, config.popularity_exponent);
    let mut interest = world.users[user as usize].interest.clone();
    let mut time = start;
    for place in 0..=further.sample(rng) as u32 {
        if place > 0 {
            interest.iter_mut().for_each(|value| *value += config.drift * normal(rng));
            time += pause(config, rng);
        }
        let item = popularity.sample(rng) as u32 - 1;
        let hour = ((time - FIRST_DAY) as f64 / HOUR_MS) as u32 % 24;
        let context = Context { interest: &interest, hour, place };
        for task in 0..config.tasks.len() {
            let told = world.logit(task, &world.users[user as usize], &world.items[item as usize], &context);
            logits.push(config.signal * told + config.noise * normal(rng));
        }
        rows.push(Shown { session, time, user, item, hour, place, drawn: rows.len() });
    }
}

pub(super) fn pause<R: Rng + ?Sized>(config: &SyntheticConfig, rng: &mut R) -> i64 {
    let mean = if rng.random_bool(config.return_probability) { ABSENCE_MS } else { PAUSE_MS };
    let pause: f64 = Exp1.sample(rng);
    1 + (mean * pause) as i64
}

pub(super) fn power_law(n: u32, exponent: f64) -> Zipf<f64> {
    Zipf::new(f64::from(n), exponent).expect("validated: n at least 1, exponent at least 0")
}
