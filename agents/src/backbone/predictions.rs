//! What a backbone predicts.

use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, sigmoid};

/// What a backbone predicts.
#[derive(Clone, Debug)]
pub struct Predictions {
    /// Probability of every task's label, `[batch, task]`. Along a chain they are cumulative: P(click), P(click and buy).
    pub probabilities: Tensor<2>,
    /// P(task | the task before it happened), `[batch, task]`; of backbones that multiply along the chain.
    pub conditional: Option<Tensor<2>>,
    /// The logits of `conditional` where that is given, otherwise of `probabilities`, `[batch, task]`. The task losses
    /// are computed from them, and from `probabilities` where they are absent.
    pub logits: Option<Tensor<2>>,
    /// What the loss of `conditional` is thought to be where it cannot be seen, `[batch, task]`; of ESCM²-DR.
    pub imputed: Option<Tensor<2>>,
    /// Losses of the network's own that are added to those of the tasks: one element and a name,
    /// which is that of its curve beside those of the loss terms, so not one of theirs.
    pub auxiliary: Vec<(&'static str, Tensor<1>)>,
    /// What else is worth watching: a name and a value per row, `[batch]`, without a graph.
    pub diagnostics: Vec<(&'static str, Tensor<1>)>,
}

impl Predictions {
    /// Of probabilities `σ(logits)` of tasks that are predicted independently, from logits `[batch, task]`.
    pub fn independent(logits: Tensor<2>) -> Self {
        Self { logits: Some(logits.clone()), ..sigmoid(logits).into() }
    }

    /// Cumulative probabilities `p_k = σ_k · p_parent(k)` from logits `[batch, task]`.
    pub fn chained(logits: Tensor<2>, parents: &[Option<usize>]) -> Self {
        let conditional = sigmoid(logits.clone());
        let mut cumulative: Vec<Tensor<2>> = Vec::with_capacity(parents.len());
        for (probability, parent) in conditional.clone().split(1, 1).into_iter().zip(parents) {
            cumulative.push(match parent {
                Some(parent) => probability * cumulative[*parent].clone(),
                None => probability,
            });
        }
        let probabilities = Tensor::cat(cumulative, 1);
        Self { conditional: Some(conditional), logits: Some(logits), ..probabilities.into() }
    }

    /// `ln(p / (1 − p))` of `probabilities`, however small p or 1 − p is, `[batch, task]`; absent where there are no
    /// logits.
    ///
    /// Along a chain `c_k = c + ln σ(z_k + ln σ(−c))`, with z_k the logit of the conditional and c the parent's
    /// log-odds: the odds of `σ(z_k) p` are those of p times `σ(z_k) (1 − p) / (1 − σ(z_k) p)`.
    pub fn log_odds(&self, parents: &[Option<usize>]) -> Option<Tensor<2>> {
        let logits = self.logits.clone()?;
        if self.conditional.is_none() {
            return Some(logits);
        }
        let mut chained: Vec<Tensor<2>> = Vec::with_capacity(parents.len());
        for (logit, parent) in logits.split(1, 1).into_iter().zip(parents) {
            chained.push(match parent {
                Some(parent) => {
                    let of_parent = chained[*parent].clone();
                    of_parent.clone() + log_sigmoid(logit + log_sigmoid(of_parent.neg()))
                }
                None => logit,
            });
        }
        Some(Tensor::cat(chained, 1))
    }
}

impl From<Tensor<2>> for Predictions {
    fn from(probabilities: Tensor<2>) -> Self {
        Self {
            probabilities,
            conditional: None,
            logits: None,
            imputed: None,
            auxiliary: Vec::new(),
            diagnostics: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::host;
    use burn::tensor::Device;

    /// Two branches below the first task, and a chain of three.
    const TREE: [Option<usize>; 4] = [None, Some(0), Some(0), Some(1)];

    #[test]
    fn log_odds_along_a_tree_are_those_of_the_products() {
        let device = Device::default();
        let logits = [[0.5_f64, -1.0, 2.0, 0.3], [-5.517, -5.517, 3.0, -5.517], [25.0, 30.0, -30.0, 28.0]];
        let predictions = Predictions::chained(Tensor::from_floats(logits, &device), &TREE);
        let found = host(predictions.log_odds(&TREE).unwrap());
        for (row, found) in logits.iter().zip(found.chunks_exact(4)) {
            // In double precision: ln p as a sum, and 1 − p = Σ of the ways to fail.
            let sigma = |z: f64| 1.0 / (1.0 + (-z).exp());
            let odds = |path: &[usize]| {
                let p: f64 = path.iter().map(|&task| sigma(row[task])).product();
                let fails = path.iter().enumerate().map(|(index, &task)| {
                    path[..index].iter().map(|&before| sigma(row[before])).product::<f64>()
                        * sigma(-row[task])
                });
                (p / fails.sum::<f64>()).ln()
            };
            for (found, path) in found.iter().zip([&[0][..], &[0, 1], &[0, 2], &[0, 1, 3]]) {
                let expected = odds(path);
                let close = (f64::from(*found) - expected).abs() <= 2e-6 * expected.abs().max(1.0);
                assert!(close, "{path:?} of {row:?}: {found}, expected {expected}");
            }
        }
    }

    #[test]
    fn gradients_of_log_odds_are_finite_and_between_0_and_1_at_any_logit() {
        let device = Device::default().autodiff();
        for [a, b] in [[-60.0, -60.0], [60.0, 60.0], [-60.0, 60.0], [60.0, -60.0], [0.0, 0.0]] {
            let logits = Tensor::<2>::from_floats([[a, b]], &device).require_grad();
            let predictions = Predictions::chained(logits.clone(), &TREE[..2]);
            let gradients = predictions.log_odds(&TREE[..2]).unwrap().narrow(1, 1, 1).sum().backward();
            let gradient = host(logits.grad(&gradients).unwrap());
            assert!(gradient.iter().all(|value| (0.0..=1.0).contains(value)), "{a} {b}: {gradient:?}");
            // Whatever the logits, one of the two moves the product.
            assert!(gradient.iter().sum::<f32>() > 0.9, "{a} {b}: {gradient:?}");
        }
    }

    #[test]
    fn without_logits_there_are_no_log_odds() {
        let probabilities = Tensor::<2>::from_floats([[0.5, 0.25]], &Device::default());
        assert!(Predictions::from(probabilities).log_odds(&TREE[..2]).is_none());
    }
}
