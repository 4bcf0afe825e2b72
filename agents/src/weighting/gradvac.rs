//! GradVac (Wang et al., [*Gradient Vaccine*](https://arxiv.org/abs/2010.05874), ICLR 2021): a task's gradient is
//! turned towards another's until their cosine equals its running mean.
//!
//! For each i and j ≠ i with `c = cos(g_i', g_j)` below its running mean ρ_ij:
//! `g_i' += ‖g_i'‖ (ρ √(1 − c²) − c √(1 − ρ²)) / (‖g_j‖ √(1 − ρ²)) · g_j`; then `ρ ← (1 − β) ρ + β c`. The combined
//! gradient is `Σ g_i'`. Departure: j runs in the order of the tasks, not in a random one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LossWeighting, Settings, Signal, WeightingInput, Weights};
use crate::stream::Stream;

/// `[weighting.gradvac]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// β of the running means.
    pub beta: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { beta: 0.5 }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), String> {
        if (0.0..=1.0).contains(&self.beta) {
            return Ok(());
        }
        Err(format!("`beta` is a share in [0, 1]; found {}", self.beta))
    }

    fn init(&self, n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(GradVac { beta: self.beta, usual: vec![vec![0.0; n_tasks]; n_tasks] })
    }
}

struct GradVac {
    beta: f64,
    /// ρ
    usual: Vec<Vec<f64>>,
}

impl LossWeighting for GradVac {
    remembers!(usual);

    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let gram = input.gram();
        let n = gram.n();
        let mut sum = vec![0.0; n];
        for i in 0..n {
            let mut own = vec![0.0; n];
            own[i] = 1.0;
            for j in (0..n).filter(|&j| j != i) {
                let norm = gram.product(&own, &own).max(f64::MIN_POSITIVE).sqrt();
                let cosine = (gram.times(&own)[j] / (norm * gram.norm(j))).clamp(-1.0, 1.0);
                // Away from ±1, where no finite turn reaches it.
                let usual = self.usual[i][j].clamp(-0.999, 0.999);
                if cosine < usual {
                    let (sine, usual_sine) = ((1.0 - cosine.powi(2)).sqrt(), (1.0 - usual.powi(2)).sqrt());
                    own[j] += norm * (usual * sine - cosine * usual_sine) / (gram.norm(j) * usual_sine);
                }
                self.usual[i][j] = (1.0 - self.beta) * self.usual[i][j] + self.beta * cosine;
            }
            sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        }
        Weights::PerTask(sum)
    }
}
