//! Numbers over seeds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Group;
use crate::statistics::Spread;

/// A metric over seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverSeeds {
    /// Mean and standard deviation.
    #[serde(flatten)]
    pub spread: Spread,
    /// The values, seed by seed.
    pub by_seed: BTreeMap<u64, f64>,
}

impl OverSeeds {
    /// Of values with their seeds; nothing without any.
    pub fn of(by_seed: BTreeMap<u64, f64>) -> Option<Self> {
        Some(Self { spread: Spread::of(by_seed.values().copied())?, by_seed })
    }

    /// The difference from `base`, seed by seed over the seeds both have: runs of one seed start alike and see the same
    /// batches, so this is sharper than the difference of the means.
    pub fn above(&self, base: &Self) -> Option<Spread> {
        Spread::of(self.beside(base).map(|(value, base)| value - base))
    }

    /// The means of both over the seeds both have.
    pub fn common_means(&self, base: &Self) -> Option<(f64, f64)> {
        let mean = Spread::of(self.beside(base).map(|(value, _)| value))?.mean;
        Some((mean, Spread::of(self.beside(base).map(|(_, base)| base))?.mean))
    }

    fn beside<'a>(&'a self, base: &'a Self) -> impl Iterator<Item = (f64, f64)> + 'a {
        self.by_seed.iter().filter_map(|(seed, value)| Some((*value, *base.by_seed.get(seed)?)))
    }
}

/// The standard deviation between seeds of one metric, pooled over the groups: what of a difference is noise.
pub fn seed_deviation(groups: &[Group], task: &str, metric: &str) -> Option<f64> {
    let spreads = groups.iter().filter_map(|group| group.tasks.get(task)?.get(metric));
    let (mut squares, mut degrees) = (0.0, 0);
    for spread in spreads {
        let Spread { std, n, .. } = spread.spread;
        if let Some(std) = std {
            squares += std.powi(2) * (n - 1) as f64;
            degrees += n - 1;
        }
    }
    (degrees > 0).then(|| (squares / degrees as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_taken_seed_by_seed_over_common_seeds() {
        let of = |values: &[(u64, f64)]| OverSeeds::of(values.iter().copied().collect()).unwrap();
        let (a, b) = (of(&[(1, 0.70), (2, 0.80), (3, 0.10)]), of(&[(1, 0.69), (2, 0.77), (4, 0.90)]));
        let difference = a.above(&b).unwrap();
        assert!((difference.mean - 0.02).abs() < 1e-12 && difference.n == 2);
        assert!((difference.std.unwrap() - 0.0002_f64.sqrt()).abs() < 1e-12);
        assert_eq!(of(&[(5, 0.5)]).above(&b), None);
        let (mean, base) = a.common_means(&b).unwrap();
        assert!((mean - 0.75).abs() < 1e-12 && (base - 0.73).abs() < 1e-12);
        assert_eq!(of(&[(5, 0.5)]).common_means(&b), None);
    }
}
