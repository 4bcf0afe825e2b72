//! The command line.

mod check;
mod compare;
mod control;
mod datasets;
mod evaluate;
#[cfg(feature = "ingest")]
mod init;
mod inspect;
#[cfg(feature = "ingest")]
mod leakage;
mod list;
mod output;
#[cfg(feature = "ingest")]
mod predict;
mod prepare;
mod report;
mod study;
mod train;

use std::error::Error as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::compare::{On, Which};
use crate::config::{DataConfig, Override};
use crate::interrupt::Interrupt;

use output::complain;
pub use train::train;

/// Reinforcement-learned loss weights for multi-task recommendation.
#[derive(Debug, Parser)]
#[command(name = "rmtl", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train as a run file says; prepares the log first where needed.
    Train(TrainCommand),
    /// Evaluate the models of a run folder again.
    Evaluate(EvaluateArguments),
    /// Make the page of a finished run, `report.html`, anew.
    Report {
        /// The folder of an earlier `rmtl train`.
        run_dir: PathBuf,
    },
    /// Put finished runs side by side, averaged over their seeds.
    Compare(CompareArguments),
    /// Run arms and seeds of a study file side by side, and make one table of them.
    Study(StudyArguments),
    /// Turn raw logs into a prepared dataset.
    Prepare(PrepareArguments),
    /// Check a dataset file against its log, and whether earlier rows depend on later ones.
    Check(CheckArguments),
    /// Predict new rows with a run's models.
    #[cfg(feature = "ingest")]
    Predict(predict::Arguments),
    /// Write a first dataset file and run file for a log.
    #[cfg(feature = "ingest")]
    Init(init::Arguments),
    /// Show what a prepared dataset holds: fields, rows and rates over time, sessions, labels.
    Inspect(inspect::Arguments),
    /// Learn a controller of the task weights.
    #[command(subcommand)]
    Control(ControlCommand),
    /// List what can be named in run files.
    List {
        /// What to list.
        kind: list::Kind,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Print the dataset file of this name.
        #[arg(long, value_name = "NAME", conflicts_with = "json")]
        show: Option<String>,
    },
}

/// Where the data are, other than the run file says.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct DataArguments {
    /// Folder with the raw log files (`data.root`).
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Folder of the prepared dataset (`data.prepared`): where it is, or where it goes.
    #[arg(long, value_name = "DIR")]
    pub prepared: Option<PathBuf>,
}

impl DataArguments {
    /// Whether a person, and not a run folder, says what data are made from or where they go.
    fn is_given(&self) -> bool {
        self.root.is_some() || self.prepared.is_some()
    }

    fn apply(&self, data: &mut DataConfig) {
        let given = |argument: &Option<PathBuf>, key: &mut Option<PathBuf>| {
            if argument.is_some() {
                key.clone_from(argument);
            }
        };
        given(&self.root, &mut data.root);
        given(&self.prepared, &mut data.prepared);
    }
}

/// Arguments of `rmtl train`.
#[derive(Clone, Debug, clap::Args)]
pub struct TrainArguments {
    /// The run file.
    pub run_file: PathBuf,
    /// Set a key of the run file, such as `weighting.critic.lambda=0.3`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<Override>,
    /// The run folder; the default is the first free `runs/<name of the run file>`.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Where the data are.
    #[command(flatten)]
    pub data: DataArguments,
    /// Device to run on (`device`), see `rmtl list devices`.
    #[arg(long)]
    pub device: Option<String>,
    /// Show warnings and the result only.
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, clap::Args)]
struct TrainCommand {
    #[command(flatten)]
    run: TrainArguments,
    /// Go on with a run that was stopped, whose folder takes the place of the run file: `--resume runs/my_run`. It ends as if it had
    /// never been stopped.
    #[arg(long, conflicts_with_all = ["overrides", "out", "device"])]
    resume: bool,
}

