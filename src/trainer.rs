//! A run file and a prepared dataset, run. Nothing here prepares data, and nobody need watch.

use std::sync::Arc;
use std::time::Instant;

use burn::tensor::Device;
use indexmap::IndexMap;
use rmtl_agents::stream::Streams;
use rmtl_envs::{Dataset, Split};

use crate::config::RunFile;
use crate::device::device;
use crate::error::{Diverged, Error, Result};
use crate::footprint;
use crate::interrupt::Interrupt;
use crate::log::tags::Phase;
use crate::log::{Console, JsonlSink, Logger, Sink, TensorBoardSink};
use crate::observer::{Observer, Unobserved};
use crate::output::folder::{Model, REPORT_FILE, REPORT_PAGE, RunFolder, TENSORBOARD};
use crate::output::milestone::{self, LogPosition, Milestone, Origin};
use crate::output::report::Report;
use crate::page;
use crate::run::Run;
use crate::schedule;

/// A training that can begin: its run file fits its data.
pub struct Trainer<'a> {
    config: &'a RunFile,
    dataset: &'a Dataset,
    device: Device,
    observer: Arc<dyn Observer>,
    interrupt: Interrupt,
    warnings: Vec<String>,
}

impl<'a> Trainer<'a> {
    /// A training that nobody watches; its warnings stand in its report.
    ///
    /// # Errors
    /// The run file does not fit the data or the memory, or its device is not there.
    pub fn new(config: &'a RunFile, dataset: &'a Dataset) -> Result<Self> {
        let device = device(&config.device)?;
        config.check(&dataset.manifest.schema)?;
        config.check_sessions(&dataset.manifest)?;
        let n_rows = dataset.manifest.summary(Split::Train).rows;
        footprint::check(config, &dataset.manifest.schema, Some(n_rows), &device)?;
        let (observer, interrupt) = (Arc::new(Unobserved), Interrupt::default());
        Ok(Self { config, dataset, device, observer, interrupt, warnings: Vec::new() })
    }

    /// The same with an observer of its progress and warnings.
    pub fn observed_by(self, observer: impl Observer + 'static) -> Self {
        Self { observer: Arc::new(observer), ..self }
    }

    /// The same with an end when `interrupt` says so; what was trained by then is kept.
    pub fn ended_by(self, interrupt: Interrupt) -> Self {
        Self { interrupt, ..self }
    }

    /// The same with what a reader of the report must know of the data.
    pub fn with_warnings(self, warnings: Vec<String>) -> Self {
        Self { warnings, ..self }
    }

    /// Trains, and leaves models and curves in `folder`; what says where they come from, `run.toml` and `dataset.toml`, is
    /// [`launch`](crate::launch)'s to write.
    ///
    /// # Errors
    /// See [`Trainer::begin`] and [`run`].
    pub fn train(self, folder: &'a RunFolder) -> Result<Report> {
        run(self.begin(folder)?)
    }

    /// Opens the log in `folder`.
    ///
    /// # Errors
    /// A log destination cannot be had; nothing has been trained.
    pub fn begin(self, folder: &'a RunFolder) -> Result<Run<'a>> {
        let dataset = self.dataset;
        let mut run = self.open(folder, Logs::New)?;
        run.warnings.extend(dataset.manifest.warnings.iter().map(|warning| warning.message.clone()));
        Ok(run)
    }

    /// The run in `folder` as it was at its checkpoint `number`, which is of the same run file and data.
    ///
    /// # Errors
    /// A log cannot be taken back to where it was then, or cannot be had.
    pub(crate) fn resume(
        self,
        folder: &'a RunFolder,
        (number, milestone): (u64, Milestone),
    ) -> Result<Run<'a>> {
        let path = folder.path();
        LogPosition::restore(&milestone.logs, path)
            .map_err(|error| Error::file("take back the logs in", path, error))?;
        folder.remove_remains()?;
        let mut run = self.open(folder, Logs::Continued)?;
        let phase = |name: &str| Phase::ALL.into_iter().find(|phase| phase.name() == name);
        let timings = milestone.timings.iter();
        run.timings = timings.filter_map(|(name, timing)| Some((phase(name)?, *timing))).collect();
        run.weights.clone_from(&milestone.weights);
        run.warnings.clone_from(&milestone.warnings);
        (run.milestone, run.n_checkpoints) = (milestone, number + 1);
        Ok(run)
    }

