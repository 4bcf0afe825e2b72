//! UPGrad (Quinton & Rey, *Jacobian Descent for Multi-Objective Optimization*, 2024): every task's gradient is
//! projected to where it opposes no task, then all are averaged, so that to first order no task's loss rises.
//!
//! The projection of `g_i` onto the dual cone of all gradients is `Σ_k v_k g_k` with v where `vᵀ M v` is smallest
//! over `v ≥ e_i` (Proposition 1), M the Gram matrix; `w = Σ_i v / K`. As in the authors' TorchJD M is divided by its
//! trace, and `regularization` is then added to its diagonal: products with the result may fall below 0 by as much
//! times `w_k` and the trace; with 0 they do not.
//! Departures: the quadratic problem is solved by an active set method, in double precision; and gradients are
//! normalised however short they are (TorchJD averages them where the trace is below 1e-4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quadratic::shortest_above;
use super::{Gram, LossWeighting, Settings, Signal, WeightingInput, Weights};
use crate::stream::Stream;

/// `[weighting.upgrad]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// What is added to the diagonal of M, as a share of its trace.
    pub regularization: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { regularization: 1e-4 }
    }
}

impl Settings for Config {
    fn variants() -> Vec<Self> {
        vec![Self::default(), Self { regularization: 0.0 }]
    }

    fn check(&self) -> Result<(), String> {
        if (0.0..=1.0).contains(&self.regularization) {
            return Ok(());
        }
        Err(format!("`regularization` is a number from 0 to 1; found {}", self.regularization))
    }

    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(UpGrad(self.regularization))
    }
}

struct UpGrad(f64);

impl LossWeighting for UpGrad {
    remembers!();

    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let gram = input.gram();
        let n = gram.n();
        let trace: f64 = (0..n).map(|k| gram.at(k, k)).sum();
        let entry = |i: usize, j: usize| gram.at(i, j) / trace + if i == j { self.0 } else { 0.0 };
        let gram = Gram::new(n, (0..n * n).map(|index| entry(index / n, index % n)).collect());
        let mut weights = vec![0.0; n];
        for i in 0..n {
            let mut own = vec![0.0; n];
            own[i] = 1.0 / n as f64;
            let projected = shortest_above(&gram, &own);
            weights.iter_mut().zip(projected).for_each(|(weight, v)| *weight += v);
        }
        Weights::PerTask(weights)
    }
}
