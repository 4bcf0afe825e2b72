//! SDMTL dependence loss (APEM, eqs. 21 and 23).
//!
//! Per pair of dependent tasks `g = ((f_parent − f_child) − (o_parent − o_child))²` with f the cumulative predictions and
//! o the cumulative labels; the term is `Σ_pairs σ · E[g]`. It is zero when every gap of the predictions equals the gap
//! of the labels. Eq. 21 averages over the entire space D, all rows; theorem 3.1 relates that to the local space C, the
//! rows whose parent task happened:
//!
//! * `entire`: `mean_i g_i`, eq. 21;
//! * `local`: the mean of g over the rows with `o_parent = 1`, what training on C alone would see;
//! * `local_weighted`: `mean_i o_parent,i g_i / π_i`, the theorem's right-hand side: C with the weights that give it the
//!   expectation of D. `π = P(T_parent = 1 | X, T_parent − T_child)` is 1 where the child did not happen, and
//!   `f_child / (1 − f_parent + f_child)` where it did, estimated by the predictions themselves (as constants, kept in
//!   [0.01, 1]). It has the entire space's mean at exact predictions, and a larger variance.
//!
//! In a batch without a row of C the last two are zero.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    LossInput, LossTerm, PROBABILITY_MARGIN, Setting, check_has_pairs, check_strength, column, pairs, sum,
};

/// The weights of theorem 3.1 stay below the inverse of this.
const LEAST_PROBABILITY: f64 = 0.01;

/// `[losses.dependence]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Strength σ.
    pub sigma: Sigma,
    /// The rows the gap is compared on.
    pub space: Space,
}

/// A strength for all pairs of dependent tasks, or one per pair in the order of the child tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "`sigma`: expected a number, or a list with one number per task that has `after = ..`"
)]
pub enum Sigma {
    /// The same for every pair.
    All(f64),
    /// σ_{i−1} of every pair.
    Each(Vec<f64>),
}

/// The rows the gap is compared on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Space {
    /// All rows.
    #[default]
    Entire,
    /// Rows whose parent task happened.
    Local,
    /// The same rows, weighted so that they stand for all.
    LocalWeighted,
}

impl Default for Config {
    fn default() -> Self {
        Self { sigma: Sigma::All(1.0), space: Space::default() }
    }
}

impl Sigma {
    fn of(&self, pair: usize) -> f64 {
        match self {
            Self::All(sigma) => *sigma,
            Self::Each(sigmas) => sigmas[pair],
        }
    }
}

impl LossTerm for Config {
    fn value(&self, input: &LossInput<'_>) -> Tensor<1> {
        let f = &input.predictions.probabilities;
        let terms = pairs(&input.tasks.parents).enumerate().map(|(pair, (parent, child))| {
            let [f_parent, f_child] = [parent, child].map(|task| column(f, task));
            let [o_parent, o_child] = [parent, child].map(|task| column(input.labels, task));
            let gap = f_parent.clone() - f_child.clone() - (o_parent.clone() - o_child.clone());
            let squares = gap.square();
            let value = match self.space {
                Space::Entire => squares.mean(),
                Space::Local => (squares * o_parent.clone()).sum() / o_parent.sum().clamp_min(1.0),
                Space::LocalWeighted => {
                    let (f_parent, f_child) = (f_parent.detach(), f_child.detach());
                    let equal = (f_child.clone() - f_parent + 1.0).clamp_min(PROBABILITY_MARGIN);
                    let both = f_child / equal;
                    let pi = (both - 1.0) * o_child + 1.0;
                    (squares * o_parent / pi.clamp(LEAST_PROBABILITY, 1.0)).mean()
                }
            };
            value * self.sigma.of(pair)
        });
        sum(terms, f)
    }

