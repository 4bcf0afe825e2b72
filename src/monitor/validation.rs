//! Validations of an actor that is trained: its metrics, its critics, the early stop and the best parameters so far.

use std::path::Path;

use indexmap::IndexMap;
use rmtl_agents::actor::Actor;
use rmtl_agents::critic::Critic;
use rmtl_agents::parameter::NamedTensors;
use rmtl_envs::Split;
use serde::{Deserialize, Serialize};

use super::critic_health::SessionHealth;
use super::diagnosis::{Diagnosis, TaskCriticSummary};
use super::segments::WeightsBySegment;
use crate::config::Criterion;
use crate::error::Result;
use crate::log::tags::{self, Phase};
use crate::metric::NumberMetrics;
use crate::output::milestone::BestActor;
use crate::phase::evaluate::{Evaluator, Scores};
use crate::run::Run;

/// What a training gave.
pub struct Fitted {
    /// The parameters that did best on the validation split.
    pub best: Kept,
    /// The critics at the last validation, task by task.
    pub critics: IndexMap<String, TaskCriticSummary>,
    /// What all validations say of them.
    pub(crate) session_health: SessionHealth,
    /// Mean loss weights by segment of the rows, where there are critics.
    pub weights: Option<WeightsBySegment>,
}

/// The parameters that did best on the validation split.
#[derive(Clone)]
pub struct Kept {
    /// The actor, optimisers included.
    pub actor: Actor,
    /// The phase that trained it.
    pub phase: Phase,
    /// The step after which it was validated; 0 is the start of a further training.
    pub step: u64,
    /// The early stop's value there.
    pub value: Option<f64>,
    /// Its metrics on the validation split.
    pub scores: Scores,
    /// What its backbone anneals, and means over the validation split of what it shows of itself, by name.
    pub diagnostics: IndexMap<String, f32>,
}

impl Kept {
    /// Whether what its backbone anneals is final.
    pub fn is_final(&self) -> bool {
        self.actor.is_annealed()
    }
}

/// The validation split, and what it has said so far.
pub(crate) struct Validation<'a> {
    split: Evaluator<'a>,
    diagnosis: Diagnosis<'a>,
    criterion: Criterion,
    critics: IndexMap<String, TaskCriticSummary>,
    session_health: SessionHealth,
    best: Option<Kept>,
    /// Evaluations since the best one.
    evaluations_since: u32,
    patience: u32,
}

/// What validations have said so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValidationState {
    best: Option<BestActor>,
    evaluations_since: u32,
    critics: IndexMap<String, TaskCriticSummary>,
    session_health: SessionHealth,
}

impl ValidationState {
    /// The files it needs, as seen from the run folder.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.best.iter().flat_map(BestActor::names)
    }
}

impl<'a> Validation<'a> {
    pub(crate) fn new(run: &mut Run<'a>, patience: u32) -> Self {
        let split = Evaluator::new(run.reader(Split::Validation), run.schema());
        let criterion = run.criterion();
        if let Some(task) = &criterion.instead_of_auc_of {
            run.warn_once(format!(
                "task `{task}` lacks one of its labels in the validation split (or has one number in all its rows), so it has no AUC; the \
                 early stop looks at the logloss instead"
            ));
        }
        Self {
            diagnosis: Diagnosis::new(run, &split),
            split,
            criterion,
            critics: IndexMap::new(),
            session_health: SessionHealth::default(),
            best: None,
            evaluations_since: 0,
            patience,
        }
    }

    /// Evaluates and logs the actor, and its critics where it has any; keeps it if it is the best so far. While what its backbone
    /// anneals is not final it takes the place of the one before: there is always one to keep, and no patience is lost.
    pub(crate) fn record(
        &mut self,
        run: &mut Run<'_>,
        (phase, step): (Phase, u64),
        actor: &Actor,
        critic: Option<&Critic>,
    ) -> Result<()> {
        // With an average, it is what counts, in every phase alike.
        let averaged = actor.has_average().then(|| actor.averaged());
        if averaged.is_some() {
            let raw = self.split.evaluate(actor)?;
            run.logger.per_task(tags::raw_validation_auc, phase, step, raw.tasks.iter().map(|task| task.auc));
            run.logger.per_task(
                tags::raw_validation_logloss,
                phase,
                step,
                raw.tasks.iter().map(|task| task.logloss),
            );
        }
        let predictions = self.split.predict(averaged.as_ref().unwrap_or(actor));
        // Fails where predictions are no numbers: the model has diverged since the last validation.
        let scores = self.split.score(&predictions)?;
        log(run, phase, step, &scores);
        if let Some(critic) = critic {
            self.critics = self.diagnosis.measure(run, (phase, step), critic, &self.split, &predictions);
            self.session_health.update(&self.critics);
        }
        let value = self.criterion.value(&scores.tasks);
        let none_is_final = !self.best.as_ref().is_some_and(Kept::is_final);
        if none_is_final || self.criterion.improves(value, self.best_value()) {
            let actor = averaged.unwrap_or_else(|| actor.without_followers());
            self.best = Some(Kept { actor, phase, step, value, scores, diagnostics: IndexMap::new() });
            self.evaluations_since = 0;
        } else {
            self.evaluations_since += 1;
        }
        Ok(())
    }

