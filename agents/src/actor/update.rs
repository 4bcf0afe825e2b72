//! From the gradients of batches to one step of the optimisers: accumulation, then clipping.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;

use super::Network;
use crate::embedding::{SparseGradient, norm};
use crate::parameter::{Clip, gradient_norm};

/// The gradients of an update, of the network and of the tables, view by view.
pub(super) struct Gradients {
    pub(super) dense: GradientsParams,
    pub(super) sparse: Vec<SparseGradient>,
}

/// The gradients of batches since the last step. A snapshot of an actor has none.
#[derive(Default)]
pub(super) struct Collected {
    n_batches: u32,
    dense: GradientsAccumulator<Network>,
    sparse: Vec<SparseGradient>,
}

impl Clone for Collected {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Collected {
    /// Adds a batch; gives the mean over the batches once there are `n`.
    pub(super) fn add(&mut self, network: &Network, batch: Gradients, n: u32) -> Option<Gradients> {
        if n == 1 {
            return Some(batch);
        }
        self.n_batches += 1;
        self.dense.accumulate(network, batch.dense);
        if self.sparse.is_empty() {
            self.sparse = batch.sparse;
        } else {
            self.sparse.iter_mut().zip(&batch.sparse).for_each(|(sum, more)| sum.add(more));
        }
        if self.n_batches < n {
            return None;
        }
        self.n_batches = 0;
        let mut mean = Gradients { dense: self.dense.grads(), sparse: std::mem::take(&mut self.sparse) };
        mean.change(network, Change::Scale(1.0 / n as f32));
        Some(mean)
    }
}

#[derive(Clone, Copy)]
enum Change {
    Scale(f32),
    Clamp(f32),
}

impl Gradients {
    /// Clips them; gives their norm afterwards over that before, 1 where nothing was clipped.
    pub(super) fn clip(&mut self, network: &Network, clip: Clip) -> f64 {
        let before = self.norm(network);
        match clip {
            Clip::Norm(most) if before > most => {
                self.change(network, Change::Scale((most / before) as f32));
                most / before
            }
            Clip::Norm(_) => 1.0,
            Clip::Value(most) => {
                self.change(network, Change::Clamp(most as f32));
                if before > 0.0 { self.norm(network) / before } else { 1.0 }
            }
        }
    }

    /// Euclidean norm over all of them.
    fn norm(&self, network: &Network) -> f64 {
        gradient_norm(network, &self.dense).hypot(norm(&self.sparse))
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
