//! Behaviour cloning in the space of actions (TD3+BC: Fujimoto & Gu, NeurIPS 2021, equation 3):
//! `strength · Σ_k mean (π_k(s) − π⁰_k(s))²`, π⁰ the pretrained actor.
//!
//! The paper clones the actions of the data; here those are predictions of the pretrained actor, which stands in for them.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LossInput, LossTerm, Setting, check_strength};

/// `[losses.behaviour_cloning]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Its weight against the task losses.
    pub strength: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { strength: 1.0 }
    }
}

impl LossTerm for Config {
    fn value(&self, input: &LossInput<'_>) -> Tensor<1> {
        let agent = input.agent.expect("a term of the agent");
        let pretrained = agent.pretrained.clone().expect("checked: there is a pretrained actor");
        (input.predictions.probabilities.clone() - pretrained).square().mean_dim(0).sum() * self.strength
    }

    fn is_of_agent(&self) -> bool {
        true
    }

    fn check(&self, setting: &Setting<'_>) -> Result<(), String> {
        if !setting.has_critics {
            return Err("it holds back an actor that follows critics, and there are none; add `[losses.policy_gradient]` \
                        or use `[weighting.critic]`"
                .into());
        }
        if !setting.starts_pretrained {
            return Err("it clones the pretrained actor, and with `start_from = \"scratch\"` there is none to start from; \
                        use `start_from = \"pretrained\"`"
                .into());
        }
        check_strength("strength", self.strength)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::AgentInput;
    use crate::loss::tests::of_agent;
    use burn::tensor::Device;

    #[test]
    fn value_and_gradient_by_hand() {
        let device = Device::default();
        let p =
            Tensor::<2>::from_floats([[0.5, 0.25], [0.1, 0.75]], &device.clone().autodiff()).require_grad();
        let pretrained = Tensor::from_floats([[0.4, 0.25], [0.3, 0.25]], &device);
        let agent = AgentInput { q_values: p.clone(), pretrained: Some(pretrained) };
        let (value, gradient) = of_agent(&Config { strength: 2.0 }, p, &agent);
        // 2 · ((0.01 + 0.04) / 2 + 0.25 / 2), and 2 · 2 (p − π⁰) / 2
        let close = |found: f32, expected: f32| (found - expected).abs() < 1e-6;
        assert!(close(value, 0.3));
        let expected = [0.2, 0.0, -0.4, 1.0];
        assert!(
            gradient.iter().zip(expected).all(|(found, expected)| close(*found, expected)),
            "{gradient:?}"
        );
    }
}