    fn check(&self, setting: &Setting<'_>) -> Result<(), String> {
        check_has_pairs("dependence", setting)?;
        let n_pairs = pairs(setting.parents).count();
        match &self.sigma {
            Sigma::All(sigma) => check_strength("sigma", *sigma),
            Sigma::Each(sigmas) if sigmas.len() == n_pairs => {
                sigmas.iter().try_for_each(|&sigma| check_strength("sigma", sigma))
            }
            Sigma::Each(sigmas) => Err(format!(
                "`sigma` needs one number per task that has `after = ..`: expected {n_pairs}, found {}",
                sigmas.len()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::tests::value_of;

    const CHAIN: [Option<usize>; 3] = [None, Some(0), Some(1)];

    fn value(sigma: Sigma, space: Space, probabilities: [[f32; 2]; 2], labels: [[f32; 2]; 2]) -> f32 {
        value_of(&Config { sigma, space }, probabilities, labels, &CHAIN[..2])
    }

    fn setting(parents: &[Option<usize>]) -> Setting<'_> {
        Setting { parents, ..Setting::default() }
    }

    #[test]
    fn two_rows_by_hand() {
        let rows = ([[0.5, 0.2], [0.4, 0.3]], [[1.0, 0.0], [0.0, 0.0]]);
        let found = |space| value(Sigma::All(0.5), space, rows.0, rows.1);
        // gaps 0.3 and 0.1 against 1 and 0: 0.5 · (0.49 + 0.01) / 2; the first row alone: 0.5 · 0.49
        assert!((found(Space::Entire) - 0.125).abs() < 1e-6);
        assert!((found(Space::Local) - 0.245).abs() < 1e-6);
        // π of a child that did not happen is 1: 0.5 · 0.49 / 2
        assert!((found(Space::LocalWeighted) - 0.1225).abs() < 1e-6);
    }

    #[test]
    fn every_pair_has_its_sigma() {
        let config = |sigmas: [f64; 2]| Config { sigma: Sigma::Each(sigmas.into()), space: Space::Entire };
        let of = |sigmas| value_of(&config(sigmas), [[0.9, 0.5, 0.2]; 1], [[1.0, 1.0, 1.0]; 1], &CHAIN);
        assert!((of([1.0, 0.0]) - 0.16).abs() < 1e-6 && (of([0.0, 2.0]) - 0.18).abs() < 1e-6);
        assert!(config([1.0, 1.0]).check(&setting(&CHAIN)).is_ok());
        let error = config([1.0, 1.0]).check(&setting(&CHAIN[..2])).unwrap_err();
        assert!(error.contains("expected 1, found 2"), "{error}");
    }

    /// Theorem 3.1 with the expectation written out over the three outcomes of a row: at the true probabilities
    /// the weighted local space has the mean of the entire one, and the plain local space has not.
    #[test]
    fn the_local_space_weighted_has_the_expectation_of_the_entire_one() {
        for (p_parent, p_child) in [(0.5_f32, 0.2_f32), (0.3, 0.25), (0.9, 0.1)] {
            let outcomes = [(0.0, 0.0, 1.0 - p_parent), (1.0, 0.0, p_parent - p_child), (1.0, 1.0, p_child)];
            let expectation = |space| -> f32 {
                let of = |(parent, child, probability): (f32, f32, f32)| {
                    let (rows, labels) = ([[p_parent, p_child]; 2], [[parent, child]; 2]);
                    probability * value(Sigma::All(1.0), space, rows, labels)
                };
                outcomes.into_iter().map(of).sum()
            };
            let entire = expectation(Space::Entire);
            assert!((expectation(Space::LocalWeighted) - entire).abs() < 1e-6, "{p_parent} {p_child}");
            assert!((expectation(Space::Local) - entire).abs() > 1e-3, "{p_parent} {p_child}");
        }
    }

    #[test]
    fn exact_predictions_of_a_deterministic_chain_cost_nothing() {
        for space in [Space::Entire, Space::Local, Space::LocalWeighted] {
            let rows = [[1.0, 0.0], [1.0, 1.0]];
            assert_eq!(value(Sigma::All(1.0), space, rows, rows), 0.0);
        }
    }

    #[test]
    fn independent_tasks_are_refused() {
        assert!(Config::default().check(&setting(&[None, None])).unwrap_err().contains("after"));
    }
}
