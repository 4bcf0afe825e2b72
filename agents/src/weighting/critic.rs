//! RMTL: per-sample weights from the critics (Liu et al., *Multi-Task Recommendations with Reinforcement Learning*,
//! WWW 2023).
//!
//! `w_k = 1 − λ · Q_k(s, π_k(s))`. Rewards are negative, so Q is too, and a row whose session is expected to go badly
//! for task k counts more for task k.
//!
//! `granularity` averages Q over the batch first: per `task`, so that weights balance tasks and tell no rows apart, or over
//! rows and tasks (`batch`), which leaves one number per batch. The paper's is `sample`.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{LossWeighting, Settings, Signal, WeightingInput};
use crate::stream::Stream;

/// `[weighting.critic]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Penalty λ; 0 gives equal weights.
    pub lambda: f64,
    /// What one weight stands for.
    pub granularity: Granularity,
}

/// What one weight stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// A row and a task.
    #[default]
    Sample,
    /// A task of the batch.
    Task,
    /// The batch.
    Batch,
}

impl Default for Config {
    fn default() -> Self {
        Self { lambda: 0.7, granularity: Granularity::Sample }
    }
}

impl Settings for Config {
    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Critic(self.clone()))
    }

    fn check(&self) -> Result<(), String> {
        if (0.0..=1e6).contains(&self.lambda) {
            return Ok(());
        }
        Err(format!("`lambda` must be a number from 0 to 1e6; found {}", self.lambda))
    }
}

struct Critic(Config);

impl LossWeighting for Critic {
    fn signal(&self) -> Signal {
        Signal::QValues
    }

    fn weights(&mut self, input: &WeightingInput) -> Tensor<2> {
        let q_values = input.q_values.clone().expect("asked for by `signal`");
        let shape = q_values.dims();
        let q_values = match self.0.granularity {
            Granularity::Sample => q_values,
            Granularity::Task => q_values.mean_dim(0).expand(shape),
            Granularity::Batch => q_values.mean().unsqueeze::<2>().expand(shape),
        };
        q_values * -self.0.lambda + 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn weights_by_hand() {
        let of = |granularity| {
            let device = Device::default();
            let q_values = Tensor::from_floats([[-1.0, -0.5], [0.0, -2.5]], &device);
            let losses = Tensor::zeros([2, 2], &device);
            let input = WeightingInput { losses, q_values: Some(q_values), gram: None };
            crate::encoder::host(Critic(Config { lambda: 0.5, granularity }).weights(&input))
        };
        assert_eq!(of(Granularity::Sample), [1.5, 1.25, 1.0, 2.25]);
        assert_eq!(of(Granularity::Task), [1.25, 1.75, 1.25, 1.75]);
        assert_eq!(of(Granularity::Batch), [1.5, 1.5, 1.5, 1.5]);
    }
}
