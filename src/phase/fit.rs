//! Training of an actor, beside critics or without: epochs over the training rows with an early stop.

use burn::tensor::Tensor;
use rand::seq::SliceRandom;
use rmtl_agents::actor::{Actor, ActorBatch, ActorStep};
use rmtl_agents::critic::{Critic, Values};
use rmtl_agents::input::StateBatch;
use rmtl_agents::loss::{Losses, TaskFacts};
use rmtl_agents::parameter::LearningRates;
use rmtl_agents::pass::Pass;
use rmtl_agents::policy::FrozenPolicy;
use rmtl_agents::progress::Annealed;
use rmtl_agents::weighting::{LossWeighting, Signal};
use rmtl_envs::{Row, Split, Task};

use super::joint::OnlineCritics;
use super::row_counts::RowCounts;
use crate::config::FitConfig;
use crate::error::{Diverged, Learner, Result};
use crate::log::tags::{self, Part, Phase};
use crate::metric::correlation;
use crate::monitor::floor::FloorShares;
use crate::monitor::negative::NegativeWeights;
use crate::monitor::segments::{Segments, WeightsBySegment};
use crate::monitor::validation::{Fitted, Kept, Validation};
use crate::run::{PhaseClock, Run};

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

/// A batch, read from the log.
struct Assembled {
    states: StateBatch,
    labels: Tensor<2>,
    counts: Option<Tensor<2>>,
    pretrained: Option<Tensor<2>>,
}

impl Assembled {
    fn for_actor<'a>(&'a self, critic: Option<Values<'a>>) -> ActorBatch<'a> {
        let Self { states, labels, counts, pretrained } = self;
        ActorBatch {
            states,
            labels: labels.clone(),
            counts: counts.clone(),
            critic,
            pretrained: pretrained.clone(),
        }
    }
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
    let phase = fit.phase;
    let schema = run.schema();
    let train = run.reader(Split::Train);
    let losses = bind_losses(run, &fit.critics);
    let mut segments = fit.critics.get().map(|_| Segments::new(train.table, run.key_slot()));
    let mut shuffle = run.streams.named(&format!("{}/shuffle", fit.streams));
    let mut masks = run.streams.named(&format!("{}/dropout", fit.streams));
    let (row_counts, mut order) = RowCounts::of(run)?;
    let batch_size = run.config.batch_size;
    let n_batches = order.len().div_ceil(batch_size) as u64;
    let max_epochs = fit.config.max_epochs;
    let mut progress = run.observer.begin(phase.name(), u64::from(max_epochs) * order.len() as u64);
    let mut clock = PhaseClock::start();
    let planned_steps = u64::from(max_epochs) * n_batches;
    let mut negative = NegativeWeights::new(schema.n_tasks());
    let mut floors = FloorShares::default();
    let mut step = 0;
    actor.plan(planned_steps);
    if let Some(decay) = run.config.ema {
        actor = actor.with_average(decay);
    }
    if fit.start_counts {
        validation.record(run, (phase, step), &actor, fit.critics.get())?;
    }
    let pretrained = fit.pretrained.filter(|_| losses.need_agent());
    let read = |rows: &[Row]| Assembled {
        states: train.states(rows),
        labels: train.labels(rows),
        counts: row_counts.read(&train, rows),
        pretrained: pretrained.map(|policy| policy.tensor(&train, rows)),
    };
    let asks_critics = losses.need_agent() || fit.weighting.signal() == Signal::QValues;
    'epochs: for epoch in 1..=max_epochs {
        order.shuffle(&mut shuffle);
        let mut epoch_losses = vec![0.0; schema.n_tasks()];
        let batches: Vec<&[Row]> = order.chunks(batch_size).collect();
        let mut assembled = batches.first().map(|rows| read(rows));
        for (index, &rows) in batches.iter().enumerate() {
            let Some(current) = assembled.take() else { break };
            run.interrupt.check(phase, step)?;
            step += 1;
            let is_logged = run.is_logged(step);
            if let Critics::Learning(online) = &mut fit.critics {
                online.before_actor(run, &mut actor, (phase, step, planned_steps))?;
            }
            let batch = current.for_actor(fit.critics.get().filter(|_| asks_critics).map(Critic::values));
            let rates = fit.config.learning_rates(&run.config.optimizer, step, planned_steps);
            actor.set_learning_rates(rates);
            let weighting = fit.weighting.as_mut();
            let mut pass = Pass::training(&mut masks);
            // The next batch is read while this one trains; nothing in it may belong to a graph, which a backward pass may be in.
            let (done, next) = rayon::join(
                || actor.step(batch, weighting, &losses, &mut pass, is_logged),
                || batches.get(index + 1).map(|rows| read(rows)),
            );
            assembled = next;
            if let Critics::Learning(online) = &mut fit.critics {
                online.after_actor(&mut actor);
            }
            for (sum, loss) in epoch_losses.iter_mut().zip(&done.task_losses) {
                *sum += loss * rows.len() as f64 / order.len() as f64;
            }
            negative.record(&done.weights);
            clock.advance(rows.len());
            progress.advance(rows.len() as u64);
            if is_logged {
                log_step(run, (phase, step), &done, rates);
                log_annealed(run, (phase, step), &actor.annealed());
                floors.log(run, (phase, step), &done.at_floor);
                if let Some(segments) = &mut segments {
                    segments.log(run, (phase, step), rows, &done.weights);
                }
                run.logger.scalar(&tags::rows_per_second(phase), step, clock.speed());
            }
            // Weights are no numbers where the critics' values are none.
            let part =
                if done.weights.iter().all(|w| w.is_finite()) { Learner::Actor } else { Learner::Critics };
            Diverged::check(part, (phase, step), done.loss)?;
            let is_validated = is_validated(index as u64 + 1, n_batches, fit.config.evaluations_per_epoch);
            if is_validated {
                validation.record(run, (phase, step), &actor, fit.critics.get())?;
            }
            if is_logged || is_validated {
                progress.message(message(epoch, max_epochs, &done.task_losses, validation.best_so_far()));
            }
            if validation.is_over() {
                break 'epochs;
            }
        }
        fit.weighting.end_epoch(&epoch_losses);
    }
    progress.finish();
    negative.report(run, phase);
    floors.report(run, phase);
    run.finish_phase(phase, clock, step);
    let tasks = run.schema().tasks.iter().map(|task| task.name.clone());
    Ok(segments.map(|segments| segments.means(tasks)))
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

