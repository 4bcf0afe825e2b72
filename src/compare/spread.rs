//! Numbers over seeds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Group;
use crate::statistics::Spread;
use crate::tables::{Against, Metric};

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

    /// Against `base`, seed by seed over the seeds both have: runs of one seed start alike and see the same batches, so this is
    /// sharper than the difference of the means. `like` says which way the metric is better.
    pub fn against(&self, base: &Self, like: Metric) -> Option<Against> {
        let pair = |(seed, value): (&u64, &f64)| Some((*value, *base.by_seed.get(seed)?));
        Against::of(like, &self.by_seed.iter().filter_map(pair).collect::<Vec<_>>())
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
        let of = a.against(&b, Metric::Auc).unwrap();
        assert!((of.difference - 0.02).abs() < 1e-12 && of.seeds == 2);
        assert!((of.paired.unwrap().std - 0.0002_f64.sqrt()).abs() < 1e-12);
        // The means of both over the common seeds.
        assert!((of.rela_impr.unwrap() - (0.25 / 0.23 - 1.0)).abs() < 1e-12);
        assert_eq!(OverSeeds::of([(5, 0.5)].into()).unwrap().against(&b, Metric::Auc), None);
    }
}
