//! Linear layers of a group (experts, bottoms or towers) evaluated as one matrix product.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::init::uniform;
use crate::stream::Stream;

/// `G` linear layers that read the SAME input, as one wide product.
///
/// Column block `g` of the weight is layer `g`.
#[derive(Module, Debug)]
pub struct WideLinear {
    /// `[d_input, group · d_output]`
    pub weight: Param<Tensor<2>>,
    /// `[group · d_output]`
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    n_groups: usize,
}

impl WideLinear {
    /// `n_groups` layers `Linear(d_input → d_output)`, U(±1/√fan_in).
    ///
    /// `fan_in` is `d_input` except where the layer is one part of a larger one.
    pub fn new(
        n_groups: usize,
        [d_input, d_output]: [usize; 2],
        fan_in: usize,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let bound = 1.0 / (fan_in as f64).sqrt();
        Self {
            weight: uniform([d_input, n_groups * d_output], bound, stream, device),
            bias: uniform([n_groups * d_output], bound, stream, device),
            n_groups,
        }
    }

    /// The first `n` of the group.
    pub fn first(self, n: usize) -> Self {
        let width = self.weight.dims()[1] / self.n_groups * n;
        Self {
            weight: self.weight.map(|weight| weight.narrow(1, 0, width)),
            bias: self.bias.map(|bias| bias.narrow(0, 0, width)),
            n_groups: n,
        }
    }

    /// # Shapes
    /// - input: `[batch, d_input]`
    /// - output: `[batch, group · d_output]`, to be split with [`WideLinear::split`] after the activation
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        burn::tensor::module::linear(input, self.weight.val(), Some(self.bias.val()))
    }

    /// # Shapes
    /// - input: `[batch, group · d_output]`
    /// - output: `[group, batch, d_output]`
    pub fn split(&self, wide: Tensor<2>) -> Tensor<3> {
        let [batch, width] = wide.dims();
        wide.reshape([batch, self.n_groups, width / self.n_groups]).swap_dims(0, 1)
    }
}

/// `G` linear layers that read an input each, as one batched product.
#[derive(Module, Debug)]
pub struct GroupedLinear {
    /// `[group, d_input, d_output]`
    pub weight: Param<Tensor<3>>,
    /// `[group, 1, d_output]`
    pub bias: Option<Param<Tensor<3>>>,
}

impl GroupedLinear {
    /// `n_groups` layers `Linear(d_input → d_output)` with bias, U(±1/√d_input).
    pub fn new(
        n_groups: usize,
        [d_input, d_output]: [usize; 2],
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let bound = 1.0 / (d_input as f64).sqrt();
        let mut layer = Self::without_bias(n_groups, [d_input, d_output], d_input, stream, device);
        layer.bias = Some(uniform([n_groups, 1, d_output], bound, stream, device));
        layer
    }

    /// The same without bias, U(±1/√fan_in).
    pub fn without_bias(
        n_groups: usize,
        [d_input, d_output]: [usize; 2],
        fan_in: usize,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let bound = 1.0 / (fan_in as f64).sqrt();
        Self { weight: uniform([n_groups, d_input, d_output], bound, stream, device), bias: None }
    }

    /// The first `n` of the group.
    pub fn first(self, n: usize) -> Self {
        let narrowed = |param: Param<Tensor<3>>| param.map(|values| values.narrow(0, 0, n));
        Self { weight: narrowed(self.weight), bias: self.bias.map(narrowed) }
    }

    /// # Shapes
    /// - input: `[group, batch, d_input]`
    /// - output: `[group, batch, d_output]`
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let output = input.matmul(self.weight.val());
        match &self.bias {
            Some(bias) => output + bias.val(),
            None => output,
        }
    }

    /// The logits of layers with one output each.
    ///
    /// # Shapes
    /// - input: `[group, batch, d_input]`
    /// - output: `[batch, group]`
    pub fn logits(&self, input: Tensor<3>) -> Tensor<2> {
        self.forward(input).squeeze_dim::<2>(2).transpose()
    }
}
