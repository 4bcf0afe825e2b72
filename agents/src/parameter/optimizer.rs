//! The optimiser of dense parameters, and what becomes of gradients before it.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdaGradConfig, AdamConfig, AdamWConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::parameter::moments::Moments;

/// `[optimizer]` of a run file: how the actor's parameters move.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerConfig {
    /// Learning rate of the dense parameters.
    pub learning_rate: f64,
    /// Learning rate of the embedding tables.
    pub embedding_learning_rate: f64,
    /// The optimiser of the dense parameters; that of the tables is the encoder's.
    pub method: DenseOptimizer,
    /// Added to the denominator of all but `sgd`. PyTorch's default for Adam; burn's own is 1e-5.
    pub epsilon: f32,
    /// Bound on the gradient of a step; absent = none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<Clip>,
    /// Batches whose mean gradient makes one step: a larger batch in less memory, its weights batch by batch.
    pub accumulate: u32,
    /// Whose gradient the moments of all optimisers are of, those of the tables included.
    pub moments: Moments,
}

/// An optimiser of dense parameters, burn's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DenseOptimizer {
    /// Adam (Kingma and Ba, ICLR 2015).
    Adam {
        /// Decay of the first moment.
        #[serde(default = "beta_1")]
        beta_1: f32,
        /// Decay of the second moment.
        #[serde(default = "beta_2")]
        beta_2: f32,
    },
    /// Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019).
    AdamW {
        /// Decay of the first moment.
        #[serde(default = "beta_1")]
        beta_1: f32,
        /// Decay of the second moment.
        #[serde(default = "beta_2")]
        beta_2: f32,
        /// λ of `θ ← θ − rate · λ θ`, of the dense parameters alone.
        #[serde(default = "weight_decay")]
        weight_decay: f32,
    },
    /// Adagrad (Duchi et al., JMLR 2011).
    Adagrad,
    /// Gradient descent, `v ← momentum · v + g`, `θ ← θ − rate · v`.
    Sgd {
        /// Share of the velocity that is kept.
        #[serde(default)]
        momentum: f64,
    },
}

/// A bound on the gradient of a step, over the dense parameters and the touched rows of the tables together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clip {
    /// Its Euclidean norm: a longer one is shortened.
    Norm(f64),
    /// Each of its values, by size.
    Value(f64),
}

fn beta_1() -> f32 {
    0.9
}

fn beta_2() -> f32 {
    0.999
}

fn weight_decay() -> f32 {
    0.01
}

impl Default for DenseOptimizer {
    fn default() -> Self {
        Self::Adam { beta_1: beta_1(), beta_2: beta_2() }
    }
}

impl DenseOptimizer {
    fn check(self) -> Result<(), String> {
        let share = |key: &str, value: f64| match (0.0..1.0).contains(&value) {
            true => Ok(()),
            false => Err(format!("`method`: `{key}` must be a number in [0, 1); found {value}")),
        };
        match self {
            Self::Adam { beta_1, beta_2 } | Self::AdamW { beta_1, beta_2, .. } => {
                share("beta_1", beta_1.into())?;
                share("beta_2", beta_2.into())?;
            }
            Self::Sgd { momentum } => share("momentum", momentum)?,
            Self::Adagrad => {}
        }
        match self {
            Self::AdamW { weight_decay, .. } if !(0.0..=1e3).contains(&weight_decay) => {
                Err(format!("`method`: `weight_decay` must be a number from 0 to 1e3; found {weight_decay}"))
            }
            _ => Ok(()),
        }
    }
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
        Self {
            learning_rate: 1e-3,
            embedding_learning_rate: 1e-3,
            method: DenseOptimizer::default(),
            epsilon: 1e-8,
            clip: None,
            accumulate: 1,
            moments: Moments::default(),
        }
    }
}

impl OptimizerConfig {
    /// The optimiser of the dense parameters, at its first step.
    pub fn init(&self) -> ModuleOptimizer {
        let epsilon = self.epsilon;
        match self.method {
            DenseOptimizer::Adam { beta_1, beta_2 } => {
                AdamConfig::new().with_beta_1(beta_1).with_beta_2(beta_2).with_epsilon(epsilon).init()
            }
            DenseOptimizer::AdamW { beta_1, beta_2, weight_decay } => AdamWConfig::new()
                .with_beta_1(beta_1)
                .with_beta_2(beta_2)
                .with_epsilon(epsilon)
                .with_weight_decay(weight_decay)
                .init(),
            DenseOptimizer::Adagrad => AdaGradConfig::new().with_epsilon(epsilon).init(),
            DenseOptimizer::Sgd { momentum: 0.0 } => SgdConfig::new().init(),
            DenseOptimizer::Sgd { momentum } => {
                let momentum = MomentumConfig::new().with_momentum(momentum).with_dampening(0.0);
                SgdConfig::new().with_momentum(Some(momentum)).init()
            }
        }
    }

    /// Numbers it keeps for a parameter.
    pub fn numbers_per_parameter(&self) -> usize {
        match self.method {
            DenseOptimizer::Adam { .. } | DenseOptimizer::AdamW { .. } => 2,
            DenseOptimizer::Adagrad => 1,
            DenseOptimizer::Sgd { momentum } => usize::from(momentum != 0.0),
        }
    }

    /// Whether gradients are looked at, or kept, before the optimisers step.
    pub(crate) fn holds_gradients(&self) -> bool {
        self.clip.is_some() || self.accumulate > 1 || self.moments != Moments::Weighted
    }

    /// Why these settings cannot work, in words for the author of the run file.
    pub fn check(&self) -> Result<(), String> {
        self.method.check()?;
        self.moments.check(self.method)?;
        if self.accumulate == 0 {
            return Err("`accumulate` must be at least 1; found 0".into());
        }
        match self.clip {
            Some(Clip::Norm(most) | Clip::Value(most)) if !(most > 0.0 && most <= 1e6) => {
                Err(format!("`clip` is a bound above 0, at most 1e6; found {most}"))
            }
            _ => Ok(()),
        }
    }
}

/// Euclidean norm of the sum of `gradients` of `module`'s parameters.
pub(crate) fn gradient_norm<M: Module>(module: &M, gradients: &[&GradientsParams]) -> f64 {
    struct Squares<'a> {
        gradients: &'a [&'a GradientsParams],
        total: f64,
    }
    impl ModuleVisitor for Squares<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradients = self.gradients.iter().filter_map(|gradients| gradients.get::<D>(param.id));
            if let Some(sum) = gradients.reduce(|sum, gradient| sum + gradient) {
                self.total += sum.square().sum().into_scalar::<f32>() as f64;
            }
        }
    }
    let mut squares = Squares { gradients, total: 0.0 };
    module.visit(&mut squares);
    squares.total.sqrt()
}
