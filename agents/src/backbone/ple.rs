//! PLE (Tang et al., [*Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model for Personalized
//! Recommendations*](https://doi.org/10.1145/3383313.3412236), RecSys 2020): levels of customised gate control (CGC).
//!
//! At level l every task has s experts of its own and S are shared. With `t_k` the input of task k and `u` the shared
//! input of the level (at the first level all are x, the flattened fields):
//!
//! * experts: `e_kj(t_k)` for j ≤ s, `e_j(u)` for j ≤ S;
//! * task k: `t_k' = Σ softmax(W_k t_k + b_k) · (its own experts, the shared ones)`;
//! * shared: `u' = Σ softmax(W u + b) · (all tasks' experts, the shared ones)`, in all levels but the last.
//!
//! `p_k = σ(tower_k(t_k))` after the last level. Shapes: x `[batch, field · dim]`, experts `[expert, batch, hidden]`,
//! task inputs `[task, batch, hidden]`. Each level has widths of its own, one or more layers an expert.
//!
//! Departures: 1. Gates have a bias.
//!
//! The code of RMTL's authors feeds the shared experts with a task's input from the second level on and keeps an unused
//! shared gate in the last level; that is not PLE and is not done here. With 8 fields of 128, K = 2, s = S = 4, levels
//! 512 and 256, towers 128–64: 7,999,290 − 6,156 dense parameters, 256 of them the projection of one numeric column.

use burn::module::{Module, ParamId, list_param_ids};
use burn::nn::Linear;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::heads::{Towers, Widths, check_count, check_layers, flatten, last, mix};
use super::{Backbone, Input, Predictions, Settings};
use crate::layer::{ExpertMlp, FannedMlp, GroupedLinear, linear};
use crate::pass::Pass;
use crate::stream::Stream;

/// `[backbone.ple]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Experts of every task s, per level.
    pub n_specific_experts: usize,
    /// Shared experts S, per level.
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
            n_specific_experts: 4,
            n_shared_experts: 4,
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
        check_count("n_shared_experts", self.n_shared_experts)?;
        check_count("levels", self.levels.len())?;
        self.levels.iter().try_for_each(|dims| check_layers("levels", dims))?;
        self.widths().check()
    }

    fn variants() -> Vec<Self> {
        let of = |levels| Self { levels, ..Self::default() };
        vec![Self::default(), of(vec![vec![32, 16]]), of(vec![vec![32]; 3])]
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

/// One level of customised gate control.
#[derive(Module, Debug)]
struct Level {
    task_experts: FannedMlp,
    shared_experts: ExpertMlp,
    task_gates: GroupedLinear,
    /// Absent in the last level.
    shared_gate: Option<Linear>,
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
        let gated = n_tasks * specific + shared;
        Self {
            task_experts: FannedMlp::new([n_tasks, specific], d_input, dims, dropout, stream, device),
            shared_experts: ExpertMlp::new(shared, d_input, dims, dropout, stream, device),
            task_gates: GroupedLinear::new(n_tasks, [d_input, specific + shared], stream, device),
            shared_gate: (!is_last).then(|| linear(d_input, gated, stream, device)),
        }
    }

    /// # Shapes
    /// - tasks: `[task, batch, d_input]`, or `[1, batch, d_input]` which all tasks read
    /// - shared: `[batch, d_input]`
    /// - output: `[task, batch, hidden]`, and `[batch, hidden]` but for the last level
    fn forward(
        &self,
        tasks: Tensor<3>,
        shared: Tensor<2>,
        pass: &mut Pass<'_>,
    ) -> (Tensor<3>, Option<Tensor<2>>) {
        let own = self.task_experts.forward(tasks.clone(), pass); // [task · own, batch, hidden]
        let common = self.shared_experts.forward(shared.clone(), pass); // [shared, batch, hidden]
        let mut gates = self.task_gates(tasks, own.dims()[0], common.dims()[0]);
        let n_tasks = gates.len();
        gates.extend(self.shared_gate.as_ref().map(|gate| softmax(gate.forward(shared), 1)));
        // One product for all gates: an expert that a gate does not see counts 0.
        let mixtures = mix(Tensor::stack(gates, 1), Tensor::cat(vec![own, common], 0));
        let shared = self.shared_gate.as_ref().map(|_| mixtures.clone().narrow(0, n_tasks, 1).squeeze_dim(0));
        (mixtures.narrow(0, 0, n_tasks), shared)
    }

    /// Per task a gate over all `n_own` specific experts and the `n_common` shared ones, `[batch, expert]`.
    fn task_gates(&self, tasks: Tensor<3>, n_own: usize, n_common: usize) -> Vec<Tensor<2>> {
        let gates = softmax(self.task_gates.forward(tasks), 2); // [task, batch, own + shared]
        let [n_tasks, batch, _] = gates.dims();
        let n_own = n_own / n_tasks;
        let device = gates.device().inner();
        let others = |n: usize| (n > 0).then(|| Tensor::zeros([batch, n * n_own], &device));
        let widen = |task: usize| {
            let gate = gates.clone().narrow(0, task, 1).squeeze_dim::<2>(0);
            let (own, common) = (gate.clone().narrow(1, 0, n_own), gate.narrow(1, n_own, n_common));
            let parts = [others(task), Some(own), others(n_tasks - 1 - task), Some(common)];
            Tensor::cat(parts.into_iter().flatten().collect(), 1)
        };
        (0..n_tasks).map(widen).collect()
    }
}

impl Backbone for Model {
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        let x = flatten(&views[0]);
        let (mut tasks, mut shared) = (x.clone().unsqueeze_dim(0), Some(x));
        for level in &self.levels {
            let input = shared.take().expect("every level but the last gives a shared mixture");
            (tasks, shared) = level.forward(tasks, input, pass);
        }
        Predictions::independent(self.towers.forward(tasks, pass))
    }

    fn shared(&self) -> Vec<ParamId> {
        // Below a shared gate every task reads the specific experts too.
        let of_level = |level: &Level| match &level.shared_gate {
            Some(gate) => {
                let experts =
                    [list_param_ids(&level.shared_experts), list_param_ids(&level.task_experts)].concat();
                [experts, list_param_ids(gate)].concat()
            }
            None => list_param_ids(&level.shared_experts),
        };
        self.levels.iter().flat_map(of_level).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::uniform;
    use crate::parameter::host;
    use crate::stream::Streams;

    #[test]
    fn gates_sum_to_one_and_see_no_other_tasks_experts() {
        let device = Device::default();
        let mut stream = Streams::new(3).named("init");
        let config = Config { n_specific_experts: 2, n_shared_experts: 1, ..Config::default() };
        let level = Level::new(&config, 3, 5, &[4], false, &mut stream, &device);
        let tasks = uniform([3, 6, 5], 1.0, &mut stream, &device).val();
        for (task, gate) in level.task_gates(tasks, 3 * 2, 1).into_iter().enumerate() {
            assert_eq!(gate.dims(), [6, 7]);
            for row in host(gate).chunks_exact(7) {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{row:?}");
                for (expert, &share) in row.iter().enumerate() {
                    let is_seen = expert == 6 || expert / 2 == task;
                    assert_eq!(share > 0.0, is_seen, "task {task}, expert {expert}: {share}");
                }
            }
        }
    }
}
