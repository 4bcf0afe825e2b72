//! `[checkpoint]`: how often a run leaves something to go on from.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[checkpoint]`: what a run leaves to go on from once it was stopped, whatever stopped it. It changes no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointConfig {
    /// How often within the training of an actor, beside the end of every phase: a time, such as "90s", "10m" or "2h", or a number
    /// of steps.
    pub every: Every,
    /// Checkpoints that are kept: one that is damaged is left out for the one before.
    pub keep: u64,
}

/// Time or steps between two checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a time, such as \"10m\", or a number of steps")]
pub enum Every {
    /// Steps of the actor.
    Steps(u64),
    /// A whole number of seconds, minutes or hours: `90s`, `10m`, `2h`.
    Time(String),
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self { every: Every::Time("10m".into()), keep: 2 }
    }
}

impl Every {
    /// Whether it is time for another checkpoint after `step`, the last one being `since` ago.
    pub(crate) fn is_due(&self, step: u64, since: Duration) -> bool {
        match self {
            Self::Steps(steps) => step.is_multiple_of(*steps),
            Self::Time(text) => duration(text).is_some_and(|every| since >= every),
        }
    }
}

impl CheckpointConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        let is_usable = match &self.every {
            Every::Steps(steps) => *steps > 0,
            Every::Time(text) => duration(text).is_some_and(|every| !every.is_zero()),
        };
        match (is_usable, self.keep) {
            (false, _) => Err(format!(
                "`every` is a time, such as \"90s\", \"10m\" or \"2h\", or a number of steps, above 0; found {}",
                match &self.every {
                    Every::Steps(steps) => steps.to_string(),
                    Every::Time(text) => format!("{text:?}"),
                }
            )),
            (true, 0) => Err("`keep` must be at least 1; found 0".into()),
            (true, _) => Ok(()),
        }
    }
}

fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        _ => return None,
    };
    let n: u64 = text.strip_suffix(unit)?.parse().ok()?;
    Some(Duration::from_secs(n.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<CheckpointConfig, String> {
        let config: CheckpointConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        config.check().map(|()| config)
    }

    #[test]
    fn a_time_or_a_number_of_steps() {
        let seconds = |text: &str| duration(text).map(|time| time.as_secs());
        assert_eq!(["90s", "10m", "2h", "0m"].map(seconds), [Some(90), Some(600), Some(7200), Some(0)]);
        assert_eq!(["10", "m", "1.5h", "10 m", "-1s", "", "99999999999999999999h"].map(seconds), [None; 7]);
        for wrong in
            ["every = 0", "every = \"0m\"", "every = \"soon\"", "keep = 0", "every = 1.5", "evry = 3"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(read("").unwrap(), CheckpointConfig::default());
        let steps = read("every = 20").unwrap().every;
        let due = |every: &Every, step, seconds| every.is_due(step, Duration::from_secs(seconds));
        assert!(due(&steps, 40, 0) && !due(&steps, 41, 9999));
        let time = CheckpointConfig::default().every;
        assert!(due(&time, 1, 600) && !due(&time, 20, 599));
    }

    #[test]
    fn what_was_written_out_reads_as_the_same() {
        for every in ["every = 7", "every = \"3h\""] {
            let config = read(every).unwrap();
            assert_eq!(read(&toml::to_string(&config).unwrap()).unwrap(), config);
        }
    }
}
