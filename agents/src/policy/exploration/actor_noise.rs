//! Independent normal noise on every action: `clip(π(s) + σ ε, 0, 1)`.

use rand_distr::{Distribution, Normal};
use rmtl_envs::Row;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Explore, Settings, check_deviation};
use crate::stream::Stream;

/// The actor's prediction plus independent normal noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Standard deviation of the noise.
    pub standard_deviation: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { standard_deviation: 0.1 }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        check_deviation(self.standard_deviation)
    }

    fn init(&self, _n_tasks: usize, stream: Stream) -> Box<dyn Explore> {
        let noise = Normal::new(0.0, self.standard_deviation as f32).expect("checked: finite, not negative");
        Box::new(ActorNoise { noise, stream })
    }
}

struct ActorNoise {
    noise: Normal<f32>,
    stream: Stream,
}

impl Explore for ActorNoise {
    fn explore(&mut self, _rows: &[Row], actions: &mut [f32]) {
        actions.iter_mut().for_each(|action| *action += self.noise.sample(&mut self.stream));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Streams;

    #[test]
    fn noise_has_the_deviation_it_promises() {
        let noisy = |standard_deviation| {
            let mut actions = [0.25; 10_000];
            let config = Config { standard_deviation };
            config.init(1, Streams::new(1).named("actions")).explore(&[], &mut actions);
            actions
        };
        assert_eq!(noisy(0.0), [0.25; 10_000]);
        let squares = noisy(0.02).iter().map(|action| f64::from(action - 0.25).powi(2)).sum::<f64>();
        let deviation = (squares / 10_000.0).sqrt();
        assert!((deviation / 0.02 - 1.0).abs() < 0.03, "{deviation}");
    }
}
