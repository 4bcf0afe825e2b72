//! The tables of a comparison for people, as a terminal or Markdown shows them: no wider than eight columns.

use comfy_table::{CellAlignment, Table};

use super::cell::{Arm, Cell, Figure};
use super::{Against, Comparison, Metric, OverCells};
use crate::statistics::{Direction, Spread};

/// A table and what it is called.
#[derive(Clone, Debug)]
pub struct Section {
    /// The title.
    pub title: String,
    /// The table.
    pub table: Table,
}

/// Tasks side by side in one table, beside the arm, its seeds and the mean.
const MOST_TASKS: usize = 5;

impl Comparison {
    /// All tables.
    pub fn sections(&self) -> Vec<Section> {
        let metrics =
            |cell| Metric::ALL.into_iter().flat_map(move |metric| self.metric_sections(cell, metric));
        let of_cell = |cell| metrics(cell).chain(self.difference_sections_of(cell)).collect::<Vec<_>>();
        self.cells.iter().flat_map(of_cell).chain(self.over_cells_section()).collect()
    }

    /// Those that set the arms in relation to the base.
    pub fn difference_sections(&self) -> Vec<Section> {
        self.cells.iter().flat_map(|cell| self.difference_sections_of(cell)).collect()
    }

    /// Mean and deviation of every task; the best in bold.
    fn metric_sections(&self, cell: &Cell, metric: Metric) -> Vec<Section> {
        let chunks: Vec<&[String]> = cell.tasks.chunks(MOST_TASKS).collect();
        let last = chunks.len().saturating_sub(1);
        let section = |(index, tasks): (usize, &&[String])| {
            let with_mean = cell.tasks.len() > 1 && index == last;
            let columns: Vec<Option<&str>> =
                tasks.iter().map(|task| Some(task.as_str())).chain(with_mean.then_some(None)).collect();
            let best: Vec<Option<f64>> = columns.iter().map(|task| best(cell, *task, metric)).collect();
            let header =
                ["arm".into(), "seeds".into()].into_iter().chain(columns.iter().map(|task| of_all(*task)));
            let row = |arm: &Arm| {
                let cells = columns.iter().zip(&best).map(|(task, best)| {
                    let figure = arm.figure(*task, metric);
                    let text = value(figure, arm.seeds.len());
                    let is_best = figure.spread.map(|spread| spread.mean) == *best && best.is_some();
                    if is_best { format!("**{text}**") } else { text }
                });
                [arm.label.clone(), arm.seeds.len().to_string()].into_iter().chain(cells).collect()
            };
            let title = titled(cell, metric.name());
            Section { title, table: table(header.collect(), cell.arms.iter().map(row)) }
        };
        chunks.iter().enumerate().map(section).collect()
    }

    fn difference_sections_of(&self, cell: &Cell) -> Vec<Section> {
        let relative = || cell.arms.iter().filter(|arm| !arm.is_base);
        if relative().all(|arm| arm.figures.iter().all(|figure| figure.against.is_none())) {
            return Vec::new();
        }
        let mut sections: Vec<Section> = Vec::new();
        for metric in Metric::ALL {
            let tasks = cell.tasks.iter().map(|task| Some(task.as_str()));
            for task in [None].into_iter().filter(|_| cell.tasks.len() > 1).chain(tasks) {
                let rows: Vec<Vec<String>> = relative()
                    .filter_map(|arm| Some(difference_row(arm, arm.figure(task, metric).against.as_ref()?)))
                    .collect();
                if rows.is_empty() {
                    continue;
                }
                let of = task.map_or_else(
                    || format!("mean {}", metric.name()),
                    |task| format!("{} of {task}", metric.name()),
                );
                let title = titled(cell, &format!("Δ {of} from {}", self.base));
                let header = [
                    "arm",
                    "seeds",
                    "difference",
                    "95 % over seeds",
                    "95 % with sessions",
                    "effect",
                    "p (Holm)",
                    "verdict",
                ];
                sections.push(Section {
                    title,
                    table: table(header.map(String::from).to_vec(), rows.into_iter()),
                });
            }
        }
        let title = titled(cell, &format!("Summary, relative to {}", self.base));
        sections.push(Section { title, table: summary_table(cell) });
        sections.extend(same_rows_section(self, cell));
        sections
    }

    fn over_cells_section(&self) -> Option<Section> {
        let row = |of: &OverCells| {
            let plain = |interval: Option<[f64; 2]>, digits: usize| {
                interval.map_or("one seed".into(), |[low, high]| format!("[{low:.digits$}, {high:.digits$}]"))
            };
            vec![
                of.label.clone(),
                format!("{:.2}", of.mean_rank),
                plain(of.rank_interval, 2),
                format!("{:.4}", of.iqm),
                plain(of.iqm_interval, 4),
            ]
        };
        let header = ["arm", "mean rank", "95 %", "IQM of the mean AUC", "95 %"].map(String::from).to_vec();
        let title = format!("Over {} cells", self.cells.len());
        (!self.over_cells.is_empty())
            .then(|| Section { title, table: table(header, self.over_cells.iter().map(row)) })
    }
}

