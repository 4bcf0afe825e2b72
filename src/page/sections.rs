//! The parts of a page, in the order in which they are read.

use comfy_table::Table;

use super::html::{self, escape, prose, write as add};
use super::results::{cost as cost_charts, difference, q_against_return, ranking};
use crate::output::report::{Report, critic_table, segment_table};

/// The metrics of every actor, and where each was kept.
pub(super) fn results(page: &mut String, report: &Report) {
    page.push_str("<h2>Results</h2>\n");
    if report.actors.equal_budget.is_some() {
        page.push_str(
            "<p class=\"quiet\">“baseline” is the pretrained actor (where there is one), “equal budget” the same training with all \
             weights 1 and without critics, so that the effect of the critics, and not of extra epochs, is visible.</p>\n",
        );
    }
    for (caption, comparison) in [
        ("Test split, read once", &report.actors),
        ("Validation split, where each training was best: choose by these", &report.validation),
    ] {
        for table in comparison.tables(&report.weighting) {
            page.push_str(&html::table(caption, &table));
        }
    }
    let kept =
        report.selection.lines().map(|line| format!("<li>{}</li>", prose(line.trim_start_matches("* "))));
    add(page, format_args!("<ul>{}</ul>\n", kept.collect::<String>()));
    charts(page, "", [ranking(report), difference(report)].into_iter().flatten().collect());
}

/// What was odd, each with what to do.
pub(super) fn warnings(page: &mut String, warnings: &[String]) {
    if warnings.is_empty() {
        return;
    }
    page.push_str("<h2>Warnings, and what to do</h2>\n<ul class=\"warnings\">");
    for warning in warnings {
        // Most end with what to do.
        match warning.rsplit_once("; ") {
            Some((found, to_do)) => {
                add(page, format_args!("<li><strong>{}</strong>: {}</li>", prose(found), prose(to_do)));
            }
            None => add(page, format_args!("<li><strong>{}</strong></li>", prose(warning))),
        }
    }
    page.push_str("</ul>\n");
}

/// What the critics' values are worth, where there are any.
pub(super) fn critics(page: &mut String, report: &Report) {
    let Some(critics) = &report.critics else { return };
    charts(page, "Critics on validation sessions", q_against_return(report));
    page.push_str(&html::table(
        "Q against the returns of the actor's predictions, in sessions that end and in those that go on",
        &critic_table(critics),
    ));
    if let Some(weights) = &critics.weights {
        let caption = "Mean loss weights by segment of the training rows";
        page.push_str(&html::table(caption, &segment_table(weights)));
    }
}

/// Time and memory by phase, and the sizes.
pub(super) fn cost(page: &mut String, report: &Report) {
    charts(page, "Time, memory and size", cost_charts(report));
    let mut table = Table::new();
    table.set_header(["phase", "seconds", "steps", "rows per second", "peak memory so far (MiB)"]);
    for (phase, of) in &report.phases {
        let memory = of.peak_memory.map_or("not known here".into(), |bytes| (bytes >> 20).to_string());
        let cells =
            [format!("{:.1}", of.seconds), of.steps.to_string(), format!("{:.0}", of.rows_per_second)];
        table.add_row([phase.replace('_', " ")].into_iter().chain(cells).chain([memory]));
    }
    page.push_str(&html::table("Phases in their order", &table));
    let sizes = report.parameters;
    let text = format!("The actor has {} dense parameters and {} in tables.", sizes.dense, sizes.embedding);
    add(page, format_args!("<p>{}</p>\n", escape(&text)));
}

/// The log, and what repeats the run.
pub(super) fn data(page: &mut String, report: &Report) {
    let data = &report.data;
    let mut table = Table::new();
    let tasks = || report.actors.tasks.keys();
    let positives = tasks().map(|task| format!("with {task}"));
    table.set_header(["split", "rows", "sessions"].map(String::from).into_iter().chain(positives));
    for (split, rows) in &data.rows {
        let of = |task: &String| data.positives.get(split).and_then(|of| of.get(task)).copied().unwrap_or(0);
        let counts =
            [*rows, data.sessions.get(split).copied().unwrap_or(0)].into_iter().chain(tasks().map(of));
        table.add_row([split.clone()].into_iter().chain(counts.map(|count| count.to_string())));
    }
    page.push_str("<h2>Data and run</h2>\n");
    page.push_str(&html::table("Rows by split", &table));
    for (task, masked) in &report.masked_rows {
        let text = format!(
            "`{task}` is local: {masked} training rows, in which the task before it did not happen, are left out of its loss."
        );
        add(page, format_args!("<p>{}</p>\n", prose(&text)));
    }
    let text = format!(
        "rmtl {}, seed {}, device {}, content hash `{}`. `run.toml` beside this page repeats the run.",
        report.version, report.seed, report.device, data.content_hash
    );
    add(page, format_args!("<p class=\"quiet\">{}</p>\n", prose(&text)));
}

/// Charts beside one another, below a heading; nothing where there is none.
pub(super) fn charts(page: &mut String, heading: &str, charts: Vec<String>) {
    if charts.is_empty() {
        return;
    }
    if !heading.is_empty() {
        add(page, format_args!("<h2>{}</h2>\n", escape(heading)));
    }
    add(page, format_args!("<div class=\"charts\">\n{}</div>\n", charts.concat()));
}
