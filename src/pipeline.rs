//! A run from the prepared log to the report: the data path on one screen.

use std::time::Instant;

use rmtl_agents::actor::Actor;
use rmtl_agents::weighting::{WeightingConfig, equal};
use rmtl_envs::Split;

use crate::config::{FitConfig, Joint, JointConfig, Schedule, StartFrom, TwoStage, WeightedConfig};
use crate::error::Result;
use crate::folder::Model;
use crate::log::tags::{self, Phase};
use crate::metric_warnings;
use crate::phase::{CriticSummary, Critics, Evaluator, Fit, collect, critics, fit, joint};
use crate::report::{
    Comparison, DataSummary, INFERENCE, Parameters, PhaseTiming, Report, TaskBlock, task_block,
};
use crate::run::Run;

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
    actor: Actor,
    baseline: Option<Actor>,
    equal_budget: Option<Actor>,
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
    run.folder.save(Model::Actor, &actor.weights())?;
    Ok(Trained { actor, baseline: None, equal_budget: None, critics: None })
}

/// Pretrain → collect → critics → weighted, and weighted once more with all weights 1.
fn two_stage(run: &mut Run<'_>, schedule: &TwoStage) -> Result<Trained> {
    let pretrained = pretrain(run, &equal_weights())?;
    run.folder.save(Model::Baseline, &pretrained.weights())?;
    let collected = collect(run, &pretrained)?;
    let (critic, policy, summary) = critics(run, &pretrained, collected, schedule)?;
    run.folder.save(Model::Critic, &critic.weights())?;
    let WeightedConfig { start_from, equal_budget, .. } = schedule.weighted;
    let start = match start_from {
        StartFrom::Pretrained => pretrained.clone().with_fresh_optimizers(),
        StartFrom::Scratch => untrained(run),
    };
    let weighted = Fit {
        phase: Phase::Weighted,
        streams: "weighted",
        config: schedule.weighted.fit(),
        weighting: run.weighting(&run.config.weighting),
        critics: Critics::Frozen(&critic),
        pretrained: Some(&policy),
    };
    let actor = fit(run, start.clone(), weighted)?.actor;
    run.folder.save(Model::Actor, &actor.weights())?;
    let equal_budget =
        equal_budget.then(|| self::equal_budget(run, start, schedule.weighted.fit())).transpose()?;
    Ok(Trained { actor, baseline: Some(pretrained), equal_budget, critics: Some(summary) })
}

/// Pretrain → collect → actor and critics side by side, and the actor alone once more with all weights 1.
fn side_by_side(run: &mut Run<'_>, schedule: &Joint) -> Result<Trained> {
    let JointConfig { start_from, equal_budget, .. } = schedule.training;
    let baseline = match start_from {
        StartFrom::Pretrained => Some(pretrain(run, &equal_weights())?),
        StartFrom::Scratch => None,
    };
    let start = match &baseline {
        Some(pretrained) => {
            run.folder.save(Model::Baseline, &pretrained.weights())?;
            pretrained.clone().with_fresh_optimizers()
        }
        None => untrained(run),
    };
    let collected = collect(run, &start)?;
    let (actor, critic, summary) = joint(run, start.clone(), collected, schedule)?;
    run.folder.save(Model::Critic, &critic.weights())?;
    run.folder.save(Model::Actor, &actor.weights())?;
    let equal_budget =
        equal_budget.then(|| self::equal_budget(run, start, schedule.training.fit())).transpose()?;
    Ok(Trained { actor, baseline, equal_budget, critics: Some(summary) })
}

fn untrained(run: &Run<'_>) -> Actor {
    Actor::new(&run.config.actor(), run.schema(), &run.streams, &run.device)
}

fn pretrain(run: &mut Run<'_>, weighting: &WeightingConfig) -> Result<Actor> {
    let pretrain = Fit {
        phase: Phase::Pretrain,
        streams: "pretrain",
        config: run.config.schedule.pretrain(),
        weighting: run.weighting(weighting),
        critics: Critics::None,
        pretrained: None,
    };
    Ok(fit(run, untrained(run), pretrain)?.actor)
}

/// The actor's part of the training beside critics, with all weights 1 and no critics: the same start, batches and dropout
/// masks.
fn equal_budget(run: &mut Run<'_>, start: Actor, config: FitConfig) -> Result<Actor> {
    let fit_of_budget = Fit {
        phase: Phase::EqualBudget,
        streams: "weighted",
        config,
        weighting: run.weighting(&equal_weights()),
        critics: Critics::None,
        pretrained: None,
    };
    let actor = fit(run, start, fit_of_budget)?.actor;
    run.folder.save(Model::EqualBudget, &actor.weights())?;
    Ok(actor)
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
    let tasks = task_block(manifest, test.score(&predictions)?);
    metric_warnings::warnings(Split::Test.name(), &tasks).into_iter().for_each(|warning| run.warn(warning));
    let timings = run.timings.iter().map(|(phase, timing)| (phase.name().to_owned(), *timing));
    Ok(Report {
        data: DataSummary::of(manifest),
        actors: Comparison {
            tasks,
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
