//! Noise on the actions of TD targets.

use rand_distr::{Distribution, Normal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stream::Stream;

/// Target-policy smoothing (TD3: Fujimoto et al., ICML 2018, equation 14): a target is that of the actions around the
/// policy's, `clip(π̃(s') + clip(ε, −c, c), 0, 1)`, ε normal. TD3's values, 0.2 and 0.5, are for actions in [−1, 1];
/// the defaults are the same shares of [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Smoothing {
    /// Standard deviation of ε.
    pub standard_deviation: f64,
    /// Largest |ε|, c.
    pub clip: f64,
}

impl Default for Smoothing {
    fn default() -> Self {
        Self { standard_deviation: 0.1, clip: 0.25 }
    }
}

impl Smoothing {
    /// Why these settings cannot work, in words for the author of the run file.
    pub fn check(&self) -> Result<(), String> {
        for (key, value) in [("standard_deviation", self.standard_deviation), ("clip", self.clip)] {
            if !(0.0..=1e6).contains(&value) {
                return Err(format!("`smoothing.{key}` must be a number from 0 to 1e6; found {value}"));
            }
        }
        Ok(())
    }

    pub(crate) fn smooth(&self, actions: &mut [f32], noise: &mut Stream) {
        let clip = self.clip as f32;
        let normal = Normal::new(0.0, self.standard_deviation as f32).expect("checked: finite, not negative");
        for action in actions {
            *action = (*action + normal.sample(noise).clamp(-clip, clip)).clamp(0.0, 1.0);
        }
    }
}
