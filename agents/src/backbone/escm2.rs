//! ESCM² (Wang et al., [*ESCM²: Entire Space Counterfactual Multi-Task Model for Post-Click Conversion Rate
//! Estimation*](https://arxiv.org/abs/2204.05125), SIGIR 2022): ESMM whose conditional probabilities are trained by a
//! counterfactual loss too.
//!
//! The heads are ESMM's, `p_k = Π_{j ≤ k} σ_j`. The loss is the term `losses.counterfactual`, in mode `ips` by inverse
//! propensities, in mode `dr` doubly robust: then every task with a parent has an imputation head beside its own, a
//! bottom and a tower whose output estimates the task's conditional loss `ê`. It is a plain number: neither squashed
//! nor a probability.
//!
//! Dense parameters beyond ESMM's: a bottom and a tower per task with a parent in mode `dr`, none in mode `ips`. With 8
//! fields of 128, K = 2, bottom 512–256 and tower 128–64: 2 · 697,345 (`ips`) and 3 · 697,345 (`dr`).
//!
//! Departures: 1. The paper's weight λ_g of the product's loss is the loss weighting (1 with equal weights). 2. The
//! imputation head has a bottom of its own, since in the paper's network the towers stand on the embeddings.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::heads::{Towers, Widths, check_chain, flatten, last};
use super::{Backbone, Input, Predictions, Settings};
use crate::layer::ExpertMlp;
use crate::pass::Pass;
use crate::stream::Stream;

/// `[backbone.escm2]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Which counterfactual estimator the loss term uses.
    pub mode: Mode,
    /// Widths of a bottom's layers.
    pub bottom: Vec<usize>,
    /// Widths of a tower's hidden layers.
    pub tower: Vec<usize>,
    /// Dropout rate after every hidden layer.
    pub dropout: f64,
}

/// How losses that cannot be seen are accounted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Inverse propensity scores.
    #[default]
    Ips,
    /// Doubly robust: imputed losses, corrected by inverse propensity scores.
    Dr,
}

impl Default for Config {
    fn default() -> Self {
        Self { mode: Mode::default(), bottom: vec![512, 256], tower: vec![128, 64], dropout: 0.2 }
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
        check_chain("escm2", "multiplies probabilities", input)?;
        self.widths().check()
    }

    fn gives_conditionals(&self) -> bool {
        true
    }

    fn needs_loss(&self) -> Option<&'static str> {
        Some("counterfactual")
    }

    fn variants() -> Vec<Self> {
        vec![Self::default(), Self { mode: Mode::Dr, ..Self::default() }]
    }

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> Model {
        let n_imputed = match self.mode {
            Mode::Ips => 0,
            Mode::Dr => input.parents.iter().flatten().count(),
        };
        let n_heads = input.n_tasks() + n_imputed;
        let bottoms = ExpertMlp::new(n_heads, input.width(), &self.bottom, self.dropout, stream, device);
        let towers = Towers::new(n_heads, last(&self.bottom), self.widths(), stream, device)
            .starting_at(input.initial_logits(self.gives_conditionals()));
        Model { bottoms, towers, parents: input.parents.clone() }
    }
}

/// The network: the tasks' heads, then the imputation heads of the tasks with a parent.
#[derive(Module, Debug)]
pub struct Model {
    bottoms: ExpertMlp,
    towers: Towers,
    #[module(skip)]
    parents: Vec<Option<usize>>,
}

impl Backbone for Model {
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        let outputs = self.towers.forward(self.bottoms.forward(flatten(&views[0]), pass), pass);
        let [n_heads, n_tasks] = [outputs.dims()[1], self.parents.len()];
        let predictions = Predictions::chained(outputs.clone().narrow(1, 0, n_tasks), &self.parents);
        if n_heads == n_tasks {
            return predictions;
        }
        let mut imputation_heads = outputs.narrow(1, n_tasks, n_heads - n_tasks).split(1, 1).into_iter();
        let column = |parent: &Option<usize>| match parent {
            Some(_) => imputation_heads.next().expect("one per task with a parent"),
            None => predictions.probabilities.clone().narrow(1, 0, 1).zeros_like(),
        };
        let imputed = Tensor::cat(self.parents.iter().map(column).collect(), 1);
        Predictions { imputed: Some(imputed), ..predictions }
    }

    /// Without imputation heads: they stand after those of the tasks, and only the counterfactual loss reads them.
    fn for_prediction(self) -> Self {
        let n_tasks = self.parents.len();
        Self { bottoms: self.bottoms.first(n_tasks), towers: self.towers.first(n_tasks), ..self }
    }
}
