//! Multi-layer perceptrons: Linear → ReLU → dropout, for one network or for a group of them.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::{GroupedLinear, WideLinear, linear};
use crate::pass::Pass;
use crate::stream::Stream;

/// One MLP.
#[derive(Module, Debug)]
pub struct Mlp {
    layers: Vec<Linear>,
    #[module(skip)]
    dropout: f64,
}

impl Mlp {
    /// Layers `d_input → dims[0] → dims[1] …`.
    pub fn new(d_input: usize, dims: &[usize], dropout: f64, stream: &mut Stream, device: &Device) -> Self {
        let inputs = std::iter::once(d_input).chain(dims.iter().copied());
        let layers = inputs.zip(dims).map(|(from, &to)| linear(from, to, stream, device)).collect();
        Self { layers, dropout }
    }

    /// # Shapes
    /// - input: `[batch, d_input]`
    /// - output: `[batch, last dim]`
    pub fn forward(&self, input: Tensor<2>, pass: &mut Pass<'_>) -> Tensor<2> {
        self.layers.iter().fold(input, |x, layer| pass.dropout(relu(layer.forward(x)), self.dropout))
    }
}

/// `G` MLPs that read an input each.
#[derive(Module, Debug)]
pub struct GroupedMlp {
    layers: Vec<GroupedLinear>,
    #[module(skip)]
    dropout: f64,
}

impl GroupedMlp {
    /// `n_groups` MLPs with layers `d_input → dims[0] → dims[1] …`.
    pub fn new(
        n_groups: usize,
        d_input: usize,
        dims: &[usize],
        dropout: f64,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let inputs = std::iter::once(d_input).chain(dims.iter().copied());
        let layers = inputs
            .zip(dims)
            .map(|(from, &to)| GroupedLinear::new(n_groups, [from, to], stream, device))
            .collect();
        Self { layers, dropout }
    }

    /// The first `n` of the group.
    pub fn first(self, n: usize) -> Self {
        Self { layers: self.layers.into_iter().map(|layer| layer.first(n)).collect(), ..self }
    }

    /// # Shapes
    /// - input: `[group, batch, d_input]`
    /// - output: `[group, batch, last dim]`
    pub fn forward(&self, input: Tensor<3>, pass: &mut Pass<'_>) -> Tensor<3> {
        self.layers.iter().fold(input, |x, layer| pass.dropout(relu(layer.forward(x)), self.dropout))
    }
}

/// `G` MLPs that read the SAME input: the first layer is one wide product, the others are batched.
#[derive(Module, Debug)]
pub struct ExpertMlp {
    first: WideLinear,
    rest: GroupedMlp,
}

impl ExpertMlp {
    /// `n_groups` MLPs with layers `d_input → dims[0] → dims[1] …`; `dims` is not empty.
    pub fn new(
        n_groups: usize,
        d_input: usize,
        dims: &[usize],
        dropout: f64,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let first = WideLinear::new(n_groups, [d_input, dims[0]], d_input, stream, device);
        let rest = GroupedMlp::new(n_groups, dims[0], &dims[1..], dropout, stream, device);
        Self { first, rest }
    }

    /// The first `n` of the group.
    pub fn first(self, n: usize) -> Self {
        Self { first: self.first.first(n), rest: self.rest.first(n) }
    }

    /// # Shapes
    /// - input: `[batch, d_input]`
    /// - output: `[group, batch, last dim]`
    pub fn forward(&self, input: Tensor<2>, pass: &mut Pass<'_>) -> Tensor<3> {
        let wide = pass.dropout(relu(self.first.forward(input)), self.rest.dropout);
        self.rest.forward(self.first.split(wide), pass)
    }
}

/// `G · E` MLPs in groups of E that read the group's input: the first layer is one product per group.
#[derive(Module, Debug)]
pub struct FannedMlp {
    /// `[group, d_input, expert · dims[0]]`
    first: GroupedLinear,
    rest: GroupedMlp,
    #[module(skip)]
    n_experts: usize,
}

impl FannedMlp {
    /// Layers `d_input → dims[0] → dims[1] …` for each of `n_experts` in each of `n_groups`; `dims` is not empty.
    pub fn new(
        [n_groups, n_experts]: [usize; 2],
        d_input: usize,
        dims: &[usize],
        dropout: f64,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let first = GroupedLinear::new(n_groups, [d_input, n_experts * dims[0]], stream, device);
        let rest = GroupedMlp::new(n_groups * n_experts, dims[0], &dims[1..], dropout, stream, device);
        Self { first, rest, n_experts }
    }

    /// # Shapes
    /// - input: `[group, batch, d_input]`, or `[1, batch, d_input]` which all groups read
    /// - output: `[group · expert, batch, last dim]`
    pub fn forward(&self, input: Tensor<3>, pass: &mut Pass<'_>) -> Tensor<3> {
        let n_experts = self.n_experts;
        let wide = pass.dropout(relu(self.first.forward(input)), self.rest.dropout);
        let [n_groups, batch, width] = wide.dims();
        let hidden = width / n_experts;
        let experts = wide.reshape([n_groups, batch, n_experts, hidden]).swap_dims(1, 2);
        self.rest.forward(experts.reshape([n_groups * n_experts, batch, hidden]), pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Streams;
    use burn::tensor::Tolerance;

    #[test]
    fn wide_and_grouped_experts_equal_one_mlp_each() {
        let device = Device::default();
        let mut stream = Streams::new(3).named("init");
        let experts = ExpertMlp::new(3, 4, &[5, 2], 0.0, &mut stream, &device);
        let input = uniform_input([6, 4], &mut stream, &device);
        let all = experts.forward(input.clone(), &mut Pass::evaluation());
        for g in 0..3 {
            let first = input.clone().matmul(experts.first.weight.val().slice([0..4, 5 * g..5 * g + 5]))
                + experts.first.bias.val().narrow(0, 5 * g, 5).unsqueeze::<2>();
            let layer = &experts.rest.layers[0];
            let weight = layer.weight.val().narrow(0, g, 1).squeeze_dim::<2>(0);
            let bias = layer.bias.as_ref().unwrap().val().narrow(0, g, 1).squeeze_dim::<2>(0);
            let expected = relu(relu(first).matmul(weight) + bias);
            let found = all.clone().narrow(0, g, 1).squeeze_dim::<2>(0);
            found.into_data().assert_approx_eq::<f32>(&expected.into_data(), Tolerance::default());
        }
    }

    fn uniform_input(shape: [usize; 2], stream: &mut Stream, device: &Device) -> Tensor<2> {
        super::super::uniform(shape, 1.0, stream, device).val()
    }
}
