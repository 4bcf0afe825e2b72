//! Exploration: from the policy's actions to those that are taken.

use std::collections::HashMap;

use rand::RngExt;
use rand_distr::{Distribution, Normal, StandardNormal};
use rmtl_envs::Row;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Policy;
use crate::input::BatchReader;
use crate::stream::Stream;

/// Which actions are taken while the replay is filled. All are clipped to [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Exploration {
    /// The actor's prediction plus independent normal noise.
    ActorNoise {
        /// Standard deviation of the noise.
        #[serde(default = "small")]
        standard_deviation: f64,
    },
    /// The actor's prediction plus noise that wanders along a session, `x ← (1 − θ) x + σ ε`, 0 before its first row: the
    /// Ornstein–Uhlenbeck process of DDPG (Lillicrap et al., ICLR 2016) at unit time steps. DDPG's values are θ 0.15 and σ 0.2, for
    /// actions in [−1, 1]; the default σ is the same share of [0, 1].
    OrnsteinUhlenbeck {
        /// θ, the share of the noise that is lost from row to row.
        #[serde(default = "reversion")]
        reversion: f64,
        /// σ, the standard deviation of what is added at a row.
        #[serde(default = "small")]
        standard_deviation: f64,
    },
    /// Uniform in [0, 1], whatever the state.
    Uniform,
}

impl Default for Exploration {
    fn default() -> Self {
        Self::ActorNoise { standard_deviation: small() }
    }
}

fn small() -> f64 {
    0.1
}

fn reversion() -> f64 {
    0.15
}

impl Exploration {
    /// Why these settings cannot work, in words for the author of the run file.
    pub fn check(&self) -> Result<(), String> {
        let (name, deviation) = match *self {
            Self::ActorNoise { standard_deviation } => ("actor_noise", standard_deviation),
            Self::OrnsteinUhlenbeck { reversion, .. } if !(0.0..=1.0).contains(&reversion) => {
                return Err(format!(
                    "`ornstein_uhlenbeck.reversion` is a share in [0, 1]; found {reversion}"
                ));
            }
            Self::OrnsteinUhlenbeck { standard_deviation, .. } => ("ornstein_uhlenbeck", standard_deviation),
            Self::Uniform => return Ok(()),
        };
        if (0.0..=1e6).contains(&deviation) {
            return Ok(());
        }
        Err(format!("`{name}.standard_deviation` must be a number from 0 to 1e6; found {deviation}"))
    }

    /// Whether an action can be drawn by itself, without those before it in the session.
    pub fn is_memoryless(&self) -> bool {
        !matches!(self, Self::OrnsteinUhlenbeck { .. })
    }
}

/// An [`Exploration`] on its way through sessions.
pub struct Explorer {
    exploration: Exploration,
    stream: Stream,
    /// Where a session is, and its noise there.
    noise: HashMap<Row, Vec<f32>>,
}

impl Explorer {
    /// At the start of every session.
    pub fn new(exploration: Exploration, stream: Stream) -> Self {
        Self { exploration, stream, noise: HashMap::new() }
    }

    /// What [`Explorer::explore`] starts from: the policy's actions in `rows`, or anything where they do not count.
    pub fn starting_from(&self, policy: &mut dyn Policy, reader: &BatchReader<'_>, rows: &[Row]) -> Vec<f32> {
        match self.exploration {
            Exploration::Uniform => vec![0.0; rows.len() * reader.table.n_tasks()],
            _ => policy.actions(reader, rows),
        }
    }

    /// Turns the policy's actions in `rows` into those that are taken.
    ///
    /// # Shapes
    /// - actions: `[row, task]`, row-major
    pub fn explore(&mut self, rows: &[Row], actions: &mut [f32]) {
        let stream = &mut self.stream;
        match self.exploration {
            Exploration::Uniform => actions.iter_mut().for_each(|action| *action = stream.random()),
            Exploration::ActorNoise { standard_deviation } => {
                let noise =
                    Normal::new(0.0, standard_deviation as f32).expect("checked: finite, not negative");
                actions
                    .iter_mut()
                    .for_each(|action| *action = (*action + noise.sample(stream)).clamp(0.0, 1.0));
            }
            Exploration::OrnsteinUhlenbeck { reversion, standard_deviation } => {
                let (kept, deviation) = (1.0 - reversion as f32, standard_deviation as f32);
                let n_tasks = actions.len() / rows.len().max(1);
                for (&row, actions) in rows.iter().zip(actions.chunks_exact_mut(n_tasks.max(1))) {
                    let mut noise = self.noise.remove(&row).unwrap_or_else(|| vec![0.0; n_tasks]);
                    for (x, action) in noise.iter_mut().zip(actions) {
                        let draw: f32 = StandardNormal.sample(stream);
                        *x = kept * *x + deviation * draw;
                        *action = (*action + *x).clamp(0.0, 1.0);
                    }
                    self.noise.insert(row, noise);
                }
            }
        }
    }

