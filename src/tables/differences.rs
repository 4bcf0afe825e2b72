//! The tables of differences from the base.

use comfy_table::Table;

use super::cell::{Arm, Cell, Figure};
use super::sections::{of_all, table, titled};
use super::{Against, Comparison, Metric, Section};

/// The tables that set the arms of a cell in relation to the base; none where nothing is.
pub(super) fn difference_sections(comparison: &Comparison, cell: &Cell) -> Vec<Section> {
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
            let title = titled(cell, &format!("Δ {of} from {}", comparison.base));
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
            sections
                .push(Section { title, table: table(header.map(String::from).to_vec(), rows.into_iter()) });
        }
    }
    let title = titled(cell, &format!("Summary, relative to {}", comparison.base));
    sections.push(Section { title, table: summary_table(cell) });
    sections.extend(same_rows_section(comparison, cell));
    sections
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
