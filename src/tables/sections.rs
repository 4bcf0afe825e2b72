//! The tables of a comparison for people, as a terminal or Markdown shows them: no wider than eight columns.

use comfy_table::{CellAlignment, Table};

use super::cell::{Arm, Cell, Figure};
use super::differences::difference_sections;
use super::{Comparison, Metric, OverCells};
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
        let of_cell = |cell| metrics(cell).chain(difference_sections(self, cell)).collect::<Vec<_>>();
        self.cells.iter().flat_map(of_cell).chain(self.over_cells_section()).collect()
    }

    /// Those that set the arms in relation to the base.
    pub fn difference_sections(&self) -> Vec<Section> {
        self.cells.iter().flat_map(|cell| difference_sections(self, cell)).collect()
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

pub(super) fn titled(cell: &Cell, what: &str) -> String {
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

/// A table whose columns but the first stand right.
pub(crate) fn table(header: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> Table {
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
