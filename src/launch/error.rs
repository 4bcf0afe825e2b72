//! What can end a run whose data are prepared first.

use rmtl_envs::{EnvError, TooMuchMemory};
use rmtl_ingest::IngestError;
use thiserror::Error;

use crate::config::ConfigError;
use crate::error::Error;
use crate::metric::MetricError;

/// Why a command failed: its data could not be prepared, or the run failed.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// The raw log or the dataset file.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// Everything after the preparation.
    #[error(transparent)]
    Run(#[from] Error),
}

impl LaunchError {
    /// Whether somebody asked for the end.
    pub fn is_interrupt(&self) -> bool {
        match self {
            Self::Ingest(error) => matches!(error, IngestError::Cancelled),
            Self::Run(error) => error.is_interrupt(),
        }
    }
}

impl From<ConfigError> for LaunchError {
    fn from(error: ConfigError) -> Self {
        Self::Run(error.into())
    }
}

impl From<EnvError> for LaunchError {
    fn from(error: EnvError) -> Self {
        Self::Run(error.into())
    }
}

impl From<TooMuchMemory> for LaunchError {
    fn from(error: TooMuchMemory) -> Self {
        Self::Run(error.into())
    }
}

impl From<MetricError> for LaunchError {
    fn from(error: MetricError) -> Self {
        Self::Run(error.into())
    }
}

/// A result with [`LaunchError`].
pub type Result<T> = std::result::Result<T, LaunchError>;
