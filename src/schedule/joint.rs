//! `[schedule.joint]`: actor and critics side by side.

use super::{Trained, equal_budget, equal_weights, pretrain, start};
use crate::config::{Joint, StartFrom};
use crate::error::Result;
use crate::output::folder::Model;
use crate::phase::{collect, joint};
use crate::run::Run;

/// Pretrain → collect → actor and critics side by side, and the actor alone once more with all weights 1.
pub(super) fn side_by_side(run: &mut Run<'_>, schedule: &Joint) -> Result<Trained> {
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
        schedule.training.equal_budget.then(|| equal_budget(run, start, config)).transpose()?.flatten();
    Ok(Trained { actor, baseline, equal_budget, critics: Some(summary) })
}
