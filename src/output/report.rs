//! The results of a run: `report.json` for programs, `report.md` and a table for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};
use indexmap::IndexMap;
use rmtl_envs::{Manifest, Split};
use serde::{Deserialize, Serialize};

use crate::metric::TaskMetrics;
use crate::monitor::{WeightsBySegment, WeightsByTask};
use crate::output::outcome::Outcome;
use crate::output::selection::Selection;
use crate::phase::{CriticSummary, Scores};
use crate::statistics::BothSources;

/// Metrics per task name, in the order of the tasks.
pub type TaskBlock = IndexMap<String, TaskMetrics>;

/// The final actor's predictions of the test split among the phases, as one step.
pub const INFERENCE: &str = "inference";

/// `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The log.
    pub data: DataSummary,
    /// The actors compared on the test split.
    #[serde(flatten)]
    pub actors: Comparison,
    /// The same on the validation split, each where its training was best.
    pub validation: Comparison,
    /// The final actor's mean AUC on the test split minus that of `equal_budget`, or of `baseline` where there is no such actor;
    /// the error is of the sessions alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<BothSources>,
    /// Which actor did best on the validation split, and where each was kept.
    pub selection: Selection,
    /// How the training of the critics ended, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critics: Option<CriticSummary>,
    /// The loss weights of every training of an actor, by phase and task.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub weights: IndexMap<String, WeightsByTask>,
    /// Time per phase. The only values here that two runs of one seed do not share.
    pub phases: IndexMap<String, PhaseTiming>,
    /// Sizes.
    pub parameters: Parameters,
    /// Training rows that local tasks leave out, by task.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub masked_rows: IndexMap<String, u64>,
    /// The backbone's name.
    pub backbone: String,
    /// The weighting's name.
    pub weighting: String,
    /// What a reader must know.
    pub warnings: Vec<String>,
    /// Version of this program.
    pub version: String,
    /// Seed of the run.
    pub seed: u64,
    /// Device of the run.
    pub device: String,
}

/// The actors of a run on one split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The final actor.
    pub tasks: TaskBlock,
    /// The pretrained actor, where training went on after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<TaskBlock>,
    /// The actor of the weighted phase with all weights 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equal_budget: Option<TaskBlock>,
    /// The true probabilities, where the log knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oracle: Option<TaskBlock>,
}

/// What a report says about its log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataSummary {
    /// Name of the dataset.
    pub name: String,
    /// Hash of the dataset file and the raw files.
    pub content_hash: String,
    /// Rows per split.
    pub rows: BTreeMap<String, u64>,
    /// Sessions per split.
    pub sessions: BTreeMap<String, u64>,
    /// Positive rows per split and task.
    pub positives: BTreeMap<String, IndexMap<String, u64>>,
}

/// How long a phase took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseTiming {
    /// Seconds.
    pub seconds: f64,
    /// Updates, or environment steps in `collect`.
    pub steps: u64,
    /// Rows per second, validations included.
    pub rows_per_second: f64,
    /// The most memory the process has had at once by the end of the phase, in bytes, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
}

/// Numbers of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// Of the actor, outside the tables.
    pub dense: usize,
    /// Of the actor's tables.
    pub embedding: usize,
}

impl DataSummary {
    /// The summary of a prepared dataset.
    pub fn of(manifest: &Manifest) -> Self {
        let names = || manifest.schema.tasks.iter().map(|task| task.name.clone());
        let splits =
            || Split::ALL.into_iter().zip(&manifest.splits).map(|(split, of)| (split.name().to_owned(), of));
        Self {
            name: manifest.name.clone(),
            content_hash: manifest.content_hash.clone(),
            rows: splits().map(|(name, of)| (name, of.rows)).collect(),
            sessions: splits().map(|(name, of)| (name, of.sessions)).collect(),
            positives: splits()
                .map(|(name, of)| (name, names().zip(of.positives.iter().copied()).collect()))
                .collect(),
        }
    }
}

/// A task block from scores in the order of the tasks.
pub fn task_block(manifest: &Manifest, scores: Scores) -> TaskBlock {
    manifest.schema.tasks.iter().map(|task| task.name.clone()).zip(scores.tasks).collect()
}

