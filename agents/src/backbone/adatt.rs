//! AdaTT (Li et al., [*AdaTT: Adaptive Task-to-Task Fusion Network for Multitask Learning in
//! Recommendations*](https://arxiv.org/abs/2304.04959), KDD 2023), in the form AdaTT-sp with shared experts: levels of
//! fusion units. Each unit mixes all experts of its level and adds its own.
//!
//! At level l every task is a unit with s native experts; one unit more has the S shared ones. With `u_i` the input of
//! unit i (at the first level all are x, the flattened fields) and `E` the outputs of all experts, `e_ij(u_i)`:
//!
//! * `AllExpertGF_i = Σ softmax(W_i u_i + b_i) · E`, over the experts of all units;
//! * `NativeExpertLF_i = Σ_j v_ij e_ij` over its own, v learnt, or the expert itself where there is only one;
//! * `u_i' = AllExpertGF_i + NativeExpertLF_i`, of the shared unit in all levels but the last.
//!
//! `p_k = σ(tower_k(u_k))` after the last level. Shapes: x `[batch, field · dim]`, experts `[expert, batch, hidden]`,
//! ordered by task, the shared ones last; units `[unit, batch, hidden]`, gates `[unit, batch, expert]`.
//!
//! Dense parameters of a level with inputs of d, N = K s + S experts and U units: N experts, `U (d + 1) N` of gates,
//! `K s` of v if s > 1, S more but for the last level if S > 1. With 8 fields of 128, K = 2, s = 2, S = 1, levels 512
//! and 256, towers 128–64: 2,639,379 + 661,774 + 2 · 41,217.
//!
//! Choices where the paper gives none, and departures: 1. Gates have a bias, as in the authors' code. 2. v starts at
//! U(±√(1/s)), as there. 3. A unit with one native expert adds it unscaled even where another unit has more; the
//! authors' code then learns its v too. 4. Without shared experts there is no shared unit.

use burn::module::{Module, Param, ParamId, list_param_ids};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::heads::{Towers, Widths, check_count, check_layers, flatten, last, mix};
use super::{Backbone, Input, Predictions, Settings};
use crate::layer::{ExpertMlp, FannedMlp, GroupedLinear, uniform};
use crate::pass::Pass;
use crate::stream::Stream;

/// `[backbone.adatt]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Native experts of every task s, per level.
    pub n_specific_experts: usize,
    /// Shared experts S, per level; 0 = none.
    pub n_shared_experts: usize,
    /// Widths of an expert's layers, level by level.
    pub levels: Vec<Vec<usize>>,
    /// Widths of a tower's hidden layers.
    pub tower: Vec<usize>,
    /// Dropout rate after every hidden layer.
    pub dropout: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            n_specific_experts: 2,
            n_shared_experts: 1,
            levels: vec![vec![512], vec![256]],
            tower: vec![128, 64],
            dropout: 0.2,
        }
    }
}

impl Config {
    fn widths(&self) -> Widths<'_> {
        let bottom = self.levels.last().map_or(&[][..], Vec::as_slice);
        Widths { bottom, tower: &self.tower, dropout: self.dropout }
    }
}

impl Settings for Config {
    type Model = Model;

    fn check(&self, _input: &Input) -> Result<(), String> {
        check_count("n_specific_experts", self.n_specific_experts)?;
        if self.n_shared_experts > 0 {
            check_count("n_shared_experts", self.n_shared_experts)?;
        }
        check_count("levels", self.levels.len())?;
        self.levels.iter().try_for_each(|dims| check_layers("levels", dims))?;
        self.widths().check()
    }

