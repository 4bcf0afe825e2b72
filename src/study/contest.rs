//! The settings that an arm tries in a cell, and which of them it chooses: on validation, and by nothing else.

use rmtl_agents::stream::Streams;
use serde::Serialize;

use crate::compare::On;
use crate::error::Result;
use crate::study::bench::Found;
use crate::study::file::{Arm, Cell, StudyFile};
use crate::study::search::{Point, Search};
use crate::tables::TaskScores;

/// An arm in a cell.
pub(super) struct Contest<'a> {
    /// The arm's name.
    pub(super) name: &'a str,
    pub(super) arm: &'a Arm,
    pub(super) cell: &'a Cell,
    /// Nothing where the arm has one setting.
    search: Option<Search>,
    /// The settings tried so far; the one setting of an arm that searches nothing.
    pub(super) tried: Vec<Tried>,
}

/// A setting and what it came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Tried {
    #[serde(skip)]
    pub(super) point: Point,
    /// Placeholder and value.
    pub(super) setting: Vec<(String, String)>,
    /// The mean over the seeds of what is chosen by, on validation, higher being better; nothing where a run failed.
    pub(super) score: Option<f64>,
    /// Halvings it has survived.
    pub(super) rung: usize,
}

impl<'a> Contest<'a> {
    /// Of an arm in a cell.
    ///
    /// # Errors
    /// Nobody says how many settings it tries.
    pub(super) fn new(file: &StudyFile, cell: &'a Cell, name: &'a str, arm: &'a Arm) -> Result<Self> {
        let place: String = cell.place.iter().map(|(axis, value)| format!("/{axis}={value}")).collect();
        let stream = Streams::new(file.search_seed).named(&format!("study/{name}{place}"));
        let search = match &arm.search {
            Some(config) => {
                let trials = file.trials(name, config)?;
                Some(Search::new(config.method, config.space.clone(), trials, stream))
            }
            None => None,
        };
        let tried = if search.is_none() { vec![Tried::new(Point::only())] } else { Vec::new() };
        Ok(Self { name, arm, cell, search, tried })
    }

    /// Whether there is anything to choose.
    pub(super) fn searches(&self) -> bool {
        self.search.is_some()
    }

    /// What it is called for people.
    pub(super) fn title(&self) -> String {
        let place = self.cell.place.iter().map(|(_, value)| value.as_str());
        place.chain([self.name]).collect::<Vec<_>>().join(" · ")
    }

    /// Adds the settings to try next and gives their places.
    pub(super) fn ask(&mut self) -> Vec<usize> {
        let points = self.search.as_mut().map(Search::ask).unwrap_or_default();
        let first = self.tried.len();
        self.tried.extend(points.into_iter().map(Tried::new));
        (first..self.tried.len()).collect()
    }

    /// What a setting came to, in runs of this many halvings.
    pub(super) fn tell(&mut self, place: usize, score: Option<f64>, rung: usize) {
        let tried = &mut self.tried[place];
        (tried.score, tried.rung) = (score, rung);
        if let Some(search) = &mut self.search {
            search.tell(&tried.point, score);
        }
    }

    /// The places of the settings that survive `keep`: the best of those of the last rung, one at least.
    pub(super) fn survivors(&self, keep: f64) -> Vec<usize> {
        let mut places = self.ranked();
        let n_kept = (keep * places.len() as f64).ceil().max(1.0) as usize;
        places.truncate(n_kept);
        places
    }

    /// The place of the setting that it chooses: the best of those of the last rung; of equal ones the first. Nothing
    /// where all of them failed.
    pub(super) fn chosen(&self) -> Option<usize> {
        if !self.searches() {
            return Some(0);
        }
        self.ranked().first().copied()
    }

    /// Those of the last rung that have a score, the best first.
    fn ranked(&self) -> Vec<usize> {
        let last = self.tried.iter().map(|tried| tried.rung).max().unwrap_or_default();
        let mut ranked: Vec<(usize, f64)> = self
            .tried
            .iter()
            .enumerate()
            .filter(|(_, tried)| tried.rung == last)
            .filter_map(|(place, tried)| Some((place, tried.score.filter(|score| !score.is_nan())?)))
            .collect();
        // Stable: of equal ones the one that was tried first stays before.
        ranked.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        ranked.into_iter().map(|(place, _)| place).collect()
    }

    /// The validation of its actor in a run; nothing where the run failed or has no such actor. Whatever chooses sees
    /// runs through this alone.
    pub(super) fn validation(&self, found: &Found) -> Option<Vec<TaskScores>> {
        let run = found.as_ref().ok()?;
        self.arm.actor.block(&run.report, On::Validation).map(TaskScores::of)
    }
}

impl Tried {
    fn new(point: Point) -> Self {
        Self { setting: point.values.clone(), point, score: None, rung: 0 }
    }
}
