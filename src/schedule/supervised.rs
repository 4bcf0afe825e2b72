//! A schedule without critics.

use super::finished::once;
use super::{Trained, pretrain};
use crate::config::Schedule;
use crate::error::Result;
use crate::output::folder::Model;
use crate::run::Run;

/// One phase with the weighting from the start.
pub(super) fn supervised(run: &mut Run<'_>) -> Result<Trained> {
    if matches!(run.config.schedule, Schedule::Joint(_)) {
        run.warn_once(format!(
            "`[weighting.{}]` asks no critics, so the run ends after `pretrain`; `[schedule.joint]` goes on with \
             `[weighting.critic]` or `[losses.policy_gradient]`",
            run.config.weighting.name()
        ));
    }
    let actor = once(run, Model::Actor, |run| pretrain(run, &run.config.weighting))?;
    Ok(Trained { actor, baseline: None, equal_budget: None, critics: None })
}
