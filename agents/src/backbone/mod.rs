//! Multi-task backbones: the actors.
//!
//! A backbone is one file that exports `Config` and `Model`, and one line in the `backbones!` list below.

use burn::module::{Module, ParamId};
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pass::{Pass, Progress};
use crate::stream::Stream;

mod heads;

/// What a backbone predicts.
#[derive(Clone, Debug)]
pub struct Predictions {
    /// Probability of every task's label, `[batch, task]`. Along a chain they are cumulative: P(click), P(click and buy).
    pub probabilities: Tensor<2>,
    /// P(task | the task before it happened), `[batch, task]`; of backbones that multiply along the chain.
    pub conditional: Option<Tensor<2>>,
    /// What the loss of `conditional` is thought to be where it cannot be seen, `[batch, task]`; of ESCM²-DR.
    pub imputed: Option<Tensor<2>>,
    /// What else is worth watching: a name and a value per row, `[batch]`, without a graph.
    pub diagnostics: Vec<(&'static str, Tensor<1>)>,
}

impl From<Tensor<2>> for Predictions {
    fn from(probabilities: Tensor<2>) -> Self {
        Self { probabilities, conditional: None, imputed: None, diagnostics: Vec::new() }
    }
}

/// A multi-task network from the fields of a state to a probability per task.
pub trait Backbone {
    /// # Shapes
    /// - views: `[batch, field, dim]` each, as many as [`Settings::n_views`] asks for
    /// - output: `[batch, task]`
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions;

    /// The same network without what only training reads: its probabilities are the same but for rounding, the rest of its
    /// predictions may be missing.
    fn for_prediction(self) -> Self
    where
        Self: Sized,
    {
        self
    }

    /// The parameters every task's gradient reaches, where gradient-based weightings balance them. An array that holds a part
    /// for each task is not among them, nor is what only a task and its children along the chain reach.
    fn shared(&self) -> Vec<ParamId> {
        Vec::new()
    }

    /// Hears, before every training step, how far training has come: for what a network anneals.
    fn begin_step(&mut self, _progress: Progress) {}
}

/// What a backbone is built for.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Fields of a view, the numeric one included.
    pub n_fields: usize,
    /// Embedding dimension d.
    pub dim: usize,
    /// For every task, the task it depends on. A parent stands before its child.
    pub parents: Vec<Option<usize>>,
    /// Share of every task's positives among the training rows, inside (0, 1), where an untrained network is to predict it;
    /// along a chain they are cumulative, as the labels are. Absent = output biases stay as they are drawn, p ≈ ½.
    pub base_rates: Option<Vec<f64>>,
}

impl Input {
    /// Number of tasks K.
    pub fn n_tasks(&self) -> usize {
        self.parents.len()
    }

    /// The logits of the base rates, of each task given the one before it where `conditional`.
    fn initial_logits(&self, conditional: bool) -> Option<Vec<f32>> {
        let rates = self.base_rates.as_ref()?;
        let logit = |(task, parent): (usize, &Option<usize>)| {
            let given = parent.filter(|_| conditional).map_or(1.0, |parent| rates[parent]);
            // Every positive of the parent may be one of the task.
            let rate = (rates[task] / given).min(LARGEST_RATE);
            (rate / (1.0 - rate)).ln() as f32
        };
        Some(self.parents.iter().enumerate().map(logit).collect())
    }

    /// Width of the flattened fields.
    pub fn width(&self) -> usize {
        self.n_fields * self.dim
    }
}

/// A probability near to which an untrained network may start.
const LARGEST_RATE: f64 = 0.999;

/// The settings of a backbone: `[backbone.<name>]` of a run file.
pub trait Settings {
    /// The network these settings describe.
    type Model: Backbone;

    /// Table sets the backbone wants: one, unless its tasks share nothing.
    fn n_views(&self, _n_tasks: usize) -> usize {
        1
    }

    /// Why these settings cannot work for `input`, in words for the author of the run file.
    fn check(&self, input: &Input) -> Result<(), String>;

    /// Whether [`Predictions::conditional`] is given.
    fn gives_conditionals(&self) -> bool {
        false
    }

    /// A loss term without which this is another backbone.
    fn needs_loss(&self) -> Option<&'static str> {
        None
    }

    /// The network with initial parameters from `stream`.
    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> Self::Model;
}

macro_rules! backbones {
    ($($file:ident => $name:ident: $summary:literal),+ $(,)?) => {
        $(pub mod $file;)+

        /// A backbone of the registry with its settings.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum BackboneConfig {
            $(#[doc = concat!("See [`", stringify!($file), "`].")] $name($file::Config)),+
        }

        /// A backbone of the registry.
        #[derive(Module, Debug)]
        #[expect(clippy::large_enum_variant, reason = "an actor holds one")]
        pub enum AnyBackbone {
            $(#[doc = concat!("See [`", stringify!($file), "`].")] $name($file::Model)),+
        }

        impl BackboneConfig {
            /// Every backbone of the registry with its default settings.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$name($file::Config::default())),+]
            }

            /// The name in run files.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($file)),+ }
            }

            /// One line for lists.
            pub fn summary(&self) -> &'static str {
                match self { $(Self::$name(_) => $summary),+ }
            }

            /// See [`Settings::n_views`].
            pub fn n_views(&self, n_tasks: usize) -> usize {
                match self { $(Self::$name(config) => config.n_views(n_tasks)),+ }
            }

            /// See [`Settings::check`].
            pub fn check(&self, input: &Input) -> Result<(), String> {
                match self { $(Self::$name(config) => config.check(input)),+ }
            }

            /// See [`Settings::gives_conditionals`].
            pub fn gives_conditionals(&self) -> bool {
                match self { $(Self::$name(config) => config.gives_conditionals()),+ }
            }

            /// See [`Settings::needs_loss`].
            pub fn needs_loss(&self) -> Option<&'static str> {
                match self { $(Self::$name(config) => config.needs_loss()),+ }
            }

            /// See [`Settings::init`].
            pub fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> AnyBackbone {
                match self { $(Self::$name(config) => AnyBackbone::$name(config.init(input, stream, device))),+ }
            }
        }

        impl Backbone for AnyBackbone {
            fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
                match self { $(Self::$name(model) => model.forward(views, pass)),+ }
            }

            fn shared(&self) -> Vec<ParamId> {
                match self { $(Self::$name(model) => model.shared()),+ }
            }

            fn begin_step(&mut self, progress: Progress) {
                match self { $(Self::$name(model) => model.begin_step(progress)),+ }
            }

            fn for_prediction(self) -> Self {
                match self { $(Self::$name(model) => Self::$name(model.for_prediction())),+ }
            }
        }
    };
}

backbones! {
    single_task => SingleTask: "a network per task that shares nothing, not even the embedding tables",
    shared_bottom => SharedBottom: "one bottom, a tower per task",
    esmm => Esmm: "a bottom and a tower per task, probabilities multiplied along the task chain",
    escm2 => Escm2: "ESMM with a counterfactual loss of the conditional probabilities (IPS or doubly robust)",
    omoe => Omoe: "experts shared by the tasks, ONE softmax gate, a tower per task",
    mmoe => Mmoe: "experts shared by the tasks, a softmax gate and a tower per task",
    ple => Ple: "levels of shared and task-specific experts, each level gated per task",
    aitm => Aitm: "a bottom per task, attention over what the task before hands on",
    apem => Apem: "attention of selected inducing points over the fields, a pattern selector per task",
    bpcm => Bpcm: "a feature tower per task, attention over what the task before hands on",
}

#[cfg(test)]
mod conformance;
