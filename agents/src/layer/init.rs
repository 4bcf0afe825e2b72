//! Initial parameters, drawn from a named stream and never from the device's process-wide generator.

use std::cell::Cell;

use burn::module::{Param, ParamId};
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;

use crate::stream::Stream;

/// A trainable parameter with independent entries from U(−bound, bound).
///
/// It is initialised here and now: burn's own initialisers are lazy, so their draws depend on who reads first. Only
/// where a network is built to be measured it has a shape and no values.
pub fn uniform<const D: usize>(
    shape: [usize; D],
    bound: f64,
    stream: &mut Stream,
    device: &Device,
) -> Param<Tensor<D>> {
    if WITHOUT_VALUES.get() {
        let zeros =
            move |device: &Device, tracked: bool| Tensor::zeros(shape, device).set_require_grad(tracked);
        return Param::uninitialized(ParamId::new(), zeros, device.clone(), true, shape.into());
    }
    let bound = bound as f32;
    let n = shape.iter().product();
    let values: Vec<f32> = (0..n).map(|_| (2.0 * stream.random::<f32>() - 1.0) * bound).collect();
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}

thread_local! {
    static WITHOUT_VALUES: Cell<bool> = const { Cell::new(false) };
}

/// What `init` builds on this thread, its parameters without values: shapes are known, nothing is drawn or held.
pub(crate) fn without_values<M>(init: impl FnOnce() -> M) -> M {
    struct Reset(bool);
    impl Drop for Reset {
        fn drop(&mut self) {
            WITHOUT_VALUES.set(self.0);
        }
    }
    let _reset = Reset(WITHOUT_VALUES.replace(true));
    init()
}

/// `Linear(d_input → d_output)` with weight and bias from U(±1/√d_input), PyTorch's default.
pub fn linear(d_input: usize, d_output: usize, stream: &mut Stream, device: &Device) -> Linear {
    let bound = 1.0 / (d_input as f64).sqrt();
    Linear {
        weight: uniform([d_input, d_output], bound, stream, device),
        bias: Some(uniform([d_output], bound, stream, device)),
    }
}

/// `Linear(d_input → d_output)` without bias, U(±1/√d_input).
pub fn projection(d_input: usize, d_output: usize, stream: &mut Stream, device: &Device) -> Linear {
    let bound = 1.0 / (d_input as f64).sqrt();
    Linear { weight: uniform([d_input, d_output], bound, stream, device), bias: None }
}

/// Layer normalisation over the last dimension, ε = 1e-5, its scale 1 and its shift 0.
pub fn layer_norm(dim: usize, device: &Device) -> LayerNorm {
    let norm = LayerNormConfig::new(dim).init(device);
    // Initialised here and now, like everything else.
    norm.gamma.val();
    if let Some(beta) = &norm.beta {
        beta.val();
    }
    norm
}
