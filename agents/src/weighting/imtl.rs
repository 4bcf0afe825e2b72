//! IMTL-G (Liu et al., *Towards Impartial Multi-task Learning*, ICLR 2021): the combined gradient has equal projections on
//! all tasks' gradients.
//!
//! w with `Σ w = 1` and `⟨Σ_j w_j g_j, g_k⟩ / ‖g_k‖` the same for all k; weights may be negative. Equal weights where the
//! gradients are linearly dependent. The loss part IMTL-L is not here.

use serde::{Deserialize, Serialize};

use super::gram::solve;
use super::{Gram, LossWeighting, Settings, Signal, TaskWeighting, expect_gram};
use crate::stream::Stream;

/// `[weighting.imtl]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table of settings, such as {}")]
pub struct Config {}

impl Settings for Config {
    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Imtl)
    }
}

struct Imtl;

impl TaskWeighting for Imtl {
    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, _losses: &[f64], gram: Option<&Gram>) -> Vec<f64> {
        let gram = expect_gram(gram);
        let n = gram.n();
        // Unknowns: the weights and the common projection.
        let mut rows: Vec<Vec<f64>> = (0..n)
            .map(|k| {
                let projections = (0..n).map(|j| gram.at(k, j) / gram.norm(k));
                projections.chain([-1.0, 0.0]).collect()
            })
            .collect();
        rows.push((0..n).map(|_| 1.0).chain([0.0, 1.0]).collect());
        let mut solution = solve(rows).unwrap_or_else(|| vec![1.0 / n as f64; n]);
        solution.truncate(n);
        solution
    }
}
