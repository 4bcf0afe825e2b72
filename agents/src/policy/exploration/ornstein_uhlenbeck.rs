//! Noise that wanders along a session, `x ← (1 − θ) x + σ ε`, 0 before its first row: the Ornstein–Uhlenbeck process of
//! DDPG (Lillicrap et al., ICLR 2016) at unit time steps.

use std::collections::HashMap;

use rand_distr::{Distribution, StandardNormal};
use rmtl_envs::Row;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Explore, Settings, check_deviation};
use crate::stream::Stream;

/// The actor's prediction plus noise that wanders along a session. DDPG's values are θ 0.15 and σ 0.2, for actions in
/// [−1, 1]; the default σ is the same share of [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// θ, the share of the noise that is lost from row to row.
    pub reversion: f64,
    /// σ, the standard deviation of what is added at a row.
    pub standard_deviation: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { reversion: 0.15, standard_deviation: 0.1 }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.reversion) {
            return Err(format!("`reversion` is a share in [0, 1]; found {}", self.reversion));
        }
        check_deviation(self.standard_deviation)
    }

    fn is_memoryless(&self) -> bool {
        false
    }

    fn init(&self, n_tasks: usize, stream: Stream) -> Box<dyn Explore> {
        Box::new(OrnsteinUhlenbeck { config: self.clone(), n_tasks, stream, noise: HashMap::new() })
    }
}

struct OrnsteinUhlenbeck {
    config: Config,
    n_tasks: usize,
    stream: Stream,
    /// Where a session is, and its noise there.
    noise: HashMap<Row, Vec<f32>>,
}

impl Explore for OrnsteinUhlenbeck {
    fn explore(&mut self, rows: &[Row], actions: &mut [f32]) {
        let remaining = 1.0 - self.config.reversion as f32;
        let deviation = self.config.standard_deviation as f32;
        for (&row, actions) in rows.iter().zip(actions.chunks_exact_mut(self.n_tasks)) {
            let mut noise = self.noise.remove(&row).unwrap_or_else(|| vec![0.0; self.n_tasks]);
            for (x, action) in noise.iter_mut().zip(actions) {
                let draw: f32 = StandardNormal.sample(&mut self.stream);
                *x = remaining * *x + deviation * draw;
                *action += *x;
            }
            self.noise.insert(row, noise);
        }
    }

    fn go_on(&mut self, rows: &[Row], next: &[Option<Row>]) {
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

    const WANDERING: Config = Config { reversion: 0.25, standard_deviation: 0.01 };

    fn stream() -> Stream {
        Streams::new(1).named("actions")
    }

    #[test]
    fn noise_wanders_along_a_session_and_starts_anew_with_the_next() {
        let mut explorer = WANDERING.init(1, stream());
        let mut draws = stream();
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
        let mut explorer = WANDERING.init(1, stream());
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
}
