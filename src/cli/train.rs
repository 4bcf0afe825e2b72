//! `rmtl train`.

use std::path::Path;

use super::output::print;
use super::{TrainArguments, TrainCommand};
use crate::config::{DataConfig, Override, RunFile};
use crate::interrupt::Interrupt;
use crate::launch;
use crate::launch::Result;
use crate::log::Console;
use crate::output::folder::{PAGE_FILE, REPORT_PAGE, RunFolder, TENSORBOARD};
use crate::output::report::Report;
use crate::trainer::write_report;

pub(super) fn command(command: &TrainCommand, interrupt: Interrupt) -> Result<()> {
    let arguments = &command.run;
    let console = if arguments.quiet { Console::quiet() } else { Console::detect() };
    let (folder, config, report) = match command.resume {
        true => {
            let relocate = |data: &mut DataConfig| arguments.data.apply(data);
            launch::resume(&arguments.run_file, relocate, console, interrupt)?
        }
        false => new(arguments, console, interrupt)?,
    };
    print(format_args!("{}\n", report.actors.to_table(&report.weighting)));
    print(format_args!("{}\n", report.selection.sentence()));
    let written = write_report(&folder, &report);
    let out = folder.path();
    print(format_args!("report      {}", out.join(REPORT_PAGE).display()));
    print(format_args!("page        {}", out.join(PAGE_FILE).display()));
    if config.log.tensorboard {
        print(format_args!("curves      tensorboard --logdir {}", out.join(TENSORBOARD).display()));
    }
    print(format_args!("again       rmtl evaluate {}", out.display()));
    print(format_args!("\n{}", report.outcome()));
    Ok(written?)
}

fn new(
    arguments: &TrainArguments,
    console: Console,
    interrupt: Interrupt,
) -> Result<(RunFolder, RunFile, Report)> {
    let config = configured(arguments)?;
    let folder = match &arguments.out {
        Some(out) => RunFolder::create(out)?,
        None => RunFolder::create_next(&stem(&arguments.run_file))?,
    };
    let (folder, report) = launch::train(folder, &config, console, interrupt)?;
    Ok((folder, config, report))
}

/// Runs a run file into the folder `out`.
pub fn train(
    arguments: &TrainArguments,
    out: &Path,
    console: Console,
    interrupt: Interrupt,
) -> Result<Report> {
    let config = configured(arguments)?;
    let (folder, report) = launch::train(RunFolder::create(out)?, &config, console, interrupt)?;
    write_report(&folder, &report)?;
    Ok(report)
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

fn stem(run_file: &Path) -> String {
    let folder = run_file.parent().and_then(Path::file_name).map(|name| name.to_string_lossy());
    let name = run_file.file_stem().unwrap_or_default().to_string_lossy();
    match folder {
        Some(folder) if folder != "configs" => format!("{folder}-{name}"),
        _ => name.into_owned(),
    }
}