    /// Whether patience is at its end.
    pub(crate) fn is_over(&self) -> bool {
        self.evaluations_since >= self.patience
    }

    fn best_value(&self) -> Option<f64> {
        self.best.as_ref().and_then(|best| best.value)
    }

    /// The best value so far, for people.
    pub(crate) fn best_so_far(&self) -> Option<String> {
        self.best_value().map(|value| format!("best {} {value:.4}", self.criterion.name()))
    }

    /// The best parameters so far.
    pub(crate) fn best_weights(&self) -> Option<NamedTensors> {
        self.best.as_ref().map(|best| best.actor.weights())
    }

    /// What it has said so far, the best actor in `place` of the run folder; with its optimisers where a further training may
    /// want them.
    ///
    /// # Errors
    /// The actor cannot be written.
    pub(crate) fn state(&self, folder: &Path, place: &str, with_optimizers: bool) -> Result<ValidationState> {
        let write = |best| BestActor::write(best, folder, place, with_optimizers);
        Ok(ValidationState {
            best: self.best.as_ref().map(write).transpose()?,
            evaluations_since: self.evaluations_since,
            critics: self.critics.clone(),
            session_health: self.session_health.clone(),
        })
    }

    /// Goes on from what another one has said of the same training, whose start is `start`.
    ///
    /// # Errors
    /// A file is not there, damaged, or of another actor.
    pub(crate) fn restore(&mut self, state: ValidationState, folder: &Path, start: &Actor) -> Result<()> {
        let read = |best: BestActor| best.read(folder, start.clone());
        self.best = state.best.map(read).transpose()?;
        self.evaluations_since = state.evaluations_since;
        (self.critics, self.session_health) = (state.critics, state.session_health);
        Ok(())
    }

    /// What the training gave.
    ///
    /// # Panics
    /// If nothing was validated: every epoch ends with a validation.
    pub(crate) fn into_fitted(self) -> Fitted {
        let Self { split, best, critics, session_health, .. } = self;
        let mut best = best.expect("every epoch ends with a validation");
        let annealed = best.actor.annealed().into_iter().map(|annealed| (annealed.name, annealed.value));
        let shown = split.diagnostics(&best.actor);
        best.diagnostics = annealed.chain(shown).map(|(name, value)| (name.to_owned(), value)).collect();
        Fitted { best, critics, session_health, weights: None }
    }
}

fn log(run: &mut Run<'_>, phase: Phase, step: u64, scores: &Scores) {
    let logger = &mut run.logger;
    logger.per_task(tags::validation_auc, phase, step, scores.tasks.iter().map(|task| task.auc));
    logger.per_task(tags::validation_logloss, phase, step, scores.tasks.iter().map(|task| task.logloss));
    logger.per_task(tags::validation_s_logloss, phase, step, scores.tasks.iter().map(|task| task.s_logloss));
    let of_numbers = |of: fn(&NumberMetrics) -> Option<f64>| {
        scores.tasks.iter().map(move |task| task.number.as_ref().and_then(of)).collect::<Vec<_>>()
    };
    logger.per_task(tags::validation_xauc, phase, step, of_numbers(|of| of.xauc));
    logger.per_task(tags::validation_rmse, phase, step, of_numbers(|of| of.rmse));
    logger.per_task(tags::validation_mae, phase, step, of_numbers(|of| of.mae));
    if let Some(auc) = scores.mean_auc() {
        logger.scalar(&tags::validation_mean_auc(phase), step, auc);
    }
}
