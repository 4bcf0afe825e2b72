//! RMTL: per-sample weights from the critics (Liu et al., [*Multi-Task Recommendations with Reinforcement
//! Learning*](https://arxiv.org/abs/2302.03328), WWW 2023).
//!
//! `w_k = 1 − λ · Q_k(s, π_k(s))`. Rewards are negative, so Q is too: a row counts more for task k if task k is
//! expected to be predicted badly in the row and the rest of its session.
//!
//! `form = "advantage"` weighs a row by what sets it apart from others: `w_k = clip(1 + λ (V̄_k − Q_k) / σ_k, lo, hi)`,
//! divided by its mean over the batch. V̄ is the running mean of Q over rows as far into their session, since Q is the
//! lower the more is expected to follow; σ_k the running deviation of Q from it. λ = 0.5 gives a row one deviation
//! worse than its like half as much again, and every task has mean weight 1, however rare it is.
//!
//! `granularity` averages Q over the batch first: per `task`, so that weights balance tasks and do not distinguish
//! rows, or over rows and tasks (`batch`), which leaves one number per batch. The paper's is `sample`.
//!
//! `tasks` is another weighting, of tasks: its weights times these of rows. One of gradients sees the tasks' gradients
//! with the rows weighed; all see the losses without. `[weights]` then bounds the weights of rows, and leaves those of
//! tasks as they are.
//!
//! Controls: a negative λ gives large weights to the rows that λ gives small ones; `placebo = "permute"` gives
//! every row the weights of another row of its batch, so that the weights have the same values and no relation to their
//! rows; `placebo = "random"` draws the weight of every row and task from the batch's of that task, so that a row's
//! weights have no relation to one another either. An effect that a control shows too is not due to the critics'
//! values.

mod advantage;
mod placebo;
mod product;
#[cfg(test)]
mod tests;

use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use rand_xoshiro::rand_core::SeedableRng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::divisor;
use super::{LossWeighting, QValues, Settings, Signal, WeightingConfig, WeightingInput, Weights};
use crate::parameter::host;
use crate::stream::Stream;
use advantage::Advantage;
pub use placebo::Placebo;
use product::Product;

/// `[weighting.critic]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// How a weight follows from Q.
    pub form: Form,
    /// Penalty λ; 0 gives equal weights, a negative one turns the preference round (a control).
    pub lambda: f64,
    /// Smallest and largest weight of an advantage before weights are divided by their mean; absent = [0.2, 5].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<[f64; 2]>,
    /// What one weight stands for.
    pub granularity: Granularity,
    /// What is done to the weights so that they say nothing; absent = nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placebo: Option<Placebo>,
    /// A weighting of tasks whose weights multiply those of rows; absent = none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Box<WeightingConfig>>,
}

/// How a weight follows from Q.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `1 − λ Q`, the paper's.
    #[default]
    Linear,
    /// `clip(1 + λ (V̄ − Q) / σ)`, of mean 1 per task.
    Advantage,
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
        Self {
            form: Form::default(),
            lambda: 0.7,
            clip: None,
            granularity: Granularity::Sample,
            placebo: None,
            tasks: None,
        }
    }
}

impl Settings for Config {
    fn init(&self, n_tasks: usize, mut stream: Stream) -> Box<dyn LossWeighting> {
        let of_tasks = self.tasks.as_ref().map(|tasks| {
            // Two that draw from one stream would draw alike.
            let stream = Stream::from_rng(&mut stream);
            tasks.init(n_tasks, stream)
        });
        let rows = Critic { config: self.clone(), advantage: Advantage::new(n_tasks), stream };
        match of_tasks {
            Some(tasks) => Box::new(Product { rows, tasks }),
            None => Box::new(rows),
        }
    }

    fn check_batch(&self, batch_size: usize) -> Result<(), String> {
        if self.placebo.is_some() && batch_size == 1 {
            return Err(
                "`placebo` gives a row the weights of another row of its batch, and `batch_size` is 1".into(),
            );
        }
        self.tasks.as_ref().map_or(Ok(()), |tasks| tasks.check_batch(batch_size))
    }

