//! `[schedule.two_stage]`: critics of a frozen actor, then the actor with their weights.

use super::{Trained, equal_budget, equal_weights, pretrain, start};
use crate::config::TwoStage;
use crate::error::Result;
use crate::log::tags::Phase;
use crate::monitor::Fitted;
use crate::output::folder::Model;
use crate::phase::{Critics, Fit, collect, critics, fit};
use crate::run::Run;
use crate::streams;

/// Pretrain → collect → critics → weighted, and weighted once more with all weights 1.
pub(super) fn two_stage(run: &mut Run<'_>, schedule: &TwoStage) -> Result<Trained> {
    let pretrained = pretrain(run, &equal_weights())?;
    run.folder.save(Model::Baseline, &pretrained.actor.weights())?;
    let collected = collect(run, &pretrained.actor)?;
    let (critic, policy, mut summary) = critics(run, &pretrained.actor, collected, schedule)?;
    run.folder.save(Model::Critic, &critic.weights())?;
    let start = start(run, Some(&pretrained), &schedule.weighted);
    let config = schedule.weighted.fit(&schedule.pretrain);
    let weighted = Fit {
        phase: Phase::Weighted,
        streams: streams::WEIGHTED,
        config,
        start_counts: true,
        weighting: run.weighting(&run.config.weighting)?,
        critics: Critics::Frozen(&critic),
        pretrained: Some(&policy),
    };
    let Fitted { best: actor, weights, .. } = fit(run, start.clone(), weighted)?;
    summary.weights = weights;
    run.folder.save(Model::Actor, &actor.actor.weights())?;
    let equal_budget =
        schedule.weighted.equal_budget.then(|| equal_budget(run, start, config)).transpose()?.flatten();
    Ok(Trained { actor, baseline: Some(pretrained), equal_budget, critics: Some(summary) })
}
