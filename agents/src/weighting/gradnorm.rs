//! GradNorm (Chen et al., [*GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep Multitask
//! Networks*](https://arxiv.org/abs/1711.02257), ICML 2018): tasks whose loss falls slowly get larger gradients.
//!
//! With `G_k = w_k ‖g_k‖` and the relative inverse training rate `r_k = (L_k / L_k(0)) / mean`, w descends along
//! `Σ_k |G_k − mean(G) · r_k^α|` (the target a constant), stays at least 1e-3 and sums to K: it is scaled, but for
//! those that would fall below 1e-3. L(0) is the first batch's loss.
//! Departures: the least weight; and as for every gradient-based weighting here, w acts on the shared parameters alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LEAST_LOSS, LossWeighting, Settings, Signal, WeightingInput, Weights, check_positive};
use crate::stream::Stream;

const LEAST_WEIGHT: f64 = 1e-3;

/// `[weighting.gradnorm]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// α: how strongly slow tasks are pulled along; 0 evens out the norms.
    pub alpha: f64,
    /// Learning rate of w.
    pub learning_rate: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { alpha: 1.5, learning_rate: 0.025 }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        if !(0.0..=100.0).contains(&self.alpha) {
            return Err(format!("`alpha` must be a number from 0 to 100; found {}", self.alpha));
        }
        check_positive("learning_rate", self.learning_rate)
    }

    fn init(&self, n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(GradNorm { config: self.clone(), weights: vec![1.0; n_tasks], first: None })
    }
}

struct GradNorm {
    config: Config,
    weights: Vec<f64>,
    /// Losses of the first batch.
    first: Option<Vec<f64>>,
}

impl LossWeighting for GradNorm {
    remembers!(weights, first);

    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let (losses, gram) = (input.mean_losses(), input.gram());
        let now = self.weights.clone();
        let n = now.len() as f64;
        let first = self.first.get_or_insert_with(|| losses.clone());
        let rates: Vec<f64> =
            losses.iter().zip(first).map(|(loss, first)| loss / first.max(LEAST_LOSS)).collect();
        let mean_rate = (rates.iter().sum::<f64>() / n).max(LEAST_LOSS);
        let norms: Vec<f64> = (0..now.len()).map(|k| now[k] * gram.norm(k)).collect();
        let mean_norm = norms.iter().sum::<f64>() / n;
        for (k, weight) in self.weights.iter_mut().enumerate() {
            let target = mean_norm * (rates[k] / mean_rate).powf(self.config.alpha);
            let slope = if norms[k] == target { 0.0 } else { (norms[k] - target).signum() * gram.norm(k) };
            *weight = (*weight - self.config.learning_rate * slope).max(LEAST_WEIGHT);
        }
        rescale(&mut self.weights);
        Weights::PerTask(now)
    }
}

/// Scales weights so that they sum to their number. Those that would fall below the least are held there, and the
/// others make up for it.
fn rescale(weights: &mut [f64]) {
    let mut is_held = vec![false; weights.len()];
    loop {
        let free =
            || weights.iter().zip(&is_held).filter(|(_, is_held)| !**is_held).map(|(weight, _)| *weight);
        let n_held = weights.len() - free().count();
        let factor = (weights.len() as f64 - n_held as f64 * LEAST_WEIGHT) / free().sum::<f64>();
        let falls = |(weight, is_held): (&f64, &bool)| !is_held && weight * factor < LEAST_WEIGHT;
        let falling: Vec<bool> = weights.iter().zip(&is_held).map(falls).collect();
        if !falling.contains(&true) {
            for (weight, is_held) in weights.iter_mut().zip(is_held) {
                *weight = if is_held { LEAST_WEIGHT } else { *weight * factor };
            }
            return;
        }
        is_held.iter_mut().zip(falling).for_each(|(is_held, falls)| *is_held |= falls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_their_number_and_none_is_below_the_least() {
        let scaled = |weights: [f64; 3]| {
            let mut weights = weights.to_vec();
            rescale(&mut weights);
            weights
        };
        assert_eq!(scaled([1.0, 2.0, 3.0]), [0.5, 1.0, 1.5]);
        // Halved, the first would be 5e-4.
        let held = scaled([1e-3, 2.0, 3.999]);
        assert_eq!(held[0], 1e-3);
        assert!(
            (held.iter().sum::<f64>() - 3.0).abs() < 1e-12 && (held[1] / held[2] - 2.0 / 3.999).abs() < 1e-12
        );
        // The second falls only once the first is held.
        let held = scaled([1e-3, 2.0002e-3, 5.9969998]);
        assert_eq!(held[..2], [1e-3, 1e-3]);
        assert!((held.iter().sum::<f64>() - 3.0).abs() < 1e-12, "{held:?}");
    }
}
