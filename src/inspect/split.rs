//! One split: its rows and rates over time, and how long its sessions are.

use rmtl_envs::{LogTable, Sessions, Split, SplitSummary};
use serde::Serialize;

use super::share;

/// Parts of a split.
const N_PARTS: usize = 10;

/// One split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SplitView {
    /// Which.
    pub split: Split,
    /// Its rows.
    pub rows: u64,
    /// Its sessions.
    pub sessions: u64,
    /// Share of them whose end is not known.
    pub cut: f64,
    /// Its earliest and latest time.
    pub times: [i64; 2],
    /// Share of rows with label 1, by task; none without rows.
    pub rates: Vec<Option<f64>>,
    /// Ten parts that take the same time each, in order.
    pub parts: Vec<Part>,
    /// How long its sessions are.
    pub lengths: Lengths,
}

/// A part of a split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// Its first moment.
    pub from: i64,
    /// Its rows.
    pub rows: u64,
    /// Share of rows with label 1, by task; none without rows.
    pub rates: Vec<Option<f64>>,
}

/// How many rows sessions have.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Lengths {
    /// Mean.
    pub mean: f64,
    /// Half of the sessions are not longer.
    pub median: u64,
    /// The longest.
    pub longest: u64,
    /// Sessions of up to 1, 2, 4, 8, … rows and more than the half of that.
    pub up_to: Vec<(u64, u64)>,
}

impl SplitView {
    pub(super) fn of(summary: &SplitSummary, table: &LogTable) -> Self {
        Self {
            split: summary.split,
            rows: summary.rows,
            sessions: summary.sessions,
            cut: summary.cut_share(),
            times: [summary.first_time, summary.last_time],
            rates: summary.positives.iter().map(|positives| share(*positives, summary.rows)).collect(),
            parts: parts(table, summary.first_time, summary.last_time),
            lengths: Lengths::of(Sessions::of(table).iter().map(|rows| u64::from(rows.end - rows.start))),
        }
    }
}

/// The parts of a table whose rows lie between two times.
pub(super) fn parts(table: &LogTable, first: i64, last: i64) -> Vec<Part> {
    if table.n_rows() == 0 {
        return Vec::new();
    }
    // Times span up to all of 64 bits.
    let span = i128::from(last) - i128::from(first) + 1;
    let part = |time: i64| ((i128::from(time) - i128::from(first)) * N_PARTS as i128 / span) as usize;
    let n_tasks = table.n_tasks();
    let mut counts = vec![(0_u64, vec![0_u64; n_tasks]); N_PARTS];
    for row in table.rows() {
        let (rows, positives) = &mut counts[part(table.time(row))];
        *rows += 1;
        positives.iter_mut().zip(table.labels(row)).for_each(|(count, label)| *count += u64::from(*label));
    }
    let view = |(index, (rows, positives)): (usize, (u64, Vec<u64>))| Part {
        // The first moment that belongs to the part.
        from: (i128::from(first) + (index as i128 * span + N_PARTS as i128 - 1) / N_PARTS as i128)
            .min(i128::from(last)) as i64,
        rows,
        rates: positives.into_iter().map(|count| share(count, rows)).collect(),
    };
    counts.into_iter().enumerate().map(view).collect()
}

impl Lengths {
    pub(super) fn of(lengths: impl Iterator<Item = u64>) -> Self {
        let mut lengths: Vec<u64> = lengths.collect();
        lengths.sort_unstable();
        let (Some(&longest), n) = (lengths.last(), lengths.len()) else { return Self::default() };
        let mut up_to: Vec<(u64, u64)> = Vec::new();
        for length in &lengths {
            let bound = length.next_power_of_two();
            match up_to.last_mut() {
                Some((known, sessions)) if *known == bound => *sessions += 1,
                _ => up_to.push((bound, 1)),
            }
        }
        Self {
            mean: lengths.iter().sum::<u64>() as f64 / n as f64,
            median: lengths[(n - 1) / 2],
            longest,
            up_to,
        }
    }
}
