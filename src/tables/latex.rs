//! A comparison as LaTeX, for `booktabs`: the best in bold, the second underlined, `*` where the difference from the base is
//! significant after Holm's correction.

use std::fmt::Write;

use super::cell::{Arm, Cell};
use super::sections::{of_all, ranked};
use super::{Comparison, Metric};
use crate::statistics::LEVEL;

impl Comparison {
    /// A `tabular` for every cell and metric: tasks side by side, means and deviations over the seeds.
    pub fn to_latex(&self) -> String {
        let mut page = "% \\usepackage{booktabs}\n".to_owned();
        let mut line = |text: String| writeln!(page, "{text}").expect("writing to a string does not fail");
        // Where no run finished there are no tasks, and a table has no columns.
        for cell in self.cells.iter().filter(|cell| !cell.tasks.is_empty()) {
            for metric in Metric::ALL {
                line(tabular(self, cell, metric));
            }
        }
        self.notes.iter().for_each(|note| line(format!("% {}", note.replace('\n', " "))));
        page
    }
}

fn tabular(comparison: &Comparison, cell: &Cell, metric: Metric) -> String {
    let mean = (cell.tasks.len() > 1).then_some(None);
    let columns: Vec<Option<&str>> = cell.tasks.iter().map(|task| Some(task.as_str())).chain(mean).collect();
    let ranks: Vec<Vec<f64>> = columns.iter().map(|task| ranked(cell, *task, metric)).collect();
    let name = cell.name();
    let of = if name.is_empty() { String::new() } else { format!(", {name}") };
    let header: Vec<String> = columns.iter().map(|task| escaped(&of_all(*task))).collect();
    let mut lines = vec![
        format!(
            "% {}{of}, {} split; * p < .05 against {} (paired t, Holm)",
            metric.name(),
            comparison.split,
            comparison.base
        ),
        format!("\\begin{{tabular}}{{l{}}}", "r".repeat(columns.len())),
        "\\toprule".into(),
        format!("{} & {} \\\\", metric.name(), header.join(" & ")),
        "\\midrule".into(),
    ];
    let row = |arm: &Arm| {
        let of_columns = columns.iter().zip(&ranks).map(|(task, ranks)| number(arm, *task, metric, ranks));
        let cells: Vec<String> = [escaped(&arm.label)].into_iter().chain(of_columns).collect();
        format!("{} \\\\", cells.join(" & "))
    };
    lines.extend(cell.arms.iter().map(row));
    lines.extend(["\\bottomrule".into(), "\\end{tabular}".into()]);
    lines.join("\n") + "\n"
}

fn number(arm: &Arm, task: Option<&str>, metric: Metric, ranks: &[f64]) -> String {
    let figure = arm.figure(task, metric);
    let Some(spread) = figure.spread else { return "--".into() };
    let mean = format!("{:.4}", spread.mean);
    let marked = match ranks.iter().position(|value| *value == spread.mean) {
        Some(0) => format!("\\textbf{{{mean}}}"),
        Some(1) => format!("\\underline{{{mean}}}"),
        _ => mean,
    };
    let is_significant =
        figure.against.as_ref().and_then(|against| against.p_holm).is_some_and(|p| p < 1.0 - LEVEL);
    let star = if is_significant { "$^{*}$" } else { "" };
    let deviation = spread.std.map(|std| format!(" $\\pm$ {std:.4}")).unwrap_or_default();
    format!("{marked}{star}{deviation}")
}

/// Text as LaTeX prints it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', character]),
            'λ' => escaped.push_str("$\\lambda$"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_printed_as_they_are() {
        assert_eq!(escaped("a_b & 5 % of {x}"), "a\\_b \\& 5 \\% of \\{x\\}");
        assert_eq!(escaped("~^\\"), "\\textasciitilde{}\\textasciicircum{}\\textbackslash{}");
    }
}
