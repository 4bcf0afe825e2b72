//! A run folder: everything needed to explain, evaluate and repeat a run.
//!
//! ```text
//! run.toml        the run file with every default written out
//! dataset.toml    the dataset file
//! policy.safetensors  a copy of the policy that steers the weights, where one does
//! model/          actor, baseline, equal_budget and critic, as safetensors
//! metrics.jsonl   every logged value that two runs of one seed have in common
//! timings.jsonl   every logged value that comes from a clock
//! tensorboard/    the same for TensorBoard, in a folder named by weighting and seed
//! checkpoint/     from what a run that was stopped goes on; a finished one has none
//! predictions/    every actor's predictions for the rows of validation and test, as Arrow files
//! report.json     the results
//! report.md       the same for people
//! report.html     the same with charts, to be opened or sent
//! ```

mod claim;

use std::fs;
use std::path::{Path, PathBuf};

use rmtl_agents::parameter::NamedTensors;
use rmtl_files::write_whole;

use crate::error::{Error, Result};
use crate::log::{METRICS_FILE, TIMINGS_FILE};
use crate::output::checkpoint::{self, Saved};
use crate::output::milestone::{self, CHECKPOINTS};
use crate::output::policy_file::POLICY_FILE;

use claim::{Claim, Taken};

/// The resolved run file.
pub const RUN_FILE: &str = "run.toml";
/// The dataset file.
pub const DATASET_FILE: &str = "dataset.toml";
/// The results.
pub const REPORT_FILE: &str = "report.json";
/// The results for people.
pub const REPORT_PAGE: &str = "report.md";
/// The results and curves on a page with charts.
pub const PAGE_FILE: &str = "report.html";
/// TensorBoard's folder.
pub const TENSORBOARD: &str = "tensorboard";

/// The parameters a run keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// The final actor.
    Actor,
    /// The pretrained actor.
    Baseline,
    /// The actor of the weighted phase with all weights 1.
    EqualBudget,
    /// The critics.
    Critic,
    /// The best actor before the loss stopped being a number.
    LastGood,
}

impl Model {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Actor => "actor",
            Self::Baseline => "baseline",
            Self::EqualBudget => "equal_budget",
            Self::Critic => "critic",
            Self::LastGood => "last_good",
        }
    }

    /// The name of its file in `model/`.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Actor => "actor.safetensors",
            Self::Baseline => "baseline.safetensors",
            Self::EqualBudget => "equal_budget.safetensors",
            Self::Critic => "critic.safetensors",
            Self::LastGood => "last_good.safetensors",
        }
    }
}

/// An existing run folder. That of a new run belongs to this process until it is dropped.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    claim: Option<Claim>,
}

