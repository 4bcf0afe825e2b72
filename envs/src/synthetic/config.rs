//! What a synthetic log should be like.

use serde::{Deserialize, Serialize};

use super::planted::Planted;
use crate::EnvError;

/// Column names a task must not have.
const RESERVED: [&str; 10] =
    ["session", "time", "user", "user_group", "item", "category", "hour", "position", "quality", "price"];

/// The world a synthetic log is drawn from. The defaults give about 84,000 rows, of which 30 % are clicked,
/// 10 % put into the cart and 5 % bought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyntheticConfig {
    /// Number of users; some may never appear.
    pub n_users: u32,
    /// Number of items.
    pub n_items: u32,
    /// Number of sessions.
    pub n_sessions: u32,
    /// Mean number of rows of a session; lengths are geometric, at least 1.
    pub mean_session_rows: f64,
    /// Groups of users with alike interests.
    pub n_user_groups: u32,
    /// Categories of alike items.
    pub n_categories: u32,
    /// Dimension of interests and properties.
    pub latent_dim: u32,
    /// The chain of tasks, 2 to 4; each can only happen once the one before it has.
    pub tasks: Vec<String>,
    /// Mean of P(task | the task before has happened), per task.
    pub rates: Vec<f64>,
    /// Share of the tasks' taste they have in common: 1 makes them wish for the same items, 0 for unrelated ones.
    pub task_sharing: f64,
    /// Exponent of the power law by which items are shown; 0 shows all alike.
    pub popularity_exponent: f64,
    /// Standard deviation of the logits' part that the features can tell.
    pub signal: f64,
    /// Standard deviation of an interest's step from row to row within a session; 0 keeps interests fixed.
    pub drift: f64,
    /// Standard deviation of a logit's part that no feature can tell, drawn for every row and task. The true
    /// probabilities know it, so it is what keeps a model below them.
    pub noise: f64,
    /// Days in which sessions start.
    pub days: u32,
    /// Probability, after each row, that the session goes on hours later. Such sessions are what a split by
    /// time cuts.
    pub return_probability: f64,
    /// For whoever makes the generator that the log is drawn with.
    pub seed: u64,
    /// Share of each task's labels that its rate alone decides, whatever the row; empty = none. The true probabilities know it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub label_noise: Vec<f64>,
    /// Tasks in families in place of the chain. Everything from `n_user_groups` to `task_sharing`, `signal`, `drift`,
    /// `noise` and `label_noise` is left out beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planted: Option<Planted>,
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        Self {
            n_users: 800,
            n_items: 400,
            n_sessions: 12_000,
            mean_session_rows: 7.0,
            n_user_groups: 8,
            n_categories: 16,
            latent_dim: 4,
            tasks: ["click", "cart", "buy"].map(String::from).to_vec(),
            rates: vec![0.3, 0.35, 0.5],
            task_sharing: 0.6,
            popularity_exponent: 0.9,
            signal: 1.2,
            drift: 0.1,
            noise: 0.2,
            days: 14,
            return_probability: 0.08,
            seed: 0,
            label_noise: Vec::new(),
            planted: None,
        }
    }
}

impl SyntheticConfig {
    /// Checks sizes, probabilities and names.
    ///
    /// # Errors
    /// [`EnvError::Config`] naming the first key that is wrong.
    pub fn validate(&self) -> Result<(), EnvError> {
        for (key, found) in [
            ("n_users", self.n_users),
            ("n_items", self.n_items),
            ("n_sessions", self.n_sessions),
            ("n_user_groups", self.n_user_groups),
            ("n_categories", self.n_categories),
            ("latent_dim", self.latent_dim),
            ("days", self.days),
        ] {
            require(found > 0, key, "at least 1", found)?;
        }
        let length = self.mean_session_rows;
        require((1.0..=10_000.0).contains(&length), "mean_session_rows", "a number from 1 to 10000", length)?;
        for (key, found) in [
            ("popularity_exponent", self.popularity_exponent),
            ("signal", self.signal),
            ("drift", self.drift),
            ("noise", self.noise),
        ] {
            require((0.0..=10.0).contains(&found), key, "a number from 0 to 10", found)?;
        }
        require((0.0..=1.0).contains(&self.task_sharing), "task_sharing", "a share", self.task_sharing)?;
        let returns = self.return_probability;
        require((0.0..=1.0).contains(&returns), "return_probability", "a probability", returns)?;
        match &self.planted {
            None => self.validate_tasks(),
            Some(planted) => self.validate_left_out().and_then(|()| planted.validate()),
        }
    }

