//! What many backbones end with: a tower and a logit per task.

use burn::module::Module;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};

use super::{Input, Predictions};
use crate::layer::{ExpertMlp, GroupedLinear, GroupedMlp};
use crate::pass::Pass;
use crate::stream::Stream;

/// Widths of the layers most backbones are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Widths<'a> {
    pub(super) bottom: &'a [usize],
    pub(super) tower: &'a [usize],
    pub(super) dropout: f64,
}

impl Widths<'_> {
    /// Why the widths cannot be built, in words for the author of the run file.
    pub(super) fn check(&self) -> Result<(), String> {
        for (key, dims) in [("bottom", self.bottom), ("tower", self.tower)] {
            if dims.is_empty() || dims.contains(&0) {
                return Err(format!(
                    "`{key}` needs at least one layer, each at least 1 wide; found {dims:?}"
                ));
            }
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(format!("`dropout` is a share in [0, 1); found {}", self.dropout));
        }
        Ok(())
    }
}

/// A tower per task on a representation of its own.
#[derive(Module, Debug)]
pub(super) struct Towers {
    hidden: GroupedMlp,
    output: GroupedLinear,
}

impl Towers {
    pub(super) fn new(
        n_tasks: usize,
        d_input: usize,
        widths: Widths<'_>,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let hidden = GroupedMlp::new(n_tasks, d_input, widths.tower, widths.dropout, stream, device);
        Self { hidden, output: GroupedLinear::new(n_tasks, [last(widths.tower), 1], stream, device) }
    }

    /// `[task, batch, d_input]` to logits `[batch, task]`.
    pub(super) fn forward(&self, input: Tensor<3>, pass: &mut Pass<'_>) -> Tensor<2> {
        self.output.logits(self.hidden.forward(input, pass))
    }
}

/// A tower per task on ONE shared representation.
#[derive(Module, Debug)]
pub(super) struct SharedTowers {
    hidden: ExpertMlp,
    output: GroupedLinear,
}

impl SharedTowers {
    pub(super) fn new(
        n_tasks: usize,
        d_input: usize,
        widths: Widths<'_>,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let hidden = ExpertMlp::new(n_tasks, d_input, widths.tower, widths.dropout, stream, device);
        Self { hidden, output: GroupedLinear::new(n_tasks, [last(widths.tower), 1], stream, device) }
    }

    /// `[batch, d_input]` to logits `[batch, task]`.
    pub(super) fn forward(&self, input: Tensor<2>, pass: &mut Pass<'_>) -> Tensor<2> {
        self.output.logits(self.hidden.forward(input, pass))
    }
}

/// The fields of a view side by side: `[batch, field, dim]` to `[batch, field · dim]`.
pub(super) fn flatten(view: &Tensor<3>) -> Tensor<2> {
    view.clone().flatten(1, 2)
}

/// Independent probabilities from logits `[batch, task]`.
pub(super) fn independent(logits: Tensor<2>) -> Predictions {
    Predictions { probabilities: sigmoid(logits) }
}

/// Cumulative probabilities `p_k = σ_k · p_parent(k)` from logits `[batch, task]`.
pub(super) fn chained(logits: Tensor<2>, parents: &[Option<usize>]) -> Predictions {
    let conditional = sigmoid(logits).split(1, 1);
    let mut cumulative: Vec<Tensor<2>> = Vec::with_capacity(parents.len());
    for (probability, parent) in conditional.into_iter().zip(parents) {
        cumulative.push(match parent {
            Some(parent) => probability * cumulative[*parent].clone(),
            None => probability,
        });
    }
    Predictions { probabilities: Tensor::cat(cumulative, 1) }
}

/// Refuses tasks that do not depend on one another.
pub(super) fn check_chain(name: &str, input: &Input) -> Result<(), String> {
    if input.parents.iter().any(Option::is_some) {
        return Ok(());
    }
    Err(format!(
        "`{name}` multiplies probabilities along the task chain, but no task of this dataset has `after = ..`; \
         declare the chain in the dataset file or choose another backbone"
    ))
}

/// The width after the last of `dims`, which is not empty.
pub(super) fn last(dims: &[usize]) -> usize {
    *dims.last().expect("the settings were checked: at least one layer")
}
