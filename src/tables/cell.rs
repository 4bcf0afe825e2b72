//! The arms of one cell: one dataset, one backbone.

use std::collections::BTreeMap;

use serde::Serialize;

use super::quantity::Quantities;
use super::relation::relate;
use super::{Against, Quantity, SINGLE_TASK, Settings, summary};
use crate::statistics::Spread;
use crate::tables::ArmRuns;

/// The arms of one cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// Axis and value; empty where there are no axes.
    pub cell: Vec<(String, String)>,
    /// The tasks.
    pub tasks: Vec<String>,
    /// The arms, in the order given.
    pub arms: Vec<Arm>,
    /// Volume of the AUCs above ½ that some arm reaches; for two to four tasks.
    pub hypervolume: Option<f64>,
}

/// An arm of a cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Arm {
    /// Its name, with its actor where the arms of the table are of several.
    pub label: String,
    /// Whether the others are set in relation to it.
    pub is_base: bool,
    /// Seeds that finished.
    pub seeds: Vec<u64>,
    /// Mean seconds of a run.
    pub seconds: Option<f64>,
    /// Everything compared: for every metric the tasks in turn, then their mean.
    pub figures: Vec<Figure>,
    /// Δm of the AUCs against the arm [`SINGLE_TASK`], in per cent.
    pub delta_m: Option<f64>,
    /// Whether no other arm is at least as good in the mean AUC of every task and better in one; for two tasks and more.
    pub is_on_front: Option<bool>,
    /// What the hypervolume would lose without it.
    pub adds_volume: Option<f64>,
}

/// One number of an arm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What it is.
    #[serde(flatten)]
    pub of: Quantity,
    /// Over the seeds; absent where no run has it.
    pub spread: Option<Spread>,
    /// Seed by seed.
    pub by_seed: BTreeMap<u64, f64>,
    /// Against the base; absent for the base itself and where the two have no seed in common.
    pub against: Option<Against>,
}

/// The cell in a word or two.
pub(super) fn name(cell: &[(String, String)]) -> String {
    cell.iter().map(|(axis, value)| format!("{axis}={value}")).collect::<Vec<_>>().join(", ")
}

impl Cell {
    pub(super) fn of(
        cell: &[(String, String)],
        arms: &[(&str, &ArmRuns)],
        base: &str,
        settings: &Settings,
        notes: &mut Vec<String>,
    ) -> Self {
        let quantities = Quantities::of(arms, settings.split);
        let mut found: Vec<Arm> =
            arms.iter().map(|(label, arm)| Arm::of(label, arm, &quantities, *label == base)).collect();
        let at = arms.iter().position(|(label, _)| *label == base);
        match at {
            Some(at) => relate(&mut found, arms, at, &quantities, settings, notes),
            None => notes.push(format!(
                "{base} was not run in cell `{}`, so nothing is relative to it there",
                name(cell)
            )),
        }
        let single = arms.iter().position(|(_, arm)| arm.name == SINGLE_TASK);
        let hypervolume = summary::summarise(&mut found, &quantities, single);
        Self { cell: cell.to_vec(), tasks: quantities.tasks, arms: found, hypervolume }
    }

    /// Its name in tables: `backbone=mmoe`.
    pub fn name(&self) -> String {
        name(&self.cell)
    }
}

impl Arm {
    fn of(label: &str, arm: &ArmRuns, quantities: &Quantities, is_base: bool) -> Self {
        let runs: Vec<(u64, Vec<Option<f64>>)> =
            arm.seeds.iter().map(|run| (run.seed, quantities.reported(run))).collect();
        let figure = |(place, of): (usize, &Quantity)| {
            let by_seed: BTreeMap<u64, f64> =
                runs.iter().filter_map(|(seed, values)| Some((*seed, values[place]?))).collect();
            Figure { of: of.clone(), spread: Spread::of(by_seed.values().copied()), by_seed, against: None }
        };
        Self {
            label: label.into(),
            is_base,
            seeds: runs.iter().map(|(seed, _)| *seed).collect(),
            seconds: Spread::of(arm.seeds.iter().map(|run| run.seconds)).map(|spread| spread.mean),
            figures: quantities.all.iter().enumerate().map(figure).collect(),
            delta_m: None,
            is_on_front: None,
            adds_volume: None,
        }
    }

    /// The figure of a task, or of the mean.
    ///
    /// # Panics
    /// If there is no such task.
    pub fn figure(&self, task: Option<&str>, metric: super::Metric) -> &Figure {
        let is_it = |figure: &&Figure| figure.of.task.as_deref() == task && figure.of.metric == metric;
        self.figures.iter().find(is_it).expect("every arm of a cell has every figure")
    }
}
