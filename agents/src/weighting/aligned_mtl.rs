//! Aligned-MTL (Senushkin et al., [*Independent Component Alignment for Multi-Task
//! Learning*](https://arxiv.org/abs/2305.19000), CVPR 2023): before they are summed, the gradients are made orthogonal
//! and given the length of their smallest principal component.
//!
//! With `M = V Λ Vᵀ` the Gram matrix: `w = √λ_min V Λ^{−1/2} Vᵀ 1`. Components that are rounding in single precision
//! (below `K · 1.2e-7` of the largest) are left out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gram::eigen;
use super::{LossWeighting, Settings, Signal, WeightingInput, Weights};
use crate::stream::Stream;

/// `[weighting.aligned_mtl]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table of settings, such as {}")]
pub struct Config {}

impl Settings for Config {
    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(AlignedMtl)
    }
}

struct AlignedMtl;

impl LossWeighting for AlignedMtl {
    remembers!();

    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let gram = input.gram();
        let mut components = eigen(gram);
        let largest = components.iter().map(|(value, _)| *value).fold(0.0, f64::max);
        let rounding = gram.n() as f64 * f64::from(f32::EPSILON) * largest;
        components.retain(|(value, _)| *value > rounding);
        let least = components.iter().map(|(value, _)| *value).fold(f64::INFINITY, f64::min);
        let mut weights = vec![0.0; gram.n()];
        for (value, vector) in &components {
            let share = (least / value).sqrt() * vector.iter().sum::<f64>();
            weights.iter_mut().zip(vector).for_each(|(weight, v)| *weight += share * v);
        }
        Weights::PerTask(weights)
    }

    fn copy(&self) -> Option<Box<dyn LossWeighting>> {
        Some(Box::new(AlignedMtl))
    }
}
