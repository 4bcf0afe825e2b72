//! Schedules: the phases of a run in their order, from the prepared log to the report.

mod finished;
mod joint;
mod results;
mod supervised;
mod two_stage;

use rmtl_agents::actor::Actor;
use rmtl_agents::weighting::{WeightingConfig, equal};

use crate::config::{FitConfig, FurtherConfig, Schedule, StartFrom};
use crate::error::Result;
use crate::log::tags::{self, Phase};
use crate::monitor::Kept;
use crate::output::folder::Model;
use crate::output::report::Report;
use crate::phase::{CriticSummary, Critics, Fit, fit};
use crate::run::Run;
use crate::streams;

use joint::side_by_side;
use results::report;
use supervised::supervised;
use two_stage::two_stage;

/// Runs all phases and gives the report. Parameters are saved as soon as they are final, and a run that was stopped goes on after
/// the phases that it has left a checkpoint of.
pub fn run(run: &mut Run<'_>) -> Result<Report> {
    if run.n_checkpoints == 0 {
        run.logger.code(&tags::run_file(), 0, "toml", &run.config.to_toml()?);
        run.checkpoint();
    }
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

/// Where a further training starts.
fn start(run: &Run<'_>, pretrained: Option<&Kept>, config: &FurtherConfig) -> Actor {
    let start = match (config.start_from, pretrained) {
        (StartFrom::Pretrained, Some(pretrained)) if config.keep_optimizer => pretrained.actor.clone(),
        (StartFrom::Pretrained, Some(pretrained)) => pretrained.actor.clone().with_fresh_optimizers(),
        _ => untrained(run),
    };
    if config.freeze_tables { start.with_frozen_tables() } else { start }
}

fn untrained(run: &Run<'_>) -> Actor {
    Actor::new(&run.config.untrained_actor(&run.dataset.manifest), run.schema(), &run.streams, &run.device)
}

fn pretrain(run: &mut Run<'_>, weighting: &WeightingConfig) -> Result<Kept> {
    let pretrain = Fit {
        phase: Phase::Pretrain,
        streams: streams::PRETRAIN,
        config: run.config.schedule.pretrain(),
        start_counts: false,
        weighting: run.weighting(weighting)?,
        critics: Critics::None,
        pretrained: None,
    };
    Ok(fit(run, untrained(run), pretrain)?.best)
}

/// The actor's part of the training beside critics, with all weights 1 and no critics: the same start, batches and dropout
/// masks. None where there is no room to keep it: it is a comparison, for which the run that it is compared with is not given up.
fn equal_budget(run: &mut Run<'_>, start: Actor, config: FitConfig) -> Result<Option<Kept>> {
    if let Some(kept) = finished::actor(run, Model::EqualBudget)? {
        return Ok(Some(kept));
    }
    let fit_of_budget = Fit {
        phase: Phase::EqualBudget,
        streams: streams::WEIGHTED,
        config,
        start_counts: true,
        weighting: run.weighting(&equal_weights())?,
        critics: Critics::None,
        pretrained: None,
    };
    let actor = fit(run, start, fit_of_budget)?.best;
    if let Err(error) = run.folder.save(Model::EqualBudget, &actor.actor.weights()) {
        run.warn(format!("the report is without the training of equal budget: {error}"));
        return Ok(None);
    }
    finished::checkpoint(run, Model::EqualBudget, &actor);
    Ok(Some(actor))
}

fn equal_weights() -> WeightingConfig {
    WeightingConfig::Equal(equal::Config::default())
}
