//! `report.html`: a finished run on one page that can be sent as it is.
//!
//! Everything is in the file: it asks for nothing, runs nothing, and follows the reader's light or dark. What it shows is read
//! from the run folder, from `report.json` and `metrics.jsonl`. `chart` and `rows` draw, and know nothing of runs.

mod chart;
mod curves;
mod html;
mod learning;
mod legend;
mod plot;
mod results;
mod rows;
mod scale;
mod sections;
mod timeline;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::log::METRICS_FILE;
use crate::output::folder::{PAGE_FILE, REPORT_FILE, RunFolder};
use crate::output::report::{Report, weight_table};
use curves::Curves;
use html::{escape, prose, write as add};

const STYLE: &str = include_str!("style.css");

/// Writes the page of a run beside its report.
///
/// # Errors
/// The folder cannot be written. Curves that cannot be read are left out of the page.
pub fn write(folder: &RunFolder, report: &Report) -> Result<()> {
    let curves = Curves::read(&folder.path().join(METRICS_FILE)).unwrap_or_default();
    folder.write(PAGE_FILE, &page(report, &curves))
}

/// Makes the page of a finished run anew, and says where it is.
///
/// # Errors
/// The run did not finish, its report cannot be read, or the folder cannot be written.
pub fn remake(folder: &RunFolder) -> Result<PathBuf> {
    let path = folder.path().join(REPORT_FILE);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let state = if folder.is_in_use() { "is still going on" } else { "did not finish" };
        Error::file("read", &path, format!("{error}; where there is none, the run {state}"))
    })?;
    let report = serde_json::from_str(&text).map_err(|error| Error::file("read", &path, error))?;
    write(folder, &report)?;
    Ok(folder.path().join(PAGE_FILE))
}

fn page(report: &Report, curves: &Curves) -> String {
    let title = format!("{} with {} weights on {}", report.backbone, report.weighting, report.data.name);
    let mut page = String::new();
    // The policy is kept by browsers: whatever came into the page, it can ask for nothing.
    add(
        &mut page,
        format_args!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
             <meta name=\"generator\" content=\"rmtl {}\">\n<link rel=\"icon\" href=\"data:,\">\n\
             <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{}</h1>\n",
            escape(&report.version),
            escape(&title),
            escape(&title)
        ),
    );
    add(&mut page, format_args!("<p class=\"outcome\">{}</p>\n", prose(&outcome(report))));
    sections::results(&mut page, report);
    sections::warnings(&mut page, &report.warnings);
    sections::charts(&mut page, "How it learnt", learning::charts(report, curves));
    if !report.weights.is_empty() {
        let caption = "Loss weights over all rows trained on; first and last are means of a batch";
        page.push_str(&html::table(caption, &weight_table(&report.weights)));
    }
    sections::critics(&mut page, report);
    sections::charts(&mut page, "Calibration on the test split", results::calibration(report));
    sections::cost(&mut page, report);
    sections::data(&mut page, report);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// What ran and what came out.
fn outcome(report: &Report) -> String {
    let n_tasks = report.actors.tasks.len();
    let rows = report.data.rows.get("train").copied().unwrap_or_default();
    let seconds: f64 = report.phases.values().map(|timing| timing.seconds).sum();
    format!(
        "`{}` learnt {n_tasks} {} from {rows} training rows of {} in {seconds:.0} s. {} {}",
        report.backbone,
        if n_tasks == 1 { "task" } else { "tasks" },
        report.data.name,
        report.outcome(),
        report.selection.sentence()
    )
}
