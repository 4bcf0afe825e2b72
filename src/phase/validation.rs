//! Validations of an actor that is trained: its metrics, its critics, the early stop and the best parameters so far.

use indexmap::IndexMap;
use rmtl_agents::actor::Actor;
use rmtl_agents::critic::Critic;
use rmtl_envs::Split;

use super::critic_health::CriticHealth;
use super::diagnose::{Diagnosis, TaskCriticSummary};
use super::evaluate::{Evaluator, Scores};
use super::segments::WeightsBySegment;
use crate::error::Result;
use crate::folder::Model;
use crate::log::tags::{self, Phase};
use crate::run::Run;

/// What a training gave.
pub struct Fitted {
    /// The parameters that did best on the validation split.
    pub actor: Actor,
    /// The critics at the last validation, task by task.
    pub critics: IndexMap<String, TaskCriticSummary>,
    /// What all validations say of them.
    pub(super) critic_health: CriticHealth,
    /// Mean loss weights by segment of the rows, where there are critics.
    pub weights: Option<WeightsBySegment>,
}

/// The validation split, and what it has said so far.
pub(super) struct Validation<'a> {
    split: Evaluator<'a>,
    diagnosis: Diagnosis<'a>,
    critics: IndexMap<String, TaskCriticSummary>,
    critic_health: CriticHealth,
    best: Option<Actor>,
    auc: Option<f64>,
    /// Evaluations since the best one.
    evaluations_since: u32,
    patience: u32,
}

impl<'a> Validation<'a> {
    pub(super) fn new(run: &Run<'a>, patience: u32) -> Self {
        let split = Evaluator::new(run.reader(Split::Validation), run.schema().parents());
        Self {
            diagnosis: Diagnosis::new(run, &split),
            split,
            critics: IndexMap::new(),
            critic_health: CriticHealth::default(),
            best: None,
            auc: None,
            evaluations_since: 0,
            patience,
        }
    }

    /// Evaluates and logs the actor, and its critics where it has any; keeps it if it is the best so far.
    pub(super) fn hear(
        &mut self,
        run: &mut Run<'_>,
        (phase, step): (Phase, u64),
        actor: &Actor,
        critic: Option<&Critic>,
    ) -> Result<()> {
        let predictions = self.split.predict(actor);
        // Fails where predictions are no numbers: the model has diverged since the last validation.
        let scores =
            self.split.score(&predictions).inspect_err(|_| run.console.warn(&self.keep_best(run)))?;
        log(run, phase, step, &scores);
        if let Some(critic) = critic {
            self.critics = self.diagnosis.measure(run, (phase, step), critic, &self.split, &predictions);
            self.critic_health.update(&self.critics);
        }
        let auc = run.stop_value(&scores);
        if auc.is_none() && self.best.is_none() {
            run.warn(format!(
                "{phase}: a task lacks both labels in the validation split, so there is no AUC to stop by; the first \
                 validated parameters are kept"
            ));
        }
        if self.best.is_none() || auc > self.auc {
            (self.best, self.auc, self.evaluations_since) = (Some(actor.without_target()), auc, 0);
        } else {
            self.evaluations_since += 1;
        }
        Ok(())
    }

    /// Whether patience is at its end.
    pub(super) fn is_over(&self) -> bool {
        self.evaluations_since >= self.patience
    }

    pub(super) fn best_auc(&self) -> Option<f64> {
        self.auc
    }

    /// Saves the best actor of a training that cannot go on; tells where it is.
    pub(super) fn keep_best(&self, run: &Run<'_>) -> String {
        let Some(actor) = &self.best else {
            return match run.folder.has_models() {
                true => "nothing was validated yet, the models of the phases before are in the run folder's model/".into(),
                false => "nothing was validated yet".into(),
            };
        };
        match run.folder.save(Model::LastGood, &actor.weights()) {
            Ok(()) => format!(
                "the best parameters so far are in {}",
                run.folder.model_path(Model::LastGood).display()
            ),
            Err(error) => error.to_string(),
        }
    }

    /// What the training gave; `last` where nothing was validated.
    pub(super) fn into_fitted(self, last: Actor) -> Fitted {
        let Self { best, critics, critic_health, .. } = self;
        Fitted { actor: best.unwrap_or(last), critics, weights: None, critic_health }
    }
}

fn log(run: &mut Run<'_>, phase: Phase, step: u64, scores: &Scores) {
    let logger = &mut run.logger;
    logger.per_task(tags::validation_auc, phase, step, scores.tasks.iter().map(|task| task.auc));
    logger.per_task(tags::validation_logloss, phase, step, scores.tasks.iter().map(|task| task.logloss));
    logger.per_task(tags::validation_s_logloss, phase, step, scores.tasks.iter().map(|task| task.s_logloss));
    if let Some(auc) = scores.mean_auc() {
        logger.scalar(&tags::validation_mean_auc(phase), step, auc);
    }
}