#[derive(Debug, clap::Args)]
struct EvaluateArguments {
    /// The folder of an earlier `rmtl train`.
    run_dir: PathBuf,
    /// Set `device` or a key of `[data]`, such as `data.prepared=elsewhere`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<Override>,
    #[command(flatten)]
    data: DataArguments,
    /// Prepare the data again where they are not there. Without this, `--root` or `--prepared` nothing is written and no query is
    /// run: the run folder may be from somebody else.
    #[arg(long)]
    prepare: bool,
    /// Device to run on, where it is to be another one.
    #[arg(long)]
    device: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct CompareArguments {
    /// Run folders, or folders of run folders. Runs whose run files differ in the seed alone are averaged.
    #[arg(required = true)]
    run_dirs: Vec<PathBuf>,
    /// The run that the others are set in relation to, by its name in the tables or its folder; `RUN:pretrained` is its
    /// pretrained actor. What seeds and sessions say of every difference is shown as well (docs/comparing.md).
    #[arg(long, value_name = "RUN[:ACTOR]", conflicts_with = "json")]
    base: Option<String>,
    /// One actor of each run instead of all.
    #[arg(long, value_enum)]
    actor: Option<Which>,
    /// Which split's metrics: choose on validation, look at test once.
    #[arg(long, value_enum, default_value_t)]
    split: On,
    /// Print Markdown.
    #[arg(long)]
    markdown: bool,
    /// How often the sessions are resampled for the intervals; 0 reads no predictions.
    #[arg(long, value_name = "N", default_value_t = 400)]
    resamples: usize,
    /// Print the comparison with the base alone, as LaTeX.
    #[arg(long, requires = "base", conflicts_with = "markdown")]
    latex: bool,
    /// Print the comparison with the base alone, a line for every number.
    #[arg(long, requires = "base", conflicts_with_all = ["markdown", "latex"])]
    csv: bool,
    /// Print JSON.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct StudyArguments {
    /// The study file.
    study_file: PathBuf,
    /// Set a key of every run, after all that the study file sets; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<Override>,
    /// The study's folder; the default is `studies/<name of the study file>`. Runs that it holds already are taken, those
    /// that were interrupted trained again.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Runs side by side (`jobs`), at most as many as have a core for each of their threads.
    #[arg(long)]
    jobs: Option<usize>,
    #[command(flatten)]
    data: DataArguments,
    /// Device to run on (`device`), see `rmtl list devices`.
    #[arg(long)]
    device: Option<String>,
    /// Show warnings and the result only.
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, clap::Args)]
struct PrepareArguments {
    /// The dataset file.
    dataset_file: PathBuf,
    /// Folder with the raw log files; the default is the folder of the dataset file.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Where the prepared dataset goes; the default is `prepared/<name of the dataset>`.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Show warnings and the result only.
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, clap::Args)]
struct CheckArguments {
    /// The dataset file.
    dataset_file: PathBuf,
    /// A run file: check as well that it fits the columns and, over vocabularies of the size that is known before the
    /// log is read, into memory.
    #[arg(long, value_name = "RUN", conflicts_with = "leakage")]
    run: Option<PathBuf>,
    /// Prepare the log again and again with its later rows removed, permuted and changed: the training rows, and then the
    /// validation rows as well, must come out the same. Without this, only the file is checked, against the log's columns.
    #[arg(long)]
    leakage: bool,
    /// Folder with the raw log files; the default is the folder of the dataset file.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Show the result only.
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum ControlCommand {
    /// Learn or search a controller as a study file says; `docs/control.md` describes the file.
    Learn(ControlLearnArguments),
}

#[derive(Debug, clap::Args)]
struct ControlLearnArguments {
    /// The study file.
    study: PathBuf,
    /// The folder of what is learnt; the default is the first free `runs/control-<name of the study>`.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where the data are.
    #[command(flatten)]
    data: DataArguments,
    /// Show warnings and the result only.
    #[arg(long, short)]
    quiet: bool,
}

/// Parses the command line and runs it.
pub fn main() -> ExitCode {
    let command = Cli::parse().command;
    // What looks at files for a moment ends as everything does.
    let interrupt = match command {
        Command::Compare(_) | Command::Report { .. } | Command::List { .. } => Interrupt::default(),
        _ => Interrupt::listen(),
    };
    let result = match command {
        Command::Train(arguments) => train::command(&arguments, interrupt.clone()),
        Command::Evaluate(arguments) => evaluate::command(&arguments, &interrupt),
        Command::Compare(arguments) => compare::command(&arguments),
        Command::Study(arguments) => study::command(&arguments, &interrupt),
        Command::Report { run_dir } => report::command(&run_dir),
        Command::Prepare(arguments) => prepare::command(&arguments, &interrupt),
        Command::Check(arguments) => check::command(&arguments, &interrupt),
        #[cfg(feature = "ingest")]
        Command::Predict(arguments) => predict::command(&arguments, &interrupt),
        #[cfg(feature = "ingest")]
        Command::Init(arguments) => init::command(&arguments, &interrupt),
        Command::Inspect(arguments) => inspect::command(&arguments, &interrupt),
        Command::List { kind, json, show } => list::command(kind, json, show.as_deref()),
        Command::Control(ControlCommand::Learn(arguments)) => control::learn(&arguments, interrupt.clone()),
    };
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    complain(format_args!("error: {error}"));
    let mut source = error.source();
    while let Some(cause) = source {
        complain(format_args!("  because: {cause}"));
        source = cause.source();
    }
    if error.is_interrupt() { ExitCode::from(interrupt.exit_status()) } else { ExitCode::FAILURE }
}
