//! `--set a.b.c=value`: a key of the run file from the command line.

use std::str::FromStr;

use thiserror::Error;
use toml::{Table, Value};

use super::{ConfigError, RunFile};
use rmtl_ingest::toml_file;

/// One `--set key=value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    key: String,
    value: Value,
}

/// A `--set` that cannot be used.
#[derive(Debug, Error, PartialEq)]
pub enum OverrideError {
    /// Not `key=value`.
    #[error("--set {0}: expected `key=value`, such as `--set weighting.critic.lambda=0.3`")]
    Form(String),
    /// The key goes through something that is no table.
    #[error("--set {key}: `{through}` is a value, not a table, so it has no keys of its own")]
    NoTable {
        /// The whole key.
        key: String,
        /// The part that is no table.
        through: String,
    },
    /// The run file with the overrides is no run file.
    #[error("with {overrides}: {message}")]
    Rejected {
        /// All of them.
        overrides: String,
        /// What is wrong.
        message: String,
    },
}

impl Override {
    /// The key, dotted.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl FromStr for Override {
    type Err = OverrideError;

    fn from_str(text: &str) -> Result<Self, OverrideError> {
        let form = || OverrideError::Form(text.to_owned());
        let (key, value) = text.split_once('=').ok_or_else(form)?;
        let key = key.trim();
        if key.is_empty() || key.split('.').any(str::is_empty) {
            return Err(form());
        }
        // A bare word is a string: `--set device=flex` needs no quotes.
        let parsed =
            format!("value = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
        let value = parsed.unwrap_or_else(|| Value::String(value.trim().to_owned()));
        Ok(Self { key: key.to_owned(), value })
    }
}

/// The run file `text` with `overrides`.
///
/// A `--set` under another variant of a choice (`weighting.critic.lambda` where the file has `[weighting.equal]`)
/// replaces the choice.
pub(super) fn apply(text: &str, overrides: &[Override]) -> Result<RunFile, ConfigError> {
    let mut table: Table = text.parse().expect("the text was parsed before");
    for item in overrides {
        set(&mut table, item)?;
    }
    table.try_into().map_err(|error: toml::de::Error| {
        let overrides = overrides
            .iter()
            .map(|item| format!("--set {}={}", item.key, item.value))
            .collect::<Vec<_>>()
            .join(" ");
        OverrideError::Rejected { overrides, message: toml_file::explain(error.message()) }.into()
    })
}

/// Tables of which exactly one sub-table may be given.
const CHOICES: [&str; 8] = [
    "backbone",
    "weighting",
    "schedule",
    "encoder.optimizer",
    "critic.embedding_optimizer",
    "schedule.two_stage.collect.policy",
    "schedule.joint.collect.policy",
    "backbone.apem.gamma",
];

fn set(table: &mut Table, item: &Override) -> Result<(), OverrideError> {
    let parts: Vec<&str> = item.key.split('.').collect();
    let (last, path) = parts.split_last().expect("a key has at least one part");
    let mut here = table;
    for (depth, part) in path.iter().enumerate() {
        let entry = here.entry(*part).or_insert_with(|| Value::Table(Table::new()));
        here = entry
            .as_table_mut()
            .ok_or_else(|| OverrideError::NoTable { key: item.key.clone(), through: (*part).to_owned() })?;
        if CHOICES.contains(&parts[..=depth].join(".").as_str()) {
            here.retain(|name, _| name == parts[depth + 1]);
        }
    }
    here.insert((*last).to_owned(), item.value.clone());
    Ok(())
}
