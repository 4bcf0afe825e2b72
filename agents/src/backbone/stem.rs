//! STEM (Su et al., [*STEM: Unleashing the Power of Embeddings for Multi-Task
//! Recommendation*](https://arxiv.org/abs/2308.13537), AAAI 2024): embedding tables that the tasks share AND tables of
//! every task's own. A task's own tables are read by all tasks and trained by that task alone.
//!
//! With `x_S` the flattened fields of the shared view and `x_k` those of task k's own:
//!
//! * experts: `e_j(x_S)` for j ≤ S, `e_kj(x_k)` for j ≤ s;
//! * gate of task k: `g_k = softmax(gate_k(x_k + x_S))` over ALL experts, an MLP with a linear last layer;
//! * all forward, task-specific backward: `f_k = Σ_j g_kj e_j + Σ_j g_kj e_kj + Σ_{i ≠ k, j} g_kij sg(e_ij)`, sg the
//!   stop-gradient, so that no other task's gradient reaches the experts and tables of a task.
//!
//! `p_k = σ(tower_k(f_k))`. Shapes: x `[batch, field · dim]`, experts `[expert, batch, hidden]`, ordered by task, the
//! shared ones last; gates `[task, batch, expert]`.
//!
//! Dense parameters: `(K s + S)` experts, K gates `F·d → gate → K s + S`, K towers. With 8 fields of 128, K = 2,
//! s = S = 2, bottom 512–256, gate 128–64, towers 128–64: 6 · 656,128 + 2 · 139,846 + 2 · 41,217.
//!
//! Choices where the paper gives none, and departures: 1. A gate reads the SUM of the two views, as in the authors'
//! code. 2. ONE layer of experts, the authors' default; hence no gate of the shared experts, whose mixture only a
//! further layer would read. 3. A shared table and the tasks' are equally wide. 4. Dropout acts in gates too, as in the
//! authors'.

use burn::module::{Module, ParamId, list_param_ids};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::heads::{Towers, Widths, check_count, check_layers, flatten, last, mix};
use super::{Backbone, Input, Predictions, Settings, ViewRole};
use crate::layer::{ExpertMlp, FannedMlp, GroupedLinear, GroupedMlp};
use crate::pass::Pass;
use crate::stream::Stream;

