//! Nash-MTL (Navon et al., [*Multi-Task Learning as a Bargaining Game*](https://arxiv.org/abs/2202.01017), ICML 2022):
//! the update is the Nash bargaining solution, with the tasks as players and the decrease of their losses as utilities.
//!
//! `w > 0` with `M w = 1 / w`, M the Gram matrix: where `½ wᵀ M w − Σ ln w_k` is smallest, found by damped Newton
//! steps. The solution is exact and at every step; the paper solves it approximately and, optionally, every few steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gram::solve;
use super::{LossWeighting, Settings, Signal, WeightingInput, Weights};
use crate::stream::Stream;

/// `[weighting.nash_mtl]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table of settings, such as {}")]
pub struct Config {}

impl Settings for Config {
    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(NashMtl)
    }
}

struct NashMtl;

impl LossWeighting for NashMtl {
    remembers!();

    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let gram = input.gram();
        let n = gram.n();
        let value = |w: &[f64]| gram.product(w, w) / 2.0 - w.iter().map(|w| w.ln()).sum::<f64>();
        let mut w: Vec<f64> = (0..n).map(|k| 1.0 / gram.norm(k)).collect();
        for _ in 0..100 {
            let residual: Vec<f64> =
                gram.times(&w).iter().zip(&w).map(|(product, w)| product - 1.0 / w).collect();
            let row = |i: usize| {
                let hessian = (0..n).map(|j| gram.at(i, j) + if i == j { 1.0 / (w[i] * w[i]) } else { 0.0 });
                hessian.chain([-residual[i]]).collect()
            };
            let Some(step) = solve((0..n).map(row).collect()) else { break };
            let mut rate = 1.0;
            let moved = |rate: f64| -> Vec<f64> { w.iter().zip(&step).map(|(w, s)| w + rate * s).collect() };
            let mut next = moved(rate);
            while rate > 1e-12 && (next.iter().any(|&w| w <= 0.0) || value(&next) > value(&w)) {
                rate /= 2.0;
                next = moved(rate);
            }
            let change = next.iter().zip(&w).map(|(next, w)| ((next - w) / w).abs()).fold(0.0, f64::max);
            if rate <= 1e-12 {
                break;
            }
            w = next;
            if change < 1e-13 {
                break;
            }
        }
        Weights::PerTask(w)
    }
}
