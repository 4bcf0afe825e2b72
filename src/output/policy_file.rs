//! The file of a controller's policy: its parameters as safetensors, and in their header what it sees and how it acts.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rmtl_agents::controller::Policy;
use rmtl_agents::weighting::WeightingConfig;
use rmtl_files::checksum_of_parts;

use super::checkpoint::{self, Saved};
use crate::error::{Error, Result};

/// Its name in a folder.
pub const POLICY_FILE: &str = "policy.safetensors";

/// The key of the description in the file's header.
const HEADER: &str = "rmtl_policy";

/// Writes `policy` to `path`, whole or not at all.
pub fn write(path: &Path, policy: &Policy) -> Result<()> {
    let header = HashMap::from([(HEADER.to_owned(), policy.header())]);
    checkpoint::write_with(path, &policy.parameters(), header)
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// It is no file of a policy, or of one that sees something else than this program shows.
pub fn read(path: &Path) -> Result<Policy> {
    let Saved { tensors, header, .. } = checkpoint::read(path)?;
    let Some(header) = header.get(HEADER) else {
        let reason = "it holds parameters of something else; `policy` names the policy.safetensors of an `rmtl control learn`";
        return Err(Error::file("use the policy in", path, reason));
    };
    Policy::read(header, &tensors).map_err(|error| Error::file("use the policy in", path, error))
}

/// Digits of a policy's name.
const DIGITS: usize = 16;

/// `weighting` with its policy named by what the policy is and not by where it lies, so that two that are alike are equal.
/// As it is where it has none.
///
/// # Errors
/// The file cannot be read.
pub fn by_content(weighting: &WeightingConfig) -> Result<WeightingConfig> {
    let Some(path) = weighting.policy() else { return Ok(weighting.clone()) };
    let Saved { tensors, header, .. } = checkpoint::read(path)?;
    // In the order of their keys, whatever that of the file.
    let header: BTreeMap<String, String> = header.into_iter().collect();
    let mut parts: Vec<Vec<u8>> =
        header.into_iter().flat_map(|(key, value)| [key, value]).map(String::into_bytes).collect();
    for (name, tensor) in tensors {
        let values = tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        parts.extend([name.into_bytes(), format!("{:?}", tensor.shape).into_bytes(), values]);
    }
    let name = checksum_of_parts(parts.iter().map(Vec::as_slice));
    Ok(weighting.with_policy(Path::new(&name[..DIGITS])).unwrap_or_else(|| weighting.clone()))
}

#[cfg(test)]
mod tests {
    use rmtl_agents::controller::{Agent, AgentConfig, AgentKind, FEATURES};
    use rmtl_agents::stream::Streams;

    use super::*;

    #[test]
    fn a_round_trip_keeps_the_policy_and_parameters_of_something_else_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(POLICY_FILE);
        let agent = Agent::new(AgentKind::Td3, AgentConfig::default(), 2, &Streams::new(1));
        let policy = agent.policy(10, 0.5, 3.0);
        write(&path, &policy).unwrap();
        let again = read(&path).unwrap();
        assert_eq!(again.settings(), policy.settings());
        let state: Vec<f32> = (0..3 * FEATURES.len()).map(|i| (i as f32).sin()).collect();
        assert_eq!(again.act(&state), policy.act(&state));

        let weighting = |path: &Path| -> WeightingConfig {
            toml::from_str(&format!("[controller]\npolicy = {path:?}")).unwrap()
        };
        let elsewhere = folder.path().join("copy.safetensors");
        write(&elsewhere, &policy).unwrap();
        let name = |path: &Path| by_content(&weighting(path)).unwrap();
        assert_eq!(name(&path), name(&elsewhere), "the same policy, wherever it lies");
        write(&elsewhere, &agent.policy(10, 0.25, 3.0)).unwrap();
        assert_ne!(name(&path), name(&elsewhere), "other bounds, another policy");
        let other = Agent::new(AgentKind::Td3, AgentConfig::default(), 2, &Streams::new(2));
        write(&elsewhere, &other.policy(10, 0.5, 3.0)).unwrap();
        assert_ne!(name(&path), name(&elsewhere));
        assert!(by_content(&weighting(&folder.path().join("absent"))).is_err());

        checkpoint::write(&path, &policy.parameters()).unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(message.contains("something else") && message.contains("rmtl control learn"), "{message}");
        std::fs::write(&path, "no tensors").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("not a complete safetensors file"));
    }
}
