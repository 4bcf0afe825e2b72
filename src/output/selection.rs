//! Which actor of a run did best on the validation split, and where it is kept.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::config::Criterion;
use crate::monitor::Kept;
use crate::output::folder::Model;

/// The actors of a run as validation ranks them. Test rows have no part in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// What the early stop looked at, and the ranking with it.
    pub criterion: String,
    /// The name of the best actor; of equal ones the one that took less training.
    pub best: String,
    /// Every actor by name.
    pub actors: IndexMap<String, Selected>,
}

/// Where an actor was kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Selected {
    /// Its file in the run folder.
    pub file: String,
    /// The phase that trained it.
    pub phase: String,
    /// The step of that phase; 0 = the actor it started from, which nothing after it surpassed.
    pub step: u64,
    /// The early stop's value on the validation split.
    pub value: Option<f64>,
    /// What its backbone anneals (`gamma` of `apem`), and means over the validation split of what it shows of itself
    /// (`selection_rate`), by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub diagnostics: IndexMap<String, f32>,
}

impl Selection {
    /// Ranks `actors`, given from the one that took least training to the one that took most. One whose backbone was still
    /// annealed stands behind all that are final.
    ///
    /// # Panics
    /// If there are none.
    pub fn of<'a>(criterion: &Criterion, actors: impl IntoIterator<Item = (Model, &'a Kept)>) -> Self {
        let mut best: Option<(Model, &Kept)> = None;
        let mut selected = IndexMap::new();
        for (model, kept) in actors {
            let is_better = |(_, best): (Model, &Kept)| match (kept.is_final(), best.is_final()) {
                (true, false) => true,
                (false, true) => false,
                _ => criterion.improves(kept.value, best.value),
            };
            if best.is_none_or(is_better) {
                best = Some((model, kept));
            }
            let of = Selected {
                file: format!("model/{}", model.file_name()),
                phase: kept.phase.name().into(),
                step: kept.step,
                value: kept.value,
                diagnostics: kept.diagnostics.clone(),
            };
            selected.insert(model.name().into(), of);
        }
        let (model, _) = best.expect("a run has an actor");
        Self { criterion: criterion.name().into(), best: model.name().into(), actors: selected }
    }

    /// What came out, for people.
    pub fn sentence(&self) -> String {
        let Selected { file, phase, step, value, .. } = &self.actors[&self.best];
        let value = value.map_or("undefined".into(), |value| format!("{value:.4}"));
        let best = format!(
            "Best on validation: {file}, {} {value}, kept at step {step} of {phase}.",
            self.criterion
        );
        let unmoved: Vec<&str> =
            self.actors.iter().filter(|(_, of)| of.step == 0).map(|(name, _)| name.as_str()).collect();
        match unmoved[..] {
            [] => best,
            _ => format!(
                "{best} Nothing after the start of their training was better, so it is what was kept: {}.",
                unmoved.join(", ")
            ),
        }
    }

    /// The same as lines of a Markdown list.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.actors.iter().map(|(name, of)| {
            let value = of.value.map_or("undefined".into(), |value| format!("{value:.4}"));
            let mark = if *name == self.best { ", the best" } else { "" };
            let Selected { file, phase, step, diagnostics, .. } = of;
            let shown: String =
                diagnostics.iter().map(|(name, value)| format!("; {name} {value:.4}")).collect();
            format!("* `{file}`: {} {value}{mark}; kept at step {step} of {phase}{shown}", self.criterion)
        })
    }
}
