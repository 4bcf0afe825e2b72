//! CAGrad (Liu et al., [*Conflict-Averse Gradient Descent for Multi-task Learning*](https://arxiv.org/abs/2110.14048),
//! NeurIPS 2021): near the mean gradient, the direction with the largest decrease for the task that decreases least.
//!
//! With `g_0` the mean gradient and `φ = c² ‖g_0‖²`, w minimises `⟨g_w, g_0⟩ + √φ ‖g_w‖` over the simplex; the
//! direction is `g_0 + √φ / ‖g_w‖ · g_w`, here times K, since losses are sums over the tasks. Not rescaled.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gram::dot;
use super::quadratic::shortest_on_simplex;
use super::{Gram, LossWeighting, Settings, Signal, WeightingInput, Weights};
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
    remembers!();

    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let problem = Problem::new(input.gram(), self.0);
        let w = problem.minimum();
        let share = problem.radius / problem.length(&w);
        Weights::PerTask(w.iter().map(|w| 1.0 + input.n_tasks() as f64 * share * w).collect())
    }
}

/// `⟨g_w, g_0⟩ + √φ ‖g_w‖` over the simplex.
struct Problem<'a> {
    gram: &'a Gram,
    /// `⟨g_k, g_0⟩`
    with_mean: Vec<f64>,
    /// `‖g_0‖²`
    mean_square: f64,
    /// √φ
    radius: f64,
    /// Lengths below this are rounding.
    least: f64,
}

impl<'a> Problem<'a> {
    fn new(gram: &'a Gram, c: f64) -> Self {
        let n = gram.n();
        let mean = vec![1.0 / n as f64; n];
        let with_mean = gram.times(&mean);
        let mean_square = dot(&mean, &with_mean).max(0.0);
        // Gradients are computed in single precision. A mean this short has no direction, and there is no way from it.
        let rounding = f64::from(f32::EPSILON) * (0..n).map(|k| gram.norm(k)).sum::<f64>() / n as f64;
        let radius = if mean_square.sqrt() > rounding { c * mean_square.sqrt() } else { 0.0 };
        Self { gram, with_mean, mean_square, radius, least: rounding }
    }

    /// `‖g_w‖`, as something that can be divided by: opposed gradients have combinations of no length.
    fn length(&self, w: &[f64]) -> f64 {
        self.gram.product(w, w).max(0.0).sqrt().max(self.least)
    }

    /// w where it is smallest.
    ///
    /// `√φ ‖g_w‖` is the smallest of `√φ (‖g_w‖² / 2t + t / 2)` over t, reached at `t = ‖g_w‖`. For one t what is left is the
    /// shortest convex combination of the gradients `g_k + t / √φ · g_0`. The smallest over w is convex in t, so that t is
    /// below the one sought exactly where the combination is longer than t.
    fn minimum(&self) -> Vec<f64> {
        let n = self.gram.n();
        let (mut low, mut high) = (0.0, (0..n).map(|k| self.gram.norm(k)).fold(0.0, f64::max));
        let mut w = vec![1.0 / n as f64; n];
        if self.radius == 0.0 {
            return w;
        }
        for _ in 0..HALVINGS {
            let length = (low + high) / 2.0;
            w = shortest_on_simplex(&self.shifted(length / self.radius));
            if self.length(&w) > length { low = length } else { high = length }
        }
        w
    }

    /// Inner products of `g_k + share · g_0`.
    fn shifted(&self, share: f64) -> Gram {
        let n = self.gram.n();
        let value = |index: usize| {
            let (i, j) = (index / n, index % n);
            let once = self.with_mean[i] + self.with_mean[j];
            self.gram.at(i, j) + share * once + share * share * self.mean_square
        };
        Gram::new(n, (0..n * n).map(value).collect())
    }
}

/// The length is known to 10⁻¹² of the longest gradient's then; what is minimised is flat in it.
const HALVINGS: usize = 40;

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::stream::Streams;

    /// Inner products of `n` drawn gradients whose lengths differ by up to a factor of 100; of more than five they depend
    /// on one another.
    fn drawn(stream: &mut Stream, n: usize) -> Gram {
        let gradients: Vec<Vec<f64>> = (0..n)
            .map(|_| {
                let scale = 10_f64.powf(2.0 * stream.random::<f64>() - 1.0);
                (0..5).map(|_| scale * (2.0 * stream.random::<f64>() - 1.0)).collect()
            })
            .collect();
        let product = |index: usize| dot(&gradients[index / n], &gradients[index % n]);
        Gram::new(n, (0..n * n).map(product).collect())
    }

    /// How far w may be from the smallest value, as a share of the largest slope: for a convex function no less than the
    /// difference between the mean slope and the smallest one.
    fn gap(problem: &Problem<'_>, w: &[f64]) -> f64 {
        let share = problem.radius / problem.length(w);
        let own = problem.gram.times(w);
        let slopes: Vec<f64> =
            problem.with_mean.iter().zip(&own).map(|(mean, own)| mean + share * own).collect();
        let size = slopes.iter().fold(0.0, |size: f64, slope| size.max(slope.abs()));
        (dot(w, &slopes) - slopes.iter().copied().fold(f64::INFINITY, f64::min)) / size
    }

    #[test]
    fn the_optimum_is_reached_whatever_the_gradients() {
        let mut stream = Streams::new(7).named("gradients");
        let mut n_already_there = 0;
        for case in 0..2000 {
            let n = 2 + case % 7;
            let gram = drawn(&mut stream, n);
            let problem = Problem::new(&gram, [0.1, 0.5, 0.9][case % 3]);
            let w = problem.minimum();
            assert!((w.iter().sum::<f64>() - 1.0).abs() < 1e-9 && w.iter().all(|&w| w >= 0.0), "{w:?}");
            let found = gap(&problem, &w);
            assert!(found < 1e-6, "case {case}: {found} at {w:?} of {gram:?}");
            n_already_there += usize::from(gap(&problem, &vec![1.0 / n as f64; n]) < 1e-6);
        }
        assert!(n_already_there < 20, "equal shares are seldom the answer: {n_already_there}");
    }

    #[test]
    fn two_gradients_by_hand() {
        // g = (1, 0) and (0, 2): g_0 = (½, 1) and √φ = ½ √(5/4) = 0.559. At the first alone its slope, ½ + 0.559, is below
        // that of the other, 2.
        let gram = Gram::new(2, vec![1.0, 0.0, 0.0, 4.0]);
        assert_eq!(Problem::new(&gram, 0.5).minimum(), [1.0, 0.0]);
        // Lengths alike and orthogonal: half of each.
        let gram = Gram::new(2, vec![1.0, 0.0, 0.0, 1.0]);
        let w = Problem::new(&gram, 0.5).minimum();
        assert!((w[0] - 0.5).abs() < 1e-9, "{w:?}");
        // Opposed and alike long, there is no mean to stay near.
        let gram = Gram::new(2, vec![1.0, -1.0, -1.0, 1.0]);
        assert_eq!(Problem::new(&gram, 0.5).minimum(), [0.5, 0.5]);
    }
}
