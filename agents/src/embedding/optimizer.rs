//! Optimisers that touch the rows of the batch and no other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gradient::SparseGradient;
use super::rows::{Block, update_rows};
use super::table::EmbeddingTable;

/// How embedding tables are trained.
///
/// Both rules leave a row that is not in the batch bit for bit as it was, which
/// [`TargetTable`](super::TargetTable) relies on.
///
/// m and √v scale alike, and so do Adagrad's gradient and the root of its accumulator: a loss weight that all rows of
/// an id have in common, at all steps, cancels in the id's updates (ε aside). [`SparseOptimizer::step_scaled`] leaves
/// it in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SparseOptimizerConfig {
    /// Lazy Adam, as PyTorch's `SparseAdam`: the step count of the bias correction is global, while moments decay
    /// only when their row is touched.
    Adam {
        /// Decay of the first moment.
        #[serde(default = "default_beta_1")]
        beta_1: f64,
        /// Decay of the second moment.
        #[serde(default = "default_beta_2")]
        beta_2: f64,
        /// Added to the root of the second moment.
        #[serde(default = "default_adam_epsilon")]
        epsilon: f64,
    },
    /// Adagrad with ONE accumulator per row, the sum of its mean squared gradients (DLRM's `RWSAdagrad`, FBGEMM's
    /// exact row-wise Adagrad): 1/256 of Adam's memory at 128 dimensions.
    RowWiseAdagrad {
        /// Added to the root of the accumulator.
        #[serde(default = "default_adagrad_epsilon")]
        epsilon: f64,
    },
}

fn default_beta_1() -> f64 {
    0.9
}

fn default_beta_2() -> f64 {
    0.999
}

fn default_adam_epsilon() -> f64 {
    1e-8
}

fn default_adagrad_epsilon() -> f64 {
    1e-10
}

impl Default for SparseOptimizerConfig {
    fn default() -> Self {
        Self::Adam { beta_1: default_beta_1(), beta_2: default_beta_2(), epsilon: default_adam_epsilon() }
    }
}

impl SparseOptimizerConfig {
    /// Numbers it keeps for a row of `dim`.
    pub fn numbers_per_row(&self, dim: usize) -> usize {
        match self {
            Self::Adam { .. } => dim.saturating_mul(2),
            Self::RowWiseAdagrad { .. } => 1,
        }
    }

    /// Why these settings cannot work, in words for the author of the run file.
    pub fn check(&self) -> Result<(), String> {
        let (betas, epsilon) = match *self {
            Self::Adam { beta_1, beta_2, epsilon } => ([beta_1, beta_2], epsilon),
            Self::RowWiseAdagrad { epsilon } => ([0.0; 2], epsilon),
        };
        if betas.iter().any(|beta| !(0.0..1.0).contains(beta)) {
            return Err(format!("`beta_1` and `beta_2` are decays in [0, 1); found {betas:?}"));
        }
        // Used in single precision.
        if !(epsilon.is_finite() && epsilon as f32 > 0.0) {
            return Err(format!("`epsilon` must be above 0; found {epsilon}"));
        }
        Ok(())
    }
}

/// What an optimiser remembers between steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SparseOptimizerState {
    /// Of [`SparseOptimizerConfig::Adam`].
    Adam {
        /// Steps taken.
        step: u64,
        /// `[rows, dim]`.
        first_moment: Vec<f32>,
        /// `[rows, dim]`.
        second_moment: Vec<f32>,
    },
    /// Of [`SparseOptimizerConfig::RowWiseAdagrad`].
    RowWiseAdagrad {
        /// `[rows]`: sum of the mean squared gradients.
        accumulator: Vec<f32>,
    },
}

/// Trains one [`EmbeddingTable`].
#[derive(Clone, Debug)]
pub struct SparseOptimizer {
    config: SparseOptimizerConfig,
    dim: usize,
    state: SparseOptimizerState,
}

impl SparseOptimizer {
    /// An optimiser for a table of shape `[n_rows, dim]` that has taken no step.
    pub fn new(config: SparseOptimizerConfig, n_rows: usize, dim: usize) -> Self {
        let zeros = |n: usize| vec![0.0; n];
        let state = match config {
            SparseOptimizerConfig::Adam { .. } => SparseOptimizerState::Adam {
                step: 0,
                first_moment: zeros(n_rows * dim),
                second_moment: zeros(n_rows * dim),
            },
            SparseOptimizerConfig::RowWiseAdagrad { .. } => {
                SparseOptimizerState::RowWiseAdagrad { accumulator: zeros(n_rows) }
            }
        };
        Self { config, dim, state }
    }

    /// Descends along `gradient` in the rows it has.
    pub fn step(&mut self, table: &mut EmbeddingTable, gradient: &SparseGradient, learning_rate: f64) {
        self.step_scaled(table, gradient, gradient, learning_rate);
    }

