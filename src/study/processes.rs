//! Runs as processes of this program: `rmtl train`, one folder and one log file each.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmtl_envs::Split;

use crate::config::{DataConfig, RunFile};
use crate::device::device;
use crate::error::Error;
use crate::footprint;
use crate::interrupt::Interrupt;
use crate::launch::Result;
use crate::launch::run_data::{self, Missing, RunData};
use crate::log::Console;
use crate::output::folder::RUN_FILE;
use crate::study::runner::{Ended, Job, Ready, Runner};

/// What a run says, in its folder.
const LOG_FILE: &str = "train.log";

/// Lines of it that tell why a run failed.
const LAST_LINES: usize = 6;

/// How long until a process is looked at again.
const POLL: Duration = Duration::from_millis(30);

/// Trains every run in a process of its own.
pub struct Processes {
    program: PathBuf,
    console: Console,
    interrupt: Interrupt,
    /// The data met so far. Held while others are prepared: runs of the same data wait for them.
    data: Mutex<Vec<(DataConfig, Arc<RunData>)>>,
}

impl Processes {
    /// Of this program. What is prepared is shown on `console`.
    ///
    /// # Errors
    /// The system does not tell where this program is.
    pub fn new(console: Console, interrupt: Interrupt) -> Result<Self> {
        let program =
            std::env::current_exe().map_err(|error| Error::file("find", Path::new("this program"), error))?;
        Ok(Self { program, console, interrupt, data: Mutex::default() })
    }

    fn data(&self, config: &DataConfig) -> Result<Arc<RunData>> {
        let mut known = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, data)) = known.iter().find(|(of, _)| of == config) {
            return Ok(data.clone());
        }
        let data = Arc::new(run_data::of(config, Missing::Prepared, &self.console, &self.interrupt)?);
        known.push((config.clone(), data.clone()));
        Ok(data)
    }

    fn start(&self, job: &Job, run_file: &Path, log: &Path) -> io::Result<Child> {
        fs::create_dir_all(run_file.parent().unwrap_or(Path::new(".")))?;
        let mut command = Command::new(&self.program);
        if job.folder.join(RUN_FILE).is_file() {
            command.arg("train").arg("--resume").arg(&job.folder);
        } else {
            fs::write(run_file, job.config.to_toml().map_err(io::Error::other)?)?;
            command.arg("train").arg(run_file).arg("--out").arg(&job.folder);
        }
        let log = File::create(log)?;
        // burn's and this program's own threads are rayon's.
        command.env("RAYON_NUM_THREADS", job.threads.to_string());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()
    }

    /// Its status; nothing once somebody has asked for the end.
    fn wait(&self, child: &mut Child) -> io::Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = child.try_wait()? {
                if !status.success() {
                    // A terminal asks all of its processes for the end at once: what this one was asked is known in a moment.
                    std::thread::sleep(POLL);
                }
                return Ok((!self.interrupt.cancel().is_asked() || status.success()).then_some(status));
            }
            if self.interrupt.cancel().is_asked() {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Runner for Processes {
    fn prepare(&self, config: &RunFile) -> Result<Ready> {
        let device = device(&config.device)?;
        let data = self.data(&config.data)?;
        let manifest = &data.dataset.manifest;
        config.check(&manifest.schema)?;
        config.check_sessions(manifest)?;
        let n_rows = manifest.summary(Split::Train).rows;
        let memory = footprint::check(config, &manifest.schema, Some(n_rows), &device)?;
        let tasks = manifest.schema.tasks.iter().map(|task| task.name.clone()).collect();
        Ok(Ready { data: data.located(&config.data.dataset)?, memory, tasks })
    }

    fn run(&self, job: &Job) -> std::result::Result<(), Ended> {
        let (run_file, log) = (beside(&job.folder, "toml"), beside(&job.folder, "log"));
        let status = self
            .start(job, &run_file, &log)
            .and_then(|mut child| {
                let status = self.wait(&mut child);
                if status.is_err() {
                    // Nobody looks after it any more.
                    drop(child.kill());
                }
                status
            })
            .map_err(|error| Ended::Failed(format!("its process: {error}")))?;
        // A log that stays beside the folder is a nuisance and no reason to lose the run.
        drop(fs::remove_file(&run_file));
        let said = fs::read_to_string(&log).unwrap_or_default();
        if job.folder.is_dir() {
            drop(fs::rename(&log, job.folder.join(LOG_FILE)));
        }
        match status {
            None => Err(Ended::Interrupted),
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(Ended::Failed(format!("{status}\n{}", last_lines(&said)).trim_end().into())),
        }
    }
}

/// A file beside a run folder; RunFolder wants that empty when the run begins.
fn beside(folder: &Path, extension: &str) -> PathBuf {
    folder.with_extension(extension)
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_tell_why() {
        let text = (0..10).map(|line| format!("line {line}\n\n")).collect::<String>();
        assert_eq!(last_lines(&text), "line 4\nline 5\nline 6\nline 7\nline 8\nline 9");
        assert_eq!(last_lines("one\n"), "one");
        assert_eq!(last_lines(""), "");
    }
}