    /// Where the sessions of the rows explored last go on; `None`, or the row itself, = no further row is walked.
    pub fn go_on(&mut self, rows: &[Row], next: &[Option<Row>]) {
        for (row, next) in rows.iter().zip(next) {
            let noise = self.noise.remove(row);
            if let (Some(noise), Some(next)) = (noise, next.filter(|next| next != row)) {
                self.noise.insert(next, noise);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Streams;

    fn explorer(exploration: Exploration) -> Explorer {
        Explorer::new(exploration, Streams::new(1).named("actions"))
    }

    const WANDERING: Exploration =
        Exploration::OrnsteinUhlenbeck { reversion: 0.25, standard_deviation: 0.01 };

    #[test]
    fn explored_actions_stay_probabilities() {
        for exploration in [
            Exploration::Uniform,
            Exploration::ActorNoise { standard_deviation: 0.5 },
            Exploration::OrnsteinUhlenbeck { reversion: 0.15, standard_deviation: 0.5 },
        ] {
            let mut actions = vec![0.9; 1000];
            let rows: Vec<Row> = (0..500).map(Row).collect();
            explorer(exploration).explore(&rows, &mut actions);
            assert!(actions.iter().all(|action| (0.0..=1.0).contains(action)), "{exploration:?}");
            assert!(actions.iter().any(|action| *action != 0.9), "{exploration:?}");
        }
        let mut still = vec![0.25; 4];
        let quiet = Exploration::ActorNoise { standard_deviation: 0.0 };
        explorer(quiet).explore(&[Row(0), Row(1)], &mut still);
        assert_eq!(still, [0.25; 4]);
    }

    #[test]
    fn noise_wanders_along_a_session_and_starts_anew_with_the_next() {
        let mut explorer = explorer(WANDERING);
        let mut draws = explorer.stream.clone();
        let mut draw = || -> f32 { StandardNormal.sample(&mut draws) };
        let mut step = |rows: [u32; 2], next: [Option<u32>; 2]| {
            let mut actions = [0.5; 2];
            explorer.explore(&rows.map(Row), &mut actions);
            explorer.go_on(&rows.map(Row), &next.map(|row| row.map(Row)));
            actions.map(|action| action - 0.5)
        };
        let close = |found: [f32; 2], expected: [f32; 2]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}, {expected:?}");
        };
        // Two lanes of one task: the session of row 0 goes on to row 1, that of row 7 is over and row 8 starts one.
        let first = step([0, 7], [Some(1), None]);
        let noise = [0.01 * draw(), 0.01 * draw()];
        close(first, noise);
        let second = step([1, 8], [Some(1), None]);
        close(second, [0.75 * noise[0] + 0.01 * draw(), 0.01 * draw()]);
        // Row 1 was its session's last in the split: when it is met again, another walk begins.
        close(step([1, 8], [None, None]), [0.01 * draw(), 0.01 * draw()]);
    }

    #[test]
    fn wandering_noise_has_the_correlation_it_promises() {
        let mut explorer = explorer(WANDERING);
        let mut noise = Vec::new();
        for row in 0..20_000 {
            let mut action = [0.5];
            explorer.explore(&[Row(row)], &mut action);
            explorer.go_on(&[Row(row)], &[Some(Row(row + 1))]);
            noise.push(f64::from(action[0]) - 0.5);
        }
        let product = |lag: usize| noise.iter().zip(&noise[lag..]).map(|(a, b)| a * b).sum::<f64>();
        assert!((product(1) / product(0) - 0.75).abs() < 0.02, "{}", product(1) / product(0));
        // σ² / (1 − (1 − θ)²)
        let variance = product(0) / noise.len() as f64;
        assert!((variance / (1e-4 / (1.0 - 0.5625)) - 1.0).abs() < 0.1, "{variance}");
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        let error =
            Exploration::OrnsteinUhlenbeck { reversion: 1.5, standard_deviation: 0.1 }.check().unwrap_err();
        assert!(error.contains("`ornstein_uhlenbeck.reversion`"), "{error}");
        let error = Exploration::ActorNoise { standard_deviation: f64::NAN }.check().unwrap_err();
        assert!(error.contains("`actor_noise.standard_deviation`"), "{error}");
    }
}
