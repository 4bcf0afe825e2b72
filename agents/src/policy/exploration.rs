//! Exploration: from the policy's actions to those that are taken.
//!
//! A kind is one file with a `Config` that implements [`Settings`], and one line in the list below; one of another crate
//! is the same and a call of [`register`].

use std::sync::Arc;

use rmtl_envs::Row;

use super::Policy;
use crate::input::BatchReader;
use crate::registry::{Written, choice};
use crate::stream::Stream;

/// Explores on its way through sessions.
pub trait Explore: Send {
    /// Whether the policy's actions count. Where they do not, the policy is not evaluated and zeros stand for them.
    fn needs_policy(&self) -> bool {
        true
    }

    /// Turns the policy's actions in `rows` into those that are taken; [`Explorer`] then clips them to [0, 1].
    ///
    /// # Shapes
    /// - actions: `[row, task]`, row-major
    fn explore(&mut self, rows: &[Row], actions: &mut [f32]);

    /// Takes in where the sessions of the rows explored last go on; `None`, or the row itself, = no further row is
    /// walked.
    fn go_on(&mut self, _rows: &[Row], _next: &[Option<Row>]) {}
}

/// The settings of an exploration: `collect.policy.<name>` of a schedule.
pub trait Settings: Send + Sync {
    /// Settings that between them turn every switch, for the tests that every exploration passes.
    fn variants() -> Vec<Self>
    where
        Self: Sized + Default,
    {
        vec![Self::default()]
    }

    /// Why these settings cannot work, in words for the author of the run file.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Whether an action can be drawn by itself, without those before it in the session.
    fn is_memoryless(&self) -> bool {
        true
    }

    /// The exploration at the start of every session, its draws from `stream`.
    fn init(&self, n_tasks: usize, stream: Stream) -> Box<dyn Explore>;
}

choice! {
    /// Which actions are taken while the replay is filled. All are clipped to [0, 1].
    Exploration in EXPLORATIONS of dyn Settings {
        actor_noise => ActorNoise: "the actor's prediction plus independent normal noise",
        ornstein_uhlenbeck => OrnsteinUhlenbeck: "the actor's prediction plus noise that wanders along a session",
        uniform => Uniform as bare: "uniform in [0, 1], whatever the state",
    }
}

impl Default for Exploration {
    fn default() -> Self {
        Self::ActorNoise(actor_noise::Config::default())
    }
}

/// Makes an exploration of another crate known to run files as `collect.policy.<name>` of a schedule. Called before a
/// run file is read.
///
/// ```
/// # use rmtl_agents::{policy::exploration::{self, Explore, Settings}, stream::Stream};
/// # use rmtl_envs::Row;
/// # use serde::{Deserialize, Serialize};
/// /// The policy's actions, a share of the way towards one half.
/// #[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
/// #[serde(deny_unknown_fields, default)]
/// struct Cautious { share: f32 }
///
/// impl Settings for Cautious {
///     fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn Explore> {
///         Box::new(self.clone())
///     }
/// }
///
/// impl Explore for Cautious {
///     fn explore(&mut self, _rows: &[Row], actions: &mut [f32]) {
///         actions.iter_mut().for_each(|action| *action += self.share * (0.5 - *action));
///     }
/// }
///
/// exploration::register::<Cautious>("cautious", "predictions drawn towards one half");
/// ```
///
/// # Panics
/// If the name stands for something else already.
pub fn register<S: Settings + Written>(name: &'static str, summary: &'static str) {
    EXPLORATIONS.register::<S>(name, summary, |settings| Arc::new(settings));
}

impl Exploration {
    /// See [`Settings::check`].
    pub fn check(&self) -> Result<(), String> {
        self.settings().check()
    }

    /// See [`Settings::is_memoryless`].
    pub fn is_memoryless(&self) -> bool {
        self.settings().is_memoryless()
    }

    /// See [`Settings::init`].
    pub fn init(&self, n_tasks: usize, stream: Stream) -> Explorer {
        Explorer(self.settings().init(n_tasks, stream))
    }
}

/// An [`Exploration`] on its way through sessions.
pub struct Explorer(Box<dyn Explore>);

