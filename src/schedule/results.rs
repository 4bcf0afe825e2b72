//! From trained actors to the report.

use std::time::Instant;

use rmtl_envs::Split;

use super::Trained;
use crate::error::Result;
use crate::monitor::{Kept, metric_warnings};
use crate::output::folder::Model;
use crate::output::report::{
    Comparison, DataSummary, INFERENCE, Parameters, PhaseTiming, Report, TaskBlock, task_block,
};
use crate::output::selection::Selection;
use crate::phase::Evaluator;
use crate::run::Run;

/// Reads the test split, once, and compares the actors on it; what validation said of them is known.
pub(super) fn report(run: &mut Run<'_>, trained: Trained) -> Result<Report> {
    let manifest = &run.dataset.manifest;
    let Trained { actor, baseline, equal_budget, critics } = &trained;
    let test = Evaluator::new(run.reader(Split::Test), run.schema());
    let validation = Evaluator::new(run.reader(Split::Validation), run.schema());
    let on_test =
        |kept: &Kept| Ok::<TaskBlock, crate::error::Error>(task_block(manifest, test.evaluate(&kept.actor)?));
    let on_validation = |kept: &Kept| task_block(manifest, kept.scores.clone());
    let oracle = |split: &Evaluator<'_>| {
        Ok::<_, crate::error::Error>(split.oracle()?.map(|scores| task_block(manifest, scores)))
    };
    let start = Instant::now();
    let predictions = test.predict(&actor.actor);
    let seconds = start.elapsed().as_secs_f64();
    let rows_per_second = manifest.summary(Split::Test).rows as f64 / seconds.max(1e-9);
    let inference = PhaseTiming { seconds, steps: 1, rows_per_second };
    let tasks = task_block(manifest, test.score(&predictions)?);
    let on_both = [(Split::Validation, &on_validation(actor)), (Split::Test, &tasks)];
    for (split, block) in on_both {
        metric_warnings::warnings(split.name(), block).into_iter().for_each(|warning| run.warn(warning));
    }
    let timings = run.timings.iter().map(|(phase, timing)| (phase.name().to_owned(), *timing));
    let candidates = [
        (Model::Baseline, baseline.as_ref()),
        (Model::EqualBudget, equal_budget.as_ref()),
        (Model::Actor, Some(actor)),
    ];
    Ok(Report {
        data: DataSummary::of(manifest),
        actors: Comparison {
            tasks,
            baseline: baseline.as_ref().map(on_test).transpose()?,
            equal_budget: equal_budget.as_ref().map(on_test).transpose()?,
            oracle: oracle(&test)?,
        },
        validation: Comparison {
            tasks: on_validation(actor),
            baseline: baseline.as_ref().map(on_validation),
            equal_budget: equal_budget.as_ref().map(on_validation),
            oracle: oracle(&validation)?,
        },
        selection: Selection::of(
            &run.criterion(),
            candidates.into_iter().filter_map(|(model, kept)| Some((model, kept?))),
        ),
        critics: critics.clone(),
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
