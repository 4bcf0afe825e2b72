//! Training of an actor, beside critics or without: epochs over the training rows with an early stop.

use rand::seq::SliceRandom;
use rmtl_agents::actor::{Actor, ActorStep};
use rmtl_agents::critic::Critic;
use rmtl_agents::loss::{Losses, TaskFacts};
use rmtl_agents::pass::Pass;
use rmtl_agents::policy::FrozenPolicy;
use rmtl_agents::progress::{Annealed, Progress};
use rmtl_agents::weighting::LossWeighting;
use rmtl_envs::Row;

use super::batches::Batches;
use super::control::Control;
use super::fit_point::{Cursor, FitPoint, Halts};
use super::online_critics::OnlineCritics;
use super::row_counts::RowCounts;
use super::row_marks::TrainingMarks;
use crate::config::FitConfig;
use crate::error::{Diverged, Learner, Result};
use crate::log::tags::Phase;
use crate::monitor::segments::WeightsBySegment;
use crate::monitor::training_log::TrainingLog;
use crate::monitor::validation::{Fitted, Kept, Validation};
use crate::run::Run;

/// One training of an actor.
pub struct Fit<'a, 'b> {
    /// The phase it is logged as.
    pub phase: Phase,
    /// Prefix of its random [`streams`](crate::streams).
    pub streams: &'static str,
    /// Epochs, early stop and learning rates.
    pub config: FitConfig,
    /// Whether the actor as it is, before the first step, may be the best.
    pub start_counts: bool,
    /// The loss weights.
    pub weighting: Box<dyn LossWeighting>,
    /// What the weighting and the agent's loss terms ask.
    pub critics: Critics<'a, 'b>,
    /// The pretrained actor's actions, where a loss term may ask for them.
    pub pretrained: Option<&'a FrozenPolicy>,
}

/// The critics beside an actor.
pub enum Critics<'a, 'b> {
    /// There are none, and the agent's loss terms are left out.
    None,
    /// They stay as they are.
    Frozen(&'a Critic),
    /// They learn with the actor.
    Learning(&'a mut OnlineCritics<'b>),
}

/// Trains `actor` and gives the parameters that did best on the validation split.
///
/// # Errors
/// The training cannot go on; `run` has the parameters that did best so far.
pub fn fit(run: &mut Run<'_>, actor: Actor, fit: Fit<'_, '_>) -> Result<Fitted> {
    let mut validation = Validation::new(run, fit.config.patience);
    match train(run, actor, fit, &mut validation) {
        Ok(weights) => {
            let fitted = Fitted { weights, ..validation.into_fitted() };
            warn_of_unfinished_annealing(run, &fitted.best);
            Ok(fitted)
        }
        Err(error) => {
            run.last_good = validation.best_weights();
            Err(error)
        }
    }
}

/// Gives the mean loss weights by segment, where there are critics.
fn train(
    run: &mut Run<'_>,
    mut actor: Actor,
    mut fit: Fit<'_, '_>,
    validation: &mut Validation<'_>,
) -> Result<Option<WeightsBySegment>> {
    let Fit { phase, config, .. } = fit;
    let (row_counts, mut order) = RowCounts::of(run)?;
    let losses = bind_losses(run, &fit.critics, &row_counts);
    let needs_critics = losses.need_agent() || fit.weighting.asks_critics();
    let marks = needs_critics.then(|| TrainingMarks::of(run));
    let batches = Batches::new(run, row_counts, marks, fit.pretrained.filter(|_| losses.need_agent()));
    let mut control = Control::of(run, phase, fit.weighting.as_ref(), &mut order)?;
    let n_batches = order.len().div_ceil(run.config.batch_size) as u64;
    let planned_steps = u64::from(config.max_epochs) * n_batches;
    let [mut shuffle, masks] =
        ["shuffle", "dropout"].map(|name| run.streams.named(&format!("{}/{name}", fit.streams)));
    let total_rows = u64::from(config.max_epochs) * order.len() as u64;
    let mut log = TrainingLog::begin(run, phase, total_rows, fit.critics.get().is_some());
    let mut cursor = Cursor::new(masks, run.schema().n_tasks());
    actor.plan(planned_steps);
    match FitPoint::take(run, phase) {
        Some(point) => {
            let weighting = fit.weighting.as_mut();
            (actor, cursor) = point.restore(run, actor, weighting, validation, &mut log)?;
        }
        None => {
            if let Some(decay) = run.config.ema {
                actor = actor.with_average(decay);
            }
            if fit.start_counts {
                validation.record(run, (phase, 0), &actor, fit.critics.get())?;
            }
            control.begin(run, phase, &mut actor, &losses, fit.weighting.as_mut())?;
        }
    }
    let mut halts = Halts::of(run, phase, &fit.critics, fit.weighting.as_ref());
    'epochs: for epoch in 1..=config.max_epochs {
        order.shuffle(&mut shuffle);
        if epoch < cursor.epoch {
            continue;
        }
        let rows_of: Vec<&[Row]> = order.chunks(run.config.batch_size).collect();
        let mut following = rows_of.get(cursor.batches).map(|rows| batches.read(rows));
        for (index, &rows) in rows_of.iter().enumerate().skip(cursor.batches) {
            let Some(current) = following.take() else { break };
            if let Err(asked) = run.interrupt.check(phase, cursor.step) {
                halts.leave_now(run, &cursor, (&actor, fit.weighting.as_ref()), (validation, &log));
                return Err(asked);
            }
            cursor.step += 1;
            cursor.batches += 1;
            let step = cursor.step;
            let is_logged = run.is_logged(step);
            fit.critics.before_actor(run, &mut actor, (phase, step, planned_steps))?;
            let rates = config.learning_rates(&run.config.optimizer, step, planned_steps);
            actor.set_learning_rates(rates);
            let batch = current.for_actor(fit.critics.get().filter(|_| needs_critics).map(Critic::values));
            fit.weighting.begin_step(Progress { step, planned_steps });
            let (weighting, mut pass) = (fit.weighting.as_mut(), Pass::training(&mut cursor.masks));
            // The next batch is read while this one trains.
            let (done, next) = rayon::join(
                || actor.step(batch, weighting, &losses, &mut pass, is_logged),
                || rows_of.get(index + 1).map(|rows| batches.read(rows)),
            );
            following = next;
            fit.critics.after_actor(&mut actor);
            add_batch(&mut cursor.epoch_losses, &done.task_losses, rows.len(), order.len());
            log.record(run, (step, rates), rows, &done, &actor);
            Diverged::check(learner(&done), (phase, step), done.loss)?;
            let (at, weighting) = ((phase, step, planned_steps), fit.weighting.as_mut());
            control.after_step(run, at, (&mut actor, &losses), (&done, rows.len()), weighting)?;
            let is_validated = is_validated(index as u64 + 1, n_batches, config.evaluations_per_epoch);
            if is_validated {
                validation.record(run, (phase, step), &actor, fit.critics.get())?;
            }
            if is_logged || is_validated {
                log.message((epoch, config.max_epochs), &done.task_losses, validation.best_so_far());
            }
            if validation.is_over() {
                break 'epochs;
            }
            halts.leave(run, &cursor, (&actor, fit.weighting.as_ref()), (validation, &log));
        }
        fit.weighting.end_epoch(&cursor.epoch_losses);
        cursor.next_epoch();
    }
    Ok(log.finish(run, cursor.step))
}

