//! OMoE (the one-gate model of Ma et al., [*Modeling Task Relationships in Multi-task Learning with Multi-gate
//! Mixture-of-Experts*](https://doi.org/10.1145/3219819.3220007), KDD 2018): E experts, ONE softmax gate, a tower per
//! task.
//!
//! `f = Σ_e g(x)_e · expert_e(x)`, `g = softmax(W x + b)`, `p_k = σ(tower_k(f))`, with x the flattened fields
//! `[batch, field · dim]`, experts `[expert, batch, hidden]` and the gate `[batch, expert]`.
//!
//! Departures: 1. The gate has a bias, as in MMoE here.

use burn::module::{Module, ParamId, list_param_ids};
use burn::nn::Linear;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::heads::{SharedTowers, Widths, check_count, flatten, last, mix};
use super::{Backbone, Input, Predictions, Settings};
use crate::layer::{ExpertMlp, linear};
use crate::pass::Pass;
use crate::stream::Stream;

/// `[backbone.omoe]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Number of experts E.
    pub n_experts: usize,
    /// Widths of an expert's layers.
    pub bottom: Vec<usize>,
    /// Widths of a tower's hidden layers.
    pub tower: Vec<usize>,
    /// Dropout rate after every hidden layer.
    pub dropout: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { n_experts: 8, bottom: vec![512, 256], tower: vec![128, 64], dropout: 0.2 }
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
        check_count("n_experts", self.n_experts)?;
        self.widths().check()
    }

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> Model {
        let experts =
            ExpertMlp::new(self.n_experts, input.width(), &self.bottom, self.dropout, stream, device);
        let gate = linear(input.width(), self.n_experts, stream, device);
        let towers = SharedTowers::new(input.n_tasks(), last(&self.bottom), self.widths(), stream, device)
            .starting_at(input.initial_logits(self.gives_conditionals()));
        Model { experts, gate, towers }
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct Model {
    experts: ExpertMlp,
    gate: Linear,
    towers: SharedTowers,
}

impl Backbone for Model {
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        let x = flatten(&views[0]);
        let experts = self.experts.forward(x.clone(), pass); // [expert, batch, hidden]
        let gate = softmax(self.gate.forward(x), 1).unsqueeze_dim(1); // [batch, 1, expert]
        let mixed = mix(gate, experts).squeeze_dim(0);
        Predictions::independent(self.towers.forward(mixed, pass))
    }

    fn shared(&self) -> Vec<ParamId> {
        [list_param_ids(&self.experts), list_param_ids(&self.gate)].concat()
    }
}
