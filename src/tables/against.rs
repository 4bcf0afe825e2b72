//! An arm against the base.

use serde::Serialize;

use super::WANTED;
use super::quantity::Metric;
use crate::metric::{gain, rela_impr};
use crate::statistics::{
    AucDifference, BothSources, Paired, Resampling, Spread, Verdict, paired, seeds_needed, wilcoxon,
};

/// What is known of a difference "arm minus base".
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Against {
    /// Seeds that both have.
    pub seeds: usize,
    /// Mean difference over them.
    pub difference: f64,
    /// The paired t-test; absent for one seed.
    pub paired: Option<Paired>,
    /// Its p after Holm's correction over the arms of the table.
    pub p_holm: Option<f64>,
    /// p of Wilcoxon's signed ranks; absent below six seeds.
    pub wilcoxon: Option<f64>,
    /// The interval from seeds and sessions; absent where a run has kept no predictions.
    pub both: Option<BothSources>,
    /// What the rows of a single seed say.
    pub same_rows: Option<SameRows>,
    /// Seeds with which a difference of [`WANTED`] would be found with a chance of 80 %.
    pub seeds_needed: Option<usize>,
    /// RelaImpr of the AUC, its mean over the common seeds; absent of a logloss.
    pub rela_impr: Option<f64>,
    /// Gain of the same.
    pub gain: Option<f64>,
    /// What is told.
    pub verdict: Verdict,
}

/// Two runs on the same rows. It speaks of these two models, not of what another seed would give.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SameRows {
    /// DeLong's test, rows taken as independent; of an AUC of one task alone.
    pub delong: Option<AucDifference>,
    /// The bootstrap over sessions.
    pub sessions: Resampling,
}

impl Against {
    /// Of the values of the common seeds, the arm's and the base's; nothing without one. What needs all arms of a table or the
    /// runs' predictions is still absent.
    pub(crate) fn of(metric: Metric, values: &[(f64, f64)]) -> Option<Self> {
        let differences: Vec<f64> = values.iter().map(|(value, base)| value - base).collect();
        let difference = Spread::of(differences.iter().copied())?.mean;
        let tested = paired(&differences);
        let means = Spread::of(values.iter().map(|(value, _)| *value))
            .zip(Spread::of(values.iter().map(|(_, base)| *base)))
            .filter(|_| metric == Metric::Auc);
        let of_means = |improvement: fn(f64, f64) -> Option<f64>| {
            means.and_then(|(value, base)| improvement(value.mean, base.mean))
        };
        Some(Self {
            seeds: values.len(),
            difference,
            paired: tested,
            p_holm: None,
            wilcoxon: wilcoxon(&differences),
            both: None,
            same_rows: None,
            seeds_needed: tested.and_then(|tested| seeds_needed(tested.std, WANTED)),
            rela_impr: of_means(rela_impr),
            gain: of_means(gain),
            verdict: Verdict::CannotBeTold,
        })
    }

    /// Adds what the sessions say of the same differences.
    pub(super) fn with_sessions(&mut self, differences: &[f64], sessions: Option<Resampling>) {
        self.both = sessions.and_then(|sessions| BothSources::of(differences, sessions.error));
    }

    /// Tells, once everything else is known: the interval of both sources, or else that of the seeds, is clear of 0, and so is p.
    /// One seed tells nothing of others, whatever its sessions say.
    pub(super) fn tell(&mut self, metric: Metric) {
        let interval = self.both.map(|both| both.interval).or(self.paired.map(|paired| paired.interval));
        if let (Some(interval), Some(_)) = (interval, self.paired) {
            self.verdict = Verdict::of(interval, self.p_holm, metric.direction());
        }
    }

    /// The verdict in words, and why none is possible.
    pub fn words(&self) -> String {
        match self.seeds {
            1 => format!("{} (one seed)", self.verdict),
            _ => self.verdict.to_string(),
        }
    }
}
