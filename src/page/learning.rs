//! What happened while a run learnt: charts over its steps.

use super::chart::{Band, Chart, Piece, Series};
use super::curves::{Curves, N_POINTS};
use super::timeline::Timeline;
use crate::log::tags;
use crate::output::report::Report;

const STEPS: &str = "steps of all phases (updates)";

/// The charts that have anything to show, in the order in which they are read.
pub(super) fn charts(report: &Report, curves: &Curves) -> Vec<String> {
    let timeline = Timeline::of(report);
    let tasks: Vec<&str> = report.actors.tasks.keys().map(String::as_str).collect();
    let charts = [
        validation(report, curves, &timeline, &tasks),
        loss(curves, &timeline, &tasks),
        weights(curves, &timeline, &tasks),
        td_error(curves, &timeline, &tasks),
    ];
    charts.iter().filter_map(Chart::svg).collect()
}

/// Over the phases from the first to the last with a point.
fn over_steps(timeline: &Timeline, series: Vec<Series>) -> Chart {
    let bands = timeline.bands();
    let has_points = |band: &Band| {
        let mut points = series.iter().flat_map(|of| of.pieces.iter().flatten());
        points.any(|(step, _)| band.from < *step && *step <= band.to)
    };
    let first = bands.iter().position(has_points).unwrap_or(0);
    let end = bands.iter().rposition(has_points).map_or(0, |last| last + 1);
    Chart { x: STEPS.into(), bands: bands[first..end.max(first)].to_vec(), series, ..Chart::default() }
}

fn validation(report: &Report, curves: &Curves, timeline: &Timeline, tasks: &[&str]) -> Chart {
    let mut series = timeline.series(curves, tasks, tags::validation_auc);
    let numbers = timeline.series(curves, tasks, tags::validation_xauc);
    let y = if numbers.is_empty() { "AUC (share)" } else { "AUC, of numbers XAUC (share)" };
    series.extend(numbers);
    let kept = report.selection.actors.iter().filter_map(|(name, of)| {
        let written = format!("{} was kept at step {} of {}", name.replace('_', " "), of.step, of.phase);
        Some((timeline.at(&of.phase, of.step)?, written))
    });
    let marks: Vec<(f64, String)> = kept.collect();
    let kept: Vec<&str> = marks.iter().map(|(_, written)| written.as_str()).collect();
    Chart {
        id: "validation".into(),
        title: "Ranking on the validation split".into(),
        description: format!(
            "{y} of every task at every validation, over the steps of all phases. {}{}",
            kept.join("; "),
            if kept.is_empty() { "" } else { " (dashed lines)." }
        ),
        y: y.into(),
        marks,
        ..over_steps(timeline, series)
    }
}

fn loss(curves: &Curves, timeline: &Timeline, tasks: &[&str]) -> Chart {
    Chart {
        id: "loss".into(),
        title: "Training loss".into(),
        description: format!(
            "Unweighted loss of every task on the logged batches, over the steps of all phases; of more than {N_POINTS} points in a \
             phase, means of neighbours."
        ),
        y: "loss (nats)".into(),
        ..over_steps(timeline, timeline.series(curves, tasks, tags::task_loss))
    }
}

fn weights(curves: &Curves, timeline: &Timeline, tasks: &[&str]) -> Chart {
    let mut series = timeline.series(curves, tasks, tags::weight_mean);
    for of_task in &mut series {
        let deviations = timeline.pieces(curves, |phase| tags::weight_std(phase, &of_task.name));
        let around = |(means, deviations): (&Piece, &Piece)| {
            let both = means.iter().zip(deviations);
            both.map(|(&(step, mean), &(_, by))| (step, mean - by, mean + by)).collect()
        };
        of_task.spread = of_task.pieces.iter().zip(&deviations).map(around).collect();
    }
    Chart {
        id: "weights".into(),
        title: "Task weights".into(),
        description: "Mean loss weight of every task's rows in the logged batches, over the steps of all phases; shaded is one \
                      standard deviation of the rows on either side."
            .into(),
        y: "loss weight (1; shaded ± 1 standard deviation of rows)".into(),
        ..over_steps(timeline, series)
    }
}

fn td_error(curves: &Curves, timeline: &Timeline, tasks: &[&str]) -> Chart {
    Chart {
        id: "td-error".into(),
        title: "TD error of the critics".into(),
        description: "Mean absolute TD error of every task's critic on the logged batches, over the steps of all phases.".into(),
        y: "mean |TD error| (reward)".into(),
        ..over_steps(timeline, timeline.series(curves, tasks, tags::td_error_abs))
    }
}
