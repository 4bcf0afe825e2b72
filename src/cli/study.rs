//! `rmtl study`.

use std::fs;
use std::path::{Path, PathBuf};

use rmtl_files::{Lock, write_whole};

use super::StudyArguments;
use super::output::print;
use crate::config::RunFile;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::launch::Result;
use crate::log::Console;
use crate::study::{Limits, Processes, Study, TABLE_PAGE, conduct, write_pages};

/// The study file in its folder.
const STUDY_FILE: &str = "study.toml";

/// Held while a study goes on.
const LOCK_FILE: &str = ".lock";

pub(super) fn command(arguments: &StudyArguments, interrupt: &Interrupt) -> Result<()> {
    let console = if arguments.quiet { Console::quiet() } else { Console::detect() };
    let name = arguments.study_file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let study = study(arguments)?;
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from("studies").join(&name));
    if out.to_str().is_none() {
        let reason = "its name is not Unicode, and the summary has to name the runs in it";
        return Err(Error::file("start a study in", &out, reason).into());
    }
    let failed = |error| Error::file("create", &out, error);
    fs::create_dir_all(&out).map_err(failed)?;
    let _lock = Lock::try_at(&out.join(LOCK_FILE))
        .map_err(failed)?
        .ok_or_else(|| Error::file("start a study in", &out, "another study is going on in it"))?;
    copy(&arguments.study_file, &out.join(STUDY_FILE))?;
    let limits = Limits::of(&study.file, arguments.jobs);
    let processes = Processes::new(console.clone(), interrupt.clone())?;
    let outcome = conduct(&study, &out.join("runs"), &processes, limits, console, interrupt)?;
    write_pages(&out, &name, &study.file, &outcome)?;
    let page = out.join(TABLE_PAGE);
    print(fs::read_to_string(&page).map_err(|error| Error::file("read", &page, error))?);
    let n_runs = outcome.records.len();
    print(format_args!("runs        {n_runs}, {} of them trained now", outcome.n_trained));
    print(format_args!("study       {}", out.display()));
    if outcome.records.is_empty() {
        return Err(Error::Usage("every run of the study failed".into()).into());
    }
    Ok(())
}

fn study(arguments: &StudyArguments) -> Result<Study> {
    let (data, device) = (arguments.data.clone(), arguments.device.clone());
    let adjust = move |config: &mut RunFile| {
        data.apply(&mut config.data);
        if let Some(device) = &device {
            config.device.clone_from(device);
        }
    };
    let study = Study::read(&arguments.study_file)?;
    Ok(Study { set: arguments.overrides.clone(), adjust: Box::new(adjust), ..study })
}

/// The study file as it was run; the one in its folder may be it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let text = fs::read(from).map_err(|error| Error::file("read", from, error))?;
    write_whole(to, |file| file.write_all(&text)).map_err(|error| Error::file("write", to, error))?;
    Ok(())
}
