//! Loss weightings: how much every task's loss counts.
//!
//! A weighting is one file with a `Config` and a type that implements [`LossWeighting`], and one line in the
//! `weightings!` list below. It sees tensors without a graph and is never differentiated.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// What a weighting sees of a batch, all without a graph.
#[derive(Clone, Debug)]
pub struct WeightingInput {
    /// Unweighted loss of every row and task, `[batch, task]`.
    pub losses: Tensor<2>,
    /// Q_k(s, π_k(s)), `[batch, task]`; present when [`LossWeighting::needs_q_values`].
    pub q_values: Option<Tensor<2>>,
}

/// Per-sample, per-task weights of the loss `Σ_k mean_i w_ik · L_ik`.
pub trait LossWeighting: Send {
    /// Whether [`WeightingInput::q_values`] must be computed.
    fn needs_q_values(&self) -> bool {
        false
    }

    /// # Shapes
    /// - output: `[batch, task]`
    fn weights(&mut self, input: &WeightingInput) -> Tensor<2>;

    /// Hears every task's mean loss at the end of an epoch.
    fn end_epoch(&mut self, _mean_losses: &[f64]) {}
}

macro_rules! weightings {
    ($($file:ident => $name:ident: $summary:literal),+ $(,)?) => {
        $(pub mod $file;)+

        /// A weighting of the registry with its settings: `[weighting.<name>]` of a run file.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum WeightingConfig {
            $(#[doc = concat!("See [`", stringify!($file), "`].")] $name($file::Config)),+
        }

        /// Name and one-line summary of every weighting.
        pub const WEIGHTINGS: &[(&str, &str)] = &[$((stringify!($file), $summary)),+];

        impl WeightingConfig {
            /// The name in run files.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($file)),+ }
            }

            /// The weighting at its first step.
            pub fn init(&self) -> Box<dyn LossWeighting> {
                match self { $(Self::$name(config) => Box::new(config.init())),+ }
            }

            /// Why these settings cannot work, in words for the author of the run file.
            pub fn check(&self) -> Result<(), String> {
                match self { $(Self::$name(config) => config.check()),+ }
            }
        }
    };
}

weightings! {
    critic => Critic: "RMTL: w = 1 - lambda * Q(s, a) of the task's critic, per sample",
    equal => Equal: "every task and row counts 1",
}
