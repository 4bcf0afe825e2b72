//! AITM (Xi et al., [*Modeling the Sequential Dependence among Audience Multi-step Conversions with Multi-task Learning
//! in Targeted Display Advertising*](https://arxiv.org/abs/2105.08489), KDD 2021): a bottom per task; a task attends to
//! its own representation and to a transformed representation of the task before it.
//!
//! With `f_k = bottom_k(x)`, d the width of a bottom: `z_k = f_k` of a task without a parent, else `p = g_k(z_parent)`,
//! `z_k = Σ_{u ∈ {p, f_k}} a_u h_1(u)`, `a = softmax_u(⟨h_2(u), h_3(u)⟩ / √d)`; `p_k = σ(tower_k(z_k))`. g is a linear
//! layer per transition, h_1, h_2, h_3 are linear layers shared by the transitions, all with bias. Shapes: f and z
//! `[batch, d]` per task.
//!
//! Departures: 1. "The task before" is the parent in the task chain, so that trees of tasks work too. 2. The paper's
//! calibrator is a term of its own, `losses.calibrator`.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::heads::{Towers, Widths, check_chain, flatten, last};
use super::{Backbone, Input, Predictions, Settings};
use crate::layer::{ExpertMlp, WideLinear, linear};
use crate::pass::Pass;
use crate::stream::Stream;

/// `[backbone.aitm]`
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
        check_chain("aitm", "hands representations on", input)?;
        self.widths().check()
    }

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> Model {
        let n_tasks = input.n_tasks();
        let hidden = last(&self.bottom);
        let bottoms = ExpertMlp::new(n_tasks, input.width(), &self.bottom, self.dropout, stream, device);
        let transfers =
            input.parents.iter().flatten().map(|_| linear(hidden, hidden, stream, device)).collect();
        let attention = WideLinear::new(3, [hidden, hidden], hidden, stream, device);
        let towers = Towers::new(n_tasks, hidden, self.widths(), stream, device)
            .starting_at(input.initial_logits(self.gives_conditionals()));
        Model { bottoms, transfers, attention, towers, parents: input.parents.clone() }
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct Model {
    bottoms: ExpertMlp,
    /// g, one per task with a parent.
    transfers: Vec<Linear>,
    /// h_1, h_2, h_3 side by side.
    attention: WideLinear,
    towers: Towers,
    #[module(skip)]
    parents: Vec<Option<usize>>,
}

impl Model {
    /// `[batch, hidden]` twice to `[batch, hidden]`
    fn attend(&self, handed_on: Tensor<2>, own: Tensor<2>) -> Tensor<2> {
        let [batch, hidden] = own.dims();
        let both = self.attention.forward(Tensor::cat(vec![handed_on, own], 0)); // [2 · batch, 3 · hidden]
        let both = both.reshape([2, batch, 3, hidden]);
        let [value, key, query] = [0, 1, 2].map(|layer| both.clone().narrow(2, layer, 1).squeeze_dim::<3>(2));
        let scores = (key * query).sum_dim(2) * (1.0 / (hidden as f64).sqrt());
        (softmax(scores, 0) * value).sum_dim(0).squeeze_dim(0)
    }
}

impl Backbone for Model {
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        let bottoms = self.bottoms.forward(flatten(&views[0]), pass).split(1, 0);
        let mut transfers = self.transfers.iter();
        let mut tasks: Vec<Tensor<2>> = Vec::with_capacity(self.parents.len());
        for (bottom, parent) in bottoms.into_iter().zip(&self.parents) {
            let own = bottom.squeeze_dim(0);
            tasks.push(match parent {
                Some(parent) => {
                    let transfer = transfers.next().expect("one per task with a parent");
                    self.attend(transfer.forward(tasks[*parent].clone()), own)
                }
                None => own,
            });
        }
        Predictions::independent(self.towers.forward(Tensor::stack(tasks, 0), pass))
    }
}
