//! What the sessions of a split say, from the predictions that runs have kept.

use std::hash::{DefaultHasher, Hash, Hasher};

use rmtl_agents::stream::Streams;
use rmtl_envs::Split;

use super::quantity::{Metric, Quantities};
use crate::metric::{auc, logloss};
use crate::output::predictions::{Predictions, predictions_path};
use crate::statistics::{AucDifference, CountedAuc, CountedLogloss, Resampling, delong, draw};
use crate::tables::SeedRun;

/// A run whose predictions are looked at.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) run: &'a SeedRun,
    /// As [`ArmRuns`](crate::tables::ArmRuns) names it.
    pub(super) actor: &'a str,
    pub(super) split: Split,
}

/// Every quantity of a run, over resampled sessions.
pub(super) struct OfSessions {
    /// Of which rows they are: those of two runs can be subtracted where this is the same.
    rows: u64,
    /// `[resample][quantity]`.
    values: Vec<Vec<Option<f64>>>,
}

/// How far a metric of the file may be from that of the report, which is computed from the same numbers.
const TOLERANCE: f64 = 1e-9;

impl Source<'_> {
    /// The file, and the column of the actor; the reason where there is none.
    fn read(&self) -> Result<(Predictions, String), String> {
        let path = predictions_path(&self.run.folder, self.split);
        let predictions = Predictions::read(&path).map_err(|error| error.to_string())?;
        let names: &[&str] = match self.actor {
            // A run that ended with its pretraining has one actor.
            "pretrained" => &["baseline", "actor"],
            "equal-budget" => &["equal_budget"],
            _ => &["actor"],
        };
        let name = names.iter().find(|name| predictions.actors.contains_key(**name));
        let name =
            name.ok_or_else(|| format!("{} has no column of the {} actor", path.display(), self.actor))?;
        Ok((predictions, (*name).to_owned()))
    }

    /// Resamples its sessions, the same for every run of the same sessions.
    ///
    /// A task counts where its metric in the file is that of the report: a label that is a number is kept as whether it is
    /// above 0, and has other metrics.
    pub(super) fn resampled(
        &self,
        quantities: &Quantities,
        reported: &[Option<f64>],
        n_resamples: usize,
    ) -> Result<OfSessions, String> {
        let (predictions, actor) = self.read()?;
        let columns = &predictions.actors[&actor];
        let is_reported = |task: usize, metric: Metric, found: Option<f64>| {
            let reported = reported[quantities.place(Some(task), metric)];
            reported.zip(found).is_some_and(|(reported, found)| (reported - found).abs() < TOLERANCE)
        };
        let counted: Vec<(Option<CountedAuc<'_>>, Option<CountedLogloss>)> = (0..quantities.tasks.len())
            .map(|task| {
                let name = &quantities.tasks[task];
                let (Some(labels), Some(of)) = (predictions.labels.get(name), columns.get(name)) else {
                    return (None, None);
                };
                let sessions = &predictions.sessions;
                let of_auc = is_reported(task, Metric::Auc, auc(labels, of));
                let of_logloss = is_reported(task, Metric::Logloss, logloss(labels, of));
                (
                    of_auc.then(|| CountedAuc::new(labels, sessions, of)).flatten(),
                    of_logloss.then(|| CountedLogloss::new(labels, sessions, of)).flatten(),
                )
            })
            .collect();
        let mut stream = Streams::new(0).named("sessions");
        let values = draw(predictions.n_sessions(), n_resamples, &mut stream, |counts| {
            quantities.values(|task, metric| match metric {
                Metric::Auc => counted[task].0.as_ref()?.at(counts),
                Metric::Logloss => counted[task].1.as_ref()?.at(counts),
            })
        });
        let mut hasher = DefaultHasher::new();
        predictions.sessions.hash(&mut hasher);
        predictions.labels.iter().for_each(|of_task| of_task.hash(&mut hasher));
        Ok(OfSessions { rows: hasher.finish(), values })
    }

    /// DeLong's difference of this run's AUC of a task from that of `base` on the same rows.
    pub(super) fn delong(&self, base: &Self, task: &str) -> Option<AucDifference> {
        let ((one, actor), (other, of_base)) = (self.read().ok()?, base.read().ok()?);
        let labels = one.labels.get(task)?;
        let is_same = one.sessions == other.sessions && other.labels.get(task) == Some(labels);
        is_same
            .then(|| delong(labels, one.actors[&actor].get(task)?, other.actors[&of_base].get(task)?))
            .flatten()
    }
}

/// What resampled sessions say of a difference, its mean over the seeds: `pairs` has every seed's run and its base. Nothing where
/// they are not of the same rows.
pub(super) fn difference(pairs: &[(&OfSessions, &OfSessions)], quantity: usize) -> Option<Resampling> {
    let (first, _) = pairs.first()?;
    if pairs.iter().any(|(one, base)| one.rows != first.rows || base.rows != first.rows) {
        return None;
    }
    let at = |resample: usize| -> Option<f64> {
        let of_seed = |(one, base): &(&OfSessions, &OfSessions)| {
            Some(one.values[resample][quantity]? - base.values[resample][quantity]?)
        };
        let differences: Option<Vec<f64>> = pairs.iter().map(of_seed).collect();
        differences.map(|differences| differences.iter().sum::<f64>() / pairs.len() as f64)
    };
    Resampling::of((0..first.values.len()).filter_map(at).collect())
}
