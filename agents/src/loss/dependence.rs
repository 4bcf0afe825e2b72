//! SDMTL dependence loss (APEM, eqs. 21 and 23).
//!
//! Per pair of dependent tasks `g = L(f_parent − f_child, o_parent − o_child)` with f the cumulative predictions and o
//! the cumulative labels; the term is `Σ_pairs σ · E[g]`. Eq. 21 leaves L open:
//!
//! * `mse`: `((f_parent − f_child) − (o_parent − o_child))²`, eq. 23, what the paper trains with. It is zero when every
//!   gap of the predictions equals the gap of the labels;
//! * `bce`: the cross-entropy of the gap, which is the probability that the chain ends at the parent. A gap of the
//!   predictions below 1e-7, as where the child is the likelier one, counts as 1e-7 and has no gradient:
//!   `losses.calibrator` has.
//!
//! Eq. 21 averages over the entire space D, all rows; theorem 3.1 relates that to the local space C, the
//! rows whose parent task happened:
//!
//! * `entire`: `mean_i g_i`, eq. 21;
//! * `local`: the mean of g over the rows with `o_parent = 1`, what training on C alone would see;
//! * `local_weighted`: `mean_i o_parent,i g_i / π_i`, the theorem's right-hand side: C with the weights that give it
//!   the expectation of D. `π = P(T_parent = 1 | X, T_parent − T_child)` is 1 where the child did not happen, and
//!   `f_child / (1 − f_parent + f_child)` where it did, estimated by the predictions themselves (as constants). It has
//!   the entire space's mean at exact predictions, and a larger variance. `floor` bounds π below, and so the weights by
//!   its inverse: rows with a smaller π weigh too little for the theorem, as most rows of a task rarer than the floor
//!   do. Their share among the rows where π is not 1 is logged, and a run warns where they are more than half.
//!
//! In a batch without a row of C the last two are zero.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AtFloor, LossInput, LossTerm, PROBABILITY_MARGIN, Setting, check_cumulative, check_has_pairs,
    check_strength, column, pairs, sum, task_bce,
};

/// `[losses.dependence]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Config {
    /// Strength σ.
    pub sigma: Sigma,
    /// The rows the gap is compared on.
    pub space: Space,
    /// Smaller π count as this, which bounds a row's weight in `local_weighted` by its inverse.
    pub floor: f64,
    /// What the gap is compared by.
    pub distance: Distance,
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

/// What the gap is compared by: L of eq. 21.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// The squared difference.
    #[default]
    Mse,
    /// The binary cross-entropy.
    Bce,
}

