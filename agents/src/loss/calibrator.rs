//! BPCM calibrator (eq. 12): a task must not be likelier than the task it depends on.
//!
//! `α · mean Σ_{child} max(ŷ_child − ŷ_parent, 0)`. The printed sign and index are slips: as printed the term would
//! reward the violation.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    LossInput, LossTerm, Setting, check_cumulative, check_has_pairs, check_strength, column, pairs, sum,
};

/// `[losses.calibrator]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Strength α.
    pub alpha: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { alpha: 0.6 }
    }
}

impl LossTerm for Config {
    fn value(&self, input: &LossInput<'_>) -> Tensor<1> {
        let p = &input.predictions.probabilities;
        let terms = pairs(&input.tasks.parents)
            .map(|(parent, child)| relu(column(p, child) - column(p, parent)).mean());
        sum(terms, p) * self.alpha
    }

    fn check(&self, setting: &Setting<'_>) -> Result<(), String> {
        check_strength("alpha", self.alpha)?;
        check_cumulative("calibrator", setting)?;
        check_has_pairs("calibrator", setting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::tests::value_of;

    fn value(probabilities: [[f32; 3]; 2]) -> f32 {
        value_of(&Config::default(), probabilities, [[0.0; 3]; 2], &[None, Some(0), Some(1)])
    }

    #[test]
    fn three_tasks_by_hand() {
        // violations: 0.2 (task 2 over 1, row 1) and 0.4 (task 3 over 2, row 2): 0.6 · (0.2 + 0.4) / 2
        let found = value([[0.5, 0.7, 0.1], [0.5, 0.2, 0.6]]);
        assert!((found - 0.18).abs() < 1e-6, "{found}");
    }

    #[test]
    fn monotone_predictions_cost_nothing() {
        assert_eq!(value([[0.5, 0.4, 0.4], [0.9, 0.2, 0.0]]), 0.0);
    }
}
