//! The bootstrap over sessions: rows of one session are not independent, so sessions are drawn, not rows.

use rand::RngExt;
use rmtl_agents::stream::Stream;
use serde::{Deserialize, Serialize};

use super::{LEVEL, Spread};

/// What resampled sessions say of a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resampling {
    /// Standard deviation over the resamples.
    pub error: f64,
    /// Percentile interval at [`LEVEL`].
    pub interval: [f64; 2],
    /// Resamples that have a value.
    pub n: usize,
}

impl Resampling {
    /// Of a statistic's values, one per resample; nothing for fewer than two.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        let error = Spread::of(values.iter().copied())?.std?;
        values.sort_by(f64::total_cmp);
        let interval = [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0].map(|share| quantile(&values, share));
        Some(Self { error, interval, n: values.len() })
    }
}

/// Draws `n_sessions` sessions with replacement, `n_resamples` times, and gives `each` how often each was drawn (`[session]`):
/// the same draws for the same stream, so that what is computed run by run can be subtracted.
pub fn draw<T>(
    n_sessions: usize,
    n_resamples: usize,
    stream: &mut Stream,
    mut each: impl FnMut(&[u32]) -> T,
) -> Vec<T> {
    let mut counts = vec![0_u32; n_sessions];
    let mut one = || {
        counts.fill(0);
        (0..n_sessions).for_each(|_| counts[stream.random_range(0..n_sessions)] += 1);
        each(&counts)
    };
    (0..n_resamples).map(|_| one()).collect()
}

/// What `statistic` of [`draw`]n sessions deviates. A resample in which it is undefined is left out; nothing where fewer than two
/// have a value.
pub fn resample(
    n_sessions: usize,
    n_resamples: usize,
    stream: &mut Stream,
    statistic: impl FnMut(&[u32]) -> Option<f64>,
) -> Option<Resampling> {
    if n_sessions == 0 {
        return None;
    }
    Resampling::of(draw(n_sessions, n_resamples, stream, statistic).into_iter().flatten().collect())
}

/// The quantile of ascending values, between two of them in proportion.
fn quantile(values: &[f64], share: f64) -> f64 {
    let place = share * (values.len() - 1) as f64;
    let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmtl_agents::stream::Streams;

    #[test]
    fn the_error_of_a_mean_over_sessions_is_that_of_its_sessions() {
        // 400 sessions of values 0 and 1 in turn: the mean's error is .5 / √400 = .025.
        let mut stream = Streams::new(3).named("bootstrap");
        let mean = |counts: &[u32]| {
            let sum: u32 = counts.iter().enumerate().map(|(index, count)| count * (index as u32 % 2)).sum();
            Some(f64::from(sum) / 400.0)
        };
        let found = resample(400, 2000, &mut stream, mean).unwrap();
        assert!((found.error - 0.025).abs() < 0.002, "{}", found.error);
        assert!((found.interval[0] - 0.451).abs() < 0.006 && (found.interval[1] - 0.549).abs() < 0.006);
    }

    #[test]
    fn resamples_without_a_value_are_left_out() {
        let mut stream = Streams::new(3).named("bootstrap");
        let found = resample(1, 10, &mut stream, |_| None);
        assert_eq!(found, None);
        assert_eq!(resample(0, 10, &mut stream, |_| Some(1.0)), None);
        let mut calls = 0;
        let every_other = |_: &[u32]| {
            calls += 1;
            (calls % 2 == 0).then_some(1.0)
        };
        assert_eq!(resample(3, 10, &mut stream, every_other).unwrap().n, 5);
    }

    #[test]
    fn quantiles_by_hand() {
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0], 0.25), 1.25);
    }
}
