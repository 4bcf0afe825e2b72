//! A policy that was learnt, and what must be known to use it.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::features::FEATURES;
use super::network::{TaskNetwork, centred_on_host};
use crate::parameter::{NamedTensors, ParameterError, collect, host, restore};
use crate::stream::Streams;

/// The version that files of policies have now.
pub const POLICY_VERSION: u32 = 1;

/// What a policy is beside its parameters: the header of its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySettings {
    /// [`POLICY_VERSION`]
    pub version: u32,
    /// Names of what it sees, [`FEATURES`].
    pub features: Vec<String>,
    /// Units of its hidden layers.
    pub hidden: Vec<usize>,
    /// Blocks that it divides a training into.
    pub blocks: u32,
    /// Largest change of a log weight in a block.
    pub bound: f64,
    /// Largest log weight by size.
    pub limit: f64,
}

/// A file that holds no policy that can be used here.
#[derive(Debug, Error, PartialEq)]
pub enum PolicyError {
    /// The header is none.
    #[error("its header does not describe a policy: {0}")]
    Header(String),
    /// Another version.
    #[error("it is of format {found}, and this program reads format {POLICY_VERSION}; learn it again")]
    Version {
        /// The file's.
        found: u32,
    },
    /// It was learnt from other features.
    #[error("it sees [{}], and states here are [{}]; learn it again", found.join(", "), FEATURES.join(", "))]
    Features {
        /// The file's.
        found: Vec<String>,
    },
    /// Settings that no policy has.
    #[error("its {0}")]
    Setting(String),
    /// The parameters are others.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
}

impl PolicySettings {
    /// Settings of a policy over today's [`FEATURES`].
    pub fn new(hidden: Vec<usize>, blocks: u32, bound: f64, limit: f64) -> Self {
        let features = FEATURES.map(str::to_owned).to_vec();
        Self { version: POLICY_VERSION, features, hidden, blocks, bound, limit }
    }

    fn check(&self) -> Result<(), PolicyError> {
        if self.version != POLICY_VERSION {
            return Err(PolicyError::Version { found: self.version });
        }
        if self.features != FEATURES {
            return Err(PolicyError::Features { found: self.features.clone() });
        }
        let wrong = |message: String| Err(PolicyError::Setting(message));
        if self.blocks == 0 {
            return wrong("`blocks` must be at least 1; found 0".into());
        }
        for (key, value) in [("bound", self.bound), ("limit", self.limit)] {
            if !(value > 0.0 && value <= 20.0) {
                return wrong(format!("`{key}` must be a number above 0, at most 20; found {value}"));
            }
        }
        Ok(())
    }
}

/// A policy that no longer learns.
#[derive(Clone, Debug)]
pub struct Policy {
    settings: PolicySettings,
    network: TaskNetwork,
}

/// What parameters are called in a file.
const PREFIX: &str = "policy";

impl Policy {
    pub(super) fn new(settings: PolicySettings, network: TaskNetwork) -> Self {
        Self { settings, network: network.valid() }
    }

    /// The policy of a file with this header and these parameters.
    ///
    /// # Errors
    /// They are of none, or of one that sees something else.
    pub fn read(header: &str, tensors: &NamedTensors) -> Result<Self, PolicyError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let unreadable = |error: serde_json::Error| PolicyError::Header(error.to_string());
        // A later version may have other keys.
        let Version { version: found } = serde_json::from_str(header).map_err(unreadable)?;
        if found != POLICY_VERSION {
            return Err(PolicyError::Version { found });
        }
        let settings: PolicySettings = serde_json::from_str(header).map_err(unreadable)?;
        settings.check()?;
        let mut stream = Streams::new(0).named("init/policy");
        let network = TaskNetwork::policy(FEATURES.len(), &settings.hidden, &mut stream, &Device::default());
        Ok(Self { network: restore(network, PREFIX, tensors)?, settings })
    }

    /// The header of its file, in JSON.
    pub fn header(&self) -> String {
        serde_json::to_string(&self.settings).expect("settings hold nothing JSON cannot say")
    }

    /// Its parameters.
    pub fn parameters(&self) -> NamedTensors {
        let mut tensors = NamedTensors::new();
        collect(&self.network, PREFIX, &mut tensors);
        tensors
    }

    /// What it is beside its parameters.
    pub fn settings(&self) -> &PolicySettings {
        &self.settings
    }

    /// The action in a state `[task, feature]`: `[task]`, in [−1, 1], mean 0.
    pub fn act(&self, state: &[f32]) -> Vec<f32> {
        centred_on_host(&act(&self.network, state, self.settings.features.len()))
    }
}

/// The action of `network` before its mean is taken out.
pub(super) fn act(network: &TaskNetwork, state: &[f32], n_features: usize) -> Vec<f32> {
    let shape = [1, state.len() / n_features, n_features];
    let state = Tensor::<3>::from_data(TensorData::new(state.to_vec(), shape), &Device::default());
    host(network.act(state))
}
