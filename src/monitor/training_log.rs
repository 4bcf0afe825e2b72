//! What is said of an actor's training while it goes on: its curves, its progress, and at the end what was odd.

use rmtl_agents::actor::{Actor, ActorStep};
use rmtl_agents::parameter::LearningRates;
use rmtl_agents::progress::Annealed;
use rmtl_envs::Row;
use serde::{Deserialize, Serialize};

use super::floor::FloorShares;
use super::negative::NegativeWeights;
use super::segments::{Segments, WeightsBySegment};
use super::weight_summary::WeightTotals;
use crate::log::tags::{self, Part, Phase};
use crate::metric::correlation;
use crate::observer::PhaseObserver;
use crate::run::{PhaseClock, Run};

/// Takes in every step of a phase.
pub(crate) struct TrainingLog {
    phase: Phase,
    tasks: Vec<String>,
    progress: Box<dyn PhaseObserver>,
    clock: PhaseClock,
    negative: NegativeWeights,
    floors: FloorShares,
    weights: WeightTotals,
    /// Where there are critics.
    segments: Option<Segments>,
}

/// What a training has been so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrainingLogState {
    seconds: f64,
    rows: u64,
    negative: NegativeWeights,
    floors: Vec<(String, usize, [f64; 2])>,
    weights: WeightTotals,
    segments: Option<Vec<Vec<(f64, u64)>>>,
}

impl TrainingLog {
    /// Of a phase that will train on so many rows, beside critics or without.
    pub(crate) fn begin(run: &Run<'_>, phase: Phase, total_rows: u64, has_critics: bool) -> Self {
        Self {
            phase,
            tasks: run.schema().tasks.iter().map(|task| task.name.clone()).collect(),
            progress: run.observer.begin(phase.name(), total_rows),
            clock: PhaseClock::start(),
            negative: NegativeWeights::new(run.schema().n_tasks()),
            floors: FloorShares::default(),
            weights: WeightTotals::new(run.schema().n_tasks()),
            segments: has_critics.then(|| Segments::new(&run.dataset.train, run.key_slot())),
        }
    }

    /// Takes in a step on `rows`; logs it where that is this step's turn.
    pub(crate) fn record(
        &mut self,
        run: &mut Run<'_>,
        (step, rates): (u64, LearningRates),
        rows: &[Row],
        done: &ActorStep,
        actor: &Actor,
    ) {
        self.negative.record(&done.weights);
        self.weights.record(&done.weights);
        self.clock.advance(rows.len());
        self.progress.advance(rows.len() as u64);
        if run.is_logged(step) {
            let at = (self.phase, step);
            log_step(run, at, done, rates);
            log_annealed(run, at, &actor.annealed());
            self.floors.log(run, at, &done.at_floor);
            if let Some(segments) = &mut self.segments {
                segments.log(run, at, rows, &done.weights);
            }
            run.logger.scalar(&tags::rows_per_second(self.phase), step, self.clock.speed());
        }
    }

    /// All that it has taken in.
    pub(crate) fn state(&self) -> TrainingLogState {
        let (seconds, rows) = self.clock.so_far();
        TrainingLogState {
            seconds,
            rows,
            negative: self.negative.clone(),
            floors: self.floors.state(),
            weights: self.weights.clone(),
            segments: self.segments.as_ref().map(|segments| segments.totals().to_vec()),
        }
    }

    /// Goes on from what another one has taken in of the same training.
    pub(crate) fn restore(&mut self, state: TrainingLogState) {
        let TrainingLogState { seconds, rows, negative, floors, weights, segments } = state;
        self.clock = PhaseClock::resumed(seconds, rows);
        self.progress.advance(rows);
        (self.negative, self.weights) = (negative, weights);
        self.floors = FloorShares::of(floors);
        if let (Some(mine), Some(totals)) = (self.segments.take(), segments) {
            self.segments = Some(mine.with_totals(totals));
        }
    }

    /// How it stands, beside the progress.
    pub(crate) fn message(&mut self, (epoch, max_epochs): (u32, u32), losses: &[f64], best: Option<String>) {
        let named = self.tasks.iter().zip(losses);
        let losses: Vec<String> = named.map(|(task, loss)| format!("{task} {loss:.4}")).collect();
        let best = best.map(|best| format!("  {best}")).unwrap_or_default();
        self.progress.message(format!("epoch {epoch}/{max_epochs}  loss {}{best}", losses.join(" ")));
    }

    /// The end, after so many steps. Gives the mean loss weights by segment, where there are critics.
    pub(crate) fn finish(self, run: &mut Run<'_>, steps: u64) -> Option<WeightsBySegment> {
        self.progress.finish();
        self.negative.report(run, self.phase);
        self.floors.report(run, self.phase);
        run.finish_phase(self.phase, self.clock, steps);
        let tasks = || self.tasks.iter().cloned();
        run.weights.insert(self.phase.name().into(), self.weights.by_task(tasks()));
        self.segments.map(|segments| segments.means(tasks()))
    }
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
