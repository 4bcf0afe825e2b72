//! The arms of a cell set in relation to their base.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::cell::Arm;
use super::quantity::{Metric, Quantities};
use super::sessions::{OfSessions, Source, difference};
use super::{Against, Quantity, SameRows, Settings};
use crate::statistics::{AucDifference, holm};
use crate::tables::ArmRuns;

/// Sets every arm in relation to the base.
pub(super) fn relate(
    found: &mut [Arm],
    arms: &[(&str, &ArmRuns)],
    at: usize,
    quantities: &Quantities,
    settings: &Settings,
    notes: &mut Vec<String>,
) {
    let relation = Relation { arms, at, sessions: sessions(arms, quantities, settings, notes), settings };
    let base = found[at].clone();
    for (place, quantity) in quantities.all.iter().enumerate() {
        let of_base = &base.figures[place].by_seed;
        for (index, arm) in found.iter_mut().enumerate().filter(|(index, _)| *index != at) {
            let figure = &mut arm.figures[place];
            figure.against = relation.of(index, (place, quantity), &figure.by_seed, of_base);
        }
        let p = |arm: &Arm| arm.figures[place].against.as_ref()?.paired.map(|paired| paired.p);
        let adjusted = holm(&found.iter().map(p).collect::<Vec<_>>());
        for (arm, p) in found.iter_mut().zip(adjusted) {
            if let Some(against) = &mut arm.figures[place].against {
                against.p_holm = p;
                against.tell(quantity.metric);
            }
        }
    }
}

/// What every arm is related by.
struct Relation<'a> {
    arms: &'a [(&'a str, &'a ArmRuns)],
    /// Where the base stands.
    at: usize,
    /// By arm and seed.
    sessions: BTreeMap<(usize, u64), OfSessions>,
    settings: &'a Settings,
}

impl Relation<'_> {
    /// Of one arm and one quantity, from both arms' values by seed.
    fn of(
        &self,
        index: usize,
        (place, quantity): (usize, &Quantity),
        values: &BTreeMap<u64, f64>,
        of_base: &BTreeMap<u64, f64>,
    ) -> Option<Against> {
        let seeds: Vec<u64> = values.keys().copied().filter(|seed| of_base.contains_key(seed)).collect();
        let pairs: Vec<(f64, f64)> = seeds.iter().map(|seed| (values[seed], of_base[seed])).collect();
        let mut against = Against::of(quantity.metric, &pairs)?;
        let differences: Vec<f64> = pairs.iter().map(|(value, base)| value - base).collect();
        let of_sessions =
            |seed: &u64| Some((self.sessions.get(&(index, *seed))?, self.sessions.get(&(self.at, *seed))?));
        let resampled: Option<Vec<(&OfSessions, &OfSessions)>> = seeds.iter().map(of_sessions).collect();
        let resampling = resampled.and_then(|pairs| difference(&pairs, place));
        against.with_sessions(&differences, resampling.clone());
        if let ([seed], Some(sessions)) = (seeds.as_slice(), resampling) {
            against.same_rows = Some(SameRows { delong: self.delong(index, *seed, quantity), sessions });
        }
        Some(against)
    }

    /// Of the AUC of a task.
    fn delong(&self, index: usize, seed: u64, quantity: &Quantity) -> Option<AucDifference> {
        let source = |index: usize| {
            let (_, arm) = self.arms[index];
            let run = arm.seeds.iter().find(|run| run.seed == seed)?;
            Some(Source { run, actor: &arm.actor, split: self.settings.split })
        };
        let task = quantity.task.as_ref().filter(|_| quantity.metric == Metric::Auc)?;
        source(index)?.delong(&source(self.at)?, task)
    }
}

/// Every run over resampled sessions, by arm and seed; those that have kept no predictions are missing.
fn sessions(
    arms: &[(&str, &ArmRuns)],
    quantities: &Quantities,
    settings: &Settings,
    notes: &mut Vec<String>,
) -> BTreeMap<(usize, u64), OfSessions> {
    if settings.n_resamples == 0 {
        return BTreeMap::new();
    }
    let runs: Vec<(usize, Source<'_>)> = arms
        .iter()
        .enumerate()
        .flat_map(|(index, (_, arm))| {
            let source = |run| Source { run, actor: &arm.actor, split: settings.split };
            arm.seeds.iter().map(move |run| (index, source(run)))
        })
        .collect();
    let resampled: Vec<Result<OfSessions, String>> = runs
        .par_iter()
        .map(|(_, source)| {
            source.resampled(quantities, &quantities.reported(source.run), settings.n_resamples)
        })
        .collect();
    let mut missing: Vec<String> = Vec::new();
    let mut of_runs = BTreeMap::new();
    for ((index, source), resampled) in runs.iter().zip(resampled) {
        match resampled {
            Ok(resampled) => drop(of_runs.insert((*index, source.run.seed), resampled)),
            Err(reason) => missing.push(reason),
        }
    }
    if let Some(first) = missing.first() {
        notes.push(format!(
            "No interval with sessions for {} of {} runs, whose predictions cannot be read: {first}",
            missing.len(),
            runs.len()
        ));
    }
    of_runs
}