    fn variants() -> Vec<Self> {
        let of = |n_specific_experts, n_shared_experts, levels| Self {
            n_specific_experts,
            n_shared_experts,
            levels,
            ..Self::default()
        };
        vec![Self::default(), of(1, 2, vec![vec![32, 16]; 2]), of(2, 0, vec![vec![32]; 3])]
    }

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> Model {
        let n_tasks = input.n_tasks();
        let mut d_input = input.width();
        let mut levels = Vec::with_capacity(self.levels.len());
        for (index, dims) in self.levels.iter().enumerate() {
            let is_last = index + 1 == self.levels.len();
            levels.push(Level::new(self, n_tasks, d_input, dims, is_last, stream, device));
            d_input = last(dims);
        }
        let towers = Towers::new(n_tasks, d_input, self.widths(), stream, device)
            .starting_at(input.initial_logits(self.gives_conditionals()));
        Model { levels, towers }
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct Model {
    levels: Vec<Level>,
    towers: Towers,
}

/// One level of fusion units.
#[derive(Module, Debug)]
struct Level {
    task_experts: FannedMlp,
    /// Absent where there are none.
    shared_experts: Option<ExpertMlp>,
    /// Of the tasks, then of the shared unit, which is absent in the last level.
    gates: GroupedLinear,
    /// v of the tasks, `[task, 1, own]`; absent with one expert each.
    native: Option<Param<Tensor<3>>>,
    /// v of the shared unit, `[1, 1, shared]`; absent with one expert and in the last level.
    shared_native: Option<Param<Tensor<3>>>,
    #[module(skip)]
    n_tasks: usize,
}

impl Level {
    fn new(
        config: &Config,
        n_tasks: usize,
        d_input: usize,
        dims: &[usize],
        is_last: bool,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let Config { n_specific_experts: specific, n_shared_experts: shared, dropout, .. } = *config;
        let n_experts = n_tasks * specific + shared;
        let has_shared_unit = shared > 0 && !is_last;
        let n_units = n_tasks + usize::from(has_shared_unit);
        let task_experts = FannedMlp::new([n_tasks, specific], d_input, dims, dropout, stream, device);
        let shared_experts =
            (shared > 0).then(|| ExpertMlp::new(shared, d_input, dims, dropout, stream, device));
        let gates = GroupedLinear::new(n_units, [d_input, n_experts], stream, device);
        let mut learnt = |n_units: usize, n: usize| {
            (n > 1).then(|| uniform([n_units, 1, n], (1.0 / n as f64).sqrt(), stream, device))
        };
        let native = learnt(n_tasks, specific);
        let shared_native = if has_shared_unit { learnt(1, shared) } else { None };
        Self { task_experts, shared_experts, gates, native, shared_native, n_tasks }
    }

    /// # Shapes
    /// - units: `[unit, batch, d_input]`, or `[1, batch, d_input]` which all units read
    /// - output: `[unit, batch, hidden]`, in the last level of the tasks alone
    fn forward(&self, units: Tensor<3>, pass: &mut Pass<'_>) -> Tensor<3> {
        let of_units = |first: usize, n: usize| match units.dims()[0] {
            1 => units.clone(),
            _ => units.clone().narrow(0, first, n),
        };
        let (n_tasks, n_units) = (self.n_tasks, self.gates.weight.dims()[0]);
        let mut experts = vec![self.task_experts.forward(of_units(0, n_tasks), pass)]; // [task · own, batch, hidden]
        let mut native = vec![combine(&self.native, experts[0].clone())];
        if let Some(shared_experts) = &self.shared_experts {
            let common = shared_experts.forward(of_units(n_tasks, 1).squeeze_dim(0), pass); // [shared, batch, hidden]
            if n_units > n_tasks {
                native.push(combine(&self.shared_native, common.clone()));
            }
            experts.push(common);
        }
        let gates = softmax(self.gates.forward(of_units(0, n_units)), 2); // [unit, batch, expert]
        mix(gates.swap_dims(0, 1), Tensor::cat(experts, 0)) + Tensor::cat(native, 0)
    }
}

/// Every unit's combination of its own experts, `[unit · own, batch, hidden]` to `[unit, batch, hidden]`.
fn combine(weights: &Option<Param<Tensor<3>>>, experts: Tensor<3>) -> Tensor<3> {
    let Some(weights) = weights else {
        return experts;
    };
    let ([n_units, _, n], [_, batch, hidden]) = (weights.dims(), experts.dims());
    weights.val().matmul(experts.reshape([n_units, n, batch * hidden])).reshape([n_units, batch, hidden])
}

impl Backbone for Model {
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        let x = flatten(&views[0]).unsqueeze_dim::<3>(0);
        let tasks = self.levels.iter().fold(x, |units, level| level.forward(units, pass));
        Predictions::independent(self.towers.forward(tasks, pass))
    }

    fn shared(&self) -> Vec<ParamId> {
        // Every task reads all experts of a level, and so every unit of the levels below; only the last units are its own.
        let (top, below) = self.levels.split_last().expect("the settings were checked: at least one level");
        let of_top = [list_param_ids(&top.task_experts), list_param_ids(&top.shared_experts)].concat();
        below.iter().flat_map(list_param_ids).chain(of_top).collect()
    }
}
