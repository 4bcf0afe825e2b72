//! Single-task networks: a network per task that shares nothing, not even the embedding tables; the baseline of
//! [RMTL](https://arxiv.org/abs/2302.03328), [APEM](https://arxiv.org/abs/2301.02494) and
//! [BPCM](https://doi.org/10.1007/978-3-031-63992-0_17).
//!
//! `p_k = σ(tower_k(bottom_k(x_k)))`, x_k the flattened fields `[batch, field · dim]` of the task's own view, whose
//! tables and numeric projection are the task's own.
//!
//! The tasks are trained together on the sum of their losses. Since no parameter is shared and Adam works parameter by
//! parameter, each ends with the parameters it would have if trained alone. Departure: the early stop is common, on the
//! mean AUC.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::heads::{Towers, Widths, flatten, last};
use super::{Backbone, Input, Predictions, Settings, ViewRole};
use crate::layer::GroupedMlp;
use crate::pass::Pass;
use crate::stream::Stream;

/// `[backbone.single_task]`
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

    fn views(&self, n_tasks: usize) -> Vec<ViewRole> {
        (0..n_tasks).map(ViewRole::Task).collect()
    }

    fn check(&self, _input: &Input) -> Result<(), String> {
        self.widths().check()
    }

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> Model {
        let n_tasks = input.n_tasks();
        let bottoms = GroupedMlp::new(n_tasks, input.width(), &self.bottom, self.dropout, stream, device);
        let towers = Towers::new(n_tasks, last(&self.bottom), self.widths(), stream, device)
            .starting_at(input.initial_logits(self.gives_conditionals()));
        Model { bottoms, towers }
    }
}

/// The networks, one batched product a layer.
#[derive(Module, Debug)]
pub struct Model {
    bottoms: GroupedMlp,
    towers: Towers,
}

impl Backbone for Model {
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        let inputs = Tensor::stack(views.iter().map(flatten).collect(), 0); // [task, batch, field · dim]
        Predictions::independent(self.towers.forward(self.bottoms.forward(inputs, pass), pass))
    }
}
