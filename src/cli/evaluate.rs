//! `rmtl evaluate`.

use rmtl_agents::actor::Actor;
use rmtl_agents::stream::Streams;
use rmtl_envs::{Dataset, Split};

use super::output::{complain, print};
use super::{EvaluateArguments, prepare};
use crate::config::RunFile;
use crate::device::device;
use crate::error::{Error, Result};
use crate::folder::{Model, REPORT_FILE, RUN_FILE, RunFolder};
use crate::log::Console;
use crate::phase::Evaluator;
use crate::report::{Comparison, TaskBlock, task_block};

pub(super) fn command(arguments: &EvaluateArguments) -> Result<()> {
    let folder = RunFolder::open(&arguments.run_dir)?;
    let mut config = RunFile::read(&folder.path().join(RUN_FILE), &[])?;
    if let Some(root) = &arguments.root {
        config.data.root = Some(root.clone());
    }
    let device = device(arguments.device.as_deref().unwrap_or(&config.device))?;
    let data = prepare::for_run(&config.data, &Console::detect())?;
    let dataset = Dataset::open(&data.directory)?;
    let manifest = &dataset.manifest;
    config.check(&manifest.schema)?;

    let reader = rmtl_agents::batch::BatchReader::new(dataset.split(Split::Test), &manifest.schema, &device);
    let test = Evaluator::new(reader, manifest.schema.parents());
    let block = |model: Model| -> Result<Option<TaskBlock>> {
        let path = folder.model_path(model);
        if !path.exists() {
            return Ok(None);
        }
        let actor = Actor::new(&config.actor(), &manifest.schema, &Streams::new(config.seed), &device);
        let actor = actor.load(&folder.load(model)?).map_err(|source| Error::Model { path, source })?;
        Ok(Some(task_block(manifest, test.evaluate(&actor)?)))
    };
    let Some(tasks) = block(Model::Actor)? else {
        let reason = "the run did not finish: no final actor in it";
        return Err(Error::file("evaluate", &arguments.run_dir, reason));
    };
    let comparison = Comparison {
        tasks,
        baseline: block(Model::Baseline)?,
        equal_budget: block(Model::EqualBudget)?,
        oracle: test.oracle()?.map(|scores| task_block(manifest, scores)),
    };
    if !folder.path().join(REPORT_FILE).exists() {
        complain("warning: the run did not finish; these are the models it kept");
    }
    if arguments.json {
        print(format_args!(
            "{}",
            serde_json::to_string_pretty(&comparison).expect("metrics hold nothing JSON cannot say")
        ));
    } else {
        print(comparison.to_table(config.weighting.name()));
    }
    Ok(())
}
