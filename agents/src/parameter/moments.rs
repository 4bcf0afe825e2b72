//! Whose gradient the moments of the optimisers are of.
//!
//! Adam divides a gradient's running mean by the root of its running mean square. A weight that is the same at every
//! step and for all rows that reach a parameter therefore cancels, ε aside: an embedding of a user whose rows all
//! weigh 2 moves as if they weighed 1. The two choices beside the default take the normalisation apart from the
//! weights.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{
    AdamConfig, AdamState, AdaptiveMomentumState, GradientsParams, ModuleOptimizer, Optimizer,
};
use burn::tensor::{Bytes, Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::parameter::{DenseOptimizer, OptimizerConfig};

/// Whose gradient the moments of the optimisers are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Moments {
    /// That of the weighted loss.
    #[default]
    Weighted,
    /// The first moment is that of the weighted loss, the second that of the unweighted one: steps are as long as
    /// weights are large. Costs a second forward and backward pass per batch, but for gradient-based weightings.
    Unweighted,
    /// Every task's weighted gradient has moments of its own on the parameters that the tasks share, and the
    /// normalised steps add up (AdaTask; Yang et al., AAAI 2023). Costs a pass per task, and K times the memory of
    /// the moments.
    ///
    /// Departures: extra loss terms, which the paper has not, are shared out evenly among the tasks.
    PerTask,
}

impl Moments {
    /// Why the dense parameters' optimiser cannot have these moments, in words for the author of the run file.
    pub(crate) fn check(self, method: DenseOptimizer) -> Result<(), String> {
        let (name, needs) = match (self, method) {
            (Self::Weighted, _) | (_, DenseOptimizer::Adam { .. } | DenseOptimizer::AdamW { .. }) => {
                return Ok(());
            }
            (Self::PerTask, DenseOptimizer::Adagrad) => return Ok(()),
            (Self::PerTask, _) => ("per_task", "`adam`, `adam_w` or `adagrad`"),
            (Self::Unweighted, _) => ("unweighted", "`adam` or `adam_w`"),
        };
        Err(format!("`moments = \"{name}\"` needs `method` to be {needs}; found {method:?}"))
    }
}

/// The optimisers of the dense parameters: one, or one per task.
#[derive(Clone)]
pub(crate) struct DenseOptimizers {
    moments: Moments,
    n_tasks: usize,
    first: ModuleOptimizer,
    /// Of the tasks after the first.
    further: Vec<ModuleOptimizer>,
}

impl DenseOptimizers {
    /// At their first step.
    pub(crate) fn new(config: &OptimizerConfig, n_tasks: usize) -> Self {
        let adam = |beta_1, beta_2| {
            AdamConfig::new().with_beta_1(beta_1).with_beta_2(beta_2).with_epsilon(config.epsilon).init()
        };
        let first = match (config.moments, config.method) {
            (Moments::Unweighted, DenseOptimizer::Adam { beta_1, beta_2 }) => {
                SplitAdam { beta_1, beta_2, epsilon: config.epsilon, weight_decay: 0.0 }.into()
            }
            (Moments::Unweighted, DenseOptimizer::AdamW { beta_1, beta_2, weight_decay }) => {
                SplitAdam { beta_1, beta_2, epsilon: config.epsilon, weight_decay }.into()
            }
            _ => config.init(),
        };
        let of_task = |_| match config.method {
            // Parameters decay once a step, in the first one's.
            DenseOptimizer::AdamW { beta_1, beta_2, .. } => adam(beta_1, beta_2),
            _ => config.init(),
        };
        let n_further = if config.moments == Moments::PerTask { n_tasks - 1 } else { 0 };
        Self { moments: config.moments, n_tasks, first, further: (0..n_further).map(of_task).collect() }
    }

    /// As given to [`DenseOptimizers::new`].
    pub(crate) fn n_tasks(&self) -> usize {
        self.n_tasks
    }

