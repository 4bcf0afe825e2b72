//! CAGrad (Liu et al., [*Conflict-Averse Gradient Descent for Multi-task Learning*](https://arxiv.org/abs/2110.14048),
//! NeurIPS 2021): near the mean gradient, the direction with the largest decrease for the task that decreases least.
//!
//! With `g_0` the mean gradient and `φ = c² ‖g_0‖²`, w minimises `⟨g_w, g_0⟩ + √φ ‖g_w‖` over the simplex; the
//! direction is `g_0 + √φ / ‖g_w‖ · g_w`, here times K, since losses are sums over the tasks. Not rescaled.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gram::{dot, minimize_on_simplex};
use super::{LossWeighting, Settings, Signal, WeightingInput, Weights};
use crate::stream::Stream;

/// `[weighting.cagrad]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// c: how far from the mean gradient; 0 is the mean itself.
    pub c: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { c: 0.5 }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        if (0.0..1.0).contains(&self.c) {
            return Ok(());
        }
        Err(format!("`c` is a number in [0, 1); found {}", self.c))
    }

    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(CaGrad(self.c))
    }
}

struct CaGrad(f64);

impl LossWeighting for CaGrad {
    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let gram = input.gram();
        let n = gram.n();
        let mean = vec![1.0 / n as f64; n];
        let with_mean = gram.times(&mean);
        let mean_length = gram.product(&mean, &mean).max(0.0).sqrt();
        let radius = self.0 * mean_length;
        // Opposed gradients have combinations of no length.
        let least = (1e-8 * mean_length).max(f64::MIN_POSITIVE);
        let length = |products: &[f64], w: &[f64]| dot(w, products).max(0.0).sqrt().max(least);
        let w = minimize_on_simplex(n, |w| {
            let products = gram.times(w);
            let length = length(&products, w);
            with_mean.iter().zip(&products).map(|(mean, own)| mean + radius * own / length).collect()
        });
        let share = radius / length(&gram.times(&w), &w);
        Weights::PerTask(w.iter().map(|w| 1.0 + n as f64 * share * w).collect())
    }
}
