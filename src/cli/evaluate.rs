//! `rmtl evaluate`.

use rmtl_agents::actor::Actor;
use rmtl_agents::stream::Streams;
use rmtl_envs::Split;

use super::EvaluateArguments;
use super::output::{complain, print};
use crate::config::{Override, RunFile};
use crate::device::device;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::launch::Result;
use crate::launch::run_data::{self, Missing};
use crate::log::Console;
use crate::output::folder::{Model, REPORT_FILE, RUN_FILE, RunFolder};
use crate::output::report::{Comparison, TaskBlock, task_block};
use crate::phase::Evaluator;

pub(super) fn command(arguments: &EvaluateArguments, interrupt: &Interrupt) -> Result<()> {
    let folder = RunFolder::open(&arguments.run_dir)?;
    check_overrides(&arguments.overrides)?;
    let mut config = RunFile::read(&folder.path().join(RUN_FILE), &arguments.overrides)?;
    arguments.data.apply(&mut config.data);
    let device = device(arguments.device.as_deref().unwrap_or(&config.device))?;
    let missing = if is_asked(arguments) { Missing::Prepared } else { Missing::Refused };
    let dataset = run_data::of(&config.data, missing, &Console::detect(), interrupt)?.dataset;
    interrupt.end_at_once();
    let manifest = &dataset.manifest;
    config.check(&manifest.schema)?;

    let reader = rmtl_agents::input::BatchReader::new(dataset.split(Split::Test), &manifest.schema, &device);
    let test = Evaluator::new(reader, &manifest.schema);
    let block = |model: Model| -> Result<Option<TaskBlock>> {
        let path = folder.model_path(model);
        if !path.exists() {
            return Ok(None);
        }
        let actor = Actor::new(&config.actor(), &manifest.schema, &Streams::new(config.seed), &device);
        let saved = folder.load(model)?;
        if !saved.is_verified {
            complain(format_args!(
                "warning: {} has no checksum, as in runs of earlier versions: damage to it would not be noticed",
                path.display()
            ));
        }
        let actor = actor.load(&saved.tensors).map_err(|source| Error::Model { path, source })?;
        Ok(Some(task_block(manifest, test.evaluate(&actor)?)))
    };
    let mut evaluated = None;
    for model in [Model::Actor, Model::LastGood, Model::Baseline] {
        if evaluated.is_none() {
            evaluated = block(model)?.map(|tasks| (model, tasks));
        }
    }
    let unfinished = if folder.is_in_use() { "the run is still going on" } else { "the run did not finish" };
    let Some((model, tasks)) = evaluated else {
        let reason = format!("{unfinished}: no actor in it yet");
        return Err(Error::file("evaluate", &arguments.run_dir, reason).into());
    };
    let comparison = Comparison {
        tasks,
        baseline: block(Model::Baseline)?,
        equal_budget: block(Model::EqualBudget)?,
        oracle: test.oracle()?.map(|scores| task_block(manifest, scores)),
    };
    // What stopped before its last phase was not trained by its weighting alone.
    let name = if model == Model::Actor { config.weighting.name() } else { model.name() };
    if !folder.path().join(REPORT_FILE).exists() {
        let actor = folder.model_path(model);
        complain(format_args!("warning: {unfinished}; the last row of a task is of {}", actor.display()));
    }
    if arguments.json {
        print(format_args!(
            "{}",
            serde_json::to_string_pretty(&comparison).expect("metrics hold nothing JSON cannot say")
        ));
    } else {
        print(comparison.to_table(name));
    }
    Ok(())
}

/// Whether data may be prepared: by name, or where a person and not the run folder says what from or where to.
fn is_asked(arguments: &EvaluateArguments) -> bool {
    let names_data = |item: &Override| item.key().starts_with("data.");
    arguments.prepare || arguments.data.is_given() || arguments.overrides.iter().any(names_data)
}

/// Keys that change where things are and nothing of what was trained.
fn check_overrides(overrides: &[Override]) -> Result<()> {
    let is_place = |key: &str| key == "device" || key.starts_with("data.");
    match overrides.iter().find(|item| !is_place(item.key())) {
        None => Ok(()),
        Some(item) => Err(Error::Usage(format!(
            "--set {}: the models were trained with the run folder's run.toml; only `device` and keys of [data] can be set \
             here, and a training with another value is `rmtl train {} --set ..`",
            item.key(),
            RUN_FILE
        ))
        .into()),
    }
}
