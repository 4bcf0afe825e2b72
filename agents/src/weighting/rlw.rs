//! Random loss weighting (Lin et al., [*Reasonable Effectiveness of Random
//! Weighting*](https://arxiv.org/abs/2111.10603), TMLR 2022): `w = softmax(z)`, z normal, drawn anew every step.
//! Weights sum to 1.

use rand_distr::{Distribution, StandardNormal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LossWeighting, Settings, WeightingInput, Weights, softmax};
use crate::stream::Stream;

/// `[weighting.rlw]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table of settings, such as {}")]
pub struct Config {}

impl Settings for Config {
    fn init(&self, _n_tasks: usize, stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Rlw(stream))
    }
}

struct Rlw(Stream);

impl LossWeighting for Rlw {
    remembers!(0);

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        Weights::PerTask(self.draw(input.n_tasks()))
    }
}

impl Rlw {
    fn draw(&mut self, n_tasks: usize) -> Vec<f64> {
        let normals: Vec<f64> = (0..n_tasks).map(|_| StandardNormal.sample(&mut self.0)).collect();
        softmax(&normals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Streams;

    #[test]
    fn weights_are_new_every_step_sum_to_one_and_follow_the_stream() {
        let draw = |seed| {
            let mut weighting = Rlw(Streams::new(seed).named("weighting"));
            [0; 200].map(|_| weighting.draw(3))
        };
        let weights = draw(1);
        assert!(weights.iter().all(|w| (w.iter().sum::<f64>() - 1.0).abs() < 1e-12));
        assert_ne!(weights[0], weights[1]);
        assert_eq!(weights, draw(1));
        assert_ne!(weights, draw(2));
        // No task is preferred: means of 200 draws of a share near 1/3.
        for task in 0..3 {
            let mean = weights.iter().map(|w| w[task]).sum::<f64>() / 200.0;
            assert!((mean - 1.0 / 3.0).abs() < 0.06, "{mean}");
        }
    }
}