impl Critics<'_, '_> {
    /// The critics as they are.
    pub fn get(&self) -> Option<&Critic> {
        match self {
            Self::None => None,
            Self::Frozen(critic) => Some(critic),
            Self::Learning(online) => Some(online.critic()),
        }
    }
}

/// The extra loss terms, bound to the training rows; those of the agent only beside critics.
fn bind_losses(run: &Run<'_>, critics: &Critics<'_, '_>) -> Losses {
    let train = run.dataset.manifest.summary(Split::Train);
    let schema = run.schema();
    let rate = |(task, &positives): (&Task, &u64)| match task.number {
        None => positives as f64 / train.rows.max(1) as f64,
        Some(_) => 0.0,
    };
    let positive_rates = schema.tasks.iter().zip(&train.positives).map(rate).collect();
    let losses = run.config.task_losses(schema);
    let losses = run.config.losses.bind(TaskFacts { losses, parents: schema.parents(), positive_rates });
    if matches!(critics, Critics::None) { losses.without_agent() } else { losses }
}

/// Whether batch `batch` (from 1) of `n_batches` ends one of `parts` equal parts of the epoch.
fn is_validated(batch: u64, n_batches: u64, parts: u32) -> bool {
    let part = |batch: u64| batch * u64::from(parts) / n_batches;
    part(batch) > part(batch - 1)
}

fn message(epoch: u32, max_epochs: u32, losses: &[f64], best: Option<String>) -> String {
    let losses: Vec<String> = losses.iter().map(|loss| format!("{loss:.4}")).collect();
    let best = best.map(|best| format!("  {best}")).unwrap_or_default();
    format!("epoch {epoch}/{max_epochs}  loss {}{best}", losses.join(" "))
}

fn log_step(run: &mut Run<'_>, (phase, step): (Phase, u64), done: &ActorStep, rates: LearningRates) {
    let logger = &mut run.logger;
    logger.per_task(tags::task_loss, phase, step, done.task_losses.iter().copied());
    logger.per_task(tags::weighted_loss, phase, step, done.weighted_losses.iter().copied());
    for (name, value) in &done.terms {
        logger.scalar(&tags::loss_term(phase, name), step, *value);
    }
    logger.scalar(&tags::total_loss(phase), step, done.loss);
    logger.weights(phase, step, &done.weights);
    let n_tasks = done.task_losses.len();
    let of_task = |values: &[f32], task: usize| -> Vec<f64> {
        values.iter().skip(task).step_by(n_tasks).map(|&value| f64::from(value)).collect()
    };
    let correlations =
        (0..n_tasks).map(|task| correlation(&of_task(&done.weights, task), &of_task(&done.losses, task)));
    logger.per_task(tags::weight_loss_correlation, phase, step, correlations);
    for (name, values) in &done.diagnostics {
        logger.histogram(&tags::backbone_diagnostic(phase, name), step, values);
    }
    logger.scalar(&tags::learning_rate(phase, Part::ActorDense), step, rates.dense);
    logger.scalar(&tags::learning_rate(phase, Part::ActorEmbedding), step, rates.embedding);
    if let Some(norm) = done.dense_gradient_norm {
        logger.scalar(&tags::gradient_norm(phase, Part::ActorDense), step, norm);
    }
    logger.scalar(&tags::gradient_norm(phase, Part::ActorEmbedding), step, done.embedding_gradient_norm);
    if let Some(factor) = done.clip_factor {
        logger.scalar(&tags::clip_factor(phase), step, factor);
    }
}

fn log_annealed(run: &mut Run<'_>, (phase, step): (Phase, u64), annealed: &[Annealed]) {
    for Annealed { name, value, .. } in annealed {
        run.logger.scalar(&tags::annealed(phase, name), step, f64::from(*value));
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
