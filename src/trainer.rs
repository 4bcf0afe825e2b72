//! A run file, run.

use burn::tensor::Device;
use rmtl_agents::stream::Streams;
use rmtl_envs::Dataset;

use crate::config::RunFile;
use crate::device::device;
use crate::error::{Error, Result};
use crate::folder::{DATASET_FILE, REPORT_FILE, REPORT_PAGE, RUN_FILE, RunFolder, TENSORBOARD};
use crate::interrupt::Interrupt;
use crate::log::tags::Phase;
use crate::log::{Console, JsonlSink, Logger, Sink, TensorBoardSink};
use crate::pipeline;
use crate::report::Report;
use crate::run::Run;
use crate::run_data::{self, RunData};

/// Trains as `config` says and leaves everything but the report in `folder`.
///
/// # Errors
/// Data that cannot be had, a run file that does not fit them: `folder` is gone then. Whatever ends a training: it holds the
/// models trained so far.
pub fn train(
    folder: RunFolder,
    config: &RunFile,
    console: Console,
    interrupt: Interrupt,
) -> Result<(RunFolder, Report)> {
    let (device, data, logger) = match begin(&folder, config, &console, &interrupt) {
        Ok(begun) => begun,
        Err(error) => {
            folder.discard();
            return Err(error);
        }
    };
    let of_log = data.dataset.manifest.warnings.iter().map(|warning| warning.message.clone());
    let warnings = data.warnings.iter().cloned().chain(of_log).collect();
    let mut run = Run {
        config,
        dataset: &data.dataset,
        device,
        streams: Streams::new(config.seed),
        folder: &folder,
        logger,
        console,
        interrupt,
        timings: Vec::new(),
        warnings,
    };
    let result = pipeline::run(&mut run);
    run.logger.flush();
    if matches!(result, Err(Error::Interrupted { .. })) && folder.has_models() {
        let models = folder.path().join("model");
        run.console.warn(&format!("the models trained so far are in {}", models.display()));
    }
    result.map(|report| (folder, report))
}

/// Everything that can be wrong before the first step.
fn begin(
    folder: &RunFolder,
    config: &RunFile,
    console: &Console,
    interrupt: &Interrupt,
) -> Result<(Device, RunData, Logger)> {
    let device = device(&config.device)?;
    let data = run_data::of(&config.data, console, interrupt)?;
    config.check(&data.dataset.manifest.schema)?;
    config.check_sessions(&data.dataset.manifest)?;
    interrupt.check(Phase::Pretrain, 0)?;
    folder.write(DATASET_FILE, &data.dataset_file)?;
    folder.write(RUN_FILE, &RunFile { data: data.config(folder.path())?, ..config.clone() }.to_toml()?)?;
    let logger = logger(config, &data.dataset, folder, console)?;
    Ok((device, data, logger))
}

/// Writes `report.json` and `report.md`.
///
/// # Errors
/// The folder cannot be written.
pub fn write_report(folder: &RunFolder, report: &Report) -> Result<()> {
    folder.write(REPORT_FILE, &report.to_json())?;
    folder.write(REPORT_PAGE, &report.to_markdown())
}

fn logger(config: &RunFile, dataset: &Dataset, folder: &RunFolder, console: &Console) -> Result<Logger> {
    let path = folder.path();
    let failed = |error: std::io::Error| Error::file("write logs to", path, error);
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(JsonlSink::create(path).map_err(failed)?)];
    if config.log.tensorboard {
        sinks.push(Box::new(TensorBoardSink::create(&path.join(TENSORBOARD)).map_err(failed)?));
    }
    let tasks = dataset.manifest.schema.tasks.iter().map(|task| task.name.clone()).collect();
    let console = console.clone();
    Ok(Logger::new(tasks, sinks, move |message| console.warn(message)))
}
