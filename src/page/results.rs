//! What came out of a run: charts of its report.

use rmtl_envs::auc_standard_error;

use super::chart::{Chart, Piece, Series};
use super::rows::{LabelledRow, RowChart, Shape};
use crate::metric::{CalibrationPoint, QEvaluation, TaskMetrics};
use crate::output::report::{PhaseTiming, Report, TaskBlock};

/// Standard errors on either side of an AUC that hold it in 95 % of samples.
const ERRORS: f64 = 1.96;

/// How the actors rank each task's rows of the test split.
pub(super) fn ranking(report: &Report) -> Option<String> {
    let actors = report.actors.blocks(&report.weighting);
    let mut rows = Vec::new();
    for task in report.actors.tasks.keys() {
        for (index, (actor, block)) in actors.iter().enumerate() {
            let of = block.get(task);
            if let Some((of, value)) = of.and_then(|of| Some((of, of.ranking()?))) {
                let (name, written) = (format!("{task}, {actor}"), format!("{value:.4}"));
                rows.push(LabelledRow { name, index, value, interval: interval(of), written });
            }
        }
    }
    let has_numbers = report.actors.tasks.values().any(|of| of.number.is_some());
    let measure = if has_numbers { "AUC, of numbers XAUC (share)" } else { "AUC (share)" };
    RowChart {
        id: "ranking".into(),
        title: "Ranking on the test split".into(),
        description: format!(
            "{measure} of every task on the test split, by actor; the numbers are in the table. Lines are where an AUC would lie in \
             95 % of samples of as many independent rows (Hanley and McNeil); rows of one session are not independent, so the true \
             ones are longer."
        ),
        x: format!("{measure}; lines: 95 % over independent rows"),
        shape: Shape::Point,
        legend: actors.iter().map(|(name, _)| (*name).to_owned()).collect(),
        rows,
        reference: None,
    }
    .svg()
}

/// The final actor's mean AUC less that of what it is compared with, where that was measured.
pub(super) fn difference(report: &Report) -> Option<String> {
    let found = report.difference.as_ref()?;
    let base = if report.actors.equal_budget.is_some() { "equal budget" } else { "baseline" };
    let [low, high] = found.interval;
    RowChart {
        id: "difference".into(),
        title: "Difference in mean AUC".into(),
        description: format!(
            "Mean AUC over the tasks of the final actor less that of the {base} on the test split: {:+.4}, {low:+.4} to {high:+.4} at \
             95 % over the test sessions. One run: what another seed would give is not in it.",
            found.difference
        ),
        x: "difference in mean AUC (share); lines: 95 % over test sessions".into(),
        shape: Shape::Point,
        legend: vec![format!("final actor less {base}")],
        rows: vec![LabelledRow {
            name: "this run".into(),
            index: 0,
            value: found.difference,
            interval: Some((low, high)),
            written: format!("{:+.4}", found.difference),
        }],
        reference: Some((0.0, "no difference".into())),
    }
    .svg()
}

/// Where an AUC may be, as far as its rows are independent; not known of a number's.
fn interval(of: &TaskMetrics) -> Option<(f64, f64)> {
    let auc = of.auc?;
    let by = ERRORS * auc_standard_error(auc, of.positives, of.rows - of.positives);
    Some(((auc - by).max(0.0), (auc + by).min(1.0)))
}

/// Q against return, sessions that end apart from those that go on.
pub(super) fn q_against_return(report: &Report) -> Vec<String> {
    let Some(critics) = &report.critics else { return Vec::new() };
    let chart = |id: &str, kind: &str, of: fn(&QEvaluation) -> &[CalibrationPoint]| {
        let series = critics.tasks.iter().map(|(task, summary)| Series {
            name: task.clone(),
            pieces: vec![of(&summary.evaluation).iter().map(|point| (point.q, point.value)).collect()],
            spread: Vec::new(),
        });
        Chart {
            id: id.into(),
            title: format!("Q against return, sessions that {kind}"),
            description: format!(
                "Mean return of ten groups of validation rows in the order of Q, by task, in sessions that {kind}. Where critics are \
                 right, points lie on the dashed line."
            ),
            x: "mean Q of the group (reward)".into(),
            y: "mean return of the group (reward)".into(),
            series: series.filter(|series| !series.pieces[0].is_empty()).collect(),
            diagonal: Some("Q = return".into()),
            ..Chart::default()
        }
    };
    let ended = chart("q-return-end", "end", |of| &of.terminated.calibration);
    let cut = chart("q-return-cut", "go on", |of| &of.cut.calibration);
    [ended, cut].iter().filter_map(Chart::svg).collect()
}

/// Predicted against observed shares on the test split, a chart per task.
pub(super) fn calibration(report: &Report) -> Vec<String> {
    let actors = report.actors.blocks(&report.weighting);
    let curve = |block: &TaskBlock, task: &str| -> Piece {
        let bins = block.get(task).into_iter().flat_map(|of| &of.calibration);
        bins.map(|bin| (bin.mean_prediction(), bin.positive_rate())).collect()
    };
    let of_task = |(index, task): (usize, &String)| {
        let series = actors.iter().map(|(name, block)| Series {
            name: (*name).to_owned(),
            pieces: vec![curve(block, task)],
            spread: Vec::new(),
        });
        let chart = Chart {
            id: format!("calibration-{index}"),
            title: format!("Calibration of {task}"),
            description: format!(
                "Share of rows where {task} happened against its mean predicted probability, in ten groups of test rows of equal size \
                 in the order of the prediction. Where probabilities are right, points lie on the dashed line."
            ),
            x: "mean prediction of the group (probability)".into(),
            y: "observed (share of rows)".into(),
            series: series.filter(|series| !series.pieces[0].is_empty()).collect(),
            diagonal: Some("predicted = observed".into()),
            ..Chart::default()
        };
        chart.svg()
    };
    report.actors.tasks.keys().enumerate().filter_map(of_task).collect()
}

/// Seconds and memory, phase by phase.
pub(super) fn cost(report: &Report) -> Vec<String> {
    let rows = |of: &dyn Fn(&PhaseTiming) -> Option<f64>, unit: &str| -> Vec<LabelledRow> {
        let row = |(name, timing): (&String, &PhaseTiming)| {
            let value = of(timing)?;
            let written = format!("{value:.1} {unit}");
            Some(LabelledRow { name: name.replace('_', " "), index: 0, value, interval: None, written })
        };
        report.phases.iter().filter_map(row).collect()
    };
    let seconds = RowChart {
        id: "seconds".into(),
        title: "Time of every phase".into(),
        description: "Seconds that every phase took.".into(),
        x: "time (s)".into(),
        shape: Shape::Bar,
        legend: vec!["seconds".into()],
        rows: rows(&|timing| Some(timing.seconds), "s"),
        reference: None,
    };
    let memory = RowChart {
        id: "memory".into(),
        title: "Peak memory by the end of every phase".into(),
        description: "Most memory that the process has had at once from its start to the end of every phase; a rise is this phase's."
            .into(),
        x: "peak resident memory so far (MiB)".into(),
        legend: vec!["peak memory".into()],
        rows: rows(&|timing| Some(timing.peak_memory? as f64 / f64::from(1 << 20)), "MiB"),
        ..seconds.clone()
    };
    [seconds, memory].iter().filter_map(RowChart::svg).collect()
}
