//! Study files: what a person writes.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use rmtl_files::toml_file;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::compare::Which;
use crate::config::ConfigError;
use crate::error::{Error, Result};
use crate::study::metric::Metric;
use crate::study::search::Method;
use crate::study::space::Space;

/// A study file, `configs/studies/*.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyFile {
    /// The run file that all runs start from, relative to the study file.
    pub run: PathBuf,
    /// Overrides of every run, as `--set` takes them; paths in them are relative to the study file.
    #[serde(default)]
    pub set: Vec<String>,
    /// Seeds of the runs that choices are made by; those of the table, where `confirm_seeds` are absent.
    pub seeds: Vec<u64>,
    /// Seeds of the runs that stand in the table, which no choice has seen.
    #[serde(default)]
    pub confirm_seeds: Vec<u64>,
    /// What is chosen by, on the validation split.
    #[serde(default)]
    pub metric: Metric,
    /// The arm the others are compared with; absent = `equal`, where there is such an arm.
    pub base: Option<String>,
    /// Runs side by side; absent = as many as have a core for each of their threads.
    pub jobs: Option<usize>,
    /// Threads of a run.
    #[serde(default = "one")]
    pub threads: usize,
    /// Settings that every arm tries that searches.
    pub trials: Option<usize>,
    /// Whether arms that try different numbers of settings are refused.
    #[serde(default = "yes")]
    pub same_trials: bool,
    /// Seed of the searches.
    #[serde(default = "seed")]
    pub search_seed: u64,
    /// Successive halving: shorter runs that decide which settings are tried any longer.
    #[serde(default)]
    pub halving: Vec<Rung>,
    /// What is compared.
    #[serde(deserialize_with = "in_order")]
    pub arms: IndexMap<String, Arm>,
    /// What every arm is run on: a table for each combination of the axes' values.
    #[serde(default, deserialize_with = "in_order")]
    pub axes: IndexMap<String, Axis>,
}

/// `[arms.NAME]`: settings that are compared with others.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Its overrides; `{a}` stands for what the search tries.
    #[serde(default)]
    pub set: Vec<String>,
    /// Which actor of its runs: `final`, `pretrained` or `equal-budget`.
    #[serde(default)]
    pub actor: Which,
    /// What it tries; absent = one setting.
    pub search: Option<SearchConfig>,
}

/// `[arms.NAME.search]`: settings that an arm may choose from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchConfig {
    /// How they are found.
    pub method: Method,
    /// How many; absent = the study's.
    pub trials: Option<usize>,
    /// What the placeholders may stand for.
    #[serde(deserialize_with = "in_order")]
    pub space: IndexMap<String, Space>,
}

/// `[axes.NAME]`: values by name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Axis(#[serde(deserialize_with = "in_order")] pub IndexMap<String, AxisValue>);

/// `[axes.NAME.VALUE]`: what makes the value.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxisValue {
    /// Its overrides.
    #[serde(default)]
    pub set: Vec<String>,
}

/// A step of successive halving (Jamieson & Talwalkar, AISTATS 2016): all settings are run with `set`, and those whose
/// validation was best go on to the next step, at the end to whole runs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// What makes a run shorter.
    pub set: Vec<String>,
    /// The share of the settings that goes on, at least one.
    pub keep: f64,
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

fn seed() -> u64 {
    1
}

/// A table in the order of the file, which TOML's maps forget.
fn in_order<'de, D, T>(deserializer: D) -> std::result::Result<IndexMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let table = IndexMap::<Spanned<String>, T>::deserialize(deserializer)?;
    let mut entries: Vec<(Spanned<String>, T)> = table.into_iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    Ok(entries.into_iter().map(|(name, value)| (name.into_inner(), value)).collect())
}

/// A study file that contradicts itself.
pub(super) fn wrong(section: &str, message: String) -> Error {
    Error::Config(ConfigError::Value { section: format!("[{section}]"), message })
}

impl StudyFile {
    /// Reads and checks `path`.
    ///
    /// # Errors
    /// It cannot be read, is no study file, or contradicts itself.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::file("read", path, error))?;
        Self::parse(&text, path)
    }

    /// The same of a text that stands in the file `path`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let file: Self = toml_file::parse(text, path).map_err(ConfigError::from)?;
        file.check()?;
        Ok(file)
    }

    /// The arm that the others are compared with: `base`, or `equal`, or the first one. Nothing where there are no arms.
    pub fn base(&self) -> Option<&str> {
        let first = || self.arms.keys().next().map(String::as_str);
        self.base.as_deref().or_else(|| self.arms.contains_key("equal").then_some("equal")).or_else(first)
    }

    /// The seeds of the runs that stand in the table.
    pub fn table_seeds(&self) -> &[u64] {
        if self.confirm_seeds.is_empty() { &self.seeds } else { &self.confirm_seeds }
    }

    /// Every combination of the axes' values, the last axis changing fastest: axis and value, and their overrides.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let mut cells = vec![Cell::default()];
        for (axis, Axis(values)) in &self.axes {
            let with = |cell: &Cell, name: &String, value: &AxisValue| Cell {
                place: cell.place.iter().cloned().chain([(axis.clone(), name.clone())]).collect(),
                set: cell.set.iter().chain(&value.set).cloned().collect(),
            };
            cells = cells
                .iter()
                .flat_map(|cell| values.iter().map(move |(name, value)| with(cell, name, value)))
                .collect();
        }
        cells
    }
}

/// A combination of the axes' values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cell {
    /// Axis and value.
    pub(super) place: Vec<(String, String)>,
    /// Their overrides.
    pub(super) set: Vec<String>,
}
