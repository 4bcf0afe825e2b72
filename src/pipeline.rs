//! A run from the prepared log to the report: the data path on one screen.

use std::time::Instant;

use rmtl_agents::actor::Actor;
use rmtl_agents::weighting::{WeightingConfig, equal};
use rmtl_envs::Split;

use crate::config::{FitConfig, FurtherConfig, Joint, Schedule, StartFrom, TwoStage};
use crate::error::Result;
use crate::folder::Model;
use crate::log::tags::{self, Phase};
use crate::metric_warnings;
use crate::phase::{CriticSummary, Critics, Evaluator, Fit, Fitted, Kept, collect, critics, fit, joint};
use crate::report::{
    Comparison, DataSummary, INFERENCE, Parameters, PhaseTiming, Report, TaskBlock, task_block,
};
use crate::run::Run;
use crate::selection::Selection;

/// Runs all phases and gives the report. Parameters are saved as soon as they are final.
pub fn run(run: &mut Run<'_>) -> Result<Report> {
    run.logger.code(&tags::run_file(), 0, "toml", &run.config.to_toml()?);
    if !run.config.has_critics() {
        let trained = supervised(run)?;
        return report(run, trained);
    }
    let trained = match &run.config.schedule {
        Schedule::TwoStage(schedule) => two_stage(run, schedule)?,
        Schedule::Joint(schedule) => side_by_side(run, schedule)?,
    };
    report(run, trained)
}

/// The actors of a run.
struct Trained {
    actor: Kept,
    baseline: Option<Kept>,
    equal_budget: Option<Kept>,
    critics: Option<CriticSummary>,
}

/// One phase with the weighting from the start.
fn supervised(run: &mut Run<'_>) -> Result<Trained> {
    if matches!(run.config.schedule, Schedule::Joint(_)) {
        run.warn(format!(
            "`[weighting.{}]` asks no critics, so the run ends after `pretrain`; `[schedule.joint]` goes on with \
             `[weighting.critic]` or `[losses.policy_gradient]`",
            run.config.weighting.name()
        ));
    }
    let actor = pretrain(run, &run.config.weighting)?;
    run.folder.save(Model::Actor, &actor.actor.weights())?;
    Ok(Trained { actor, baseline: None, equal_budget: None, critics: None })
}

/// Pretrain → collect → critics → weighted, and weighted once more with all weights 1.
fn two_stage(run: &mut Run<'_>, schedule: &TwoStage) -> Result<Trained> {
    let pretrained = pretrain(run, &equal_weights())?;
    run.folder.save(Model::Baseline, &pretrained.actor.weights())?;
    let collected = collect(run, &pretrained.actor)?;
    let (critic, policy, mut summary) = critics(run, &pretrained.actor, collected, schedule)?;
    run.folder.save(Model::Critic, &critic.weights())?;
    let start = start(run, Some(&pretrained), &schedule.weighted);
    let config = schedule.weighted.fit(&schedule.pretrain);
    let weighted = Fit {
        phase: Phase::Weighted,
        streams: "weighted",
        config,
        start_counts: true,
        weighting: run.weighting(&run.config.weighting),
        critics: Critics::Frozen(&critic),
        pretrained: Some(&policy),
    };
    let Fitted { best: actor, weights, .. } = fit(run, start.clone(), weighted)?;
    summary.weights = weights;
    run.folder.save(Model::Actor, &actor.actor.weights())?;
    let equal_budget =
        schedule.weighted.equal_budget.then(|| equal_budget(run, start, config)).transpose()?;
    Ok(Trained { actor, baseline: Some(pretrained), equal_budget, critics: Some(summary) })
}

/// Pretrain → collect → actor and critics side by side, and the actor alone once more with all weights 1.
fn side_by_side(run: &mut Run<'_>, schedule: &Joint) -> Result<Trained> {
    let baseline = match schedule.training.start_from {
        StartFrom::Pretrained => Some(pretrain(run, &equal_weights())?),
        StartFrom::Scratch => None,
    };
    if let Some(pretrained) = &baseline {
        run.folder.save(Model::Baseline, &pretrained.actor.weights())?;
    }
    let start = start(run, baseline.as_ref(), &schedule.training);
    let collected = collect(run, &start)?;
    let (actor, critic, summary) = joint(run, start.clone(), collected, schedule)?;
    run.folder.save(Model::Critic, &critic.weights())?;
    run.folder.save(Model::Actor, &actor.actor.weights())?;
    let config = schedule.training.fit(&schedule.pretrain);
    let equal_budget =
        schedule.training.equal_budget.then(|| equal_budget(run, start, config)).transpose()?;
    Ok(Trained { actor, baseline, equal_budget, critics: Some(summary) })
}

/// Where a further training starts.
fn start(run: &Run<'_>, pretrained: Option<&Kept>, config: &FurtherConfig) -> Actor {
    match (config.start_from, pretrained) {
        (StartFrom::Pretrained, Some(pretrained)) if config.keep_optimizer => pretrained.actor.clone(),
        (StartFrom::Pretrained, Some(pretrained)) => pretrained.actor.clone().with_fresh_optimizers(),
        _ => untrained(run),
    }
}

fn untrained(run: &Run<'_>) -> Actor {
    Actor::new(&run.config.untrained_actor(&run.dataset.manifest), run.schema(), &run.streams, &run.device)
}

fn pretrain(run: &mut Run<'_>, weighting: &WeightingConfig) -> Result<Kept> {
    let pretrain = Fit {
        phase: Phase::Pretrain,
        streams: "pretrain",
        config: run.config.schedule.pretrain(),
        start_counts: false,
        weighting: run.weighting(weighting),
        critics: Critics::None,
        pretrained: None,
    };
    Ok(fit(run, untrained(run), pretrain)?.best)
}

/// The actor's part of the training beside critics, with all weights 1 and no critics: the same start, batches and dropout
/// masks.
fn equal_budget(run: &mut Run<'_>, start: Actor, config: FitConfig) -> Result<Kept> {
    let fit_of_budget = Fit {
        phase: Phase::EqualBudget,
        streams: "weighted",
        config,
        start_counts: true,
        weighting: run.weighting(&equal_weights()),
        critics: Critics::None,
        pretrained: None,
    };
    let actor = fit(run, start, fit_of_budget)?.best;
    run.folder.save(Model::EqualBudget, &actor.actor.weights())?;
    Ok(actor)
}

fn equal_weights() -> WeightingConfig {
    WeightingConfig::Equal(equal::Config::default())
}

/// Reads the test split, once, and compares the actors on it; what validation said of them is known.
fn report(run: &mut Run<'_>, trained: Trained) -> Result<Report> {
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
        backbone: run.config.backbone.name().into(),
        weighting: run.config.weighting.name().into(),
        warnings: run.warnings.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        seed: run.config.seed,
        device: run.config.device.clone(),
    })
}
