//! From trained actors to the report, and to the predictions that runs are compared by.

use std::time::Instant;

use rmtl_envs::Split;

use super::Trained;
use crate::error::Result;
use crate::memory;
use crate::monitor::{Kept, metric_warnings};
use crate::output::folder::Model;
use crate::output::outcome;
use crate::output::predictions::{Predictions, predictions_path};
use crate::output::report::{
    Comparison, DataSummary, INFERENCE, Parameters, PhaseTiming, Report, TaskBlock, task_block,
};
use crate::output::selection::Selection;
use crate::phase::Evaluator;
use crate::run::Run;
use crate::streams;

/// Reads the test split, once, and compares the actors on it; what validation said of them is known.
pub(super) fn report(run: &mut Run<'_>, trained: Trained) -> Result<Report> {
    let manifest = &run.dataset.manifest;
    let Trained { actor, baseline, equal_budget, critics } = &trained;
    let test = Evaluator::new(run.reader(Split::Test), run.schema());
    let validation = Evaluator::new(run.reader(Split::Validation), run.schema());
    let mut rows = rows_to_keep(run, &test);
    let mut on_test = |model: Model, predictions: &[f32]| -> Result<TaskBlock> {
        let scores = test.score(predictions)?;
        rows.iter_mut().for_each(|rows| rows.add(model.name(), predictions));
        Ok(task_block(manifest, scores))
    };
    let on_validation = |kept: &Kept| task_block(manifest, kept.scores.clone());
    let oracle = |split: &Evaluator<'_>| {
        Ok::<_, crate::error::Error>(split.oracle()?.map(|scores| task_block(manifest, scores)))
    };
    let start = Instant::now();
    let predictions = test.predict(&actor.actor);
    let seconds = start.elapsed().as_secs_f64();
    let rows_per_second = manifest.summary(Split::Test).rows as f64 / seconds.max(1e-9);
    let inference = PhaseTiming { seconds, steps: 1, rows_per_second, peak_memory: memory::peak() };
    let others = [(Model::Baseline, baseline), (Model::EqualBudget, equal_budget)].map(|(model, kept)| {
        let predictions = kept.as_ref().map(|kept| test.predict(&kept.actor));
        (model, predictions)
    });
    let difference = others.iter().rev().find_map(|(_, base)| base.as_deref()).and_then(|base| {
        let (labels, n_tasks) = (test.binary_labels()?, manifest.schema.n_tasks());
        let rows = outcome::Rows { labels, sessions: test.sessions(), n_tasks };
        let mut stream = run.streams.named(streams::OUTCOME);
        outcome::difference(rows, &predictions, base, &mut stream)
    });
    let tasks = on_test(Model::Actor, &predictions)?;
    drop(predictions);
    let mut of_other = |(model, predictions): (Model, Option<Vec<f32>>)| {
        predictions.map(|of| on_test(model, &of)).transpose()
    };
    let [baseline_predictions, equal_predictions] = others;
    let actors = Comparison {
        baseline: of_other(baseline_predictions)?,
        equal_budget: of_other(equal_predictions)?,
        oracle: oracle(&test)?,
        tasks,
    };
    let on_both = [(Split::Validation, &on_validation(actor)), (Split::Test, &actors.tasks)];
    for (split, block) in on_both {
        metric_warnings::warnings(split.name(), block).into_iter().for_each(|warning| run.warn(warning));
    }
    keep(run, Split::Test, rows);
    let candidates = || {
        let all = [
            (Model::Baseline, baseline.as_ref()),
            (Model::EqualBudget, equal_budget.as_ref()),
            (Model::Actor, Some(actor)),
        ];
        all.into_iter().filter_map(|(model, kept)| Some((model, kept?)))
    };
    let rows = rows_to_keep(run, &validation).map(|mut rows| {
        candidates().for_each(|(model, kept)| rows.add(model.name(), &validation.predict(&kept.actor)));
        rows
    });
    keep(run, Split::Validation, rows);
    let timings = run.timings.iter().map(|(phase, timing)| (phase.name().to_owned(), *timing));
    Ok(Report {
        data: DataSummary::of(manifest),
        actors,
        validation: Comparison {
            tasks: on_validation(actor),
            baseline: baseline.as_ref().map(on_validation),
            equal_budget: equal_budget.as_ref().map(on_validation),
            oracle: oracle(&validation)?,
        },
        difference,
        selection: Selection::of(&run.criterion(), candidates()),
        critics: critics.clone(),
        weights: run.weights.clone(),
        phases: timings.chain([(INFERENCE.to_owned(), inference)]).collect(),
        parameters: Parameters {
            dense: actor.actor.n_dense_parameters(),
            embedding: actor.actor.n_embedding_parameters(),
        },
        masked_rows: run.config.masked_rows(manifest),
        backbone: run.config.backbone.name().into(),
        weighting: run.config.weighting.name().into(),
        warnings: run.warnings.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        seed: run.config.seed,
        device: run.config.device.clone(),
    })
}

/// The rows of a split for the predictions of all actors; nothing where the run file wants none kept.
fn rows_to_keep(run: &Run<'_>, split: &Evaluator<'_>) -> Option<Predictions> {
    let tasks: Vec<&str> = run.schema().tasks.iter().map(|task| task.name.as_str()).collect();
    run.config.log.predictions.then(|| Predictions::of(split.sessions(), &tasks, split.labels()))
}

/// Writes predictions. A disk without room for them costs a comparison, never the report.
fn keep(run: &mut Run<'_>, split: Split, predictions: Option<Predictions>) {
    let path = predictions_path(run.folder.path(), split);
    if let Some(Err(error)) = predictions.map(|predictions| predictions.write(&path)) {
        run.warn(format!("{error}; runs can be compared by their seeds, not by their {} rows", split.name()));
    }
}
