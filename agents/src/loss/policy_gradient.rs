//! The deterministic policy gradient (DDPG: Lillicrap et al., ICLR 2016; the actor's update of RMTL, equation 6):
//! `−strength · Σ_k mean Q_k(s, π_k(s))`.
//!
//! The gradient goes through the action alone, the critics are constants. With `normalize` task k's part is divided by
//! `mean |Q_k|` of the batch, taken as a constant: TD3+BC's `λ = α / mean |Q|` with α = `strength` (Fujimoto & Gu, NeurIPS
//! 2021, equations 5 and 6), per task since every task has a critic of its own. π is the prediction in training mode.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LossInput, LossTerm, Setting, check_strength};

/// `[losses.policy_gradient]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Its weight against the task losses.
    pub strength: f64,
    /// Whether a task's part is divided by its mean |Q|.
    pub normalize: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { strength: 1.0, normalize: false }
    }
}

impl LossTerm for Config {
    fn value(&self, input: &LossInput<'_>) -> Tensor<1> {
        let q_values = input.agent.expect("a term of the agent").q_values.clone();
        let q_values = match self.normalize {
            // A dead critic has no say, instead of one without bounds.
            true => q_values.clone() / q_values.detach().abs().mean_dim(0).clamp_min(1e-4),
            false => q_values,
        };
        q_values.mean_dim(0).sum() * -self.strength
    }

    fn is_of_agent(&self) -> bool {
        true
    }

    fn needs_critics(&self) -> bool {
        true
    }

    fn is_enough(&self) -> bool {
        self.strength > 0.0
    }

    fn check(&self, _setting: &Setting<'_>) -> Result<(), String> {
        check_strength("strength", self.strength)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::AgentInput;
    use crate::loss::tests::of_agent;
    use burn::tensor::Device;

    /// Value and gradient in the prediction of two rows and two tasks, Q_1 = −p², Q_2 = −2 p.
    fn value_and_gradient(config: &Config) -> (f32, Vec<f32>) {
        let device = Device::default().autodiff();
        let p = Tensor::<2>::from_floats([[0.5, 0.25], [0.1, 0.75]], &device).require_grad();
        let (first, second) = (p.clone().narrow(1, 0, 1), p.clone().narrow(1, 1, 1));
        let q_values = Tensor::cat(vec![first.square().neg(), second * -2.0], 1);
        of_agent(config, p, &AgentInput { q_values, pretrained: None })
    }

    fn assert_close(found: &[f32], expected: &[f32]) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}, not {expected:?}");
    }

    #[test]
    fn value_and_gradient_by_hand() {
        let (value, gradient) = value_and_gradient(&Config { strength: 3.0, normalize: false });
        // Means of Q: −(0.25 + 0.01) / 2 and −(0.5 + 1.5) / 2.
        assert_close(&[value], &[3.0 * (0.13 + 1.0)]);
        // 3 · 2 p / 2 and 3 · 2 / 2
        assert_close(&gradient, &[1.5, 3.0, 0.3, 3.0]);
    }

    #[test]
    fn normalised_the_mean_is_a_constant_to_the_gradient() {
        let (value, gradient) = value_and_gradient(&Config { strength: 3.0, normalize: true });
        assert_close(&[value], &[6.0]);
        assert_close(&gradient, &[1.5 / 0.13, 3.0, 0.3 / 0.13, 3.0]);
    }
}
