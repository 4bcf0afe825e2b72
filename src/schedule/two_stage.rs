//! `[schedule.two_stage]`: critics of a frozen actor, then the actor with their weights.

use rmtl_agents::actor::Actor;
use rmtl_agents::critic::Critic;
use rmtl_agents::policy::FrozenPolicy;

use super::finished::{self, once};
use super::{Trained, equal_budget, equal_weights, pretrain, start};
use crate::config::TwoStage;
use crate::error::Result;
use crate::log::tags::Phase;
use crate::monitor::Fitted;
use crate::output::folder::Model;
use crate::phase::{Critics, Fit, collect, critics, fit, frozen_policy};
use crate::run::Run;
use crate::streams;

/// Pretrain → collect → critics → weighted, and weighted once more with all weights 1.
pub(super) fn two_stage(run: &mut Run<'_>, schedule: &TwoStage) -> Result<Trained> {
    let pretrained = once(run, Model::Baseline, |run| pretrain(run, &equal_weights()))?;
    let config = schedule.weighted.fit(&schedule.pretrain);
    let actor = once(run, Model::Actor, |run| {
        let (critic, policy) = frozen_critics(run, &pretrained.actor, schedule)?;
        let weighted = Fit {
            phase: Phase::Weighted,
            streams: streams::WEIGHTED,
            config,
            start_counts: true,
            weighting: run.weighting(&run.config.weighting)?,
            critics: Critics::Frozen(&critic),
            pretrained: Some(&policy),
        };
        let start = start(run, Some(&pretrained), &schedule.weighted);
        let Fitted { best, weights, .. } = fit(run, start, weighted)?;
        if let Some(summary) = &mut run.milestone.critics {
            summary.weights = weights;
        }
        Ok(best)
    })?;
    let equal_budget = match schedule.weighted.equal_budget {
        true => {
            let start = start(run, Some(&pretrained), &schedule.weighted);
            equal_budget(run, start, config)?
        }
        false => None,
    };
    let critics = run.milestone.critics.clone();
    Ok(Trained { actor, baseline: Some(pretrained), equal_budget, critics })
}

/// The critics of the frozen actor, and its actions in the training rows.
fn frozen_critics(run: &mut Run<'_>, actor: &Actor, schedule: &TwoStage) -> Result<(Critic, FrozenPolicy)> {
    if run.milestone.critics.is_some() {
        return Ok((finished::critic(run, actor)?, frozen_policy(run, actor)));
    }
    let collected = collect(run, actor)?;
    let (critic, policy, summary) = critics(run, actor, collected, schedule)?;
    run.folder.save(Model::Critic, &critic.weights())?;
    run.milestone.critics = Some(summary);
    run.checkpoint();
    Ok((critic, policy))
}
