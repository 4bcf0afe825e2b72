//! `rmtl control`.

use std::path::Path;

use super::ControlLearnArguments;
use super::output::print;
use crate::config::{ConfigError, Override, RunFile};
use crate::control::{self, Study};
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::launch::Result;
use crate::launch::run_data::{self, Missing};
use crate::log::Console;
use crate::output::folder::{DATASET_FILE, RUN_FILE, RunFolder};
use crate::trainer::Trainer;

pub(super) fn learn(arguments: &ControlLearnArguments, interrupt: Interrupt) -> Result<()> {
    let console = if arguments.quiet { Console::quiet() } else { Console::detect() };
    let study = Study::read(&arguments.study)?;
    let here = arguments.study.parent().unwrap_or(Path::new("."));
    let parsed = |text: &String| text.parse::<Override>().map_err(ConfigError::from);
    let overrides = study.set.iter().map(|text| Ok(parsed(text)?.within(here)));
    let overrides = overrides.collect::<std::result::Result<Vec<_>, ConfigError>>()?;
    let mut config = RunFile::read(&study.run, &overrides)?;
    arguments.data.apply(&mut config.data);
    config.seed = study.seeds[0];
    config.check_values()?;
    let data = run_data::of(&config.data, Missing::Prepared, &console, &interrupt)?;
    let sampled = study.sample.map(|share| control::sample(&data.dataset, share, study.seeds[0]));
    let dataset = sampled.as_ref().unwrap_or(&data.dataset);
    let folder = match &arguments.out {
        Some(out) => RunFolder::create(out)?,
        None => {
            let stem = arguments.study.file_stem().unwrap_or_default().to_string_lossy();
            RunFolder::create_next(&format!("control-{stem}"))?
        }
    };
    folder.write(DATASET_FILE, &data.dataset_file)?;
    folder.write(RUN_FILE, &RunFile { data: data.config(folder.path())?, ..config.clone() }.to_toml()?)?;
    let text = std::fs::read_to_string(&arguments.study)
        .map_err(|error| Error::file("read", &arguments.study, error))?;
    folder.write("study.toml", &text)?;
    let trainer = Trainer::new(&config, dataset)?.observed_by(console).ended_by(interrupt);
    let mut run = trainer.with_warnings(data.warnings.clone()).begin(&folder)?;
    let learnt = control::learn(&mut run, &study)?;
    let out = folder.path();
    print(format_args!(
        "{:?}: {} trainings in {:.0} s, work of {:.1} ({} updates, and {:.0} for measuring), on {} rows with {} to measure on",
        study.method,
        learnt.episodes.len(),
        learnt.seconds,
        learnt.trainings,
        learnt.work.steps,
        learnt.work.measuring,
        learnt.rows.0,
        learnt.rows.1
    ));
    print(format_args!("found       {}", out.join(control::SCHEDULE_FILE).display()));
    print(format_args!("all of it   {}", out.join(control::LEARN_FILE).display()));
    Ok(())
}
