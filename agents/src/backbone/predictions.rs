//! What a backbone predicts.

use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;

/// What a backbone predicts.
#[derive(Clone, Debug)]
pub struct Predictions {
    /// Probability of every task's label, `[batch, task]`. Along a chain they are cumulative: P(click), P(click and buy).
    pub probabilities: Tensor<2>,
    /// P(task | the task before it happened), `[batch, task]`; of backbones that multiply along the chain.
    pub conditional: Option<Tensor<2>>,
    /// The logits of `conditional` where that is given, otherwise of `probabilities`, `[batch, task]`.
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
