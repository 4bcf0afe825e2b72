//! The files that a study leaves: tables for people, papers and programs, a line per run, and a summary.

use std::path::Path;

use rmtl_envs::Split;
use rmtl_files::write_whole;
use serde_json::json;

use crate::error::{Error, Result};
use crate::study::file::StudyFile;
use crate::study::looked_at::looked_at;
use crate::study::outcome::{Failure, Outcome, Purpose, Record};
use crate::tables::{Comparison, Settings, mean_auc, mean_logloss, quoted};

/// The tables for people.
pub const TABLE_PAGE: &str = "table.md";

/// Writes all of them into `folder`.
///
/// # Errors
/// The folder cannot be written.
pub fn write_pages(folder: &Path, name: &str, file: &StudyFile, outcome: &Outcome) -> Result<()> {
    let put = |name: &str, text: String| {
        let path = folder.join(name);
        write_whole(&path, |file| file.write_all(text.as_bytes()))
            .map_err(|error| Error::file("write", &path, error))
    };
    put("runs.csv", runs_csv(file, &outcome.records))?;
    put("summary.json", summary(name, file, outcome))?;
    let comparison =
        Comparison::of(&outcome.arms, &Settings::of(file.base().unwrap_or_default(), Split::Test))?;
    put(TABLE_PAGE, markdown(name, file, outcome, &comparison))?;
    put("table.tex", comparison.to_latex())?;
    put("table.csv", comparison.to_csv())
}

fn markdown(name: &str, file: &StudyFile, outcome: &Outcome, comparison: &Comparison) -> String {
    let mut page = format!("# {name}\n\n{}\n", comparison.to_markdown());
    let chosen = outcome.arms.iter().filter(|arm| !arm.chosen.is_empty());
    for arm in chosen {
        let place: String = arm.cell.iter().map(|(axis, value)| format!("{axis} {value}, ")).collect();
        let settings: Vec<String> =
            arm.chosen.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        page.push_str(&format!("* {place}{} has chosen {}\n", arm.name, settings.join(", ")));
    }
    for sentence in looked_at(file, outcome) {
        page.push_str(&format!("* {sentence}\n"));
    }
    if !outcome.failures.is_empty() {
        page.push_str("\n## Runs that failed\n");
    }
    for failure in &outcome.failures {
        page.push_str(&format!("\n{}\n\n```\n{}\n```\n", title(failure), failure.reason));
    }
    page
}

fn title(failure: &Failure) -> String {
    let place = failure.cell.iter().map(|(axis, value)| format!("{axis} {value}, "));
    let setting = failure.setting.iter().map(|(name, value)| format!(", {name} = {value}"));
    let (place, setting): (String, String) = (place.collect(), setting.collect());
    format!("{place}{}{setting}, seed {}:", failure.arm, failure.seed)
}

fn runs_csv(file: &StudyFile, records: &[Record]) -> String {
    let tasks: Vec<String> = records
        .iter()
        .find(|record| !record.test.is_empty())
        .map(|record| record.test.iter().map(|of| of.task.clone()).collect())
        .unwrap_or_default();
    let mut header = vec!["arm".to_owned()];
    header.extend(file.axes.keys().cloned());
    header.extend(["seed", "for", "trial", "rung", "setting"].map(String::from));
    header.push(format!("validation {}", file.metric.name()));
    header.extend(["test mean AUC", "test mean logloss"].map(String::from));
    header.extend(tasks.iter().flat_map(|task| [format!("test AUC {task}"), format!("test logloss {task}")]));
    header.extend(["seconds", "folder"].map(String::from));
    let mut text = csv_line(header.iter());
    for record in records {
        text.push_str(&csv_line(cells(record, &tasks).iter()));
    }
    text
}

fn cells(record: &Record, tasks: &[String]) -> Vec<String> {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let setting: Vec<String> =
        record.setting.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let (purpose, trial, rung) = match record.purpose {
        Purpose::Trial { trial, rung } => ("choice", trial.to_string(), rung.to_string()),
        Purpose::Table => ("table", String::new(), String::new()),
    };
    let mut cells = vec![record.arm.clone()];
    cells.extend(record.cell.iter().map(|(_, value)| value.clone()));
    cells.extend([record.seed.to_string(), purpose.into(), trial, rung, setting.join("; ")]);
    cells.extend([record.validation, mean_auc(&record.test), mean_logloss(&record.test)].map(number));
    for task in tasks {
        let of = record.test.iter().find(|of| of.task == *task);
        cells.extend([of.and_then(|of| of.auc), of.and_then(|of| of.logloss)].map(number));
    }
    cells.extend([format!("{:.1}", record.seconds), record.folder.display().to_string()]);
    cells
}

fn csv_line<'a>(cells: impl Iterator<Item = &'a String>) -> String {
    cells.map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\n"
}

fn summary(name: &str, file: &StudyFile, outcome: &Outcome) -> String {
    let summary = json!({
        "name": name,
        "version": env!("CARGO_PKG_VERSION"),
        "metric": String::from(file.metric.clone()),
        "base": file.base(),
        "seeds": file.seeds,
        "confirm_seeds": file.confirm_seeds,
        "looked_at": looked_at(file, outcome),
        "arms": outcome.arms,
        "choices": outcome.choices,
        "failures": outcome.failures,
    });
    let mut text = serde_json::to_string_pretty(&summary).expect("a summary holds nothing JSON cannot say");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_with_commas_and_quotes_are_quoted() {
        let cells = ["plain", "a, b", "say \"no\""].map(String::from);
        assert_eq!(csv_line(cells.iter()), "plain,\"a, b\",\"say \"\"no\"\"\"\n");
    }
}
