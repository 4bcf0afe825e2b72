//! `rmtl list`.

use clap::ValueEnum;
use rmtl_agents::backbone::BackboneConfig;
use rmtl_agents::loss::LossesConfig;
use rmtl_agents::policy::exploration::Exploration;
use rmtl_agents::weighting::WeightingConfig;
use serde::Serialize;

use super::datasets;
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
    /// The dataset files that come with the program; `--show NAME` prints one
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

pub(super) fn command(kind: Kind, json: bool, show: Option<&str>) -> Result<()> {
    match (show, kind) {
        (Some(name), Kind::Datasets) => return datasets::show(name),
        (Some(_), _) => {
            let message = "--show prints a dataset file: rmtl list datasets --show NAME";
            return Err(Error::Usage(message.into()).into());
        }
        (None, _) => {}
    }
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
        Kind::Datasets => {
            datasets::summaries()?.iter().map(|(name, summary)| Entry::new(name, summary)).collect()
        }
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
