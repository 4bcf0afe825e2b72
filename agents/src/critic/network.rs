//! The critics' network: fields and an embedded action through one bottom, a tower per task.

use burn::module::{Module, Param};
use burn::tensor::activation::{relu, softplus};
use burn::tensor::{Device, Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CriticConfig;
use crate::layer::{GroupedLinear, GroupedMlp, WideLinear};
use crate::pass::Pass;
use crate::stream::Stream;

/// The output layer of a critic. Rewards are negative, so the first two keep Q ≤ 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CriticOutput {
    /// `−ln(1 + eᶻ)`: negative, and its gradient never vanishes altogether.
    #[default]
    NegSoftplus,
    /// `−max(z, 0)`, the paper's: where z ≤ 0 for every row, the critic is dead and all weights are 1.
    NegRelu,
    /// `z`
    Linear,
}

impl CriticOutput {
    fn apply(self, z: Tensor<2>) -> Tensor<2> {
        match self {
            Self::NegSoftplus => softplus(z, 1.0).neg(),
            Self::NegRelu => relu(z).neg(),
            Self::Linear => z,
        }
    }

    /// The z for which the output is `q`, at most `−1e-3` so that it exists.
    fn inverse(self, q: f32) -> f32 {
        let size = (-q).max(1e-3);
        match self {
            // ln(eˢ − 1) without overflow.
            Self::NegSoftplus => size + (-(-size).exp_m1()).ln(),
            Self::NegRelu => size,
            Self::Linear => q,
        }
    }
}

/// Q_k(s, a_k) for all tasks at once.
///
/// Per task an action layer `Linear(1 → dim)`; the first bottom layer reads the fields and the embedded action side by
/// side, so its state part is computed once and its action part per task; then the rest of the bottom and a tower per
/// task. Dense parameters with 8 fields of 128, K = 2, bottom 512–256, towers 128–64: 804,610, and 256 more for the
/// projection of one numeric column.
#[derive(Module, Debug)]
pub struct CriticNetwork {
    /// `[task, 1, dim]`
    action: GroupedLinear,
    /// State part of the bottom's first layer, one or K layers.
    state_part: WideLinear,
    /// Action part of the same layer.
    action_part: GroupedLinear,
    bottom: GroupedMlp,
    towers: GroupedMlp,
    output: GroupedLinear,
    #[module(skip)]
    output_kind: CriticOutput,
    #[module(skip)]
    dropout: f64,
}

impl CriticNetwork {
    /// A network over `n_fields` fields of `dim`, with initial parameters from `stream`.
    ///
    /// The last biases put every Q_k near `mean_returns[k]`.
    pub fn new(
        config: &CriticConfig,
        [n_fields, dim]: [usize; 2],
        mean_returns: &[f32],
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let n_tasks = mean_returns.len();
        let n_bottoms = if config.shared_bottom { 1 } else { n_tasks };
        let first = config.bottom[0];
        let fan_in = (n_fields + 1) * dim;
        let hidden = config.bottom[config.bottom.len() - 1];
        let last = config.tower[config.tower.len() - 1];
        let mut output = GroupedLinear::new(n_tasks, [last, 1], stream, device);
        let biases: Vec<f32> = mean_returns.iter().map(|&q| config.output.inverse(q)).collect();
        let biases = TensorData::new(biases, [n_tasks, 1, 1]);
        output.bias = Some(Param::from_tensor(Tensor::from_data(biases, device)));
        Self {
            action: GroupedLinear::new(n_tasks, [1, dim], stream, device),
            state_part: WideLinear::new(n_bottoms, [n_fields * dim, first], fan_in, stream, device),
            action_part: GroupedLinear::without_bias(n_bottoms, [dim, first], fan_in, stream, device),
            bottom: GroupedMlp::new(n_bottoms, first, &config.bottom[1..], config.dropout, stream, device),
            towers: GroupedMlp::new(n_tasks, hidden, &config.tower, config.dropout, stream, device),
            output,
            output_kind: config.output,
            dropout: config.dropout,
        }
    }