    /// The same, but what steps are divided by (second moments, the accumulator) is that of the gradient `scale`,
    /// which has the same rows.
    pub fn step_scaled(
        &mut self,
        table: &mut EmbeddingTable,
        gradient: &SparseGradient,
        scale: &SparseGradient,
        learning_rate: f64,
    ) {
        let dim = self.dim;
        assert_eq!(gradient.rows, scale.rows, "rows of the two gradients of one step");
        assert_eq!(table.dim(), dim, "dimension of the table, and of the optimiser");
        assert_eq!(
            gradient.values.len(),
            gradient.rows.len() * dim,
            "values of {} rows",
            gradient.rows.len()
        );
        let of_row = |index: usize| &gradient.values[index * dim..][..dim];
        let scale_of_row = |index: usize| &scale.values[index * dim..][..dim];
        let weights = Block::new(table.weights_mut(), dim);
        match (self.config, &mut self.state) {
            (
                SparseOptimizerConfig::Adam { beta_1, beta_2, epsilon },
                SparseOptimizerState::Adam { step, first_moment, second_moment },
            ) => {
                *step += 1;
                let rule = AdamRule::new(beta_1, beta_2, epsilon, *step, learning_rate);
                let blocks = (weights, (Block::new(first_moment, dim), Block::new(second_moment, dim)));
                update_rows(&gradient.rows, blocks, &|index, (weights, (first, second)), row| {
                    let gradients = (of_row(index), scale_of_row(index));
                    rule.apply(weights.row(row), first.row(row), second.row(row), gradients);
                });
            }
            (
                SparseOptimizerConfig::RowWiseAdagrad { epsilon },
                SparseOptimizerState::RowWiseAdagrad { accumulator },
            ) => {
                let blocks = (weights, Block::new(accumulator, 1));
                update_rows(&gradient.rows, blocks, &|index, (weights, accumulator), row| {
                    let (accumulator, gradient) = (&mut accumulator.row(row)[0], of_row(index));
                    *accumulator += sum_of_squares(scale_of_row(index)) / dim as f32;
                    let rate = (learning_rate / (f64::from(*accumulator).sqrt() + epsilon)) as f32;
                    for (weight, gradient) in weights.row(row).iter_mut().zip(gradient) {
                        *weight -= rate * gradient;
                    }
                });
            }
            (config, _) => unreachable!("the state of another rule than {config:?}"),
        }
    }

    /// What a checkpoint needs besides the table.
    pub fn state(&self) -> &SparseOptimizerState {
        &self.state
    }

    /// Whether `state` is of this rule and of a table of this size.
    pub fn fits(&self, state: &SparseOptimizerState) -> bool {
        shape(state) == shape(&self.state)
    }

    /// Takes up where the optimiser that `state` is from left off.
    ///
    /// # Panics
    /// If `state` is of another rule or of a table of another size.
    pub fn load(&mut self, state: SparseOptimizerState) {
        assert_eq!(shape(&state), shape(&self.state), "rule and sizes of the state, found and expected");
        self.state = state;
    }
}

/// Name of the rule and lengths of its buffers.
fn shape(state: &SparseOptimizerState) -> (&'static str, [usize; 2]) {
    match state {
        SparseOptimizerState::Adam { first_moment, second_moment, .. } => {
            ("adam", [first_moment.len(), second_moment.len()])
        }
        SparseOptimizerState::RowWiseAdagrad { accumulator } => ("row_wise_adagrad", [accumulator.len(), 0]),
    }
}

/// One step of Adam: `m += (1−β₁)(g − m)`, `v += (1−β₂)(g² − v)`, `w −= η √(1−β₂ᵗ)/(1−β₁ᵗ) · m / (√v + ε)`. The g of
/// v may be another one.
struct AdamRule {
    keep_1: f32,
    keep_2: f32,
    rate: f32,
    epsilon: f32,
}

impl AdamRule {
    fn new(beta_1: f64, beta_2: f64, epsilon: f64, step: u64, learning_rate: f64) -> Self {
        let correction = |beta: f64| 1.0 - beta.powi(i32::try_from(step).unwrap_or(i32::MAX));
        Self {
            keep_1: (1.0 - beta_1) as f32,
            keep_2: (1.0 - beta_2) as f32,
            rate: (learning_rate * correction(beta_2).sqrt() / correction(beta_1)) as f32,
            epsilon: epsilon as f32,
        }
    }

    fn apply(
        &self,
        weights: &mut [f32],
        first: &mut [f32],
        second: &mut [f32],
        (gradient, scale): (&[f32], &[f32]),
    ) {
        let gradients = gradient.iter().zip(scale);
        for (((weight, first), second), (gradient, scale)) in
            weights.iter_mut().zip(first).zip(second).zip(gradients)
        {
            *first += self.keep_1 * (gradient - *first);
            *second += self.keep_2 * (scale * scale - *second);
            *weight -= self.rate * *first / (second.sqrt() + self.epsilon);
        }
    }
}

/// `Σ v²` in eight interleaved sums: a fixed order the compiler may still vectorise.
fn sum_of_squares(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += value * value;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|value| value * value).sum::<f32>()
}

#[cfg(test)]
mod tests;
