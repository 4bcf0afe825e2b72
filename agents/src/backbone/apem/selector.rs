//! The dynamic selector of ASRG: an MLP and a smooth step.
//!
//! `f_D(z)` is 0 up to −γ/2, 1 from γ/2, and `−2/γ³ z³ + 3/(2γ) z + 1/2` between them (eq. 13).

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layer::{Mlp, linear};
use crate::pass::Pass;
use crate::progress::Progress;
use crate::stream::Stream;

/// How the smooth step's width γ falls during training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Annealing {
    /// Linearly over a share of the steps planned for the actor's first phase.
    Planned(Planned),
    /// The paper's law, `γ = max(start − decrement · step, end)`.
    PerStep(PerStep),
}

/// `gamma.planned`
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Planned {
    /// γ at the first step.
    pub start: f32,
    /// γ from then on.
    pub end: f32,
    /// The share of the planned steps: of `max_epochs` whole epochs. Early stops and validations count from its end on.
    pub share: f64,
}

/// `gamma.per_step`
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct PerStep {
    /// γ at the first step.
    pub start: f32,
    /// Its lower limit.
    pub end: f32,
    /// What a step takes off.
    pub decrement: f64,
}

impl Default for Planned {
    fn default() -> Self {
        Self { start: 10.0, end: 1e-3, share: 0.5 }
    }
}

impl Default for PerStep {
    fn default() -> Self {
        Self { start: 10.0, end: 1e-3, decrement: 2e-5 }
    }
}

impl Default for Annealing {
    fn default() -> Self {
        Self::Planned(Planned::default())
    }
}

impl Annealing {
    pub(super) fn start(&self) -> f32 {
        match self {
            Self::Planned(of) => of.start,
            Self::PerStep(of) => of.start,
        }
    }

    pub(super) fn end(&self) -> f32 {
        match self {
            Self::Planned(of) => of.end,
            Self::PerStep(of) => of.end,
        }
    }

    /// γ after so many steps.
    pub(super) fn gamma(&self, progress: Progress) -> f32 {
        let step = progress.step as f64;
        match *self {
            Self::Planned(Planned { start, end, share }) => {
                let left = 1.0 - (step / (share * progress.planned_steps as f64)).min(1.0) as f32;
                end + (start - end) * left
            }
            Self::PerStep(PerStep { start, end, decrement }) => {
                ((f64::from(start) - decrement * step) as f32).max(end)
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let (start, end, valid, rate) = match *self {
            Self::Planned(Planned { start, end, share }) => (start, end, 0.0 < share && share <= 1.0, share),
            Self::PerStep(PerStep { start, end, decrement }) => {
                (start, end, 0.0 < decrement && decrement.is_finite(), decrement)
            }
        };
        // Below 1e-6 its inverse is no number to compute gradients with.
        if !(1e-6 <= end && end <= start && start <= 1e6) {
            return Err(format!(
                "`gamma` falls from `start` (at most 1e6) to `end` (at least 1e-6); found start {start}, end {end}"
            ));
        }
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
    use crate::parameter::host;

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
        let planned = Annealing::Planned(Planned { share: 0.5, ..Planned::default() });
        assert_eq!([at(&planned, 500), at(&planned, 900)], [1e-3, 1e-3]);
        assert!((at(&planned, 0) - 10.0).abs() < 1e-5);
        assert!((at(&planned, 250) - 5.0005).abs() < 1e-4);
        let paper = Annealing::PerStep(PerStep::default());
        assert_eq!([at(&paper, 0), at(&paper, 100_000), at(&paper, 1_000_000)], [10.0, 8.0, 1e-3]);
    }

    #[test]
    fn impossible_annealings_are_refused() {
        let planned =
            |start, end, share| Annealing::Planned(Planned { start, end, share }).check().unwrap_err();
        assert!(planned(1.0, 1e-7, 0.1).contains("`end`"));
        assert!(planned(1.0, 2.0, 0.1).contains("`start`"));
        assert!(planned(1.0, 0.5, 0.0).contains("`share`"));
        let per_step = Annealing::PerStep(PerStep { decrement: -1.0, ..PerStep::default() });
        assert!(per_step.check().unwrap_err().contains("`decrement`"));
    }
}
