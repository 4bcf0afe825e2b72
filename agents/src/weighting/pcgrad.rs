//! PCGrad (Yu et al., [*Gradient Surgery for Multi-Task Learning*](https://arxiv.org/abs/2001.06782), NeurIPS 2020):
//! from a task's gradient the component opposed to another task's is removed.
//!
//! For each i: `g_i' = g_i`; for each j ≠ i with `⟨g_i', g_j⟩ < 0`: `g_i' −= ⟨g_i', g_j⟩ / ‖g_j‖² · g_j`. The combined
//! gradient is `Σ g_i'`. Departure: j runs in the order of the tasks, not in a random one, so that a step has one
//! result.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LossWeighting, Settings, Signal, WeightingInput, Weights};
use crate::stream::Stream;

/// `[weighting.pcgrad]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table of settings, such as {}")]
pub struct Config {}

impl Settings for Config {
    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(PcGrad)
    }
}

struct PcGrad;

impl LossWeighting for PcGrad {
    remembers!();

    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let gram = input.gram();
        let n = gram.n();
        let mut sum = vec![0.0; n];
        for i in 0..n {
            // g_i' by its coefficients.
            let mut own = vec![0.0; n];
            own[i] = 1.0;
            for j in (0..n).filter(|&j| j != i) {
                let product = gram.times(&own)[j];
                if product < 0.0 {
                    own[j] -= product / gram.norm(j).powi(2);
                }
            }
            sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        }
        Weights::PerTask(sum)
    }
}
