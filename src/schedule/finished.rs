//! What phases give is kept, and found again where a run goes on: nothing that ended is trained twice.

use rmtl_agents::actor::Actor;
use rmtl_agents::critic::Critic;

use super::untrained;
use crate::error::{Error, Result};
use crate::monitor::Kept;
use crate::output::folder::Model;
use crate::output::milestone::{KeptActor, OPTIMIZERS};
use crate::run::Run;

/// The actor that `train` gives, or that it gave before this run was stopped. Its parameters are saved, and the run can go on from
/// here.
pub(super) fn once<'a>(
    run: &mut Run<'a>,
    model: Model,
    train: impl FnOnce(&mut Run<'a>) -> Result<Kept>,
) -> Result<Kept> {
    if let Some(kept) = actor(run, model)? {
        return Ok(kept);
    }
    let kept = train(run)?;
    run.folder.save(model, &kept.actor.weights())?;
    checkpoint(run, model, &kept);
    Ok(kept)
}

/// Leaves a checkpoint after the training of `kept`, which is saved as `model`.
pub(super) fn checkpoint(run: &mut Run<'_>, model: Model, kept: &Kept) {
    let place = (model == Model::Baseline && run.config.schedule.keeps_optimizers()).then_some(OPTIMIZERS);
    match KeptActor::of(kept, run.folder.path(), place) {
        Ok(of) => {
            run.milestone.actors.insert(model.name().to_owned(), of);
            run.checkpoint();
        }
        Err(error) => run.no_checkpoint(&error),
    }
}

/// The actor that was saved as `model` before this run was stopped, if it was.
pub(super) fn actor(run: &Run<'_>, model: Model) -> Result<Option<Kept>> {
    let of = run.milestone.actors.get(model.name());
    of.map(|of| of.read(run.folder.path(), &run.folder.model_path(model), untrained(run))).transpose()
}

/// The critics that were saved before this run was stopped; they are frozen, so that nothing else of them is needed.
pub(super) fn critic(run: &Run<'_>, actor: &Actor) -> Result<Critic> {
    // Where they start is overwritten.
    let mean_returns = vec![0.0; run.schema().n_tasks()];
    let critic = Critic::new(
        &run.config.critic,
        run.schema(),
        actor.encoder(),
        &mean_returns,
        &run.streams,
        &run.device,
    );
    let saved = run.folder.load(Model::Critic)?;
    let path = run.folder.model_path(Model::Critic);
    critic.load(&saved.tensors).map_err(|source| Error::Model { path, source })
}