impl RunFolder {
    /// Makes the folder of a new run.
    ///
    /// # Errors
    /// It holds something already, another run is using it, or it cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let claim = Claim::of(path).map_err(|taken| match taken {
            Taken::InUse => {
                let reason = "another run is going on in it; choose another folder with --out";
                Error::file("start a run in", path, reason)
            }
            Taken::NotEmpty => {
                let reason = format!(
                    "it exists and is not empty: {}; choose another folder with --out, or remove it",
                    what_is_in(path)
                );
                Error::file("start a run in", path, reason)
            }
            Taken::Io(error) => Error::file("create", path, error),
        })?;
        Ok(Self { path: path.into(), claim: Some(claim) })
    }

    /// Makes the first of `runs/<name>`, `runs/<name>-2`, … that does not exist. Two programs never get the same one.
    pub fn create_next(name: &str) -> Result<Self> {
        let numbered = (2..).map(|n| format!("{name}-{n}"));
        for name in std::iter::once(name.to_owned()).chain(numbered) {
            let path = Path::new("runs").join(name);
            if path.exists() {
                continue;
            }
            match Claim::of(&path) {
                Ok(claim) => return Ok(Self { path, claim: Some(claim) }),
                Err(Taken::InUse | Taken::NotEmpty) => {}
                Err(Taken::Io(error)) => return Err(Error::file("create", &path, error)),
            }
        }
        unreachable!("there are more numbers than folders")
    }

    /// Takes back what a run that did not begin has made, and nothing else.
    pub fn discard(self) {
        // That something stays is a nuisance and no reason to hide why the run did not begin.
        for file in [RUN_FILE, DATASET_FILE, METRICS_FILE, TIMINGS_FILE, POLICY_FILE] {
            drop(fs::remove_file(self.path.join(file)));
        }
        for folder in [TENSORBOARD, CHECKPOINTS] {
            drop(fs::remove_dir_all(self.path.join(folder)));
        }
        if let Some(claim) = self.claim {
            claim.give_up();
        }
    }

    /// Removes what a run that did not finish has left at `path`, if anything.
    ///
    /// # Errors
    /// A run is going on in it, or it cannot be removed.
    pub fn remove_unfinished(path: &Path) -> Result<()> {
        if claim::is_in_use(path) {
            return Err(Error::file("start a run in", path, "another run is going on in it"));
        }
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::file("remove", path, error))
            }
            _ => Ok(()),
        }
    }

    /// Whether a run is going on in it.
    pub fn is_in_use(&self) -> bool {
        claim::is_in_use(&self.path)
    }

    /// Whether it keeps any parameters.
    pub fn has_models(&self) -> bool {
        self.path.join("model").is_dir()
    }

    /// The folder of an earlier run.
    ///
    /// # Errors
    /// It has no `run.toml`.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.join(RUN_FILE).is_file() {
            let reason = format!("no {RUN_FILE} in it; expected the folder of an `rmtl train`");
            return Err(Error::file("open the run folder", path, reason));
        }
        Ok(Self { path: path.into(), claim: None })
    }

    /// The folder of a run that was stopped, to go on in.
    ///
    /// # Errors
    /// It has no `run.toml`, the run has finished, or is going on.
    pub fn reopen(path: &Path) -> Result<Self> {
        Self::open(path)?;
        let refused = |reason: &str| Error::file("go on with the run in", path, reason);
        let claim = Claim::again(path).map_err(|taken| match taken {
            Taken::Io(error) => Error::file("go on with the run in", path, error),
            Taken::InUse | Taken::NotEmpty => refused("it is going on"),
        })?;
        if path.join(REPORT_FILE).is_file() {
            let reason = format!("it has finished; `rmtl evaluate {}` repeats its results", path.display());
            return Err(refused(&reason));
        }
        Ok(Self { path: path.into(), claim: Some(claim) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a text file of the folder, whole or not at all.
    pub fn write(&self, name: &str, content: &str) -> Result<()> {
        let path = self.path.join(name);
        write_whole(&path, |file| file.write_all(content.as_bytes()))
            .map_err(|error| Error::file("write", &path, error))
    }

    /// Where parameters are kept.
    pub fn model_path(&self, model: Model) -> PathBuf {
        self.path.join("model").join(model.file_name())
    }

    /// Keeps parameters, here or, when the disk is full, in the folder for temporary files.
    pub fn save(&self, model: Model, tensors: &NamedTensors) -> Result<()> {
        // Where this fails, writing fails too, and the parameters are rescued.
        drop(fs::create_dir(self.path.join("model")));
        checkpoint::write_or_rescue(&self.model_path(model), tensors)
    }

    /// Removes what a run that goes on would not have: the best parameters of the phase that was cut, and halves of files that a
    /// killed process has left.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn remove_remains(&self) -> Result<()> {
        let remove = |path: &Path| match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::file("remove", path, error))
            }
            _ => Ok(()),
        };
        remove(&self.model_path(Model::LastGood))?;
        for folder in ["", "model", CHECKPOINTS, "predictions"] {
            let entries = fs::read_dir(self.path.join(folder)).into_iter().flatten().flatten();
            let is_half = |entry: &fs::DirEntry| {
                entry.file_name().to_string_lossy().starts_with(".tmp") && entry.path().is_file()
            };
            entries.filter(is_half).try_for_each(|entry| remove(&entry.path()))?;
        }
        Ok(())
    }

    /// Reads parameters.
    pub fn load(&self, model: Model) -> Result<Saved> {
        checkpoint::read(&self.model_path(model))
    }
}

/// What stands in a folder that is not empty, and what can be done with it.
fn what_is_in(path: &Path) -> String {
    let (shown, run_file) = (path.display(), path.join(RUN_FILE));
    if !run_file.is_file() {
        return "what is in it is no run".into();
    }
    if path.join(REPORT_FILE).is_file() {
        return format!("a finished run is in it (`rmtl evaluate {shown}` repeats its results)");
    }
    let again = format!("`rmtl train {}` trains it again in a new folder", run_file.display());
    if milestone::exists(path) {
        return format!(
            "a run that did not finish is in it (`rmtl train --resume {shown}` goes on with it, {again}; `rmtl evaluate {shown}` \
             shows what it had learnt)"
        );
    }
    match path.join("model").is_dir() {
        true => format!(
            "a run that did not finish is in it (`rmtl evaluate {shown}` shows what it had learnt, {again})"
        ),
        false => format!("a run that did not finish and kept no model is in it ({again})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_taken_says_what_is_in_it_and_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("run");
        fs::create_dir(&path).unwrap();
        let said = || RunFolder::create(&path).unwrap_err().to_string();
        let steps: [(&str, &[&str]); 5] = [
            ("notes", &["is no run", "--out"]),
            (RUN_FILE, &["did not finish and kept no model", "rmtl train", "run.toml`", "--out"]),
            ("model/actor.safetensors", &["did not finish", "rmtl evaluate", "run.toml`", "--out"]),
            ("checkpoint/0.json", &["did not finish", "rmtl train --resume", "run.toml`", "--out"]),
            (REPORT_FILE, &["a finished run", "rmtl evaluate", "--out"]),
        ];
        for (file, words) in steps {
            fs::create_dir_all(path.join(file).parent().unwrap()).unwrap();
            fs::write(path.join(file), "").unwrap();
            let said = said();
            for word in words {
                assert!(said.contains(word), "{word}: {said}");
            }
        }
    }
}
