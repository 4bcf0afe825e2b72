//! `rmtl init`.

use std::path::{Path, PathBuf};

use comfy_table::{Table, presets};
use rmtl_envs::Schema;
use rmtl_files::{toml_file, write_whole};
use rmtl_ingest::{DatasetFile, Guess, Role, Sketch, Wishes, dataset_name, sketch};

use super::output::print;
use crate::config::{ConfigError, RunFile};
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::launch::Result;

const EXAMPLES: &str = "\
Examples:
  rmtl init log.csv
  rmtl init 'day_*.csv.gz' --task is_click --task is_buy --out shop
  rmtl init events.parquet --session visitor --time at --name shop --force";

/// The run file, with places for what differs.
const RUN: &str = include_str!("run.toml");

/// Rows from which a batch may be large.
const MANY_ROWS: usize = 50_000;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The log: files or globs (.csv, .tsv, .txt, each also with .gz, or .parquet).
    #[arg(required = true)]
    log: Vec<String>,
    /// A label column of 0 and 1; given several times, from the first step of the chain to the last. Without any, those
    /// that look like labels.
    #[arg(long = "task", value_name = "COLUMN")]
    tasks: Vec<String>,
    /// The column with the session's key.
    #[arg(long, value_name = "COLUMN")]
    session: Option<String>,
    /// The column with the time.
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Name of the dataset; the default is that of the log's file.
    #[arg(long)]
    name: Option<String>,
    /// Folder of the two files.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Write over files that are there.
    #[arg(long)]
    force: bool,
}

pub(super) fn command(arguments: &Arguments, interrupt: &Interrupt) -> Result<()> {
    let name = arguments.name.clone().unwrap_or_else(|| dataset_name(&arguments.log[0]));
    let dataset_path = arguments.out.join(format!("{name}.toml"));
    let run_path = arguments.out.join(format!("{name}_run.toml"));
    for path in [&dataset_path, &run_path] {
        if path.exists() && !arguments.force {
            return Err(Error::file("write", path, "it is there already; --force writes over it").into());
        }
    }
    let wishes = Wishes {
        tasks: &arguments.tasks,
        session: arguments.session.as_deref(),
        time: arguments.time.as_deref(),
    };
    let sketch = sketch(&arguments.log, &wishes, interrupt.cancel())?;
    interrupt.end_at_once();
    show(&sketch);
    let paths = arguments.log.iter().map(|log| seen_from(&arguments.out, log)).collect::<Result<Vec<_>>>()?;
    let dataset = sketch.dataset_file(&name, &paths);
    // What is written has been checked as `rmtl check` does it.
    let file = DatasetFile::parse(&dataset, &dataset_path)?;
    rmtl_ingest::validate(&file, None)?;
    let run = run_file(&sketch, &name);
    check(&run, &run_path, &file.least_schema())?;
    std::fs::create_dir_all(&arguments.out).map_err(|error| Error::file("create", &arguments.out, error))?;
    for (path, text) in [(&dataset_path, dataset), (&run_path, run)] {
        write_whole(path, |file| file.write_all(text.as_bytes()))
            .map_err(|error| Error::file("write", path, error))?;
    }
    let (dataset, run) = (dataset_path.display(), run_path.display());
    print(format_args!("\ndataset file  {dataset}: read it and correct it"));
    print(format_args!("run file      {run}"));
    print(format_args!("next          rmtl check {dataset} --run {run}"));
    print(format_args!("              rmtl train {run}"));
    Ok(())
}

/// The run file of this dataset.
fn run_file(sketch: &Sketch, name: &str) -> String {
    let batch_size = if sketch.rows < MANY_ROWS { "256" } else { "2048" };
    let (run, dataset) = (format!("{name}_run.toml"), format!("{name}.toml"));
    let places: [(&str, &str); 4] =
        [("@name@", name), ("@run@", &run), ("@batch_size@", batch_size), ("@dataset@", &dataset)];
    places.into_iter().fold(RUN.to_owned(), |text, (place, value)| text.replace(place, value))
}

fn check(run: &str, path: &Path, schema: &Schema) -> Result<()> {
    let config: RunFile = toml_file::parse(run, path).map_err(ConfigError::from)?;
    Ok(config.check(schema)?)
}

/// The log as the dataset file in folder `out` is to name it: as it is where both lie in the same folder, else by its whole
/// path.
fn seen_from(out: &Path, log: &str) -> Result<String> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(|error| Error::file("find", path, error));
    let log = absolute(Path::new(log))?;
    // `.` at its end goes with the parts.
    let folder: PathBuf = absolute(out)?.components().collect();
    let named = log.strip_prefix(&folder).unwrap_or(&log);
    Ok(named.to_string_lossy().into_owned())
}

/// Prints what was guessed, and why.
fn show(sketch: &Sketch) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["column", "taken for", "because"]);
    for Guess { column, role, why, .. } in &sketch.columns {
        table.add_row([column.clone(), taken_for(role), why.clone()]);
    }
    print(format_args!("The first {} rows\n{table}", sketch.rows));
    let suspicious = sketch.columns.iter().filter(|guess| guess.role == Role::Suspicious);
    for Guess { column, why, .. } in suspicious {
        print(format_args!("SUSPICIOUS: `{column}` is ignored, because {why}"));
    }
}

fn taken_for(role: &Role) -> String {
    match role {
        Role::Session { is_feature: true, .. } => "session, id".into(),
        Role::Session { .. } => "session".into(),
        Role::Time => "time".into(),
        Role::Task { after: Some(after) } => format!("task after {after}"),
        Role::Task { after: None } => "task".into(),
        Role::Id => "id".into(),
        Role::List { .. } => "list of ids".into(),
        Role::Number => "number".into(),
        Role::Ignored => "ignored".into(),
        Role::Suspicious => "ignored: SUSPICIOUS".into(),
    }
}
