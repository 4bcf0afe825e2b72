//! The weights of PE-LTR (Lin et al., *A Pareto-Efficient Algorithm for Multiple Objective Optimization in E-Commerce
//! Recommendation*, RecSys 2019): the shortest combination of the gradients in which every task keeps a least weight.
//!
//! `min ‖Σ w_k g_k‖²` over `Σ w = 1, w ≥ c`. With `w = ŵ + c` and without `ŵ ≥ 0` the conditions of the minimum are
//! linear: `[M e; eᵀ 0] [ŵ; μ] = [−M c; 1 − Σ c]`, M the Gram matrix and e of ones. That ŵ is then moved to the
//! nearest point of `ŵ ≥ 0, Σ ŵ = 1 − Σ c`, as published; where the bounds act the result is close to the minimum,
//! not at it (`mgda` solves the problem without bounds exactly). Where the gradients leave the minimum open, the ŵ
//! that is shortest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quadratic::{project_to_simplex, solve_symmetric};
use super::{Gram, LossWeighting, Settings, Signal, WeightingInput, Weights, check_list};
use crate::stream::Stream;

/// `[weighting.pe_ltr]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// c, the least weight of every task, together at most 1; absent = 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least: Option<Vec<f64>>,
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        let sum: f64 = self.least.iter().flatten().sum();
        // Shares that sum to 1 may do so but for rounding.
        if sum <= 1.0 + 1e-9 {
            return Ok(());
        }
        Err(format!("`least` holds the tasks' least weights, which sum to 1 at most; they sum to {sum}"))
    }

    fn check_tasks(&self, n_tasks: usize) -> Result<(), String> {
        self.least.as_ref().map_or(Ok(()), |least| check_list("least", least, n_tasks))
    }

    fn init(&self, n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(PeLtr(self.least.clone().unwrap_or_else(|| vec![0.0; n_tasks])))
    }
}

struct PeLtr(Vec<f64>);

impl LossWeighting for PeLtr {
    remembers!();

    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let gram = input.gram();
        let n = gram.n();
        // Another unit of the gradients changes μ alone; this one keeps M as large as e.
        let unit = (0..n).map(|k| gram.at(k, k)).sum::<f64>() / n as f64;
        let entry = |i: usize, j: usize| match (i < n, j < n) {
            (true, true) => gram.at(i, j) / unit,
            (false, false) => 0.0,
            _ => 1.0,
        };
        let values = (0..(n + 1) * (n + 1)).map(|index| entry(index / (n + 1), index % (n + 1))).collect();
        let rest = (1.0 - self.0.iter().sum::<f64>()).max(0.0);
        let right: Vec<f64> =
            gram.times(&self.0).iter().map(|product| -product / unit).chain([rest]).collect();
        let relaxed = solve_symmetric(&Gram::new(n + 1, values), &right);
        let free = project_to_simplex(&relaxed[..n], rest);
        Weights::PerTask(free.iter().zip(&self.0).map(|(w, least)| w + least).collect())
    }
}