    /// What only the chain's world is made of says nothing of planted tasks.
    fn validate_left_out(&self) -> Result<(), EnvError> {
        let default = Self::default();
        for (key, is_left_out) in [
            ("n_user_groups", self.n_user_groups == default.n_user_groups),
            ("n_categories", self.n_categories == default.n_categories),
            ("latent_dim", self.latent_dim == default.latent_dim),
            ("tasks", self.tasks == default.tasks),
            ("rates", self.rates == default.rates),
            ("task_sharing", self.task_sharing == default.task_sharing),
            ("signal", self.signal == default.signal),
            ("drift", self.drift == default.drift),
            ("noise", self.noise == default.noise),
            ("label_noise", self.label_noise.is_empty()),
        ] {
            require(is_left_out, key, "to be left out beside `planted`", "another value than the default")?;
        }
        Ok(())
    }

    fn validate_tasks(&self) -> Result<(), EnvError> {
        let n_tasks = self.tasks.len();
        require((2..=4).contains(&n_tasks), "tasks", "2 to 4 names", n_tasks)?;
        let names: Vec<&str> = self.tasks.iter().map(String::as_str).collect();
        validate_names("tasks", &names)?;
        let n_rates = self.rates.len();
        require(n_rates == n_tasks, "rates", &format!("{n_tasks}, one per task"), n_rates)?;
        for &rate in &self.rates {
            require((0.001..=0.999).contains(&rate), "rates", "numbers from 0.001 to 0.999", rate)?;
        }
        let n_noises = self.label_noise.len();
        let fits = n_noises == 0 || n_noises == n_tasks;
        require(fits, "label_noise", &format!("{n_tasks}, one per task, or none"), n_noises)?;
        for &noise in &self.label_noise {
            require((0.0..=1.0).contains(&noise), "label_noise", "shares", noise)?;
        }
        Ok(())
    }
}

/// Names that become columns beside those there are.
pub(super) fn validate_names(key: &str, names: &[&str]) -> Result<(), EnvError> {
    for (index, name) in names.iter().enumerate() {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let is_name = name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(letters);
        let is_free = !RESERVED.contains(name) && !name.starts_with("p_");
        let expected = "names of a-z, 0-9 and _ that no other column has (nor `p_…`)";
        require(is_name && is_free, key, expected, format!("`{name}`"))?;
        require(!names[..index].contains(name), key, "each name once", format!("`{name}` twice"))?;
    }
    Ok(())
}

pub(super) fn require(holds: bool, key: &str, expected: &str, found: impl ToString) -> Result<(), EnvError> {
    if holds {
        return Ok(());
    }
    Err(EnvError::Config { key: key.into(), expected: expected.into(), found: found.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_configuration_is_named() {
        let message = |change: fn(&mut SyntheticConfig)| {
            let mut config = SyntheticConfig::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert_eq!(
            message(|config| config.n_users = 0),
            "synthetic log: `n_users`: expected at least 1, found 0"
        );
        assert!(message(|config| config.mean_session_rows = 0.5).contains("`mean_session_rows`"));
        assert!(
            message(|config| config.signal = f64::NAN)
                .contains("`signal`: expected a number from 0 to 10, found NaN")
        );
        assert!(
            message(|config| config.task_sharing = 1.5)
                .contains("`task_sharing`: expected a share, found 1.5")
        );
        assert!(message(|config| config.return_probability = -0.1).contains("`return_probability`"));
        assert!(
            message(|config| config.tasks.truncate(1)).contains("`tasks`: expected 2 to 4 names, found 1")
        );
        assert!(message(|config| config.tasks[2] = "click".into()).contains("found `click` twice"));
        assert!(message(|config| config.tasks[0] = "price".into()).contains("found `price`"));
        assert!(message(|config| config.tasks[0] = "Long view".into()).contains("found `Long view`"));
        assert!(
            message(|config| config.rates.truncate(2)).contains("`rates`: expected 3, one per task, found 2")
        );
        assert!(message(|config| config.rates[1] = 1.0).contains("`rates`"));
        assert!(
            message(|config| config.label_noise = vec![0.5])
                .contains("`label_noise`: expected 3, one per task")
        );
        assert!(
            message(|config| config.label_noise = vec![0.5, 0.0, 1.5])
                .contains("`label_noise`: expected shares")
        );
    }

    #[test]
    fn a_configuration_names_what_differs_from_the_defaults() {
        let config: SyntheticConfig = serde_json::from_str(r#"{ "n_users": 5 }"#).unwrap();
        assert_eq!(config, SyntheticConfig { n_users: 5, ..Default::default() });
        assert!(serde_json::from_str::<SyntheticConfig>(r#"{ "users": 5 }"#).is_err());
    }
}