    fn open(self, folder: &'a RunFolder, logs: Logs) -> Result<Run<'a>> {
        let Self { config, dataset, device, observer, interrupt, warnings } = self;
        let origin = Origin::of(config, &dataset.manifest.content_hash)?;
        Ok(Run {
            config,
            dataset,
            device,
            streams: Streams::new(config.seed),
            folder,
            logger: logger(config, dataset, folder, &observer, logs)?,
            observer,
            interrupt,
            timings: Vec::new(),
            weights: IndexMap::new(),
            warnings,
            last_good: None,
            milestone: Milestone { origin, ..Milestone::default() },
            n_checkpoints: 0,
            last_checkpoint: Instant::now(),
        })
    }
}

/// Whether logs begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Logs {
    New,
    /// They go on where they end.
    Continued,
}

/// Trains what has begun.
///
/// # Errors
/// Whatever ends a training; the folder holds the models trained so far.
pub fn run(mut run: Run<'_>) -> Result<Report> {
    let result = schedule::run(&mut run);
    run.logger.flush();
    result.map_err(|error| match error {
        Error::Diverged(diverged) => Diverged { models: Some(keep_last_good(&run)), ..diverged }.into(),
        Error::Interrupted { .. } => {
            let path = run.folder.path();
            let again = match milestone::exists(path) {
                true => {
                    format!("; `rmtl train --resume {}` goes on from the last checkpoint", path.display())
                }
                false => String::new(),
            };
            run.observer.warn(&(keep_last_good(&run) + &again));
            error
        }
        Error::Metric(_) => {
            run.observer.warn(&keep_last_good(&run));
            error
        }
        error => error,
    })
}

/// Saves the best parameters of a training that could not go on; tells where they and the models before them are.
fn keep_last_good(run: &Run<'_>) -> String {
    if let Some(weights) = &run.last_good {
        return match run.folder.save(Model::LastGood, weights) {
            Ok(()) => {
                let path = run.folder.model_path(Model::LastGood);
                format!("the best parameters so far are in {}", path.display())
            }
            Err(error) => error.to_string(),
        };
    }
    match run.folder.has_models() {
        true => {
            let models = run.folder.path().join("model");
            format!("the models of the phases before are in {}", models.display())
        }
        false => "nothing was validated yet".into(),
    }
}

/// Writes `report.json`, `report.md` and the page, and removes the checkpoints: the run has finished. A page that cannot be written is told on the standard error stream and costs
/// nothing else: it can be made anew.
///
/// # Errors
/// The folder cannot be written.
pub fn write_report(folder: &RunFolder, report: &Report) -> Result<()> {
    folder.write(REPORT_FILE, &report.to_json())?;
    folder.write(REPORT_PAGE, &report.to_markdown())?;
    if let Err(error) = page::write(folder, report) {
        let again = format!("`rmtl report {}` makes it anew", folder.path().display());
        Console::quiet().warn(&format!("there is no page of this run: {error}; {again}"));
    }
    milestone::remove(folder.path());
    Ok(())
}

fn logger(
    config: &RunFile,
    dataset: &Dataset,
    folder: &RunFolder,
    observer: &Arc<dyn Observer>,
    logs: Logs,
) -> Result<Logger> {
    let path = folder.path();
    let failed = |error: std::io::Error| Error::file("write logs to", path, error);
    let jsonl = match logs {
        Logs::New => JsonlSink::create(path),
        Logs::Continued => JsonlSink::open(path),
    };
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(jsonl.map_err(failed)?)];
    if config.log.tensorboard {
        // All files of a folder are one run to TensorBoard.
        let mut sink = TensorBoardSink::create(&path.join(TENSORBOARD).join(name(config))).map_err(failed)?;
        if logs == Logs::New {
            sink.describe(&settings(config, dataset)?).map_err(failed)?;
        }
        sinks.push(Box::new(sink));
    }
    sinks.extend(config.log.sinks.open(path).map_err(failed)?);
    let tasks = dataset.manifest.schema.tasks.iter().map(|task| task.name.clone()).collect();
    let observer = observer.clone();
    Ok(Logger::new(tasks, sinks, move |message| observer.warn(message)))
}

/// What TensorBoard calls the run.
fn name(config: &RunFile) -> String {
    let in_a_path = |character: char| match character {
        character if character.is_alphanumeric() || character == '_' => character,
        _ => '-',
    };
    let weighting: String = config.weighting.name().chars().map(in_a_path).collect();
    format!("{weighting}-seed-{}", config.seed)
}

/// The run file without what says where things are, and with the names of what was chosen.
fn settings(config: &RunFile, dataset: &Dataset) -> Result<toml::Table> {
    let text = config.to_toml()?;
    let mut settings: toml::Table = text.parse().expect("what was written as TOML reads as TOML");
    settings.remove("data");
    settings.remove("log");
    settings.remove("checkpoint");
    let chosen = [
        ("dataset", dataset.manifest.name.as_str()),
        ("backbone.name", config.backbone.name()),
        ("weighting.name", config.weighting.name()),
    ];
    settings.extend(chosen.map(|(key, name)| (key.to_owned(), toml::Value::from(name))));
    Ok(settings)
}
