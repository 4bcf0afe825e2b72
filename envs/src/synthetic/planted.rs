//! What the tasks of a planted log should be like.
//!
//! Every user and every item has a hidden number per family of tasks. All tasks of a family look at their family's number, so
//! what is known about such a log — rates, noise, what an item is worth to whom — is known exactly, and which loss
//! weights are good for a model of limited capacity follows from it (`docs/planted.md`).

mod draw;

use serde::{Deserialize, Serialize};

pub(super) use draw::generate;

use super::config::{require, validate_names};
use crate::EnvError;

/// Tasks in families, in place of the chain of a [`SyntheticConfig`](crate::SyntheticConfig).
///
/// With the standardised score `z_k = √s · a_k(user) + √(1 − s) · c_k(item)`, `s` the user's share,
///
/// `P(y_k = 1 | y_parent = 1) = (1 − noise_k) · sigmoid(b_k + signal_k · z_k) + noise_k · rate_k`,
///
/// and `b_k` such that its mean is `rate_k`, whatever the noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planted {
    /// Correlation of the hidden numbers of two families, 0 to 1.
    #[serde(default)]
    pub relatedness: f64,
    /// Share of a score's variance that is the user's; the rest is the item's.
    #[serde(default = "half")]
    pub user_share: f64,
    /// The tasks; one that another comes after stands before it.
    pub tasks: Vec<PlantedTask>,
}

/// A task of a planted log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantedTask {
    /// Name of the task and of its column.
    pub name: String,
    /// Tasks of one family share a hidden number.
    pub family: String,
    /// Mean of P(task), of P(task | parent) where it comes after one.
    pub rate: f64,
    /// Standard deviation of the logit's part that the score makes.
    pub signal: f64,
    /// Share of the labels that are drawn by the rate alone, whatever the row. The true probabilities know it.
    #[serde(default)]
    pub label_noise: f64,
    /// Share of the score's variance that is the task's own and not its family's.
    #[serde(default)]
    pub own: f64,
    /// An earlier task that must have happened before; without it the task is independent of all others, given the scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

fn half() -> f64 {
    0.5
}

impl Planted {
    pub(super) fn validate(&self) -> Result<(), EnvError> {
        share("planted.relatedness", self.relatedness)?;
        share("planted.user_share", self.user_share)?;
        let n_tasks = self.tasks.len();
        require((1..=16).contains(&n_tasks), "planted.tasks", "1 to 16 tasks", n_tasks)?;
        let names: Vec<&str> = self.tasks.iter().map(|task| task.name.as_str()).collect();
        validate_names("planted.tasks", &names)?;
        for (index, task) in self.tasks.iter().enumerate() {
            let rates = 0.0001..=0.9999;
            require(
                rates.contains(&task.rate),
                "planted.tasks.rate",
                "numbers from 0.0001 to 0.9999",
                task.rate,
            )?;
            let signals = 0.0..=10.0;
            require(
                signals.contains(&task.signal),
                "planted.tasks.signal",
                "numbers from 0 to 10",
                task.signal,
            )?;
            share("planted.tasks.label_noise", task.label_noise)?;
            share("planted.tasks.own", task.own)?;
            if let Some(after) = &task.after {
                let is_earlier = names[..index].contains(&after.as_str());
                require(
                    is_earlier,
                    "planted.tasks.after",
                    "the name of an earlier task",
                    format!("`{after}`"),
                )?;
            }
        }
        Ok(())
    }

    /// Per task the index of the one it comes after.
    fn parents(&self) -> Vec<Option<usize>> {
        let index = |name: &String| self.tasks.iter().position(|task| task.name == *name);
        self.tasks.iter().map(|task| task.after.as_ref().and_then(index)).collect()
    }

    /// Per task the index of its family, in the order in which families are named.
    fn families(&self) -> Vec<usize> {
        let mut names: Vec<&str> = Vec::new();
        let mut families = Vec::with_capacity(self.tasks.len());
        for task in &self.tasks {
            let known = names.iter().position(|known| *known == task.family);
            families.push(known.unwrap_or(names.len()));
            if known.is_none() {
                names.push(&task.family);
            }
        }
        families
    }
}

fn share(key: &str, found: f64) -> Result<(), EnvError> {
    require((0.0..=1.0).contains(&found), key, "a share", found)
}

#[cfg(test)]
mod tests;