    /// # Shapes
    /// - fields: `[batch, field, dim]`
    /// - actions: `[batch, task]`
    /// - output: `[batch, task]`
    pub fn forward(&self, fields: Tensor<3>, actions: Tensor<2>, pass: &mut Pass<'_>) -> Tensor<2> {
        let [batch, n_tasks] = actions.dims();
        let state = self.state_part.forward(fields.flatten(1, 2));
        let state = self.state_part.split(state); // [bottom, batch, hidden]
        let n_bottoms = state.dims()[0];
        let hidden = state.dims()[2];
        // Tasks that share a bottom lie one after the other in its batch.
        let rows = n_tasks / n_bottoms * batch;

        let action = self.action.forward(actions.transpose().unsqueeze_dim::<3>(2)); // [task, batch, dim]
        let dim = action.dims()[2];
        let action = self.action_part.forward(action.reshape([n_bottoms, rows, dim]));
        let first = state + action.reshape([n_tasks, batch, hidden]);
        let first = pass.dropout(relu(first), self.dropout);

        let bottom = self.bottom.forward(first.reshape([n_bottoms, rows, hidden]), pass);
        let width = bottom.dims()[2];
        let towers = self.towers.forward(bottom.reshape([n_tasks, batch, width]), pass);
        self.output_kind.apply(self.output.logits(towers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::host;
    use crate::stream::Streams;

    fn network(config: &CriticConfig, fields: [usize; 2]) -> CriticNetwork {
        let mut stream = Streams::new(5).named("init");
        CriticNetwork::new(config, fields, &[-0.6, -0.4], &mut stream, &Device::default())
    }

    #[test]
    fn parameter_counts_match_the_derivation() {
        // (8 + 1)·128·512 + 512, 512·256 + 256, 2 · 256 (actions), 2 · (256·128 + 128 + 128·64 + 64 + 65)
        assert_eq!(network(&CriticConfig::default(), [8, 128]).num_params(), 804_610);
        let own = CriticConfig { shared_bottom: false, ..CriticConfig::default() };
        // Two whole critics of 763,393 each, less the projection of the numeric column (256) of both.
        assert_eq!(network(&own, [8, 128]).num_params(), 2 * (763_393 - 256));
    }

    #[test]
    fn every_output_starts_alive_near_the_mean_return() {
        for output in [CriticOutput::NegSoftplus, CriticOutput::NegRelu, CriticOutput::Linear] {
            let config = CriticConfig { output, ..CriticConfig::default() };
            let device = Device::default();
            let fields = Tensor::zeros([4, 3, 8], &device);
            let actions = Tensor::full([4, 2], 0.5, &device);
            let q = host(network(&config, [3, 8]).forward(fields, actions, &mut Pass::evaluation()));
            for row in q.chunks_exact(2) {
                assert!((row[0] + 0.6).abs() < 0.15 && (row[1] + 0.4).abs() < 0.15, "{output:?}: {row:?}");
            }
        }
    }

    #[test]
    fn the_inverse_undoes_every_output_however_long_the_sessions() {
        for output in [CriticOutput::NegSoftplus, CriticOutput::NegRelu, CriticOutput::Linear] {
            for q in [-1e-3_f32, -1.0, -50.0, -1000.0] {
                let z = Tensor::from_floats([[output.inverse(q)]], &Device::default());
                let found = host(output.apply(z))[0];
                assert!((found - q).abs() <= 1e-3 * q.abs(), "{output:?}: {found} for {q}");
            }
        }
    }

    #[test]
    fn a_task_reads_its_own_action_only() {
        for shared_bottom in [true, false] {
            let config = CriticConfig { shared_bottom, ..CriticConfig::default() };
            let network = network(&config, [3, 8]);
            let device = Device::default();
            let fields = Tensor::<3>::ones([2, 3, 8], &device);
            let q = |actions| host(network.forward(fields.clone(), actions, &mut Pass::evaluation()));
            let before = q(Tensor::from_floats([[0.1, 0.2], [0.1, 0.9]], &device));
            assert_eq!(before[0], before[2], "task 0 has the same action in both rows");
            assert_ne!(before[1], before[3], "task 1 has another action in the second row");
        }
    }
}
