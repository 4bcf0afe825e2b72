//! A comparison as a long table for programs: a line for every number.

use super::cell::{Arm, Cell, Figure};
use super::{Against, Comparison};
use crate::statistics::Verdict;

impl Comparison {
    /// `arm,cell,task,metric,statistic,value`; the task is `mean` for the mean over the tasks and empty for what is of the arm as a
    /// whole, the cell `all` for what is of all cells. What is undefined has no line.
    pub fn to_csv(&self) -> String {
        let mut lines = vec!["arm,cell,task,metric,statistic,value".to_owned()];
        for cell in &self.cells {
            for arm in &cell.arms {
                lines.extend(of_arm(cell, arm));
            }
            let volume =
                cell.hypervolume.map(|volume| line("", &cell.name(), ["", "AUC", "hypervolume"], volume));
            lines.extend(volume);
        }
        for of in &self.over_cells {
            let mut add = |metric: &str, statistic: &str, value: Option<f64>| {
                lines.extend(value.map(|value| line(&of.label, "all", ["mean", metric, statistic], value)));
            };
            add("AUC", "mean_rank", Some(of.mean_rank));
            add("AUC", "mean_rank_low", of.rank_interval.map(|[low, _]| low));
            add("AUC", "mean_rank_high", of.rank_interval.map(|[_, high]| high));
            add("AUC", "iqm", Some(of.iqm));
            add("AUC", "iqm_low", of.iqm_interval.map(|[low, _]| low));
            add("AUC", "iqm_high", of.iqm_interval.map(|[_, high]| high));
        }
        lines.join("\n") + "\n"
    }
}

fn of_arm(cell: &Cell, arm: &Arm) -> Vec<String> {
    let name = cell.name();
    let whole = [
        ("", "seeds", Some(arm.seeds.len() as f64)),
        ("", "seconds", arm.seconds),
        ("AUC", "delta_m", arm.delta_m),
        ("AUC", "is_on_front", arm.is_on_front.map(|is_on_front| f64::from(u8::from(is_on_front)))),
        ("AUC", "adds_volume", arm.adds_volume),
    ];
    let of_whole = whole.into_iter().filter_map(|(metric, statistic, value)| {
        Some(line(&arm.label, &name, ["", metric, statistic], value?))
    });
    let of_figure = |figure: &Figure| {
        let task = super::sections::of_all(figure.of.task.as_deref());
        let numbers = numbers(figure);
        let line = |(statistic, value): (String, f64)| {
            line(&arm.label, &name, [&task, figure.of.metric.name(), &statistic], value)
        };
        let verdict = figure.against.as_ref().map(|against| {
            let word = match against.verdict {
                Verdict::CannotBeTold => against.words(),
                told => told.to_string(),
            };
            fields(&arm.label, &name, [&task, figure.of.metric.name(), "verdict"], &word)
        });
        numbers.into_iter().map(line).chain(verdict).collect::<Vec<_>>()
    };
    of_whole.chain(arm.figures.iter().flat_map(of_figure)).collect()
}

/// Every statistic of a figure that is defined.
fn numbers(figure: &Figure) -> Vec<(String, f64)> {
    let spread = figure.spread;
    let mut all: Vec<(String, Option<f64>)> =
        vec![("mean".into(), spread.map(|of| of.mean)), ("std".into(), spread.and_then(|of| of.std))];
    all.extend(figure.by_seed.iter().map(|(seed, value)| (format!("seed_{seed}"), Some(*value))));
    if let Some(against) = &figure.against {
        all.extend(of_difference(against).into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn of_difference(of: &Against) -> [(&'static str, Option<f64>); 22] {
    let paired = |value: fn(&crate::statistics::Paired) -> f64| of.paired.as_ref().map(value);
    let both = |value: fn(&crate::statistics::BothSources) -> f64| of.both.as_ref().map(value);
    let rows = of.same_rows.as_ref();
    let delong = rows.and_then(|rows| rows.delong);
    [
        ("common_seeds", Some(of.seeds as f64)),
        ("difference", Some(of.difference)),
        ("difference_std", paired(|of| of.std)),
        ("difference_low", paired(|of| of.interval[0])),
        ("difference_high", paired(|of| of.interval[1])),
        ("effect", of.paired.and_then(|of| of.effect)),
        ("p", paired(|of| of.p)),
        ("p_holm", of.p_holm),
        ("p_wilcoxon", of.wilcoxon),
        ("seed_error", of.both.and_then(|of| of.seed_error)),
        ("session_error", both(|of| of.session_error)),
        ("both_low", both(|of| of.interval[0])),
        ("both_high", both(|of| of.interval[1])),
        ("sessions_low", rows.map(|of| of.sessions.interval[0])),
        ("sessions_high", rows.map(|of| of.sessions.interval[1])),
        ("delong_error", delong.map(|of| of.error)),
        ("delong_low", delong.map(|of| of.interval[0])),
        ("delong_high", delong.map(|of| of.interval[1])),
        ("delong_p", delong.map(|of| of.p)),
        ("seeds_for_.001", of.seeds_needed.map(|seeds| seeds as f64)),
        ("rela_impr", of.rela_impr),
        ("gain", of.gain),
    ]
}

fn line(arm: &str, cell: &str, middle: [&str; 3], value: f64) -> String {
    fields(arm, cell, middle, &value.to_string())
}

fn fields(arm: &str, cell: &str, [task, metric, statistic]: [&str; 3], value: &str) -> String {
    [arm, cell, task, metric, statistic, value].map(quoted).join(",")
}

/// A field of a line: one with a comma, a quote or a line break stands in quotes, its own quotes doubled (RFC 4180).
pub(crate) fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
