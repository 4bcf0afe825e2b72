//! IMTL-G (Liu et al., [*Towards Impartial Multi-task Learning*](https://openreview.net/forum?id=IMPnRXEWpvr), ICLR
//! 2021): the combined gradient has equal projections on all tasks' gradients.
//!
//! w with `Σ w = 1` and `⟨Σ_j w_j g_j, g_k⟩ / ‖g_k‖` the same for all k; weights may be negative. Equal weights where
//! the gradients are linearly dependent. The loss part IMTL-L is not implemented.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gram::solve;
use super::{LossWeighting, Settings, Signal, WeightingInput, Weights};
use crate::stream::Stream;

/// `[weighting.imtl]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table of settings, such as {}")]
pub struct Config {}

impl Settings for Config {
    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Imtl)
    }
}

struct Imtl;

impl LossWeighting for Imtl {
    remembers!();

    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let gram = input.gram();
        let n = gram.n();
        // With C the cosines and v_j = w_j ‖g_j‖: C v has equal entries, so v is a multiple of the solution of C x = 1.
        let row = |k: usize| {
            let cosines = (0..n).map(|j| gram.at(k, j) / (gram.norm(k) * gram.norm(j)));
            cosines.chain([1.0]).collect()
        };
        let weights = solve((0..n).map(row).collect()).and_then(|x| {
            let weights: Vec<f64> = x.iter().enumerate().map(|(k, x)| x / gram.norm(k)).collect();
            let sum: f64 = weights.iter().sum();
            let size: f64 = weights.iter().map(|weight| weight.abs()).sum();
            // Weights that cancel out cannot be made to sum to 1.
            (sum.abs() > 1e-6 * size).then(|| weights.iter().map(|weight| weight / sum).collect())
        });
        Weights::PerTask(weights.unwrap_or_else(|| vec![1.0 / n as f64; n]))
    }

    fn copy(&self) -> Option<Box<dyn LossWeighting>> {
        Some(Box::new(Imtl))
    }
}
