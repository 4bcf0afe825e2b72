//! `rmtl predict`.

use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};
use rmtl_ingest::{IngestError, NewRows, RecordFile, RowCounts, ValueCount};

use super::DataArguments;
use super::output::print;
use crate::config::RunFile;
use crate::device::device;
use crate::interrupt::Interrupt;
use crate::launch::Result;
use crate::launch::predictor::Predictor;
use crate::launch::run_data::{self, Missing};
use crate::log::Console;
use crate::observer::Observer;
use crate::output::folder::{Model, RUN_FILE, RunFolder};

const EXAMPLES: &str = "\
Examples:
  rmtl predict runs/shop --input new.csv --out predicted.csv
  rmtl predict runs/shop --input 'day_*.parquet' --keep item_id --critics --out predicted.parquet
  zcat new.csv.gz | rmtl predict runs/shop --input - --out predicted.arrow

The rows have the columns of the raw log; labels need not be among them. What is written is a row per row of the dataset's
query: its position `row`, session, time, what --keep names, and `<actor>/<task>` for every task.";

/// Which actor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Who {
    /// The final one.
    #[default]
    Final,
    /// The pretrained one.
    Pretrained,
    /// The one trained on with all weights 1.
    EqualBudget,
    /// The best one before the loss stopped being a number.
    LastGood,
}

impl Who {
    fn model(self) -> Model {
        match self {
            Self::Final => Model::Actor,
            Self::Pretrained => Model::Baseline,
            Self::EqualBudget => Model::EqualBudget,
            Self::LastGood => Model::LastGood,
        }
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The folder of an earlier `rmtl train`.
    run_dir: PathBuf,
    /// Files or globs with the rows, in any format of a raw log; `-` is the standard input.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE|GLOB|-")]
    input: Vec<String>,
    /// Where the predictions go: .parquet, .csv or .arrow. What is there is replaced once they are whole.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The table of the dataset file that the rows stand for, where it has several.
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Columns of the query's result to write beside the predictions.
    #[arg(long, num_args = 1.., value_name = "COLUMN")]
    keep: Vec<String>,
    /// Whose predictions.
    #[arg(long, value_enum, default_value_t)]
    actor: Who,
    /// Write what the critics say of them as well: Q(s, π(s)) of every task.
    #[arg(long)]
    critics: bool,
    #[command(flatten)]
    data: DataArguments,
    /// Prepare the data of the run again where they are not there, as the run folder says. Without this, `--root` or `--prepared`
    /// nothing is prepared: the run folder may be from somebody else.
    #[arg(long)]
    prepare: bool,
    /// Device to run on, where it is to be another one.
    #[arg(long)]
    device: Option<String>,
    /// Print nothing but errors.
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn command(arguments: &Arguments, interrupt: &Interrupt) -> Result<()> {
    RecordFile::check_name(&arguments.out)?;
    let console = if arguments.quiet { Console::quiet() } else { Console::detect() };
    let folder = RunFolder::open(&arguments.run_dir)?;
    let mut config = RunFile::read(&folder.path().join(RUN_FILE), &[])?;
    arguments.data.apply(&mut config.data);
    let device = device(arguments.device.as_deref().unwrap_or(&config.device))?;
    let is_asked = arguments.prepare || arguments.data.is_given();
    let missing = if is_asked { Missing::Prepared } else { Missing::Refused };
    let fitted = run_data::fitted(&config.data, missing, &console, interrupt)?;
    let schema = &fitted.manifest.schema;
    config.check(schema)?;
    let models = (arguments.actor.model(), arguments.critics);
    let predictor = Predictor::load(&folder, &config, schema, models, &device)?;
    let rows = NewRows {
        file: &fitted.file,
        root: Some(&fitted.root),
        prepared: &fitted.directory,
        schema,
        table: arguments.table.as_deref(),
        input: &arguments.input,
        keep: &arguments.keep,
    };
    let mut bar = console.begin("predict", 0);
    let start = Instant::now();
    let mut out: Option<RecordFile> = None;
    let counts = rows.read(interrupt.cancel(), &mut |rows| {
        let predicted = predictor.predict(rows).map_err(|error| IngestError::Rows {
            path: fitted.file.path().to_owned(),
            message: error.to_string(),
        })?;
        let mut file = match out.take() {
            Some(file) => file,
            None => RecordFile::create(&arguments.out, &predicted.schema())?,
        };
        file.write(&predicted)?;
        out = Some(file);
        bar.advance(rows.n_rows as u64);
        Ok(())
    })?;
    if let Some(file) = out {
        file.finish()?;
    }
    bar.finish();
    if !arguments.quiet {
        show(&counts, start.elapsed().as_secs_f64());
        print(format_args!("predictions {}", arguments.out.display()));
    }
    Ok(())
}

/// Prints what was not known of the rows, and how fast they went.
fn show(counts: &RowCounts, seconds: f64) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["field", "values", "unknown", "%"]);
    // Of a number that is missing nowhere there is nothing to say.
    let numbers = counts.numbers.iter().filter(|count| count.unknown > 0);
    for ValueCount { field, values, unknown } in counts.ids.iter().chain(numbers) {
        let share = 100.0 * *unknown as f64 / (*values).max(1) as f64;
        table.add_row([field.clone(), values.to_string(), unknown.to_string(), format!("{share:.1}")]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    print(format_args!("{table}"));
    print(
        "unknown: ids that no training row had; numbers that are missing, which stand at the training rows' mean",
    );
    let speed = counts.rows as f64 / seconds.max(1e-9);
    print(format_args!("{} rows in {seconds:.1} s, {speed:.0} rows per second", counts.rows));
}
