//! `--set a.b.c=value`: a key of the run file from the command line.

use std::path::Path;
use std::str::FromStr;

use thiserror::Error;
use toml::{Table, Value};

use super::keys::{self, Place};
use super::{ConfigError, RunFile};
use rmtl_files::toml_file;

/// The keys that hold paths.
pub(super) const DATA_PATHS: [&str; 3] = ["data.dataset", "data.root", "data.prepared"];

/// The table whose `policy`, at any depth, is the path of a file.
const WEIGHTING: &str = "weighting";
const POLICY: &str = "policy";

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
    /// No such key.
    #[error("--set {key}={value}: run files have no key `{key}`{}", did_you_mean(likely))]
    UnknownKey {
        /// The whole key.
        key: String,
        /// Its value.
        value: String,
        /// The keys that may have been meant.
        likely: Vec<String>,
    },
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

    /// Whether it says where the weighting's policy is.
    pub(super) fn names_policy(&self) -> bool {
        self.key.split('.').next() == Some(WEIGHTING)
            && (self.key.ends_with(".policy") || has_policy(&self.value))
    }

    /// The same where relative paths of `[data]` and of a policy start at `folder`: in a file they do, on the command line at
    /// the working directory.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> Self {
        if DATA_PATHS.contains(&self.key.as_str()) || (self.names_policy() && self.value.is_str()) {
            join(&mut self.value, folder);
        } else if self.names_policy() {
            join_policies(&mut self.value, folder);
        }
        self
    }

    fn unknown(&self) -> OverrideError {
        let (key, value) = (self.key.clone(), self.value.to_string());
        OverrideError::UnknownKey { likely: keys::likely(&key), key, value }
    }
}

fn has_policy(value: &Value) -> bool {
    value.as_table().is_some_and(|table| table.iter().any(|(key, value)| key == POLICY || has_policy(value)))
}

fn join_policies(value: &mut Value, folder: &Path) {
    for (key, value) in value.as_table_mut().into_iter().flatten() {
        if key == POLICY { join(value, folder) } else { join_policies(value, folder) }
    }
}

/// Lets a relative path start at `folder`.
fn join(value: &mut Value, folder: &Path) {
    if let Value::String(path) = value
        && Path::new(path).is_relative()
        && let Some(joined) = super::tidy(&folder.join(&*path)).to_str()
    {
        *path = joined.to_owned();
    }
}

fn did_you_mean(likely: &[String]) -> String {
    let quoted: Vec<String> = likely.iter().map(|key| format!("`{key}`")).collect();
    match quoted.is_empty() {
        true => "; `rmtl list keys` shows them all".into(),
        false => format!(" (did you mean {}?)", quoted.join(" or ")),
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
        let parsed = |text: &str| {
            format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"))
        };
        // A bare word is a string: `--set device=flex` needs no quotes.
        let value = parsed(value)
            .or_else(|| parsed(&with_whole_numbers(value)))
            .unwrap_or_else(|| Value::String(value.trim().to_owned()));
        Ok(Self { key: key.to_owned(), value })
    }
}

/// `.5` and `1.` as TOML writes them; what is no such number stays.
fn with_whole_numbers(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    let mut numbers = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let token = &rest[start..];
        let token = &token[..token.find(|c| !is_part(c)).unwrap_or(token.len())];
        let is_number =
            token.contains('.') && token.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
        numbers.push_str(&rest[..start]);
        match token.parse::<f64>().ok().filter(|number| is_number && number.is_finite()) {
            Some(number) => numbers.push_str(&format!("{number:?}")),
            None => numbers.push_str(token),
        }
        rest = &rest[start + token.len()..];
    }
    numbers + rest
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

fn set(table: &mut Table, item: &Override) -> Result<(), OverrideError> {
    let parts: Vec<&str> = item.key.split('.').collect();
    let (last, path) = parts.split_last().expect("a key has at least one part");
    let (mut here, mut place) = (table, Place::root());
    for (depth, part) in path.iter().enumerate() {
        place = place.child(part).ok_or_else(|| item.unknown())?;
        let entry = here.entry(*part).or_insert_with(|| Value::Table(Table::new()));
        if place.is_choice() {
            // Another choice, be it a table or a name, makes room.
            let chosen = parts[depth + 1];
            match entry.as_table_mut() {
                Some(table) => table.retain(|name, _| name == chosen),
                None => *entry = Value::Table(Table::new()),
            }
        }
        here = entry
            .as_table_mut()
            .ok_or_else(|| OverrideError::NoTable { key: item.key.clone(), through: (*part).to_owned() })?;
    }
    if place.child(last).is_none() {
        return Err(item.unknown());
    }
    here.insert((*last).to_owned(), item.value.clone());
    Ok(())
}