impl Explorer {
    /// The actions that are taken in `rows`, `[row, task]` row-major: those of `policy`, explored.
    pub fn actions(&mut self, policy: &mut dyn Policy, reader: &BatchReader<'_>, rows: &[Row]) -> Vec<f32> {
        let mut actions = match self.0.needs_policy() {
            true => policy.actions(reader, rows),
            false => vec![0.0; rows.len() * reader.table.n_tasks()],
        };
        self.explore(rows, &mut actions);
        actions
    }

    /// Turns the policy's actions in `rows`, `[row, task]` row-major, into those that are taken.
    pub fn explore(&mut self, rows: &[Row], actions: &mut [f32]) {
        self.0.explore(rows, actions);
        actions.iter_mut().for_each(|action| *action = action.clamp(0.0, 1.0));
    }

    /// See [`Explore::go_on`].
    pub fn go_on(&mut self, rows: &[Row], next: &[Option<Row>]) {
        self.0.go_on(rows, next);
    }
}

/// Refuses a standard deviation that is not from 0 to 1e6.
fn check_deviation(deviation: f64) -> Result<(), String> {
    if (0.0..=1e6).contains(&deviation) {
        return Ok(());
    }
    Err(format!("`standard_deviation` must be a number from 0 to 1e6; found {deviation}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Streams;

    fn explorer(exploration: &Exploration) -> Explorer {
        exploration.init(2, Streams::new(1).named("actions"))
    }

    #[test]
    fn explored_actions_stay_probabilities_and_come_from_the_stream_alone() {
        let wide = |text: &str| serde_json::from_str(text).unwrap();
        let mut explorations = Exploration::variants();
        explorations.push(wide(r#"{"actor_noise":{"standard_deviation":0.5}}"#));
        explorations.push(wide(r#"{"ornstein_uhlenbeck":{"standard_deviation":0.5}}"#));
        let rows: Vec<Row> = (0..500).map(Row).collect();
        for exploration in explorations {
            let explored = || {
                let mut actions = vec![0.9; 1000];
                explorer(&exploration).explore(&rows, &mut actions);
                actions
            };
            let actions = explored();
            assert!(actions.iter().all(|action| (0.0..=1.0).contains(action)), "{exploration:?}");
            assert!(actions.iter().any(|action| *action != 0.9), "{exploration:?}");
            assert_eq!(actions, explored(), "{exploration:?}");
        }
    }

    #[test]
    fn they_do_what_they_say_of_the_policy_and_of_the_session() {
        let rows = [Row(0), Row(1)];
        for exploration in Exploration::all() {
            let explored = |action: f32| {
                let mut actions = [action; 4];
                explorer(&exploration).explore(&rows, &mut actions);
                actions
            };
            assert_eq!(
                explored(0.25) != explored(0.75),
                explorer(&exploration).0.needs_policy(),
                "{exploration:?}"
            );
            // The second of two steps, after the first or after the end of a session.
            let second = |next: [Option<Row>; 2]| {
                let (mut explorer, mut actions) = (explorer(&exploration), [0.5; 4]);
                explorer.explore(&rows, &mut actions);
                explorer.go_on(&rows, &next);
                actions = [0.5; 4];
                explorer.explore(&[Row(1), Row(2)], &mut actions);
                actions
            };
            let forgets = second([Some(Row(1)), Some(Row(2))]) == second([None, None]);
            assert_eq!(forgets, exploration.is_memoryless(), "{exploration:?}");
        }
    }

    #[test]
    fn a_name_alone_stands_for_what_has_no_settings() {
        let uniform = Exploration::Uniform(uniform::Config {});
        assert_eq!(serde_json::to_string(&uniform).unwrap(), "\"uniform\"");
        assert_eq!(serde_json::from_str::<Exploration>("\"uniform\"").unwrap(), uniform);
        let error = serde_json::from_str::<Exploration>("\"unifrm\"").unwrap_err().to_string();
        assert!(error.contains("unknown variant `unifrm`") && error.contains("`uniform`"), "{error}");
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        let refused = |text: &str, key: &str| {
            let error = serde_json::from_str::<Exploration>(text).unwrap().check().unwrap_err();
            assert!(error.contains(key), "{error}");
        };
        refused(r#"{"ornstein_uhlenbeck":{"reversion":1.5}}"#, "`reversion`");
        refused(r#"{"ornstein_uhlenbeck":{"standard_deviation":-0.5}}"#, "`standard_deviation`");
        refused(r#"{"actor_noise":{"standard_deviation":1e7}}"#, "`standard_deviation`");
    }
}