/// `[backbone.stem]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Experts of every task s, on the task's own view.
    pub n_specific_experts: usize,
    /// Shared experts S, on the shared view.
    pub n_shared_experts: usize,
    /// Widths of an expert's layers.
    pub bottom: Vec<usize>,
    /// Widths of a gate's hidden layers; none = a linear gate.
    pub gate: Vec<usize>,
    /// Widths of a tower's hidden layers.
    pub tower: Vec<usize>,
    /// Dropout rate after every hidden layer.
    pub dropout: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            n_specific_experts: 2,
            n_shared_experts: 2,
            bottom: vec![512, 256],
            gate: vec![128, 64],
            tower: vec![128, 64],
            dropout: 0.2,
        }
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
        std::iter::once(ViewRole::Shared).chain((0..n_tasks).map(ViewRole::Task)).collect()
    }

    fn check(&self, _input: &Input) -> Result<(), String> {
        check_count("n_specific_experts", self.n_specific_experts)?;
        check_count("n_shared_experts", self.n_shared_experts)?;
        if !self.gate.is_empty() {
            check_layers("gate", &self.gate)?;
        }
        self.widths().check()
    }

    fn variants() -> Vec<Self> {
        let linear_gate =
            Self { gate: vec![], n_specific_experts: 1, n_shared_experts: 1, ..Self::default() };
        vec![Self::default(), linear_gate]
    }

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> Model {
        let Self { n_specific_experts: specific, n_shared_experts: shared, dropout, .. } = *self;
        let (n_tasks, width) = (input.n_tasks(), input.width());
        let task_experts = FannedMlp::new([n_tasks, specific], width, &self.bottom, dropout, stream, device);
        let shared_experts = ExpertMlp::new(shared, width, &self.bottom, dropout, stream, device);
        let gate_hidden = GroupedMlp::new(n_tasks, width, &self.gate, dropout, stream, device);
        let d_gate = self.gate.last().copied().unwrap_or(width);
        let gate_output = GroupedLinear::new(n_tasks, [d_gate, n_tasks * specific + shared], stream, device);
        let towers = Towers::new(n_tasks, last(&self.bottom), self.widths(), stream, device)
            .starting_at(input.initial_logits(self.gives_conditionals()));
        Model { task_experts, shared_experts, gate_hidden, gate_output, towers }
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct Model {
    task_experts: FannedMlp,
    shared_experts: ExpertMlp,
    gate_hidden: GroupedMlp,
    gate_output: GroupedLinear,
    towers: Towers,
}

/// Every task's mixture of all experts; other tasks' experts are read, but not trained.
///
/// # Shapes
/// - gates: `[task, batch, task · own + shared]`
/// - own: `[task · own, batch, hidden]`
/// - common: `[shared, batch, hidden]`
/// - output: `[task, batch, hidden]`
fn mix_all(gates: Tensor<3>, own: Tensor<3>, common: Tensor<3>) -> Tensor<3> {
    let ([n_tasks, _, _], n_own, n_common) = (gates.dims(), own.dims()[0], common.dims()[0]);
    let per_task = n_own / n_tasks;
    let is_own = |index: usize| f32::from(u8::from(index / n_own == index % n_own / per_task));
    let is_own: Vec<f32> = (0..n_tasks * n_own).map(is_own).collect();
    let device = gates.device().inner();
    let is_own = Tensor::<3>::from_data(TensorData::new(is_own, [n_tasks, 1, n_own]), &device);
    let of_tasks = gates.clone().narrow(2, 0, n_own);
    let trained = of_tasks.clone() * is_own;
    let read = of_tasks - trained.clone();
    // One product for all: a task's experts stand there twice, with and without a gradient.
    let gates = Tensor::cat(vec![trained, read, gates.narrow(2, n_own, n_common)], 2).swap_dims(0, 1);
    mix(gates, Tensor::cat(vec![own.clone(), own.detach(), common], 0))
}

impl Backbone for Model {
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        let shared = flatten(&views[0]);
        let tasks: Tensor<3> = Tensor::stack(views[1..].iter().map(flatten).collect(), 0); // [task, batch, field · dim]
        let own = self.task_experts.forward(tasks.clone(), pass); // [task · own, batch, hidden]
        let common = self.shared_experts.forward(shared.clone(), pass); // [shared, batch, hidden]
        let gates = self.gate_hidden.forward(tasks + shared.unsqueeze_dim::<3>(0), pass);
        let gates = softmax(self.gate_output.forward(gates), 2); // [task, batch, expert]
        Predictions::independent(self.towers.forward(mix_all(gates, own, common), pass))
    }

    fn shared(&self) -> Vec<ParamId> {
        list_param_ids(&self.shared_experts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::uniform;
    use crate::parameter::host;
    use crate::stream::Streams;

    #[test]
    fn a_task_trains_no_expert_of_another_task() {
        let device = Device::default();
        let mut stream = Streams::new(3).named("x");
        let gates = uniform([2, 5, 5], 1.0, &mut stream, &device).val();
        let own = uniform([4, 5, 3], 1.0, &mut stream, &Device::default().autodiff()).val();
        let common = uniform([1, 5, 3], 1.0, &mut stream, &device).val();
        for task in 0..2 {
            let mixed = mix_all(gates.clone(), own.clone(), common.clone()).narrow(0, task, 1);
            let gradient = host(own.grad(&mixed.sum().backward()).unwrap());
            for (expert, gradient) in gradient.chunks_exact(5 * 3).enumerate() {
                let is_trained = gradient.iter().all(|&value| value != 0.0);
                let is_untouched = gradient.iter().all(|&value| value == 0.0);
                assert!(if expert / 2 == task { is_trained } else { is_untouched }, "{task}: {expert}");
            }
        }
    }
}
