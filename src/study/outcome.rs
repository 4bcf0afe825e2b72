//! What came of a study: its arms, every run, every choice, and what failed.

use std::path::PathBuf;

use serde::Serialize;

use crate::compare::On;
use crate::study::bench::Found;
use crate::study::contest::{Contest, Tried};
use crate::study::metric::Metric;
use crate::tables::{ArmRuns, TaskScores};

/// What came of a study.
#[derive(Debug)]
pub struct Outcome {
    /// The lines of its tables: cells in the order of the axes, arms in that of the file.
    pub arms: Vec<ArmRuns>,
    /// What was chosen from what, by arm and cell.
    pub choices: Vec<Choice>,
    /// Every run that finished.
    pub records: Vec<Record>,
    /// Every run that did not.
    pub failures: Vec<Failure>,
    /// Runs that were trained now and finished; the others lay there.
    pub n_trained: usize,
}

/// A choice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// The arm.
    pub arm: String,
    /// Where on the axes.
    pub cell: Vec<(String, String)>,
    /// The place of the setting among those tried; nothing where all of them failed.
    pub chosen: Option<usize>,
    pub(super) tried: Vec<Tried>,
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// For the choice of a setting; `trial` counts from 1, `rung` the halvings before.
    Trial {
        /// The number of the setting.
        trial: usize,
        /// Halvings it has survived.
        rung: usize,
    },
    /// For the table.
    Table,
}

/// A run that finished.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The arm.
    pub arm: String,
    /// Where on the axes.
    pub cell: Vec<(String, String)>,
    /// What it is for.
    pub purpose: Purpose,
    /// Its seed.
    pub seed: u64,
    /// Placeholder and value.
    pub setting: Vec<(String, String)>,
    /// What is chosen by, on validation.
    pub validation: Option<f64>,
    /// The tasks on test; nothing of runs that are for a choice.
    pub test: Vec<TaskScores>,
    /// Seconds of its phases.
    pub seconds: f64,
    /// Its folder.
    pub folder: PathBuf,
}

/// A run that did not finish.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// The arm.
    pub arm: String,
    /// Where on the axes.
    pub cell: Vec<(String, String)>,
    /// What it was for.
    pub purpose: Purpose,
    /// Its seed.
    pub seed: u64,
    /// Placeholder and value.
    pub setting: Vec<(String, String)>,
    /// Its last lines.
    pub reason: String,
}

impl Record {
    /// Of a run of a setting, or why there is none.
    pub(super) fn of(
        contest: &Contest<'_>,
        place: usize,
        purpose: Purpose,
        seed: u64,
        found: &Found,
        metric: &Metric,
    ) -> Result<Self, Failure> {
        let (arm, cell) = (contest.name.to_owned(), contest.cell.place.clone());
        let setting = contest.tried[place].setting.clone();
        let failed = |reason: String| Failure {
            arm: arm.clone(),
            cell: cell.clone(),
            purpose,
            seed,
            setting: setting.clone(),
            reason,
        };
        let run = found.as_ref().map_err(|reason| failed(reason.clone()))?;
        let no_actor = || failed(format!("it has no actor `{}`", contest.arm.actor.name()));
        let validation = metric.value(&contest.validation(found).ok_or_else(no_actor)?);
        let test = match purpose {
            Purpose::Trial { .. } => Vec::new(),
            Purpose::Table => {
                contest.arm.actor.block(&run.report, On::Test).map(TaskScores::of).unwrap_or_default()
            }
        };
        let seconds = run.report.phases.values().map(|phase| phase.seconds).sum();
        let folder = run.folder.clone();
        Ok(Self { arm, cell, purpose, seed, setting, validation, test, seconds, folder })
    }
}
