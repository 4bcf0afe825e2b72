//! A run from the prepared log to the report: the data path on one screen.

use std::time::Instant;

use rmtl_agents::actor::Actor;
use rmtl_agents::critic::Critic;
use rmtl_agents::weighting::{LossWeighting, Signal, WeightingConfig, equal};
use rmtl_envs::Split;

use crate::config::{Schedule, StartFrom, TwoStage};
use crate::error::Result;
use crate::folder::Model;
use crate::log::tags::{self, Phase};
use crate::phase::{CriticSummary, Evaluator, Fit, collect, critics, fit};
use crate::report::{
    Comparison, DataSummary, INFERENCE, Parameters, PhaseTiming, Report, TaskBlock, task_block,
};
use crate::run::Run;

/// Runs all phases and gives the report. Parameters are saved as soon as they are final.
pub fn run(run: &mut Run<'_>) -> Result<Report> {
    run.logger.code(&tags::run_file(), 0, "toml", &run.config.to_toml()?);
    let Schedule::TwoStage(schedule) = &run.config.schedule;
    let needs_critics = run.config.weighting.signal() == Signal::QValues;
    let trained = if needs_critics { two_stage(run, schedule)? } else { supervised(run, schedule)? };
    report(run, trained)
}

/// The actors of a run.
struct Trained {
    actor: Actor,
    baseline: Option<Actor>,
    equal_budget: Option<Actor>,
    critics: Option<CriticSummary>,
}

/// One phase with the weighting from the start.
fn supervised(run: &mut Run<'_>, schedule: &TwoStage) -> Result<Trained> {
    let actor = pretrain(run, schedule, run.config.weighting.clone())?;
    run.folder.save(Model::Actor, &actor.weights())?;
    Ok(Trained { actor, baseline: None, equal_budget: None, critics: None })
}

/// Pretrain → collect → critics → weighted, and weighted once more with all weights 1.
fn two_stage(run: &mut Run<'_>, schedule: &TwoStage) -> Result<Trained> {
    let pretrained = pretrain(run, schedule, equal_weights())?;
    run.folder.save(Model::Baseline, &pretrained.weights())?;
    let collected = collect(run, &pretrained, schedule)?;
    let (critic, summary) = critics(run, &pretrained, collected, schedule)?;
    run.folder.save(Model::Critic, &critic.weights())?;
    let actor = weighted(run, schedule, &pretrained, Phase::Weighted, Some(&critic))?;
    run.folder.save(Model::Actor, &actor.weights())?;
    let mut equal_budget = None;
    if schedule.weighted.equal_budget {
        let actor = weighted(run, schedule, &pretrained, Phase::EqualBudget, None)?;
        run.folder.save(Model::EqualBudget, &actor.weights())?;
        equal_budget = Some(actor);
    }
    Ok(Trained { actor, baseline: Some(pretrained), equal_budget, critics: Some(summary) })
}

fn pretrain(run: &mut Run<'_>, schedule: &TwoStage, weighting: WeightingConfig) -> Result<Actor> {
    let actor = Actor::new(&run.config.actor(), run.schema(), &run.streams, &run.device);
    let phase = Phase::Pretrain;
    fit(
        run,
        actor,
        Fit {
            phase,
            streams: "pretrain",
            config: schedule.pretrain,
            weighting: self::weighting(run, &weighting),
            critic: None,
        },
    )
}

/// Without critics all weights are 1; batches and dropout masks are the same either way.
fn weighted(
    run: &mut Run<'_>,
    schedule: &TwoStage,
    pretrained: &Actor,
    phase: Phase,
    critic: Option<&Critic>,
) -> Result<Actor> {
    let actor = match schedule.weighted.start_from {
        StartFrom::Pretrained => pretrained.clone().with_fresh_optimizers(),
        StartFrom::Scratch => Actor::new(&run.config.actor(), run.schema(), &run.streams, &run.device),
    };
    let weighting = if critic.is_some() { run.config.weighting.clone() } else { equal_weights() };
    fit(
        run,
        actor,
        Fit {
            phase,
            streams: "weighted",
            config: schedule.weighted.fit(),
            weighting: self::weighting(run, &weighting),
            critic,
        },
    )
}

fn weighting(run: &Run<'_>, config: &WeightingConfig) -> Box<dyn LossWeighting> {
    run.config.weights.around(config.init(run.schema().n_tasks(), run.streams.named("weighting")))
}

fn equal_weights() -> WeightingConfig {
    WeightingConfig::Equal(equal::Config::default())
}

/// Reads the test split, once, and compares the actors on it.
fn report(run: &mut Run<'_>, trained: Trained) -> Result<Report> {
    let manifest = &run.dataset.manifest;
    let test = Evaluator::new(run.reader(Split::Test), run.schema().parents());
    let block =
        |actor: &Actor| Ok::<TaskBlock, crate::error::Error>(task_block(manifest, test.evaluate(actor)?));
    let start = Instant::now();
    let predictions = test.predict(&trained.actor);
    let seconds = start.elapsed().as_secs_f64();
    let rows_per_second = manifest.summary(Split::Test).rows as f64 / seconds.max(1e-9);
    let inference = PhaseTiming { seconds, steps: 1, rows_per_second };
    let timings = run.timings.iter().map(|(phase, timing)| (phase.name().to_owned(), *timing));
    Ok(Report {
        data: DataSummary::of(manifest),
        actors: Comparison {
            tasks: task_block(manifest, test.score(&predictions)?),
            baseline: trained.baseline.as_ref().map(block).transpose()?,
            equal_budget: trained.equal_budget.as_ref().map(block).transpose()?,
            oracle: test.oracle()?.map(|scores| task_block(manifest, scores)),
        },
        critics: trained.critics,
        phases: timings.chain([(INFERENCE.to_owned(), inference)]).collect(),
        parameters: Parameters {
            dense: trained.actor.n_dense_parameters(),
            embedding: trained.actor.n_embedding_parameters(),
        },
        backbone: run.config.backbone.name().into(),
        weighting: run.config.weighting.name().into(),
        warnings: run.warnings.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        seed: run.config.seed,
        device: run.config.device.clone(),
    })
}
