//! RMTL: per-sample weights from the critics (Liu et al., [*Multi-Task Recommendations with Reinforcement
//! Learning*](https://arxiv.org/abs/2302.03328), WWW 2023).
//!
//! `w_k = 1 − λ · Q_k(s, π_k(s))`. Rewards are negative, so Q is too: a row counts more for task k if task k is
//! expected to be predicted badly in the row and the rest of its session.
//!
//! `granularity` averages Q over the batch first: per `task`, so that weights balance tasks and do not distinguish
//! rows, or over rows and tasks (`batch`), which leaves one number per batch. The paper's is `sample`.
//!
//! Two controls: a negative λ gives large weights to the rows that λ gives small ones, and `placebo = "permute"` gives
//! every row the Q of another row of its batch, so that the weights have the same values and no relation to their rows.
//! An effect that a control shows too is not due to the critics' values.

use burn::tensor::{Int, Tensor, TensorData};
use rand::seq::SliceRandom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LossWeighting, Settings, Signal, WeightingInput, Weights};
use crate::stream::Stream;

/// `[weighting.critic]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Penalty λ; 0 gives equal weights, a negative one turns the preference round (a control).
    pub lambda: f64,
    /// What one weight stands for.
    pub granularity: Granularity,
    /// What is done to Q so that it says nothing; absent = nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placebo: Option<Placebo>,
}

/// A control: what is done to Q so that it says nothing of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Placebo {
    /// Every row gets the Q of another row of its batch, the same row for all tasks.
    Permute,
}

/// What one weight stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
        Self { lambda: 0.7, granularity: Granularity::Sample, placebo: None }
    }
}

impl Settings for Config {
    fn init(&self, _n_tasks: usize, stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Critic { config: self.clone(), stream })
    }

    fn check_batch(&self, batch_size: usize) -> Result<(), String> {
        if self.placebo.is_some() && batch_size == 1 {
            return Err(
                "`placebo` gives a row the Q of another row of its batch, and `batch_size` is 1".into()
            );
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        if self.placebo.is_some() && self.granularity != Granularity::Sample {
            return Err("`placebo` gives rows one another's Q, and a mean over the batch stays the same; use `granularity = \"sample\"`".into());
        }
        if (-1e6..=1e6).contains(&self.lambda) {
            return Ok(());
        }
        Err(format!("`lambda` must be a number from -1e6 to 1e6; found {}", self.lambda))
    }
}

struct Critic {
    config: Config,
    /// Draws the placebo's rows.
    stream: Stream,
}

impl Critic {
    /// The Q of another row for every row.
    fn permuted(&mut self, q_values: Tensor<2>) -> Tensor<2> {
        let n_rows = q_values.dims()[0];
        let mut cycle: Vec<i32> = (0..n_rows as i32).collect();
        cycle.shuffle(&mut self.stream);
        // Along one cycle through all rows, so that no row keeps its own.
        let mut sources = vec![0; n_rows];
        for (at, &row) in cycle.iter().enumerate() {
            sources[row as usize] = cycle[(at + 1) % n_rows];
        }
        let device = q_values.device();
        q_values.select(0, Tensor::<1, Int>::from_data(TensorData::new(sources, [n_rows]), &device))
    }
}

impl LossWeighting for Critic {
    fn signal(&self) -> Signal {
        Signal::QValues
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let q_values = input.q_values.clone().expect("asked for by `signal`");
        let shape = q_values.dims();
        let q_values = match self.config.placebo {
            Some(Placebo::Permute) => self.permuted(q_values),
            None => q_values,
        };
        let q_values = match self.config.granularity {
            Granularity::Sample => q_values,
            Granularity::Task => q_values.mean_dim(0).expand(shape),
            Granularity::Batch => q_values.mean().unsqueeze::<2>().expand(shape),
        };
        Weights::PerRow(q_values * -self.config.lambda + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Streams;
    use burn::tensor::Device;

    fn weights(config: Config, q_values: &[[f32; 2]]) -> Vec<f32> {
        let data: Vec<f32> = q_values.concat();
        let q_values = Tensor::from_data(TensorData::new(data, [q_values.len(), 2]), &Device::default());
        let (n_rows, device) = (q_values.dims()[0], q_values.device());
        let input = WeightingInput { losses: q_values.zeros_like(), q_values: Some(q_values), gram: None };
        let weights = config.init(2, Streams::new(3).named("weighting")).weights(&input);
        crate::parameter::host(weights.of_rows(n_rows, &device))
    }

    const Q: [[f32; 2]; 2] = [[-1.0, -0.5], [0.0, -2.5]];

    #[test]
    fn weights_by_hand() {
        let of = |granularity| weights(Config { lambda: 0.5, granularity, ..Config::default() }, &Q);
        assert_eq!(of(Granularity::Sample), [1.5, 1.25, 1.0, 2.25]);
        assert_eq!(of(Granularity::Task), [1.25, 1.75, 1.25, 1.75]);
        assert_eq!(of(Granularity::Batch), [1.5, 1.5, 1.5, 1.5]);
    }

    #[test]
    fn a_negative_lambda_turns_the_preference_round() {
        let config = Config { lambda: -0.5, ..Config::default() };
        config.check().unwrap();
        assert_eq!(weights(config, &Q), [0.5, 0.75, 1.0, -0.25]);
        assert!(Config { lambda: f64::NAN, ..Config::default() }.check().is_err());
    }

    #[test]
    fn the_placebo_gives_every_row_the_weights_of_another_one() {
        let q_values: Vec<[f32; 2]> = (0..50).map(|row| [-row as f32, -2.0 * row as f32]).collect();
        let config = Config { lambda: 1.0, placebo: Some(Placebo::Permute), ..Config::default() };
        let found = weights(config, &q_values);
        let mut sources = Vec::new();
        for (row, weights) in found.chunks_exact(2).enumerate() {
            let source = weights[0] - 1.0;
            assert_ne!(source, row as f32, "no row keeps its own");
            assert_eq!(weights[1] - 1.0, 2.0 * source, "one row for all tasks");
            sources.push(source as u32);
        }
        sources.sort_unstable();
        assert_eq!(sources, (0..50).collect::<Vec<_>>(), "the batch has the same weights as before");
        let single = Config { lambda: 1.0, placebo: Some(Placebo::Permute), ..Config::default() };
        assert_eq!(weights(single, &[[-1.0, -2.0]]), [2.0, 3.0], "a batch of one row has no other row");
    }
}