impl Critics<'_, '_> {
    /// The critics as they are.
    pub fn get(&self) -> Option<&Critic> {
        match self {
            Self::None => None,
            Self::Frozen(critic) => Some(critic),
            Self::Learning(online) => Some(online.critic()),
        }
    }

    /// Those that learn, before update `step` (from 1) of `planned` in all.
    fn before_actor(&mut self, run: &mut Run<'_>, actor: &mut Actor, at: (Phase, u64, u64)) -> Result<()> {
        match self {
            Self::Learning(online) => online.before_actor(run, actor, at),
            Self::None | Self::Frozen(_) => Ok(()),
        }
    }

    /// Those that learn, once the actor has moved.
    fn after_actor(&mut self, actor: &mut Actor) {
        if let Self::Learning(online) = self {
            online.after_actor(actor);
        }
    }
}

/// The extra loss terms, bound to the rows trained on; those of the agent only beside critics.
pub(crate) fn bind_losses(run: &Run<'_>, critics: &Critics<'_, '_>, row_counts: &RowCounts) -> Losses {
    let schema = run.schema();
    let positive_rates = row_counts.positive_rates(&run.dataset.train, schema);
    let losses = run.config.task_losses(schema);
    let losses = run.config.losses.bind(TaskFacts { losses, parents: schema.parents(), positive_rates });
    if matches!(critics, Critics::None) { losses.without_agent() } else { losses }
}

/// Whether batch `batch` (from 1) of `n_batches` ends one of `parts` equal parts of the epoch.
fn is_validated(batch: u64, n_batches: u64, parts: u32) -> bool {
    let part = |batch: u64| batch * u64::from(parts) / n_batches;
    part(batch) > part(batch - 1)
}

/// Adds a batch of `n` rows to the mean losses over the `total` of an epoch.
fn add_batch(epoch: &mut [f64], batch: &[f64], n: usize, total: usize) {
    epoch.iter_mut().zip(batch).for_each(|(sum, loss)| *sum += loss * n as f64 / total as f64);
}

/// Who has made a loss what it is: weights are no numbers where the critics' values are none.
fn learner(done: &ActorStep) -> Learner {
    if done.weights.iter().all(|weight| weight.is_finite()) { Learner::Actor } else { Learner::Critics }
}

/// Where parameters could not be chosen, for lack of final ones.
fn warn_of_unfinished_annealing(run: &mut Run<'_>, best: &Kept) {
    for Annealed { name, value, is_final } in best.actor.annealed() {
        if !is_final {
            run.warn(format!(
                "`{name}` of `{}` was still annealed when {} ended and is {value} in what was kept: the parameters of the last \
                 validation, not of the best one; anneal it in fewer steps, or train longer",
                run.config.backbone.name(),
                best.phase
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_validated;

    #[test]
    fn an_epoch_is_validated_as_often_as_asked_and_always_at_its_end() {
        for (n_batches, parts) in [(67, 4), (5, 5), (10, 1), (7, 2)] {
            let at: Vec<u64> =
                (1..=n_batches).filter(|&batch| is_validated(batch, n_batches, parts)).collect();
            assert_eq!(at.len() as u64, u64::from(parts), "{n_batches} batches, {parts} parts: {at:?}");
            assert_eq!(at.last(), Some(&n_batches));
        }
        // More validations than batches: one after every batch.
        assert_eq!((1..=3).filter(|&batch| is_validated(batch, 3, 8)).count(), 3);
    }
}
