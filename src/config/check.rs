//! What cannot work in a run file, by itself or with its data.

use rmtl_agents::backbone::ViewRole;
use rmtl_agents::loss::Setting;
use rmtl_agents::parameter::Moments;
use rmtl_agents::replay::CutRows;
use rmtl_envs::{Manifest, Schema, Split};

use super::{ConfigError, RunFile, StartFrom, tasks};

impl RunFile {
    /// Refuses values that cannot work with this data.
    pub fn check(&self, schema: &Schema) -> Result<(), ConfigError> {
        let actor = self.actor();
        let input = actor.input(schema);
        self.check_values()?;
        self.encoder.check(schema).map_err(section("encoder"))?;
        let categorical = self.encoder.numeric.schema(schema).categorical;
        let n_ids: u64 = categorical.iter().map(|field| u64::from(field.vocabulary_size)).sum();
        if n_ids >= u64::from(u32::MAX) {
            return Err(section("encoder")(format!(
                "the fields of this dataset have {n_ids} ids together, and a table has at most {}; lower \
                 `hash_buckets` or `max_size` in the dataset file",
                u32::MAX - 1
            )));
        }
        self.interaction.check(actor.fields(schema).width()).map_err(section("interaction"))?;
        self.backbone.check(&input).map_err(section(&format!("backbone.{}", self.backbone.name())))?;
        let tasks: Vec<&str> = schema.tasks.iter().map(|task| task.name.as_str()).collect();
        tasks::check_rates(&self.negative_rates, schema).map_err(section("negative_rates"))?;
        tasks::check_losses(&self.number_losses, schema).map_err(section("number_losses"))?;
        tasks::check_local(&self.local_tasks, schema).map_err(section("local_tasks"))?;
        self.early_stop.check(&tasks).map_err(section("early_stop"))?;
        let weighting = format!("weighting.{}", self.weighting.name());
        self.weighting.check_tasks(input.n_tasks()).map_err(section(&weighting))?;
        let terms = self.losses.terms();
        if self.weighting.is_silent() && !terms.iter().any(|(_, term)| term.is_enough()) {
            return Err(section(&weighting)(
                "every weight is 0, so nothing would be learnt; weigh a task, or add `[losses.policy_gradient]`".into(),
            ));
        }
        let shares_nothing = !self.backbone.views(input.n_tasks()).contains(&ViewRole::Shared);
        if self.optimizer.moments == Moments::PerTask && shares_nothing {
            return Err(section("optimizer")(format!(
                "`moments = \"per_task\"` separates the tasks on what they share, and `{}` shares nothing; choose \
                 another backbone, or leave `moments` out",
                self.backbone.name()
            )));
        }
        if self.weighting.signal().is_by_task() && shares_nothing {
            return Err(section(&weighting)(format!(
                "it balances the tasks' gradients on what they share, and `{}` shares nothing; choose another backbone or \
                 another weighting",
                self.backbone.name()
            )));
        }
        let gives_conditionals = self.backbone.gives_conditionals();
        let is_local = |task: &usize| self.local_tasks.iter().any(|name| name == tasks[*task]);
        let local: Vec<usize> = (0..tasks.len()).filter(is_local).collect();
        let setting = Setting {
            parents: &input.parents,
            gives_conditionals,
            local: &local,
            has_critics: self.has_critics(),
            starts_pretrained: self.schedule.start_from() == StartFrom::Pretrained,
        };
        for (name, term) in &terms {
            term.check(&setting).map_err(section(&format!("losses.{name}")))?;
        }
        if let Some(needed) = self.backbone.needs_loss()
            && !terms.iter().any(|(name, _)| *name == needed)
        {
            let backbone = self.backbone.name();
            return Err(section(&format!("backbone.{backbone}"))(format!(
                "`{backbone}` needs its loss term; add `[losses.{needed}]` (or `--set losses.{needed}={{}}`)"
            )));
        }
        Ok(())
    }

    /// Refuses what cannot be learnt from the sessions of this log.
    pub fn check_sessions(&self, manifest: &Manifest) -> Result<(), ConfigError> {
        let training = manifest.summary(Split::Train);
        let endless = training.cut_sessions > 0 && self.replay.cut_rows == CutRows::Bootstrap;
        if self.has_critics() && endless && self.critic.gamma >= 1.0 {
            return Err(section("critic")(format!(
                "`gamma = 1` gives {} of {} training sessions no finite return: they may go on after the split, and their last \
                 row bootstraps from its own state; use a gamma below 1, or `replay.cut_rows = \"leave_out\"`",
                training.cut_sessions, training.sessions
            )));
        }
        Ok(())
    }

    /// Refuses values that cannot work with any data.
    pub fn check_values(&self) -> Result<(), ConfigError> {
        if self.batch_size == 0 {
            return Err(section("batch_size")("must be at least 1; found 0".into()));
        }
        if let Some(ema) = self.ema.filter(|ema| !(0.0..1.0).contains(ema)) {
            return Err(section("ema")(format!("is a decay in [0, 1), such as 0.995; found {ema}")));
        }
        if self.encoder.dim == 0 {
            return Err(section("encoder")("`dim` must be at least 1; found 0".into()));
        }
        self.encoder.optimizer.check().map_err(section("encoder.optimizer"))?;
        self.optimizer.check().map_err(section("optimizer"))?;
        let weighting = section(&format!("weighting.{}", self.weighting.name()));
        self.weighting
            .check()
            .and_then(|()| self.weighting.check_batch(self.batch_size))
            .map_err(weighting)?;
        self.weights.check().map_err(section("weights"))?;
        self.critic.check().map_err(section("critic"))?;
        self.schedule.check().map_err(section(&format!("schedule.{}", self.schedule.name())))?;
        self.replay.check().map_err(section("replay"))?;
        let policy = &self.schedule.collect().policy;
        if self.replay.resample_actions && !policy.is_memoryless() {
            return Err(section("replay")(format!(
                "`resample_actions` draws every action by itself, and the noise of `{}` wanders along a session; use \
                 `actor_noise` or `uniform`, or leave `resample_actions` out",
                policy.name()
            )));
        }
        if self.critic.folds > 1 && self.replay.prioritized.is_some() {
            return Err(section("critic")(
                "critics of `folds` learn from draws that know no reward of theirs, and `replay.prioritized` draws by TD \
                 errors; remove one"
                    .into(),
            ));
        }
        if self.log.every == 0 {
            return Err(section("log")("`every` must be at least 1; found 0".into()));
        }
        self.checkpoint.check().map_err(section("checkpoint"))?;
        for (key, rate) in [
            ("optimizer.epsilon", f64::from(self.optimizer.epsilon)),
            ("optimizer.learning_rate", self.optimizer.learning_rate),
            ("optimizer.embedding_learning_rate", self.optimizer.embedding_learning_rate),
            ("critic.learning_rate", self.critic.learning_rate),
            ("critic.embedding_learning_rate", self.critic.embedding_learning_rate),
        ] {
            // Used in single precision.
            if !((rate as f32).is_finite() && rate as f32 > 0.0) {
                return Err(section(key)(format!("must be a number above 0; found {rate}")));
            }
        }
        Ok(())
    }
}

/// Puts a complaint under `[name]`.
fn section(name: &str) -> impl Fn(String) -> ConfigError + use<> {
    let section = format!("[{name}]");
    move |message| ConfigError::Value { section: section.clone(), message }
}
