//! `[schedule.joint]`: actor and critics side by side.

use super::finished::once;
use super::{Trained, equal_budget, equal_weights, pretrain, start};
use crate::config::{Joint, StartFrom};
use crate::error::Result;
use crate::output::folder::Model;
use crate::phase::{collect, joint};
use crate::run::Run;

/// Pretrain → collect → actor and critics side by side, and the actor alone once more with all weights 1.
pub(super) fn side_by_side(run: &mut Run<'_>, schedule: &Joint) -> Result<Trained> {
    let baseline = match schedule.training.start_from {
        StartFrom::Pretrained => Some(once(run, Model::Baseline, |run| pretrain(run, &equal_weights()))?),
        StartFrom::Scratch => None,
    };
    let actor = once(run, Model::Actor, |run| {
        let start = start(run, baseline.as_ref(), &schedule.training);
        let collected = collect(run, &start)?;
        let (actor, critic, summary) = joint(run, start, collected, schedule)?;
        run.folder.save(Model::Critic, &critic.weights())?;
        run.milestone.critics = Some(summary);
        Ok(actor)
    })?;
    let config = schedule.training.fit(&schedule.pretrain);
    let equal_budget = match schedule.training.equal_budget {
        true => {
            let start = start(run, baseline.as_ref(), &schedule.training);
            equal_budget(run, start, config)?
        }
        false => None,
    };
    let critics = run.milestone.critics.clone();
    Ok(Trained { actor, baseline, equal_budget, critics })
}
