//! What can end a run.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::config::ConfigError;
use crate::log::tags::Phase;
use crate::metric::MetricError;

/// Why a training or an evaluation failed. Messages say where, what was expected, what was found and what to do.
#[derive(Debug, Error)]
pub enum Error {
    /// The run file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The prepared dataset.
    #[error(transparent)]
    Dataset(#[from] rmtl_envs::EnvError),
    /// Predictions no metric can be computed from.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// A saved model that does not fit.
    #[error("{path}: {source}")]
    Model {
        /// The model file.
        path: PathBuf,
        /// What does not fit.
        source: rmtl_agents::parameter::ParameterError,
    },
    /// A file that cannot be written or read.
    #[error("cannot {action} {path}: {reason}")]
    File {
        /// `write`, `read`, …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why, and what to do where that is known.
        reason: String,
    },
    /// A device that is unknown or not compiled in.
    #[error("{0}")]
    Device(String),
    /// A loss that is not a number.
    #[error(transparent)]
    Diverged(#[from] Diverged),
    /// Ctrl-C or another signal.
    #[error("interrupted in phase {phase}, step {step}")]
    Interrupted {
        /// The phase.
        phase: &'static str,
        /// Its step.
        step: u64,
    },
    /// More memory than there is.
    #[error(transparent)]
    Memory(#[from] rmtl_envs::TooMuchMemory),
    /// Parts of the command line or the data that contradict one another.
    #[error("{0}")]
    Usage(String),
}

/// A training whose loss is not a number.
#[derive(Debug, Error)]
#[error(
    "{phase}, step {step}: the loss is {loss} because of the {part}, training stopped{}. \
     Try a lower `{}`, or look at the losses and gradient norms in TensorBoard",
    models.iter().map(|models| format!("; {models}")).collect::<String>(), part.rate()
)]
pub struct Diverged {
    /// The phase.
    pub phase: &'static str,
    /// Its step.
    pub step: u64,
    /// Who has made it so.
    pub part: Learner,
    /// The loss.
    pub loss: f64,
    /// Where the last good parameters are, once whoever has the run folder has said so.
    pub models: Option<String>,
}

impl Diverged {
    /// Fails where `loss`, which `part` has in a step of a phase, is not a number.
    pub fn check(part: Learner, (phase, step): (Phase, u64), loss: f64) -> std::result::Result<(), Self> {
        if loss.is_finite() {
            return Ok(());
        }
        Err(Self { phase: phase.name(), step, part, loss, models: None })
    }
}

/// Who learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learner {
    /// The actor.
    Actor,
    /// The critics.
    Critics,
}

impl Learner {
    /// The key of its learning rate.
    pub fn rate(self) -> &'static str {
        match self {
            Self::Actor => "optimizer.learning_rate",
            Self::Critics => "critic.learning_rate",
        }
    }
}

impl std::fmt::Display for Learner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Actor => "actor",
            Self::Critics => "critics",
        })
    }
}

impl Error {
    /// Whether somebody asked for the end.
    pub fn is_interrupt(&self) -> bool {
        matches!(self, Self::Interrupted { .. })
    }

    /// An [`Error::File`].
    pub fn file(action: &'static str, path: &Path, reason: impl ToString) -> Self {
        Self::File { action, path: path.into(), reason: reason.to_string() }
    }
}

/// A result with this crate's error.
pub type Result<T> = std::result::Result<T, Error>;
