//! Losses: binary cross-entropy per task, and optional extra terms.
//!
//! A term is one file with a `Config` that implements [`LossTerm`], and one line in the `losses!` list below. Its
//! name in the list is its name in run files and in its TensorBoard tag.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::backbone::Predictions;

/// Probabilities are kept this far from 0 and 1 inside logarithms.
pub const PROBABILITY_MARGIN: f64 = 1e-7;

/// What a loss term sees.
#[derive(Debug)]
pub struct LossInput<'a> {
    /// Predictions in the graph.
    pub predictions: &'a Predictions,
    /// `[batch, task]` of zeros and ones.
    pub labels: &'a Tensor<2>,
    /// For every task, the task it depends on.
    pub parents: &'a [Option<usize>],
}

/// An extra term of the actor's loss.
pub trait LossTerm: Send {
    /// The term with its coefficient, one element.
    fn value(&self, input: &LossInput<'_>) -> Tensor<1>;

    /// Why the term cannot work for tasks that depend on one another as `parents` say.
    fn check(&self, parents: &[Option<usize>]) -> Result<(), String>;
}

/// Binary cross-entropy of every row and task, not reduced.
///
/// `−y ln p − (1 − y) ln(1 − p)`, p clamped to [1e-7, 1 − 1e-7]; where the clamp acts the gradient is zero.
///
/// # Shapes
/// - probabilities, labels, output: `[batch, task]`
pub fn task_bce(probabilities: Tensor<2>, labels: &Tensor<2>) -> Tensor<2> {
    let p = probabilities.clamp(PROBABILITY_MARGIN, 1.0 - PROBABILITY_MARGIN);
    let positive = labels.clone() * p.clone().log();
    let negative = (labels.clone().neg() + 1.0) * (p.neg() + 1.0).log();
    (positive + negative).neg()
}

macro_rules! losses {
    ($($file:ident => $name:ident: $summary:literal),+ $(,)?) => {
        $(pub mod $file;)+

        /// The optional terms of a run file: `[losses.<name>]`, absent = off.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct LossesConfig {
            $(#[doc = concat!("See [`", stringify!($file), "`].")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub $file: Option<$file::Config>),+
        }

        /// Name and one-line summary of every optional term.
        pub const LOSSES: &[(&str, &str)] = &[$((stringify!($file), $summary)),+];

        impl LossesConfig {
            /// The terms that are on, with their names.
            pub fn terms(&self) -> Vec<(&'static str, Box<dyn LossTerm>)> {
                let mut terms: Vec<(&'static str, Box<dyn LossTerm>)> = Vec::new();
                $(if let Some(config) = &self.$file {
                    terms.push((stringify!($file), Box::new(config.clone())));
                })+
                terms
            }
        }
    };
}

losses! {
    calibrator => Calibrator: "BPCM: a task must not be likelier than the task it depends on",
    dependence => Dependence: "SDMTL (APEM): the gap between dependent tasks' predictions follows the labels' gap",
}

/// Column `task` of `[batch, task]`, as `[batch, 1]`.
fn column(values: &Tensor<2>, task: usize) -> Tensor<2> {
    values.clone().narrow(1, task, 1)
}

/// Every pair (parent, child) of dependent tasks.
fn pairs(parents: &[Option<usize>]) -> impl Iterator<Item = (usize, usize)> + '_ {
    parents.iter().enumerate().filter_map(|(child, parent)| parent.map(|parent| (parent, child)))
}

fn check_strength(key: &str, strength: f64) -> Result<(), String> {
    if (0.0..=1e6).contains(&strength) {
        return Ok(());
    }
    Err(format!("`{key}` must be a number from 0 to 1e6; found {strength}"))
}

fn check_has_pairs(name: &str, parents: &[Option<usize>]) -> Result<(), String> {
    if pairs(parents).next().is_some() {
        return Ok(());
    }
    Err(format!(
        "`losses.{name}` compares a task with the one it depends on, but no task of this dataset has `after = ..`; \
         declare the chain in the dataset file or remove the term"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tolerance};

    #[test]
    fn bce_by_hand() {
        let device = Device::default();
        let p = Tensor::from_floats([[0.8, 0.25], [1.0, 0.0]], &device);
        let y = Tensor::from_floats([[1.0, 0.0], [1.0, 1.0]], &device);
        // −ln 0.8, −ln 0.75, −ln(1 − 1e-7), −ln 1e-7
        let expected =
            Tensor::<2>::from_floats([[0.223_143_55, 0.287_682_07], [1.19e-7, 16.118_095]], &device);
        let tolerance = Tolerance::absolute(1e-5);
        task_bce(p, &y).into_data().assert_approx_eq::<f32>(&expected.into_data(), tolerance);
    }

    #[test]
    fn bce_gradient_by_hand() {
        let device = Device::default().autodiff();
        let p = Tensor::<2>::from_floats([[0.8, 0.25]], &device).require_grad();
        let y = Tensor::from_floats([[1.0, 0.0]], &device);
        let gradients = task_bce(p.clone(), &y).sum().backward();
        // d/dp −ln p = −1/0.8; d/dp −ln(1 − p) = 1/0.75
        let expected = Tensor::<2>::from_floats([[-1.25, 1.333_333_4]], &Device::default());
        p.grad(&gradients)
            .unwrap()
            .into_data()
            .assert_approx_eq::<f32>(&expected.into_data(), Tolerance::default());
    }
}
