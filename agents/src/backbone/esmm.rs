//! ESMM (Ma et al., [*Entire Space Multi-Task Model: An Effective Approach for Estimating Post-Click Conversion
//! Rate*](https://arxiv.org/abs/1804.07931), SIGIR 2018): shared tables, a bottom and a tower per task, and
//! probabilities multiplied along the task chain.
//!
//! `p_k = Π_{j ≤ k} σ(tower_j(bottom_j(x)))`: CTR = σ_1, CTCVR = σ_1 · σ_2. With more than two tasks the product runs
//! over a task and its ancestors. x are the flattened fields `[batch, field · dim]`, bottoms `[task, batch, hidden]`.
//!
//! Departures: 1. Chains of any length, and trees, in the place of one pair of tasks.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::heads::{Towers, Widths, check_chain, flatten, last};
use super::{Backbone, Input, Predictions, Settings};
use crate::layer::ExpertMlp;
use crate::pass::Pass;
use crate::stream::Stream;

/// `[backbone.esmm]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Widths of a bottom's layers.
    pub bottom: Vec<usize>,
    /// Widths of a tower's hidden layers.
    pub tower: Vec<usize>,
    /// Dropout rate after every hidden layer.
    pub dropout: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { bottom: vec![512, 256], tower: vec![128, 64], dropout: 0.2 }
    }
}

impl Config {
    fn widths(&self) -> Widths<'_> {
        Widths { bottom: &self.bottom, tower: &self.tower, dropout: self.dropout }
    }
}

impl Settings for Config {
    type Model = Model;

    fn check(&self, input: &Input) -> Result<(), String> {
        check_chain("esmm", "multiplies probabilities", input)?;
        self.widths().check()
    }

    fn gives_conditionals(&self) -> bool {
        true
    }

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> Model {
        let n_tasks = input.n_tasks();
        let bottoms = ExpertMlp::new(n_tasks, input.width(), &self.bottom, self.dropout, stream, device);
        let towers = Towers::new(n_tasks, last(&self.bottom), self.widths(), stream, device)
            .starting_at(input.initial_logits(self.gives_conditionals()));
        Model { bottoms, towers, parents: input.parents.clone() }
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct Model {
    bottoms: ExpertMlp,
    towers: Towers,
    #[module(skip)]
    parents: Vec<Option<usize>>,
}

impl Backbone for Model {
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        let bottoms = self.bottoms.forward(flatten(&views[0]), pass);
        Predictions::chained(self.towers.forward(bottoms, pass), &self.parents)
    }
}
