//! Arms over several datasets or backbones, as rliable has them.

use rand::RngExt;
use rmtl_agents::stream::Streams;
use serde::Serialize;

use super::Metric;
use super::cell::Cell;
use crate::statistics::{Resampling, interquartile_mean, mean_ranks};

/// An arm over all cells, by its mean AUC.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverCells {
    /// The arm.
    pub label: String,
    /// Mean rank over the cells among the arms that are in all of them; 1 is the best.
    pub mean_rank: f64,
    /// Interval of the mean rank; absent where no cell has two seeds.
    pub rank_interval: Option<[f64; 2]>,
    /// Interquartile mean over the runs of all cells.
    pub iqm: f64,
    /// Interval of that mean; absent where no cell has two seeds.
    pub iqm_interval: Option<[f64; 2]>,
}

/// As many as rliable draws for its intervals.
const N_RESAMPLES: usize = 2000;

/// The mean AUC of every run of the arm, `[cell][run]`.
type Runs = Vec<Vec<f64>>;

/// Of the arms that have a mean AUC in every cell; nothing for fewer than two cells.
///
/// Intervals by the stratified bootstrap (Agarwal et al., NeurIPS 2021): in every cell its own runs are drawn.
pub(super) fn over_cells(cells: &[Cell]) -> Vec<OverCells> {
    if cells.len() < 2 {
        return Vec::new();
    }
    let runs = |cell: &Cell, label: &str| -> Option<Vec<f64>> {
        let arm = cell.arms.iter().find(|arm| arm.label == label)?;
        let values: Vec<f64> = arm.figure(None, Metric::Auc).by_seed.values().copied().collect();
        (!values.is_empty()).then_some(values)
    };
    let in_all = |label: &str| cells.iter().map(|cell| runs(cell, label)).collect::<Option<Runs>>();
    let labels = cells[0].arms.iter().map(|arm| arm.label.as_str());
    let arms: Vec<(&str, Runs)> = labels.filter_map(|label| Some((label, in_all(label)?))).collect();
    let measured: Vec<Runs> = arms.iter().map(|(_, runs)| runs.clone()).collect();
    let (Some(ranks), Some(means)) = (ranks(&measured), iqms(&measured)) else { return Vec::new() };
    let is_repeated = measured.iter().flatten().any(|runs| runs.len() > 1);
    let mut stream = Streams::new(0).named("runs of a cell");
    let mut draw =
        |runs: &Vec<f64>| (0..runs.len()).map(|_| runs[stream.random_range(0..runs.len())]).collect();
    let drawn: Vec<Vec<Runs>> = (0..if is_repeated { N_RESAMPLES } else { 0 })
        .map(|_| measured.iter().map(|cells| cells.iter().map(&mut draw).collect()).collect())
        .collect();
    let interval = |of: fn(&[Runs]) -> Option<Vec<f64>>, arm: usize| {
        let values = drawn.iter().filter_map(|runs| Some(of(runs)?[arm])).collect();
        Resampling::of(values).map(|resampling| resampling.interval)
    };
    arms.iter()
        .enumerate()
        .map(|(arm, (label, _))| OverCells {
            label: (*label).to_owned(),
            mean_rank: ranks[arm],
            rank_interval: interval(self::ranks, arm),
            iqm: means[arm],
            iqm_interval: interval(iqms, arm),
        })
        .collect()
}

/// By arm.
fn ranks(arms: &[Runs]) -> Option<Vec<f64>> {
    let n_cells = arms.first().map_or(0, Vec::len);
    let mean = |runs: &Vec<f64>| runs.iter().sum::<f64>() / runs.len() as f64;
    let scores: Vec<Vec<f64>> =
        (0..n_cells).map(|cell| arms.iter().map(|cells| mean(&cells[cell])).collect()).collect();
    mean_ranks(&scores)
}

/// By arm.
fn iqms(arms: &[Runs]) -> Option<Vec<f64>> {
    arms.iter().map(|cells| interquartile_mean(&cells.concat())).collect()
}