    /// What they remember, each as burn writes it; the reason where it cannot.
    pub(crate) fn records(&self) -> Result<Vec<Vec<u8>>, String> {
        let record = |optimizer: &ModuleOptimizer| match optimizer.into_bytes() {
            Ok(bytes) => Ok(bytes.to_vec()),
            Err(error) => Err(error.to_string()),
        };
        std::iter::once(&self.first).chain(&self.further).map(record).collect()
    }

    /// Takes up where those left off whose `records` these are.
    pub(crate) fn load(&mut self, records: Vec<Bytes>) -> Result<(), String> {
        let expected = 1 + self.further.len();
        if records.len() != expected {
            return Err(format!("there are {} records of {expected} optimisers", records.len()));
        }
        for (optimizer, record) in std::iter::once(&mut self.first).chain(&mut self.further).zip(records) {
            *optimizer = optimizer.clone().from_bytes(record).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// One step: along the first of `gradients`, whose second moments are the other's with [`Moments::Unweighted`],
    /// and with [`Moments::PerTask`] along every further task's.
    pub(crate) fn step<M: Module>(
        &mut self,
        learning_rate: f64,
        module: M,
        gradients: impl IntoIterator<Item = GradientsParams>,
    ) -> M {
        let mut gradients = gradients.into_iter();
        let first = gradients.next().expect("a step has a gradient");
        let first = match self.moments {
            Moments::Unweighted => stacked(&module, first, gradients.next().expect("and that of v")),
            _ => first,
        };
        let module = self.first.step(learning_rate, module, first);
        self.further
            .iter_mut()
            .zip(gradients)
            .fold(module, |module, (optimizer, gradients)| optimizer.step(learning_rate, module, gradients))
    }
}

/// Adam (with decoupled weight decay, where there is any) whose two moments are of different gradients. burn gives an
/// optimiser one gradient per parameter: it is both of them along the first axis, as [`stacked`] makes it.
#[derive(Clone)]
struct SplitAdam {
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
    weight_decay: f32,
}

impl Optimizer for SplitAdam {
    type State<const D: usize> = AdamState<D>;

    fn step<const D: usize>(
        &self,
        lr: f64,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let n = tensor.dims()[0];
        let gradient = grad.clone().narrow(0, 0, n) * (1.0 - self.beta_1);
        let square = grad.narrow(0, n, n).square() * (1.0 - self.beta_2);
        let state = match state.map(|state| state.momentum) {
            Some(last) => AdaptiveMomentumState::new(
                last.time + 1,
                last.moment_1 * self.beta_1 + gradient,
                last.moment_2 * self.beta_2 + square,
            ),
            None => AdaptiveMomentumState::new(1, gradient, square),
        };
        let time = i32::try_from(state.time).unwrap_or(i32::MAX);
        let root = (1.0 - self.beta_2.powi(time)).sqrt();
        let factor = root / (1.0 - self.beta_1.powi(time));
        let delta = state.moment_1.clone() * factor / (state.moment_2.clone().sqrt() + self.epsilon * root);
        let decayed = match self.weight_decay {
            0.0 => tensor,
            decay => tensor * (1.0 - lr * f64::from(decay)),
        };
        (decayed - delta * lr, Some(AdamState::new(state)))
    }

    fn to_device<const D: usize>(mut state: Self::State<D>, device: &Device) -> Self::State<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
}

/// The gradients of the two moments of every parameter, `[2 · first axis, …]`.
fn stacked<M: Module>(module: &M, first: GradientsParams, second: GradientsParams) -> GradientsParams {
    struct Stacked(GradientsParams, GradientsParams, GradientsParams);
    impl ModuleVisitor for Stacked {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(first) = self.0.remove::<D>(param.id) {
                let second = self.1.remove::<D>(param.id).unwrap_or_else(|| first.zeros_like());
                self.2.register(param.id, Tensor::cat(vec![first, second], 0));
            }
        }
    }
    let mut stacked = Stacked(first, second, GradientsParams::new());
    module.visit(&mut stacked);
    stacked.2
}

#[cfg(test)]
mod tests;
