//! From the gradients of batches to one step of the optimisers: accumulation, then clipping.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;

use super::Network;
use crate::embedding::{SparseGradient, norm};
use crate::parameter::moments::Moments;
use crate::parameter::{Clip, gradient_norm};

/// The gradients of an update, of the network and of the tables, view by view.
pub(super) struct Gradients {
    pub(super) dense: GradientsParams,
    pub(super) sparse: Vec<SparseGradient>,
}

/// The gradients of batches since the last step, each of those that one step takes. A snapshot of an actor has none.
#[derive(Default)]
pub(super) struct Collected {
    n_batches: u32,
    sums: Vec<Sum>,
}

#[derive(Default)]
struct Sum {
    dense: GradientsAccumulator<Network>,
    sparse: Vec<SparseGradient>,
}

impl Clone for Collected {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Collected {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.n_batches == 0
    }

    /// Adds a batch; gives the means over the batches once there are `n`.
    pub(super) fn add(&mut self, network: &Network, batch: Vec<Gradients>, n: u32) -> Option<Vec<Gradients>> {
        if n == 1 {
            return Some(batch);
        }
        self.n_batches += 1;
        self.sums.resize_with(batch.len(), Sum::default);
        for (sum, batch) in self.sums.iter_mut().zip(batch) {
            sum.dense.accumulate(network, batch.dense);
            if sum.sparse.is_empty() {
                sum.sparse = batch.sparse;
            } else {
                sum.sparse.iter_mut().zip(&batch.sparse).for_each(|(sum, more)| sum.add(more));
            }
        }
        if self.n_batches < n {
            return None;
        }
        self.n_batches = 0;
        let mean = |mut sum: Sum| {
            let mut mean = Gradients { dense: sum.dense.grads(), sparse: sum.sparse };
            mean.change(network, Change::Scale(1.0 / n as f32));
            mean
        };
        Some(std::mem::take(&mut self.sums).into_iter().map(mean).collect())
    }
}

/// Clips the gradients of one step; gives the factor of what moves parameters, 1 where nothing was clipped. A norm is
/// that of all tasks' gradients side by side where each has its own moments, and otherwise of the first, along which
/// parameters move.
pub(super) fn clip(gradients: &mut [Gradients], network: &Network, clip: Clip, moments: Moments) -> f64 {
    let n_measured = if moments == Moments::PerTask { gradients.len() } else { 1 };
    let norm = |gradients: &[Gradients]| {
        gradients[..n_measured].iter().map(|gradient| gradient.norm(network)).fold(0.0, f64::hypot)
    };
    let before = norm(gradients);
    match clip {
        Clip::Norm(most) if before > most => {
            let change = Change::Scale((most / before) as f32);
            gradients.iter_mut().for_each(|gradient| gradient.change(network, change));
            most / before
        }
        Clip::Norm(_) => 1.0,
        Clip::Value(most) => {
            gradients.iter_mut().for_each(|gradient| gradient.change(network, Change::Clamp(most as f32)));
            if before > 0.0 { norm(gradients) / before } else { 1.0 }
        }
    }
}

#[derive(Clone, Copy)]
enum Change {
    Scale(f32),
    Clamp(f32),
}

impl Gradients {
    /// Euclidean norm over all of them.
    fn norm(&self, network: &Network) -> f64 {
        gradient_norm(network, &[&self.dense]).hypot(norm(&self.sparse))
    }

    fn change(&mut self, network: &Network, change: Change) {
        struct Changed<'a>(&'a mut GradientsParams, Change);
        impl ModuleVisitor for Changed<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if let Some(gradient) = self.0.remove::<D>(param.id) {
                    let changed = match self.1 {
                        Change::Scale(factor) => gradient * factor,
                        Change::Clamp(most) => gradient.clamp(-most, most),
                    };
                    self.0.register(param.id, changed);
                }
            }
        }
        network.visit(&mut Changed(&mut self.dense, change));
        for value in self.sparse.iter_mut().flat_map(|gradient| &mut gradient.values) {
            *value = match change {
                Change::Scale(factor) => *value * factor,
                Change::Clamp(most) => value.clamp(-most, most),
            };
        }
    }
}
