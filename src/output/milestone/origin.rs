//! What a run is of: a checkpoint of other settings or data is another run's.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::config::{CheckpointConfig, DataConfig, RunFile};
use crate::error::Result;
use crate::output::policy_file::POLICY_FILE;

/// Differences that a message names at most.
const SHOWN: usize = 5;

/// The settings and the data of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Origin {
    /// The run file without `[data]` and `[checkpoint]`: where the data lie does not matter, nor how often there is a checkpoint.
    run_file: String,
    /// The content of the data.
    content_hash: String,
}

impl Origin {
    /// Of a run of `config` on data of that content.
    ///
    /// # Errors
    /// A path in the run file is not Unicode.
    pub(crate) fn of(config: &RunFile, content_hash: &str) -> Result<Self> {
        let data = DataConfig { dataset: PathBuf::new(), root: None, prepared: None, content_hash: None };
        // The run folder has a copy of its own, whose checksum is looked at.
        let weighting = config.weighting.with_policy(Path::new(POLICY_FILE));
        let weighting = weighting.unwrap_or_else(|| config.weighting.clone());
        let checkpoint = CheckpointConfig::default();
        let run_file = RunFile { data, weighting, checkpoint, ..config.clone() }.to_toml()?;
        Ok(Self { run_file, content_hash: content_hash.to_owned() })
    }

    /// Of a run of `config` on the data of this one.
    ///
    /// # Errors
    /// As [`Origin::of`].
    pub(crate) fn on_same_data(&self, config: &RunFile) -> Result<Self> {
        Self::of(config, &self.content_hash)
    }

    /// In what `now` is another, for people; nothing where it is the same.
    pub(crate) fn difference(&self, now: &Self) -> Option<String> {
        if self.content_hash != now.content_hash {
            let (was, is) = (&self.content_hash, &now.content_hash);
            return Some(format!("it is of other data: their content hash was {was} and is {is}"));
        }
        if self.run_file == now.run_file {
            return None;
        }
        let [was, is] = [self, now].map(|origin| {
            let mut keys = Vec::new();
            // What is no TOML any more differs in every key.
            flatten("", &origin.run_file.parse::<Table>().unwrap_or_default(), &mut keys);
            keys
        });
        let value = |keys: &[(String, String)], key: &str| {
            keys.iter()
                .find(|(known, _)| known == key)
                .map_or("absent".to_owned(), |(_, value)| value.clone())
        };
        let mut keys: Vec<&str> = was.iter().chain(&is).map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        let differing = keys.into_iter().map(|key| (key, value(&was, key), value(&is, key)));
        let mut said: Vec<String> = differing
            .filter(|(_, was, is)| was != is)
            .map(|(key, was, is)| format!("`{key}` was {was} and is {is}"))
            .collect();
        if said.len() > SHOWN {
            let more = said.len() - SHOWN;
            said.truncate(SHOWN);
            said.push(format!("and {more} more"));
        }
        Some(format!("it is of another run file: {}", said.join(", ")))
    }
}

/// The values of a table by dotted keys.
fn flatten(prefix: &str, table: &Table, into: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let key = format!("{prefix}{key}");
        match value {
            Value::Table(table) if !table.is_empty() => flatten(&format!("{key}."), table, into),
            value => into.push((key, value.to_string())),
        }
    }
}
