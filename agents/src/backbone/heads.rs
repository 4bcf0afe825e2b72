//! Parts that many backbones share: widths, and at the end a tower and a logit per task.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::Input;
use crate::layer::{ExpertMlp, GroupedLinear, GroupedMlp};
use crate::parameter::host;
use crate::pass::Pass;
use crate::stream::Stream;

/// Widths of the layers most backbones are made of.
#[derive(Clone, Copy, Debug)]
pub struct Widths<'a> {
    /// Of the layers below the towers.
    pub bottom: &'a [usize],
    /// Of a tower's hidden layers.
    pub tower: &'a [usize],
    /// Dropout rate after every hidden layer.
    pub dropout: f64,
}

impl Widths<'_> {
    /// Why the widths cannot be built, in words for the author of the run file.
    pub fn check(&self) -> Result<(), String> {
        check_layers("bottom", self.bottom)?;
        check_layers("tower", self.tower)?;
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(format!("`dropout` is a share in [0, 1); found {}", self.dropout));
        }
        Ok(())
    }
}

/// More than this of anything is a mistake.
const LARGEST: usize = 1 << 16;

/// The widest layer whose sizes can be multiplied; whether there is memory for it is another question.
const WIDEST: usize = 1 << 28;

/// Why layers of these widths cannot be built.
pub fn check_layers(key: &str, dims: &[usize]) -> Result<(), String> {
    if !dims.is_empty() && dims.iter().all(|width| (1..=WIDEST).contains(width)) {
        return Ok(());
    }
    Err(format!("`{key}` needs at least one layer, each 1 to {WIDEST} wide; found {dims:?}"))
}

/// Why there cannot be `count` of `key`.
pub fn check_count(key: &str, count: usize) -> Result<(), String> {
    if (1..=LARGEST).contains(&count) {
        return Ok(());
    }
    Err(format!("`{key}` must be a number from 1 to {LARGEST}; found {count}"))
}

/// A tower per task on a representation of its own.
#[derive(Module, Debug)]
pub struct Towers {
    hidden: GroupedMlp,
    output: GroupedLinear,
}

impl Towers {
    /// Untrained towers; `d_input` is the width of what they read.
    pub fn new(
        n_tasks: usize,
        d_input: usize,
        widths: Widths<'_>,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let hidden = GroupedMlp::new(n_tasks, d_input, widths.tower, widths.dropout, stream, device);
        Self { hidden, output: GroupedLinear::new(n_tasks, [last(widths.tower), 1], stream, device) }
    }

    /// The same with its first output biases at `logits`, where there are any.
    pub fn starting_at(mut self, logits: Option<Vec<f32>>) -> Self {
        self.output = starting_at(self.output, logits);
        self
    }

    /// Those of the first `n` tasks.
    pub fn first(self, n: usize) -> Self {
        Self { hidden: self.hidden.first(n), output: self.output.first(n) }
    }

    /// # Shapes
    /// - input: `[task, batch, d_input]`
    /// - output: logits `[batch, task]`
    pub fn forward(&self, input: Tensor<3>, pass: &mut Pass<'_>) -> Tensor<2> {
        self.output.logits(self.hidden.forward(input, pass))
    }
}

/// A tower per task on ONE shared representation.
#[derive(Module, Debug)]
pub struct SharedTowers {
    hidden: ExpertMlp,
    output: GroupedLinear,
}

impl SharedTowers {
    /// Untrained towers; `d_input` is the width of what they read.
    pub fn new(
        n_tasks: usize,
        d_input: usize,
        widths: Widths<'_>,
        stream: &mut Stream,
        device: &Device,
    ) -> Self {
        let hidden = ExpertMlp::new(n_tasks, d_input, widths.tower, widths.dropout, stream, device);
        Self { hidden, output: GroupedLinear::new(n_tasks, [last(widths.tower), 1], stream, device) }
    }

    /// The same with its first output biases at `logits`, where there are any.
    pub fn starting_at(mut self, logits: Option<Vec<f32>>) -> Self {
        self.output = starting_at(self.output, logits);
        self
    }

    /// # Shapes
    /// - input: `[batch, d_input]`
    /// - output: logits `[batch, task]`
    pub fn forward(&self, input: Tensor<2>, pass: &mut Pass<'_>) -> Tensor<2> {
        self.output.logits(self.hidden.forward(input, pass))
    }
}

/// An output layer with its first biases at `logits`, where there are any: heads beyond those of the tasks (imputed losses)
/// keep the biases they have.
pub fn starting_at(mut output: GroupedLinear, logits: Option<Vec<f32>>) -> GroupedLinear {
    let (Some(logits), Some(bias)) = (logits, &output.bias) else {
        return output;
    };
    let bias = bias.val();
    let (shape, device) = (bias.shape(), bias.device());
    let mut values = host(bias.inner());
    values[..logits.len()].copy_from_slice(&logits);
    output.bias = Some(Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), &device)));
    output
}

/// The fields of a view side by side: `[batch, field, dim]` to `[batch, field · dim]`.
pub fn flatten(view: &Tensor<3>) -> Tensor<2> {
    view.clone().flatten(1, 2)
}

/// `Σ_e gate_e · expert_e` per gate.
///
/// # Shapes
/// - gates: `[batch, gate, expert]`
/// - experts: `[expert, batch, hidden]`
/// - output: `[gate, batch, hidden]`
pub fn mix(gates: Tensor<3>, experts: Tensor<3>) -> Tensor<3> {
    gates.matmul(experts.swap_dims(0, 1)).swap_dims(0, 1)
}

/// Refuses tasks that do not depend on one another, since `name` `does` something along their chain.
pub fn check_chain(name: &str, does: &str, input: &Input) -> Result<(), String> {
    if input.parents.iter().any(Option::is_some) {
        return Ok(());
    }
    Err(format!(
        "`{name}` {does} along the task chain, but no task of this dataset has `after = ..`; declare the chain in the \
         dataset file or choose another backbone"
    ))
}

/// The width after the last of `dims`, which is not empty.
pub fn last(dims: &[usize]) -> usize {
    *dims.last().expect("the settings were checked: at least one layer")
}