    fn check_tasks(&self, n_tasks: usize) -> Result<(), String> {
        self.tasks.as_ref().map_or(Ok(()), |tasks| tasks.check_tasks(n_tasks))
    }

    fn check(&self) -> Result<(), String> {
        if self.granularity != Granularity::Sample {
            if self.placebo.is_some() {
                return Err("`placebo` gives rows one another's weights, and a mean over the batch stays the same; use `granularity = \"sample\"`".into());
            }
            if self.form == Form::Advantage {
                return Err("an advantage is a row's against its like, and has mean 0 over the batch; use `granularity = \"sample\"`".into());
            }
        }
        match (self.form, self.clip) {
            (Form::Linear, Some(_)) => {
                return Err("`clip` is of `form = \"advantage\"`; `[weights] clip` bounds any weights".into());
            }
            (_, Some([least, most])) if !((0.0..=1.0).contains(&least) && (1.0..=1e6).contains(&most)) => {
                return Err(format!(
                    "`clip` is a weight from 0 to 1 and one from 1 to 1e6; found [{least}, {most}]"
                ));
            }
            _ => {}
        }
        if !(-1e6..=1e6).contains(&self.lambda) {
            return Err(format!("`lambda` must be a number from -1e6 to 1e6; found {}", self.lambda));
        }
        let Some(tasks) = &self.tasks else { return Ok(()) };
        if tasks.asks_critics() {
            return Err(format!("`tasks` weighs tasks, and `{}` weighs rows", tasks.name()));
        }
        tasks.check().map_err(|message| format!("`tasks.{}`: {message}", tasks.name()))
    }

    fn is_silent(&self) -> bool {
        self.tasks.as_ref().is_some_and(|tasks| tasks.is_silent())
    }

    fn numbers_per_parameter(&self, n_tasks: usize) -> usize {
        self.tasks.as_ref().map_or(0, |tasks| tasks.numbers_per_parameter(n_tasks))
    }

    fn policy(&self) -> Option<&Path> {
        self.tasks.as_ref()?.policy()
    }

    fn with_policy(&self, path: &Path) -> Option<WeightingConfig> {
        let tasks = Some(Box::new(self.tasks.as_ref()?.with_policy(path)?));
        Some(WeightingConfig::Critic(Self { tasks, ..self.clone() }))
    }
}

/// Smallest and largest weight of an advantage, if nothing else is asked for.
const CLIP: [f64; 2] = [0.2, 5.0];

struct Critic {
    config: Config,
    advantage: Advantage,
    /// Draws the placebo's rows.
    stream: Stream,
}

impl Critic {
    /// `[batch, task]`
    fn of_rows(&mut self, input: &WeightingInput) -> Tensor<2> {
        let QValues { values, stages } = input.q_values.clone().expect("asked for by `asks_critics`");
        let shape = values.dims();
        let lambda = self.config.lambda;
        let weights = match (self.config.form, self.config.granularity) {
            (Form::Linear, Granularity::Sample) => values * -lambda + 1.0,
            (Form::Linear, Granularity::Task) => values.mean_dim(0).expand(shape) * -lambda + 1.0,
            (Form::Linear, Granularity::Batch) => {
                values.mean().unsqueeze::<2>().expand(shape) * -lambda + 1.0
            }
            (Form::Advantage, _) => {
                let device = values.device();
                let [least, most] = self.config.clip.unwrap_or(CLIP);
                let advantages = self.advantage.of(&host(values), &stages);
                let weight = |advantage: &f64| (1.0 + lambda * advantage).clamp(least, most) as f32;
                Tensor::from_data(
                    TensorData::new(advantages.iter().map(weight).collect::<Vec<_>>(), shape),
                    &device,
                )
            }
        };
        let weights = match self.config.placebo {
            Some(placebo) => placebo.apply(weights, &mut self.stream),
            None => weights,
        };
        match self.config.form {
            Form::Linear => weights,
            Form::Advantage => weights.clone() / divisor(weights.mean_dim(0)),
        }
    }
}

impl LossWeighting for Critic {
    remembers!(advantage, stream);

    fn signal(&self) -> Signal {
        Signal::QValues
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        Weights::PerRow(self.of_rows(input))
    }
}
