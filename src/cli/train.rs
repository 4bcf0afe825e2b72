//! `rmtl train`.

use std::path::Path;

use burn::tensor::Device;
use rmtl_agents::stream::Streams;
use rmtl_envs::Dataset;

use super::output::print;
use super::{TrainArguments, run_data};
use crate::config::{Override, RunFile};
use crate::device::device;
use crate::error::{Error, Result};
use crate::folder::{DATASET_FILE, REPORT_FILE, REPORT_PAGE, RUN_FILE, RunFolder, TENSORBOARD};
use crate::interrupt::Interrupt;
use crate::log::tags::Phase;
use crate::log::{Console, JsonlSink, Logger, Sink, TensorBoardSink};
use crate::pipeline;
use crate::report::Report;
use crate::run::Run;

pub(super) fn command(arguments: &TrainArguments, interrupt: Interrupt) -> Result<()> {
    let console = if arguments.quiet { Console::quiet() } else { Console::detect() };
    let config = configured(arguments)?;
    let folder = match &arguments.out {
        Some(out) => RunFolder::create(out)?,
        None => RunFolder::create_next(&stem(&arguments.run_file))?,
    };
    let (folder, report) = train_in(folder, &config, console, interrupt)?;
    print(format_args!("{}\n", report.actors.to_table(&report.weighting)));
    print(format_args!("{}\n", report.selection.sentence()));
    let written = write_report(&folder, &report);
    let out = folder.path();
    print(format_args!("report      {}", out.join(REPORT_PAGE).display()));
    if config.log.tensorboard {
        print(format_args!("curves      tensorboard --logdir {}", out.join(TENSORBOARD).display()));
    }
    print(format_args!("again       rmtl evaluate {}", out.display()));
    written
}

/// Runs a run file into the folder `out`.
pub fn train(
    arguments: &TrainArguments,
    out: &Path,
    console: Console,
    interrupt: Interrupt,
) -> Result<Report> {
    let config = configured(arguments)?;
    let (folder, report) = train_in(RunFolder::create(out)?, &config, console, interrupt)?;
    write_report(&folder, &report)?;
    Ok(report)
}

fn train_in(
    folder: RunFolder,
    config: &RunFile,
    console: Console,
    interrupt: Interrupt,
) -> Result<(RunFolder, Report)> {
    let (device, dataset, logger) = match begin(&folder, config, &console, &interrupt) {
        Ok(begun) => begun,
        Err(error) => {
            folder.discard();
            return Err(error);
        }
    };
    let mut run = Run {
        config,
        dataset: &dataset,
        device,
        streams: Streams::new(config.seed),
        folder: &folder,
        logger,
        console,
        interrupt,
        timings: Vec::new(),
        warnings: dataset.manifest.warnings.iter().map(|warning| warning.message.clone()).collect(),
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
) -> Result<(Device, Dataset, Logger)> {
    let device = device(&config.device)?;
    let data = run_data::of(&config.data, console, interrupt)?;
    config.check(&data.dataset.manifest.schema)?;
    config.check_sessions(&data.dataset.manifest)?;
    interrupt.check(Phase::Pretrain, 0)?;
    folder.write(DATASET_FILE, &data.dataset_file)?;
    folder.write(RUN_FILE, &RunFile { data: data.config(folder.path())?, ..config.clone() }.to_toml()?)?;
    let logger = logger(config, &data.dataset, folder, console)?;
    Ok((device, data.dataset, logger))
}

fn write_report(folder: &RunFolder, report: &Report) -> Result<()> {
    folder.write(REPORT_FILE, &report.to_json())?;
    folder.write(REPORT_PAGE, &report.to_markdown())
}

/// The run file with what the command line says.
fn configured(arguments: &TrainArguments) -> Result<RunFile> {
    let overrides: &[Override] = &arguments.overrides;
    let mut config = RunFile::read(&arguments.run_file, overrides)?;
    arguments.data.apply(&mut config.data);
    if let Some(device) = &arguments.device {
        config.device = device.clone();
    }
    config.check_values()?;
    Ok(config)
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

fn stem(run_file: &Path) -> String {
    let folder = run_file.parent().and_then(Path::file_name).map(|name| name.to_string_lossy());
    let name = run_file.file_stem().unwrap_or_default().to_string_lossy();
    match folder {
        Some(folder) if folder != "configs" => format!("{folder}-{name}"),
        _ => name.into_owned(),
    }
}
