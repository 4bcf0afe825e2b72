//! Shared bottom (Caruana, [*Multitask Learning*](https://doi.org/10.1023/A:1007379606734), Machine Learning 28, 1997):
//! one bottom, a tower per task.
//!
//! `p_k = σ(tower_k(bottom(x)))` with x the flattened fields `[batch, field · dim]`, bottom `[batch, hidden]`.
//!
//! Departures: none; the original shares one hidden layer.

use burn::module::{Module, ParamId, list_param_ids};
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::heads::{SharedTowers, Widths, flatten, last};
use super::{Backbone, Input, Predictions, Settings};
use crate::layer::Mlp;
use crate::pass::Pass;
use crate::stream::Stream;

/// `[backbone.shared_bottom]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Widths of the bottom's layers.
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

    fn check(&self, _input: &Input) -> Result<(), String> {
        self.widths().check()
    }

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> Model {
        let bottom = Mlp::new(input.width(), &self.bottom, self.dropout, stream, device);
        let towers = SharedTowers::new(input.n_tasks(), last(&self.bottom), self.widths(), stream, device)
            .starting_at(input.initial_logits(self.gives_conditionals()));
        Model { bottom, towers }
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct Model {
    bottom: Mlp,
    towers: SharedTowers,
}

impl Backbone for Model {
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        let shared = self.bottom.forward(flatten(&views[0]), pass);
        Predictions::independent(self.towers.forward(shared, pass))
    }

    fn shared(&self) -> Vec<ParamId> {
        list_param_ids(&self.bottom)
    }
}
