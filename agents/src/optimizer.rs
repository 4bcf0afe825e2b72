//! The optimiser of dense parameters.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Adam's settings, `[optimizer]` of a run file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerConfig {
    /// Learning rate of the dense parameters.
    pub learning_rate: f64,
    /// Learning rate of the embedding tables.
    pub embedding_learning_rate: f64,
    /// Added to Adam's denominator. PyTorch's default; burn's own is 1e-5.
    pub epsilon: f32,
}

/// The learning rates of one update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningRates {
    /// Of the dense parameters.
    pub dense: f64,
    /// Of the embedding tables.
    pub embedding: f64,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self { learning_rate: 1e-3, embedding_learning_rate: 1e-3, epsilon: 1e-8 }
    }
}

impl OptimizerConfig {
    /// Adam over the dense parameters, at its first step.
    pub(crate) fn init(&self) -> ModuleOptimizer {
        AdamConfig::new().with_epsilon(self.epsilon).init()
    }
}

/// Euclidean norm of the gradients of `module`'s parameters.
pub(crate) fn gradient_norm<M: Module>(module: &M, gradients: &GradientsParams) -> f64 {
    struct Squares<'a> {
        gradients: &'a GradientsParams,
        total: f64,
    }
    impl ModuleVisitor for Squares<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.gradients.get::<D>(param.id) {
                self.total += gradient.square().sum().into_scalar::<f32>() as f64;
            }
        }
    }
    let mut squares = Squares { gradients, total: 0.0 };
    module.visit(&mut squares);
    squares.total.sqrt()
}
