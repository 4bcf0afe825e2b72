//! What an action is paid.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Smallest action the logarithm sees: keeps one confident mistake from being paid −∞.
pub const MIN_ACTION: f32 = 1e-4;

/// Largest action the logarithm sees.
pub const MAX_ACTION: f32 = 1.0 - 1e-4;

/// How an action (a predicted probability) is paid once the label is known; never positive, 0 at best.
///
/// RMTL, section 3.2: the reward of task `k` is its negative loss, so that the value of a state is how well the
/// tasks will be predicted from there to the session's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reward {
    /// `y ln a + (1 − y) ln(1 − a)`, `a` clipped to [[`MIN_ACTION`], [`MAX_ACTION`]]: between −9.22 and −0.0001.
    #[default]
    NegativeBce,
    /// `−|a − y|`: between −1 and 0 for actions in [0, 1].
    NegativeAbsoluteError,
}

impl Reward {
    /// The reward of `action` where the outcome was `label` (0 or 1).
    #[inline]
    pub fn value(self, action: f32, label: u8) -> f32 {
        match self {
            Self::NegativeBce => {
                let action = action.clamp(MIN_ACTION, MAX_ACTION);
                if label == 1 { action.ln() } else { (1.0 - action).ln() }
            }
            Self::NegativeAbsoluteError => -(action - f32::from(label)).abs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_bce_by_hand() {
        let value = |action, label| Reward::NegativeBce.value(action, label);
        assert!((value(0.8, 1) - -0.223_143_6).abs() < 1e-6);
        assert!((value(0.8, 0) - -1.609_438).abs() < 1e-6);
        assert!((value(0.9, 1) - -0.105_360_5).abs() < 1e-6);
        assert!((value(0.25, 0) - -0.287_682_1).abs() < 1e-6);
    }

    #[test]
    fn negative_bce_clips_both_ends() {
        let value = |action, label| Reward::NegativeBce.value(action, label);
        for worst in [value(0.0, 1), value(-3.0, 1), value(1.0, 0), value(7.0, 0)] {
            assert!((worst - -9.210_340_4).abs() < 1e-3, "{worst}");
        }
        for best in [value(1.0, 1), value(0.0, 0)] {
            assert!((best - -1.000_05e-4).abs() < 1e-6, "{best}");
        }
        assert!(value(2e-4, 1) > value(1e-4, 1), "just inside the clip is not clipped");
    }

    #[test]
    fn negative_absolute_error_by_hand() {
        let value = |action, label| Reward::NegativeAbsoluteError.value(action, label);
        assert_eq!(value(0.25, 1), -0.75);
        assert_eq!(value(0.25, 0), -0.25);
        assert_eq!((value(1.0, 1), value(0.0, 0)), (0.0, 0.0));
    }

    #[test]
    fn names_in_a_run_file() {
        assert_eq!(serde_json::to_string(&Reward::NegativeBce).unwrap(), "\"negative_bce\"");
        let read: Reward = serde_json::from_str("\"negative_absolute_error\"").unwrap();
        assert_eq!(read, Reward::NegativeAbsoluteError);
    }
}
