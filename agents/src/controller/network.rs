//! Small networks that are applied task by task with shared parameters.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::{relu, tanh};
use burn::tensor::{Device, Tensor};

use crate::layer::{linear, uniform};
use crate::stream::Stream;

/// Layers with ReLU between them and one output, near 0 at first (DDPG's last layer, U(±3e-3)).
#[derive(Module, Debug)]
pub(super) struct TaskNetwork {
    layers: Vec<Linear>,
}

impl TaskNetwork {
    fn new(d_input: usize, hidden: &[usize], stream: &mut Stream, device: &Device) -> Self {
        let inputs = std::iter::once(d_input).chain(hidden.iter().copied());
        let mut layers: Vec<Linear> =
            inputs.zip(hidden).map(|(from, &to)| linear(from, to, stream, device)).collect();
        let last = hidden.last().copied().unwrap_or(d_input);
        layers.push(Linear {
            weight: uniform([last, 1], 3e-3, stream, device),
            bias: Some(uniform([1], 3e-3, stream, device)),
        });
        Self { layers }
    }

    /// An actor for states of `n_features`.
    pub(super) fn policy(n_features: usize, hidden: &[usize], stream: &mut Stream, device: &Device) -> Self {
        Self::new(2 * n_features, hidden, stream, device)
    }

    /// A critic for states of `n_features`.
    pub(super) fn critic(n_features: usize, hidden: &[usize], stream: &mut Stream, device: &Device) -> Self {
        Self::new(3 * n_features + 1, hidden, stream, device)
    }

    fn forward(&self, input: Tensor<3>) -> Tensor<2> {
        let [batch, n_tasks, width] = input.dims();
        let n = self.layers.len();
        let output = self.layers.iter().enumerate().fold(
            input.reshape([batch * n_tasks, width]),
            |x, (index, layer)| {
                let y = layer.forward(x);
                if index + 1 < n { relu(y) } else { y }
            },
        );
        output.reshape([batch, n_tasks])
    }

    /// `tanh f(x_k, mean_j x_j)`: actions before their mean is taken out.
    ///
    /// # Shapes
    /// - states: `[batch, task, feature]`
    /// - output: `[batch, task]`, in [−1, 1]
    pub(super) fn act(&self, states: Tensor<3>) -> Tensor<2> {
        let mean = of_all_tasks(states.clone());
        tanh(self.forward(Tensor::cat(vec![states, mean], 2)))
    }

    /// `Q_k = f(x_k, mean_j x_j, a_k, mean_j a_j x_j)`. The mean action is 0; that of the actions times the features says
    /// which tasks are raised at which others' cost.
    ///
    /// # Shapes
    /// - states: `[batch, task, feature]`
    /// - actions, output: `[batch, task]`
    pub(super) fn value(&self, states: Tensor<3>, actions: Tensor<2>) -> Tensor<2> {
        let mean = of_all_tasks(states.clone());
        let actions: Tensor<3> = actions.unsqueeze_dim(2);
        let raised = of_all_tasks(states.clone() * actions.clone());
        self.forward(Tensor::cat(vec![states, mean, actions, raised], 2))
    }
}

/// The mean over the tasks, beside every one of them.
fn of_all_tasks(x: Tensor<3>) -> Tensor<3> {
    let shape = x.dims();
    x.mean_dim(1).expand(shape)
}

/// What actions in [−1, 1] are divided by, once their mean over K tasks is taken out, to be in [−1, 1] again.
fn spread(n_tasks: usize) -> f32 {
    2.0 * (n_tasks as f32 - 1.0).max(0.5) / n_tasks as f32
}

/// `(a − mean a) · K / (2 (K − 1))`: mean 0 and in [−1, 1] for a in [−1, 1].
///
/// # Shapes
/// - output: `[batch, task]`
pub(super) fn centred(actions: Tensor<2>) -> Tensor<2> {
    let spread = spread(actions.dims()[1]);
    (actions.clone() - actions.mean_dim(1)) / spread
}

/// The same of one action on the host.
pub(super) fn centred_on_host(actions: &[f32]) -> Vec<f32> {
    let mean = actions.iter().sum::<f32>() / actions.len() as f32;
    actions.iter().map(|action| (action - mean) / spread(actions.len())).collect()
}
