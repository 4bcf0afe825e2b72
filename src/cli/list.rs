//! `rmtl list`.

use std::path::Path;

use clap::ValueEnum;
use rmtl_agents::backbone::BackboneConfig;
use rmtl_agents::loss::LossesConfig;
use rmtl_agents::policy::exploration::Exploration;
use rmtl_agents::weighting::WeightingConfig;
use rmtl_ingest::DatasetFile;
use serde::Serialize;

use super::output::print;
use crate::config::keys;
use crate::device::devices;
use crate::error::Error;
use crate::launch::Result;
use crate::log::Sinks;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Kind {
    /// `[backbone.<name>]`
    Backbones,
    /// `[weighting.<name>]`
    Weightings,
    /// `[losses.<name>]`
    Losses,
    /// `collect.policy.<name>` of a schedule
    Explorations,
    /// `[log.sinks.<name>]`, of other crates alone
    Sinks,
    /// Every key of a run file; with `--json` its JSON Schema, for editors
    Keys,
    /// Dataset files under `configs/datasets`
    Datasets,
    /// `device = "<name>"`
    Devices,
}

/// One thing with a name.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    summary: String,
    /// Whether it can be used now.
    available: bool,
}

impl Entry {
    fn new(name: &str, summary: &str) -> Self {
        Self { name: name.into(), summary: summary.into(), available: true }
    }
}

fn named(summaries: Vec<(&str, &str)>) -> Vec<Entry> {
    summaries.into_iter().map(|(name, summary)| Entry::new(name, summary)).collect()
}

pub(super) fn command(kind: Kind, json: bool) -> Result<()> {
    if json && matches!(kind, Kind::Keys) {
        print(format_args!("{:#}", keys::schema()));
        return Ok(());
    }
    let entries = match kind {
        Kind::Backbones => named(BackboneConfig::summaries()),
        Kind::Weightings => named(WeightingConfig::summaries()),
        Kind::Losses => named(LossesConfig::summaries()),
        Kind::Explorations => named(Exploration::summaries()),
        Kind::Sinks => named(Sinks::summaries()),
        Kind::Keys => keys::all().iter().map(|(key, summary)| Entry::new(key, summary)).collect(),
        Kind::Datasets => datasets(Path::new("configs/datasets"))?,
        Kind::Devices => devices()
            .iter()
            .map(|kind| Entry { available: kind.is_available(), ..Entry::new(kind.name, kind.summary) })
            .collect(),
    };
    if json {
        print(format_args!(
            "{}",
            serde_json::to_string_pretty(&entries).expect("entries hold nothing JSON cannot say")
        ));
        return Ok(());
    }
    let width = entries.iter().map(|entry: &Entry| entry.name.len()).max().unwrap_or(0);
    for Entry { name, summary, available } in &entries {
        let note = if *available { "" } else { " (not compiled in)" };
        print(format_args!("{name:<width$}  {summary}{note}"));
    }
    Ok(())
}

fn datasets(folder: &Path) -> Result<Vec<Entry>> {
    let failed = |error| {
        let reason = format!("{error}; run this in the folder that holds `configs/`");
        Error::file("list the dataset files in", folder, reason)
    };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let file = DatasetFile::read(&path)?;
            let tasks: Vec<&str> = file.tasks.iter().map(|task| task.name.as_str()).collect();
            entries.push(Entry::new(&file.name, &format!("{}; tasks {}", path.display(), tasks.join(" → "))));
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}
