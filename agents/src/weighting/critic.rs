//! RMTL: per-sample weights from the critics (Liu et al., *Multi-Task Recommendations with Reinforcement Learning*,
//! WWW 2023).
//!
//! `w_k = 1 − λ · Q_k(s, π_k(s))`. Rewards are negative, so Q is too, and a row whose session is expected to go badly
//! for task k counts more for task k.

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
}

impl Default for Config {
    fn default() -> Self {
        Self { lambda: 0.7 }
    }
}

impl Settings for Config {
    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Critic { lambda: self.lambda })
    }

    fn check(&self) -> Result<(), String> {
        if (0.0..=1e6).contains(&self.lambda) {
            return Ok(());
        }
        Err(format!("`lambda` must be a number from 0 to 1e6; found {}", self.lambda))
    }
}

/// `w = 1 − λQ`.
#[derive(Debug)]
pub struct Critic {
    lambda: f64,
}

impl LossWeighting for Critic {
    fn signal(&self) -> Signal {
        Signal::QValues
    }

    fn weights(&mut self, input: &WeightingInput) -> Tensor<2> {
        let q_values = input.q_values.clone().expect("asked for by `signal`");
        q_values * -self.lambda + 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn weights_by_hand() {
        let device = Device::default();
        let q_values = Tensor::from_floats([[-1.0, -0.5], [0.0, -2.0]], &device);
        let input = WeightingInput { losses: Tensor::zeros([2, 2], &device), q_values: Some(q_values), gram: None };
        let weights = Critic { lambda: 0.5 }.weights(&input).into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(weights, [1.5, 1.25, 1.0, 2.0]);
    }
}