impl Report {
    /// `report.json`.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("a report holds nothing JSON cannot say");
        json.push('\n');
        json
    }

    /// What came out, for people.
    pub fn outcome(&self) -> String {
        let difference = self.difference.as_ref();
        Outcome { weighting: &self.weighting, actors: &self.actors, difference }.sentence()
    }

    /// `report.md`.
    pub fn to_markdown(&self) -> String {
        let mut page = String::new();
        let mut line = |text: String| writeln!(page, "{text}").expect("writing to a string does not fail");
        line(format!("# {} with {} weights on {}\n", self.backbone, self.weighting, self.data.name));
        line(format!("{}\n", self.outcome()));
        let explanation = match self.actors.equal_budget {
            Some(_) => {
                " `baseline` is the pretrained actor (where there is one), `equal budget` the same training with all weights \
                 1 and without critics, so that the effect of the critics, and not of extra epochs, is visible."
            }
            None => "",
        };
        line(format!("Test split.{explanation}\n"));
        let shown = |comparison: &Comparison| {
            let tables = comparison.tables(&self.weighting).into_iter();
            tables
                .map(|mut table| table.load_style(presets::ASCII_MARKDOWN).to_string())
                .collect::<Vec<_>>()
                .join("\n\n")
        };
        line(shown(&self.actors));
        line(format!("\n{}", self.selection.sentence()));
        line("\n## Validation split\n".into());
        line("Where each training was best; choose by these, not by the test split.\n".into());
        line(shown(&self.validation));
        line(String::new());
        self.selection.lines().for_each(&mut line);
        if !self.weights.is_empty() {
            line("\n## Loss weights\n".into());
            line(
                "Over all rows trained on; `first` and `last` are means of the first and the last batch.\n"
                    .into(),
            );
            line(weight_table(&self.weights).load_style(presets::ASCII_MARKDOWN).to_string());
        }
        line("\n## Data\n".into());
        for (split, rows) in &self.data.rows {
            let positives = &self.data.positives[split];
            let positives: Vec<String> = positives.iter().map(|(task, n)| format!("{task} {n}")).collect();
            line(format!(
                "* {split}: {rows} rows, {} sessions; positives: {}",
                self.data.sessions[split],
                positives.join(", ")
            ));
        }
        for (task, masked) in &self.masked_rows {
            line(format!(
                "* `{task}` is local: {masked} training rows, in which the task before it did not happen, are left out \
                 of its loss"
            ));
        }
        line(format!("* content hash `{}`", self.data.content_hash));
        line("\n## Run\n".into());
        line(format!("* rmtl {}, seed {}, device {}", self.version, self.seed, self.device));
        line(format!(
            "* parameters: {} dense, {} in tables",
            self.parameters.dense, self.parameters.embedding
        ));
        for (phase, timing) in &self.phases {
            line(format!(
                "* {phase}: {:.1} s, {} steps, {:.0} rows/s",
                timing.seconds, timing.steps, timing.rows_per_second
            ));
        }
        if let Some(critics) = &self.critics {
            let end = match critics.converged {
                Some(true) => "converged after",
                Some(false) => "stopped by the step budget after",
                None => "learnt beside the actor for",
            };
            line(format!(
                "* critics {end} {} steps ({} soft updates), TD loss {:.4}",
                critics.steps, critics.soft_updates, critics.td_loss
            ));
            line("\n## Critics on validation sessions\n".into());
            let dead: Vec<String> = critics
                .tasks
                .iter()
                .map(|(task, of)| format!("{task} {:.0} %", 100.0 * of.dead_share))
                .collect();
            line(format!(
                "A return is known in sessions that end in this split, and far enough before the cut of one that goes on. Dead \
                 Q values: {}.\n",
                dead.join(", ")
            ));
            line(critic_table(critics).load_style(presets::ASCII_MARKDOWN).to_string());
        }
        if let Some(weights) = self.critics.as_ref().and_then(|critics| critics.weights.as_ref()) {
            line("\n## Mean loss weights by segment of the training rows\n".into());
            line(segment_table(weights).load_style(presets::ASCII_MARKDOWN).to_string());
        }
        if !self.warnings.is_empty() {
            line("\n## Warnings\n".into());
            self.warnings.iter().for_each(|warning| line(format!("* {warning}")));
        }
        page
    }
}

