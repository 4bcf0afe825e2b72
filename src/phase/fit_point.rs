//! Where the training of an actor stood at a checkpoint within its phase, and back to that.

use rmtl_agents::actor::Actor;
use rmtl_agents::stream::Stream;
use rmtl_agents::weighting::LossWeighting;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fit::Critics;
use crate::error::{Error, Result};
use crate::log::tags::Phase;
use crate::monitor::training_log::{TrainingLog, TrainingLogState};
use crate::monitor::validation::{Validation, ValidationState};
use crate::output::milestone::{ActorFiles, place_of};
use crate::run::Run;

/// All that a training of an actor is between two steps, without critics that learn beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FitPoint {
    phase: String,
    cursor: Cursor,
    weighting: Value,
    actor: ActorFiles,
    validation: ValidationState,
    log: TrainingLogState,
}

/// How far the batches have come, and what is drawn next. The order of the rows follows from the epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// The epoch that goes on, from 1.
    pub(super) epoch: u32,
    /// Batches of it that are done.
    pub(super) batches: usize,
    /// Steps of the phase that are done.
    pub(super) step: u64,
    /// Where dropout masks come from.
    pub(super) masks: Stream,
    /// Mean losses over the rows of the epoch so far.
    pub(super) epoch_losses: Vec<f64>,
}

impl Cursor {
    /// Before the first step.
    pub(super) fn new(masks: Stream, n_tasks: usize) -> Self {
        Self { epoch: 1, batches: 0, step: 0, masks, epoch_losses: vec![0.0; n_tasks] }
    }

    /// The same at the beginning of the next epoch.
    pub(super) fn next_epoch(&mut self) {
        self.epoch += 1;
        self.batches = 0;
        self.epoch_losses.fill(0.0);
    }
}

impl FitPoint {
    /// The point within `phase` that the run goes on from, if it does from one.
    pub(super) fn take(run: &mut Run<'_>, phase: Phase) -> Option<Self> {
        run.milestone.fit.take_if(|point| point.phase == phase.name()).map(|point| *point)
    }

    /// The files it needs, as seen from the run folder.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.actor.names().chain(self.validation.names())
    }

    /// Has all go on from here. `actor` is where the training started.
    pub(super) fn restore(
        self,
        run: &Run<'_>,
        actor: Actor,
        weighting: &mut dyn LossWeighting,
        validation: &mut Validation<'_>,
        log: &mut TrainingLog,
    ) -> Result<(Actor, Cursor)> {
        let folder = run.folder.path();
        weighting
            .restore(self.weighting)
            .map_err(|error| Error::file("go on with the run in", folder, error))?;
        validation.restore(self.validation, folder, &actor)?;
        log.restore(self.log);
        Ok((self.actor.read(folder, actor, run.config.ema)?, self.cursor))
    }
}

/// Leaves checkpoints within a training of an actor, where that can be.
pub(super) struct Halts {
    phase: Phase,
    /// Why there are none, until it has been told.
    hindrance: Option<String>,
    is_possible: bool,
}

impl Halts {
    /// Of a training beside these.
    pub(super) fn of(
        run: &Run<'_>,
        phase: Phase,
        critics: &Critics<'_, '_>,
        weighting: &dyn LossWeighting,
    ) -> Self {
        let hindrance = match critics {
            Critics::Learning(_) => Some("the critics that learn beside it have none".to_owned()),
            Critics::None | Critics::Frozen(_)
                if weighting.state().is_none() || weighting.blocks().is_some() =>
            {
                Some(format!("`[weighting.{}]` does not tell its state", run.config.weighting.name()))
            }
            Critics::None | Critics::Frozen(_) => None,
        };
        Self { phase, is_possible: hindrance.is_none(), hindrance }
    }

    /// Leaves one where it is time for it.
    pub(super) fn leave(
        &mut self,
        run: &mut Run<'_>,
        cursor: &Cursor,
        training: (&Actor, &dyn LossWeighting),
        watched: (&Validation<'_>, &TrainingLog),
    ) {
        if run.is_checkpoint_due(cursor.step) {
            self.leave_now(run, cursor, training, watched);
        }
    }

    /// Leaves one, where there is something to go on from: before the first step, and while gradients wait for more batches, which
    /// are in no checkpoint, there is not.
    pub(super) fn leave_now(
        &mut self,
        run: &mut Run<'_>,
        cursor: &Cursor,
        training: (&Actor, &dyn LossWeighting),
        watched: (&Validation<'_>, &TrainingLog),
    ) {
        if cursor.step == 0 || training.0.is_collecting() {
            return;
        }
        if !self.is_possible {
            if let Some(hindrance) = self.hindrance.take() {
                run.observer.warn(&format!(
                    "no checkpoint within `{}`: {hindrance}; a run that is stopped begins this phase again",
                    self.phase
                ));
            }
            return;
        }
        match self.point(run, cursor, training, watched) {
            Ok(point) => {
                run.milestone.fit = Some(Box::new(point));
                run.checkpoint();
                run.milestone.fit = None;
            }
            Err(error) => run.no_checkpoint(&error),
        }
    }

    fn point(
        &self,
        run: &Run<'_>,
        cursor: &Cursor,
        (actor, weighting): (&Actor, &dyn LossWeighting),
        (validation, log): (&Validation<'_>, &TrainingLog),
    ) -> Result<FitPoint> {
        let (folder, place) = (run.folder.path(), place_of(run.n_checkpoints));
        let with_optimizers = self.phase == Phase::Pretrain && run.config.schedule.keeps_optimizers();
        Ok(FitPoint {
            phase: self.phase.name().to_owned(),
            cursor: cursor.clone(),
            weighting: weighting.state().unwrap_or_default(),
            actor: ActorFiles::write(folder, &place, actor)?,
            validation: validation.state(folder, &place, with_optimizers)?,
            log: log.state(),
        })
    }
}
