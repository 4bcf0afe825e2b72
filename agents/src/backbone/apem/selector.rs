//! The dynamic selector of ASRG: an MLP and a smooth step.
//!
//! `f_D(z)` is 0 up to −γ/2, 1 from γ/2, and `−2/γ³ z³ + 3/(2γ) z + 1/2` between them (eq. 13).

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::layer::{Mlp, linear};
use crate::pass::{Pass, Progress};
use crate::stream::Stream;

/// How the smooth step's width γ falls during training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Annealing {
    /// Linearly from `start` to `end` over a share of the planned steps.
    Planned {
        /// γ at the first step.
        start: f32,
        /// γ from then on.
        end: f32,
        /// The share. Mind that early stops end most runs long before the planned steps.
        share: f64,
    },
    /// The paper's law, `γ = max(start − decrement · step, end)`.
    PerStep {
        /// γ at the first step; 10 in the paper.
        start: f32,
        /// Its lower limit; 1e-3 in the paper.
        end: f32,
        /// What a step takes off; 2e-5 in the paper.
        decrement: f64,
    },
}

impl Default for Annealing {
    fn default() -> Self {
        Self::Planned { start: 10.0, end: 1e-3, share: 0.5 }
    }
}

impl Annealing {
    pub(super) fn start(&self) -> f32 {
        match self {
            Self::Planned { start, .. } | Self::PerStep { start, .. } => *start,
        }
    }

    /// γ at a step.
    pub(super) fn gamma(&self, progress: Progress) -> f32 {
        let step = progress.step as f64;
        match *self {
            Self::Planned { start, end, share } => {
                let left = 1.0 - (step / (share * progress.planned_steps as f64)).min(1.0) as f32;
                end + (start - end) * left
            }
            Self::PerStep { start, end, decrement } => {
                ((f64::from(start) - decrement * step) as f32).max(end)
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let (Self::Planned { start, end, share: rate } | Self::PerStep { start, end, decrement: rate }) = *self;
        if !(0.0 < end && end <= start && start <= 1e6) {
            return Err(format!(
                "`gamma` falls from `start` to an `end` above 0; found start {start}, end {end}"
            ));
        }
        let valid = match self {
            Self::Planned { .. } => 0.0 < rate && rate <= 1.0,
            Self::PerStep { .. } => 0.0 < rate && rate.is_finite(),
        };
        if valid {
            return Ok(());
        }
        Err(format!("`gamma` needs a `share` in (0, 1] or a `decrement` above 0; found {rate}"))
    }
}

/// `z = f_D(MLP(flatten H))`
#[derive(Module, Debug)]
pub(super) struct Selector {
    hidden: Mlp,
    output: Linear,
}

impl Selector {
    pub(super) fn new(
        d_input: usize,
        dims: &[usize],
        n_points: usize,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let hidden = Mlp::new(d_input, dims, 0.0, stream, device);
        let output = linear(dims.last().copied().unwrap_or(d_input), n_points, stream, device);
        Self { hidden, output }
    }

    /// # Shapes
    /// - fields: `[batch, field, dim]`
    /// - gamma: `[1]`
    /// - output: `[batch, point]` in [0, 1]
    pub(super) fn forward(&self, fields: &Tensor<3>, gamma: Tensor<1>) -> Tensor<2> {
        let hidden = self.hidden.forward(fields.clone().flatten(1, 2), &mut Pass::evaluation());
        smooth_step(self.output.forward(hidden), gamma)
    }
}

/// f_D. Clamping z/γ to ±½ gives the two constant pieces, and no gradient there.
pub(super) fn smooth_step(z: Tensor<2>, gamma: Tensor<1>) -> Tensor<2> {
    let u = (z / gamma.unsqueeze()).clamp(-0.5, 0.5);
    u.clone() * (u.square() * -2.0 + 1.5) + 0.5
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::host;

    #[test]
    fn smooth_step_by_hand() {
        let device = Device::default();
        let z = Tensor::from_floats([[-9.0, -1.0, -0.5, 0.0, 0.5, 1.0, 9.0]], &device);
        // γ = 2: z = ½ gives −2/8 · 1/8 + 3/4 · 1/2 + 1/2
        let found = host(smooth_step(z, Tensor::from_floats([2.0], &device)));
        assert_eq!(found, [0.0, 0.0, 0.156_25, 0.5, 0.843_75, 1.0, 1.0]);
    }

    #[test]
    fn without_width_the_selector_is_zero_or_one() {
        let device = Device::default();
        let z = Tensor::from_floats([[-3.0, -0.01, 0.01, 2.0]], &device);
        assert_eq!(host(smooth_step(z, Tensor::from_floats([1e-3], &device))), [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn gamma_follows_the_step() {
        let at = |annealing: &Annealing, step| annealing.gamma(Progress { step, planned_steps: 1000 });
        let planned = Annealing::Planned { start: 10.0, end: 1e-3, share: 0.5 };
        assert_eq!([at(&planned, 500), at(&planned, 900)], [1e-3, 1e-3]);
        assert!((at(&planned, 0) - 10.0).abs() < 1e-5);
        assert!((at(&planned, 250) - 5.0005).abs() < 1e-4);
        let paper = Annealing::PerStep { start: 10.0, end: 1e-3, decrement: 2e-5 };
        assert_eq!([at(&paper, 0), at(&paper, 100_000), at(&paper, 1_000_000)], [10.0, 8.0, 1e-3]);
    }

    #[test]
    fn impossible_annealings_are_refused() {
        let wrong = |annealing: Annealing| annealing.check().unwrap_err();
        assert!(wrong(Annealing::Planned { start: 1.0, end: 0.0, share: 0.1 }).contains("`end`"));
        assert!(wrong(Annealing::Planned { start: 1.0, end: 2.0, share: 0.1 }).contains("`start`"));
        assert!(wrong(Annealing::Planned { start: 1.0, end: 0.5, share: 0.0 }).contains("`share`"));
        assert!(wrong(Annealing::PerStep { start: 1.0, end: 0.5, decrement: -1.0 }).contains("`decrement`"));
    }
}