/// The best mean among the arms.
pub(super) fn best(cell: &Cell, task: Option<&str>, metric: Metric) -> Option<f64> {
    ranked(cell, task, metric).first().copied()
}

/// Different means, the best first.
pub(super) fn ranked(cell: &Cell, task: Option<&str>, metric: Metric) -> Vec<f64> {
    let mean = |arm: &Arm| Some(arm.figure(task, metric).spread?.mean);
    let mut means: Vec<f64> = cell.arms.iter().filter_map(mean).collect();
    means.sort_by(|a, b| match metric.direction() {
        Direction::HigherIsBetter => b.total_cmp(a),
        Direction::LowerIsBetter => a.total_cmp(b),
    });
    means.dedup();
    means
}

pub(super) fn of_all(task: Option<&str>) -> String {
    task.unwrap_or("mean").to_owned()
}

fn titled(cell: &Cell, what: &str) -> String {
    let name = cell.name();
    if name.is_empty() { what.to_owned() } else { format!("{name}: {what}") }
}

/// It says so where not all seeds have a value.
fn value(figure: &Figure, n_seeds: usize) -> String {
    let Some(Spread { mean, std, n }) = figure.spread else { return "undefined".into() };
    let deviation = std.map(|std| format!(" ± {std:.4}")).unwrap_or_default();
    let some = if n < n_seeds { format!(" ({n} of {n_seeds})") } else { String::new() };
    format!("{mean:.4}{deviation}{some}")
}

fn difference_row(arm: &Arm, against: &Against) -> Vec<String> {
    let none = || "–".to_owned();
    vec![
        arm.label.clone(),
        against.seeds.to_string(),
        format!("{:+.4}", against.difference),
        against.paired.map_or_else(|| "one seed".into(), |of| interval(of.interval)),
        against.both.map_or_else(none, |of| interval(of.interval)),
        against.paired.and_then(|of| of.effect).map_or_else(none, |effect| format!("{effect:+.2}")),
        against.p_holm.map_or_else(none, p),
        against.words(),
    ]
}

/// Improvements of the mean AUC, and what is of several tasks.
fn summary_table(cell: &Cell) -> Table {
    let header =
        ["arm", "RelaImpr", "Gain", "Δm", "on the front", "Wilcoxon p", "seeds for .001", "minutes a run"];
    let row = |arm: &Arm| {
        let task = cell.tasks.first().filter(|_| cell.tasks.len() == 1).map(String::as_str);
        let against = arm.figure(task, Metric::Auc).against.as_ref();
        let of = |value: Option<String>| value.unwrap_or_else(|| "–".into());
        let per_cent = |value: f64| format!("{:+.2} %", 100.0 * value);
        vec![
            arm.label.clone(),
            of(against.and_then(|against| against.rela_impr).map(per_cent)),
            of(against.and_then(|against| against.gain).map(per_cent)),
            of(arm.delta_m.map(|value| format!("{value:+.2} %"))),
            of(arm.is_on_front.map(|is_on_it| if is_on_it { "yes" } else { "no" }.into())),
            of(against.and_then(|against| against.wilcoxon).map(p)),
            of(against.and_then(|against| against.seeds_needed).map(|seeds| seeds.to_string())),
            of(arm.seconds.map(|seconds| format!("{:.1}", seconds / 60.0))),
        ]
    };
    table(header.map(String::from).to_vec(), cell.arms.iter().map(row))
}

/// What the rows of one seed say of two models.
fn same_rows_section(comparison: &Comparison, cell: &Cell) -> Option<Section> {
    let header = ["arm", "metric", "difference", "95 % over sessions", "95 % of DeLong", "p of DeLong"];
    let of_arm = |arm: &Arm| {
        let row = |figure: &Figure| {
            let against = figure.against.as_ref()?;
            let rows = against.same_rows.as_ref()?;
            let of = of_all(figure.of.task.as_deref());
            Some(vec![
                arm.label.clone(),
                format!("{} {of}", figure.of.metric.name()),
                format!("{:+.4}", against.difference),
                interval(rows.sessions.interval),
                rows.delong.map_or("–".into(), |delong| interval(delong.interval)),
                rows.delong.map_or("–".into(), |delong| p(delong.p)),
            ])
        };
        arm.figures.iter().filter_map(row).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = cell.arms.iter().flat_map(of_arm).collect();
    let title = titled(cell, &format!("Two models on the same rows: one seed, from {}", comparison.base));
    (!rows.is_empty())
        .then(|| Section { title, table: table(header.map(String::from).to_vec(), rows.into_iter()) })
}

fn interval([low, high]: [f64; 2]) -> String {
    format!("[{low:+.4}, {high:+.4}]")
}

fn p(p: f64) -> String {
    if p < 0.001 { "< .001".into() } else { format!("{p:.3}") }
}

fn table(header: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.set_header(header);
    rows.for_each(|row| {
        table.add_row(row);
    });
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