impl Default for Config {
    fn default() -> Self {
        Self { sigma: Sigma::All(1.0), space: Space::default(), floor: 0.01, distance: Distance::default() }
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

/// P(both happened | the two are equal) by the predictions, as a constant: π where the child happened.
fn both_of_equal(f: &Tensor<2>, parent: usize, child: usize) -> Tensor<2> {
    let [f_parent, f_child] = [parent, child].map(|task| column(f, task).detach());
    let equal = (f_child.clone() - f_parent + 1.0).clamp_min(PROBABILITY_MARGIN);
    f_child / equal
}

impl LossTerm for Config {
    fn value(&self, input: &LossInput<'_>) -> Tensor<1> {
        let f = &input.predictions.probabilities;
        let terms = pairs(&input.tasks.parents).enumerate().map(|(pair, (parent, child))| {
            let [f_parent, f_child] = [parent, child].map(|task| column(f, task));
            let [o_parent, o_child] = [parent, child].map(|task| column(input.labels, task));
            let (predicted, observed) = (f_parent - f_child, o_parent.clone() - o_child.clone());
            let gaps = match self.distance {
                Distance::Mse => (predicted - observed).square(),
                Distance::Bce => task_bce(predicted, &observed),
            };
            let value = match self.space {
                Space::Entire => gaps.mean(),
                Space::Local => (gaps * o_parent.clone()).sum() / o_parent.sum().clamp_min(1.0),
                Space::LocalWeighted => {
                    let pi = (both_of_equal(f, parent, child) - 1.0) * o_child + 1.0;
                    (gaps * o_parent / pi.clamp(self.floor, 1.0)).mean()
                }
            };
            value * self.sigma.of(pair)
        });
        sum(terms, f)
    }

    fn at_floor(&self, input: &LossInput<'_>) -> Vec<AtFloor> {
        if self.space != Space::LocalWeighted {
            return Vec::new();
        }
        let of_pair = |(parent, child)| {
            let pi = both_of_equal(&input.predictions.probabilities, parent, child);
            AtFloor::new(child, pi, self.floor, column(input.labels, child))
        };
        pairs(&input.tasks.parents).map(of_pair).collect()
    }

    fn check(&self, setting: &Setting<'_>) -> Result<(), String> {
        check_cumulative("dependence", setting)?;
        check_has_pairs("dependence", setting)?;
        if !(1e-6..=1.0).contains(&self.floor) {
            return Err(format!("`floor` is a probability from 1e-6 to 1; found {}", self.floor));
        }
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
    use crate::loss::TaskFacts;
    use crate::loss::tests::value_of;
    use crate::parameter::host;
    use burn::tensor::Device;

    const CHAIN: [Option<usize>; 3] = [None, Some(0), Some(1)];

    fn value(sigma: Sigma, space: Space, probabilities: [[f32; 2]; 2], labels: [[f32; 2]; 2]) -> f32 {
        value_of(&Config { sigma, space, ..Config::default() }, probabilities, labels, &CHAIN[..2])
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
        let config = |sigmas: [f64; 2]| Config { sigma: Sigma::Each(sigmas.into()), ..Config::default() };
        let of = |sigmas| value_of(&config(sigmas), [[0.9, 0.5, 0.2]; 1], [[1.0, 1.0, 1.0]; 1], &CHAIN);
        assert!((of([1.0, 0.0]) - 0.16).abs() < 1e-6 && (of([0.0, 2.0]) - 0.18).abs() < 1e-6);
        assert!(config([1.0, 1.0]).check(&setting(&CHAIN)).is_ok());
        let error = config([1.0, 1.0]).check(&setting(&CHAIN[..2])).unwrap_err();
        assert!(error.contains("expected 1, found 2"), "{error}");
    }

    #[test]
    fn cross_entropy_of_the_gap_by_hand() {
        let of = |space, probabilities| {
            let config = Config { space, distance: Distance::Bce, ..Config::default() };
            value_of(&config, probabilities, [[1.0, 0.0], [0.0, 0.0]], &CHAIN[..2])
        };
        // Gaps 0.3 for 1 and 0.1 for 0.
        let rows = [[0.5, 0.2], [0.4, 0.3]];
        let (ends, goes_on) = (-(0.3_f32.ln()), -(0.9_f32.ln()));
        assert!((of(Space::Entire, rows) - (ends + goes_on) / 2.0).abs() < 1e-6);
        assert!((of(Space::Local, rows) - ends).abs() < 1e-6);
        assert!((of(Space::LocalWeighted, rows) - ends / 2.0).abs() < 1e-6);
        // A child that is the likelier one.
        let violated = of(Space::Local, [[0.2, 0.5], [0.4, 0.3]]);
        assert!((violated - 16.118_095).abs() < 1e-4, "{violated}");
    }

    /// The expectation of a term over the three outcomes of a row, at the true probabilities.
    fn expectation(config: &Config, p_parent: f32, p_child: f32) -> f32 {
        let outcomes = [(0.0, 0.0, 1.0 - p_parent), (1.0, 0.0, p_parent - p_child), (1.0, 1.0, p_child)];
        let of = |(parent, child, probability): (f32, f32, f32)| {
            probability * value_of(config, [[p_parent, p_child]; 2], [[parent, child]; 2], &CHAIN[..2])
        };
        outcomes.into_iter().map(of).sum()
    }

    /// Theorem 3.1, for any loss: the weighted local space has the mean of the entire one, and the plain local space
    /// has not.
    #[test]
    fn the_local_space_weighted_has_the_expectation_of_the_entire_one() {
        for distance in [Distance::Mse, Distance::Bce] {
            for (p_parent, p_child) in [(0.5, 0.2), (0.3, 0.25), (0.9, 0.1)] {
                let of =
                    |space| expectation(&Config { space, distance, ..Config::default() }, p_parent, p_child);
                let entire = of(Space::Entire);
                assert!((of(Space::LocalWeighted) - entire).abs() < 1e-6, "{p_parent} {p_child}");
                assert!((of(Space::Local) - entire).abs() > 1e-3, "{p_parent} {p_child}");
            }
        }
    }

    /// Of a task with one conversion in 500 rows, the floor takes four fifths of what its conversions weigh.
    #[test]
    fn the_theorem_holds_for_a_rare_task_where_the_floor_is_below_its_rate() {
        let (p_parent, p_child) = (0.04, 0.002);
        let of = |space, floor| expectation(&Config { space, floor, ..Config::default() }, p_parent, p_child);
        let entire = of(Space::Entire, 0.01);
        let off = |floor| (of(Space::LocalWeighted, floor) / entire - 1.0).abs();
        assert!(off(1e-4) < 1e-4, "{}", off(1e-4));
        assert!(off(0.01) > 0.02, "{}", off(0.01));
    }

    #[test]
    fn rows_below_the_floor_are_those_of_the_child_alone() {
        let device = Device::default();
        // π of the rows where the child happened: 0.004 / 0.904 and 0.3 / 0.8; the third row's is 1.
        let p = Tensor::<2>::from_floats([[0.1, 0.004], [0.5, 0.3], [0.1, 0.004]], &device);
        let labels = Tensor::<2>::from_floats([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0]], &device);
        let tasks = TaskFacts {
            losses: Default::default(),
            parents: CHAIN[..2].into(),
            positive_rates: vec![0.5; 2],
        };
        let input = LossInput {
            predictions: &p.into(),
            labels: &labels,
            losses: &labels,
            fields: &[],
            tasks: &tasks,
            agent: None,
        };
        let found = |space| Config { space, ..Config::default() }.at_floor(&input);
        let [of] = &found(Space::LocalWeighted)[..] else { panic!("one pair") };
        assert_eq!((of.task, host(of.rows.clone())[0], host(of.of.clone())[0]), (1, 1.0, 2.0));
        assert!(found(Space::Local).is_empty() && found(Space::Entire).is_empty());
        let error = Config { floor: 0.0, ..Config::default() }.check(&setting(&CHAIN)).unwrap_err();
        assert!(error.contains("1e-6") && error.contains("found 0"), "{error}");
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
