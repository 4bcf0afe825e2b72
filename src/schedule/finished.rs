//! What phases give is kept, and found again where a run goes on: nothing that ended is trained twice.

use rmtl_agents::actor::{Actor, Course};
use rmtl_agents::critic::Critic;

use super::untrained;
use crate::config::StartFrom;
use crate::error::{Error, Result};
use crate::log::tags::Phase;
use crate::monitor::Kept;
use crate::output::folder::Model;
use crate::output::milestone::{KeptActor, OptimizerFiles};
use crate::phase::Scores;
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
    let optimizers =
        if goes_on_with_optimizers(run, model) { optimizers(run, &kept.actor) } else { Ok(None) };
    let optimizers = match optimizers {
        Ok(optimizers) => optimizers,
        Err(error) => {
            run.observer.warn(&format!("no checkpoint can be left here: {error}"));
            return;
        }
    };
    let Course { n_steps, planned_steps } = kept.actor.course();
    let of = KeptActor {
        phase: kept.phase.name().to_owned(),
        step: kept.step,
        value: kept.value,
        scores: kept.scores.tasks.clone(),
        diagnostics: kept.diagnostics.clone(),
        n_steps,
        planned_steps,
        optimizers,
    };
    run.milestone.actors.insert(model.name().to_owned(), of);
    run.checkpoint();
}

/// Whether a further training takes over the optimisers of `model`.
fn goes_on_with_optimizers(run: &Run<'_>, model: Model) -> bool {
    let further = run.config.schedule.further();
    model == Model::Baseline && further.keep_optimizer && further.start_from == StartFrom::Pretrained
}

fn optimizers(run: &Run<'_>, actor: &Actor) -> Result<Option<OptimizerFiles>> {
    let path = run.folder.path();
    let state = actor.optimizer_state().map_err(|error| Error::file("write a checkpoint to", path, error))?;
    Ok(Some(OptimizerFiles::write(path, &state)?))
}

/// The actor that was saved as `model` before this run was stopped, if it was.
pub(super) fn actor(run: &Run<'_>, model: Model) -> Result<Option<Kept>> {
    let Some(of) = run.milestone.actors.get(model.name()) else { return Ok(None) };
    let path = run.folder.model_path(model);
    let saved = run.folder.load(model)?;
    let actor = untrained(run).load(&saved.tensors);
    let actor = actor.map_err(|source| Error::Model { path: path.clone(), source })?;
    let actor = actor.at(Course { n_steps: of.n_steps, planned_steps: of.planned_steps });
    let misfit = |reason: String| Error::file("go on with", &path, reason);
    let actor = match &of.optimizers {
        Some(files) => actor
            .with_optimizer_state(files.read(run.folder.path())?)
            .map_err(|error| misfit(error.to_string()))?,
        None => actor,
    };
    let phase = Phase::ALL.into_iter().find(|phase| phase.name() == of.phase);
    Ok(Some(Kept {
        actor,
        phase: phase.ok_or_else(|| misfit(format!("there is no phase `{}`", of.phase)))?,
        step: of.step,
        value: of.value,
        scores: Scores { tasks: of.scores.clone() },
        diagnostics: of.diagnostics.clone(),
    }))
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
