//! FairGrad (Ban & Ji, *Fair Resource Allocation in Multi-Task Learning*, ICML 2024): the update that shares the
//! tasks' progress out α-fairly.
//!
//! `w > 0` with `M w = w^{−1/α}`, M the Gram matrix (Eq. 4): task k's progress `⟨g_k, Σ w g⟩` is `w_k^{−1/α}`. α → 0
//! is the plain sum, 1 Nash-MTL, 2 the least potential delay, α → ∞ looks at the task worst off. Departure: the root
//! is found by damped Newton steps on the convex function whose slope is `M w − w^{−1/α}`, to rounding; the authors
//! minimise the squared residual.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gram::{dot, solve};
use super::{Gram, LossWeighting, Settings, Signal, WeightingInput, Weights};
use crate::stream::Stream;

/// Far more Newton steps than the few tasks there are need.
const STEPS: usize = 500;

/// `[weighting.fairgrad]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// α: how much a task worse off counts more.
    pub alpha: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { alpha: 2.0 }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        if (0.1..=100.0).contains(&self.alpha) {
            return Ok(());
        }
        Err(format!("`alpha` must be a number from 0.1 to 100; found {}", self.alpha))
    }

    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(FairGrad(self.alpha))
    }
}

struct FairGrad(f64);

impl LossWeighting for FairGrad {
    remembers!();

    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let gram = input.gram();
        let power = 1.0 / self.0;
        let slopes = |w: &[f64]| -> Vec<f64> {
            gram.times(w).iter().zip(w).map(|(product, w)| product - w.powf(-power)).collect()
        };
        // Where each task would be alone.
        let mut w: Vec<f64> = (0..gram.n()).map(|k| gram.norm(k).powf(-2.0 / (1.0 + power))).collect();
        for _ in 0..STEPS {
            let Some(step) = newton_step(gram, &w, &slopes(&w), power) else { break };
            let moved = |rate: f64| -> Vec<f64> { w.iter().zip(&step).map(|(w, s)| w + rate * s).collect() };
            let shrinks = w.iter().zip(&step).map(|(w, s)| -s / w).fold(0.0, f64::max);
            // Not all the way to 0, and not far beyond the minimum along the step.
            let mut rate = if shrinks > 0.95 { 0.95 / shrinks } else { 1.0 };
            let downhill = -dot(&slopes(&w), &step);
            let overshoots = |rate: f64| dot(&slopes(&moved(rate)), &step) > 0.1 * downhill;
            while rate > 1e-12 && overshoots(rate) {
                rate /= 2.0;
            }
            if rate <= 1e-12 {
                break;
            }
            let next = moved(rate);
            let change = next.iter().zip(&w).map(|(next, w)| ((next - w) / w).abs()).fold(0.0, f64::max);
            w = next;
            if change < 1e-14 {
                break;
            }
        }
        Weights::PerTask(w)
    }
}

/// The step to where a parabola of the same slope and curvature is smallest; nothing where it has next to no
/// curvature, as along opposed gradients, whose weights could grow for ever.
fn newton_step(gram: &Gram, w: &[f64], slopes: &[f64], power: f64) -> Option<Vec<f64>> {
    let own = |i: usize| gram.at(i, i) + power * w[i].powf(-power - 1.0);
    let scale: Vec<f64> = (0..w.len()).map(|i| own(i).sqrt()).collect();
    let row = |i: usize| {
        let scaled = |j: usize| if i == j { 1.0 } else { gram.at(i, j) / (scale[i] * scale[j]) };
        (0..w.len()).map(scaled).chain([-slopes[i] / scale[i]]).collect()
    };
    let step = solve((0..w.len()).map(row).collect())?;
    Some(step.iter().zip(scale).map(|(step, scale)| step / scale).collect())
}
