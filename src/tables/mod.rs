//! Arms side by side: what their seeds and their sessions say of the differences from a base, and the tables that show it.
//!
//! [`Comparison::of`] computes, [`statistics`](crate::statistics) has the tests. Renderers only write: [`Comparison::to_markdown`],
//! [`Comparison::to_latex`], [`Comparison::to_csv`]. `docs/comparing.md` says what every column means.

mod against;
mod arm_runs;
mod cell;
mod csv;
mod differences;
mod latex;
mod markdown;
mod over_cells;
mod quantity;
mod relation;
mod sections;
mod sessions;
mod summary;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_sessions;

use rmtl_envs::Split;
use serde::Serialize;

use crate::error::{Error, Result};

pub(crate) use self::csv::quoted;
pub use against::{Against, SameRows};
pub(crate) use arm_runs::mean;
pub use arm_runs::{ArmRuns, SeedRun, TaskScores, mean_auc, mean_logloss};
pub use cell::{Arm, Cell, Figure};
pub use over_cells::OverCells;
pub use quantity::{Metric, Quantity};
pub use sections::Section;
pub(crate) use sections::table;

/// The arm that Δm is relative to.
pub const SINGLE_TASK: &str = "single_task";

/// The difference for which a table says how many seeds it needs: what papers of this field report as a gain in AUC.
pub const WANTED: f64 = 0.001;

/// How arms are compared.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The arm that the others are set in relation to, as `NAME` or `NAME:ACTOR`.
    pub base: String,
    /// Where.
    pub split: Split,
    /// Resamples of the sessions; 0 leaves predictions alone. A run of 100,000 rows and four tasks takes about a second for 400.
    pub n_resamples: usize,
}

impl Settings {
    /// With 400 resamples, which know a standard error to 4 %.
    pub fn of(base: &str, split: Split) -> Self {
        Self { base: base.into(), split, n_resamples: 400 }
    }
}

/// Arms compared with their base, cell by cell and over all cells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Label of the base.
    pub base: String,
    /// The split.
    pub split: String,
    /// One for every dataset, backbone, … the arms were run on.
    pub cells: Vec<Cell>,
    /// Ranks and means of the arms that have a mean AUC in every cell; empty for a single cell.
    pub over_cells: Vec<OverCells>,
    /// What a reader must know: what could not be computed, and actors that have been trained for longer than others.
    pub notes: Vec<String>,
}

impl Comparison {
    /// Compares.
    ///
    /// # Errors
    /// No arm is called as the base, or two arms of one cell have one name and actor.
    pub fn of(arms: &[ArmRuns], settings: &Settings) -> Result<Self> {
        let labels = labels(arms);
        let base = base(arms, &labels, &settings.base)?;
        let mut groups: Vec<(&[(String, String)], Labelled<'_>)> = Vec::new();
        for (arm, label) in arms.iter().zip(&labels) {
            let at = groups.iter().position(|(cell, _)| *cell == arm.cell).unwrap_or_else(|| {
                groups.push((&arm.cell, Vec::new()));
                groups.len() - 1
            });
            if groups[at].1.iter().any(|(other, _)| other == label) {
                let cell = cell::name(&arm.cell);
                return Err(Error::Usage(format!(
                    "two arms are called {label} in cell `{cell}`; name them apart"
                )));
            }
            groups[at].1.push((label, arm));
        }
        let mut notes = budget_notes(arms, &labels, &base);
        let cells: Vec<Cell> =
            groups.iter().map(|(cell, arms)| Cell::of(cell, arms, &base, settings, &mut notes)).collect();
        let over_cells = over_cells::over_cells(&cells);
        let split = settings.split.name().to_owned();
        Ok(Self { base, split, cells, over_cells, notes })
    }
}

/// Arms with their labels.
type Labelled<'a> = Vec<(&'a str, &'a ArmRuns)>;

/// A name for every arm: its own, with its actor where the arms are of several. Nobody knows whose an actor is of which no run
/// finished: it is the one that the arm has in another cell, if any.
fn labels(arms: &[ArmRuns]) -> Vec<String> {
    let finished = || arms.iter().filter(|arm| !arm.seeds.is_empty());
    let is_one_actor = finished().all(|arm| finished().next().is_some_and(|first| first.actor == arm.actor));
    let label = |arm: &ArmRuns| {
        let known = finished().find(|other| other.name == arm.name).filter(|_| arm.seeds.is_empty());
        match is_one_actor {
            true => arm.name.clone(),
            false => format!("{}:{}", arm.name, known.unwrap_or(arm).actor),
        }
    };
    arms.iter().map(label).collect()
}

/// The label of the arm that `wanted` names, with its actor or without; the last one where several actors have its name.
fn base(arms: &[ArmRuns], labels: &[String], wanted: &str) -> Result<String> {
    let all = || arms.iter().zip(labels);
    let with_actor = |arm: &ArmRuns| format!("{}:{}", arm.name, arm.actor) == wanted;
    let exact = all().rfind(|(arm, label)| *label == wanted || with_actor(arm));
    let found = exact.or_else(|| all().rfind(|(arm, _)| arm.name == wanted));
    found.map(|(_, label)| label.clone()).ok_or_else(|| {
        let mut known: Vec<&str> = labels.iter().map(String::as_str).collect();
        known.dedup();
        Error::Usage(format!(
            "no arm is called {wanted}, which is to be the base; there are {}",
            known.join(", ")
        ))
    })
}

/// Who has been trained for longer, or less long, than the base.
fn budget_notes(arms: &[ArmRuns], labels: &[String], base: &str) -> Vec<String> {
    let is_pretrained = |arm: &ArmRuns| arm.actor == "pretrained";
    // Of an arm of which no run finished there is nothing to note.
    let all = || arms.iter().zip(labels).filter(|(arm, _)| !arm.seeds.is_empty());
    let Some((of_base, _)) = all().find(|(_, label)| *label == base) else { return Vec::new() };
    let mut others: Vec<&str> = all()
        .filter(|(arm, _)| is_pretrained(arm) != is_pretrained(of_base))
        .map(|(_, label)| label.as_str())
        .collect();
    others.sort_unstable();
    others.dedup();
    let how = if is_pretrained(of_base) {
        "trained on after the pretraining"
    } else {
        "with the pretraining alone"
    };
    let note = format!(
        "Another budget than the base's, {how}: {}; what differs may be the length of the training",
        others.join(", ")
    );
    if others.is_empty() { Vec::new() } else { vec![note] }
}