/// Q against the returns of the actor's predictions, sessions that end apart from those that go on.
pub(crate) fn critic_table(critics: &CriticSummary) -> Table {
    let mut table = Table::new();
    table.set_header([
        "task",
        "sessions that",
        "correlation of Q and return",
        "bias Q − return",
        "known returns: rows (sessions)",
        "TD loss",
        "rows (sessions)",
    ]);
    let number = |value: Option<f64>| value.map_or("undefined".into(), |value| format!("{value:.3}"));
    for (task, of) in &critics.tasks {
        for (kind, of) in [("end", &of.evaluation.terminated), ("go on", &of.evaluation.cut)] {
            table.add_row([
                task.clone(),
                kind.to_owned(),
                number(of.correlation),
                number(of.bias),
                format!("{} ({})", of.return_rows, of.return_sessions),
                number(of.td_loss),
                format!("{} ({})", of.rows, of.sessions),
            ]);
        }
    }
    table
}

/// The loss weights, a row for every task of a phase.
pub(crate) fn weight_table(weights: &IndexMap<String, WeightsByTask>) -> Table {
    let mut table = Table::new();
    table.set_header(["phase", "task", "mean", "smallest", "largest", "first", "last"]);
    for (phase, tasks) in weights {
        for (task, of) in tasks {
            let values = [of.mean, of.min, of.max, of.first, of.last].map(|value| format!("{value:.4}"));
            table.add_row([phase.replace('_', " "), task.clone()].into_iter().chain(values));
        }
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Tasks down, segments across.
pub(crate) fn segment_table(weights: &WeightsBySegment) -> Table {
    let mut table = Table::new();
    let segments = weights.values().next().into_iter().flat_map(|of_task| of_task.keys().cloned());
    table.set_header(["task".to_owned()].into_iter().chain(segments.map(|name| name.replace('_', " "))));
    for (task, segments) in weights {
        table.add_row([task.clone()].into_iter().chain(segments.values().map(|mean| format!("{mean:.3}"))));
    }
    table
}

impl Comparison {
    /// The actors compared, with a name each.
    pub(crate) fn blocks<'a>(&'a self, weighting: &'a str) -> Vec<(&'a str, &'a TaskBlock)> {
        // What differs from the equal budget is either the critics' weights or the policy gradient.
        let last = match (self.equal_budget.is_some() || self.baseline.is_some(), weighting) {
            (true, "critic") => "RL-weighted",
            (_, "last_good" | "baseline") => weighting,
            (true, _) => "agent",
            (false, _) => weighting,
        };
        let blocks = [
            ("baseline", self.baseline.as_ref()),
            ("equal budget", self.equal_budget.as_ref()),
            (last, Some(&self.tasks)),
            ("oracle", self.oracle.as_ref()),
        ];
        blocks.into_iter().filter_map(|(name, block)| Some((name, block?))).collect()
    }

    /// The comparison for people: the tasks with labels of 0 and 1, and those whose label is a number.
    pub(crate) fn tables(&self, weighting: &str) -> Vec<Table> {
        let binary = ["AUC", "logloss", "s-logloss", "GAUC", "PCOC", "NE"];
        let number = ["XAUC", "RMSE", "MAE", "NMSE", "PCOC"];
        let binary = self.table(weighting, &binary, |of| {
            let values = [of.auc, of.logloss, of.s_logloss, of.gauc, of.pcoc, of.ne];
            of.number.is_none().then(|| values.to_vec())
        });
        let number = self.table(weighting, &number, |of| {
            of.number.map(|number| vec![number.xauc, number.rmse, number.mae, number.nmse, of.pcoc])
        });
        [binary, number].into_iter().filter(|table| table.row_count() > 0).collect()
    }

    /// Of the tasks that `values` knows.
    fn table(
        &self,
        weighting: &str,
        columns: &[&str],
        values: impl Fn(&TaskMetrics) -> Option<Vec<Option<f64>>>,
    ) -> Table {
        let mut table = Table::new();
        table.set_header(["task", "actor"].iter().chain(columns));
        for task in self.tasks.keys() {
            for (name, block) in self.blocks(weighting) {
                let Some(values) = values(&block[task]) else { continue };
                let cells = values
                    .into_iter()
                    .map(|value| value.map_or("undefined".into(), |value| format!("{value:.4}")));
                table.add_row([task.clone(), name.to_owned()].into_iter().chain(cells));
            }
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    /// The comparison as a table for a terminal.
    pub fn to_table(&self, weighting: &str) -> String {
        let shown = |mut table: Table| table.load_style(presets::UTF8_FULL_CONDENSED).to_string();
        self.tables(weighting).into_iter().map(shown).collect::<Vec<_>>().join("\n")
    }
}
