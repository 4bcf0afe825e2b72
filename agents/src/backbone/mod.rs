//! Multi-task backbones: the actors.
//!
//! A backbone is one file that exports `Config` and `Model`, and one line in the list below. For a backbone of another
//! crate a call of [`register`] takes the line's place.

use burn::module::{Module, ParamId};
use burn::tensor::{Device, Tensor};

use crate::pass::Pass;
use crate::progress::{Annealed, Progress};
use crate::registry::choice;
use crate::stream::Stream;

mod any;
mod external;
pub mod heads;
mod input;
mod predictions;

pub use any::AnyBackbone;
pub use external::{AnySettings, register};
pub use input::{FieldKind, Input, InputField, ViewRole};
pub use predictions::Predictions;

/// A multi-task network from the fields of a state to a probability per task.
pub trait Backbone {
    /// # Shapes
    /// - views: `[batch, field, dim]` each, one for each of [`Settings::views`]
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

    /// Called after every training step, with how far the actor's training has come, over all phases: for what a network
    /// anneals.
    fn after_step(&mut self, _progress: Progress) {}

    /// What it anneals. While any of it is not final, no validation chooses these parameters and no early stop counts.
    fn annealed(&self) -> Vec<Annealed> {
        Vec::new()
    }
}

/// The settings of a backbone: `[backbone.<name>]` of a run file.
pub trait Settings {
    /// The network these settings describe.
    type Model: Backbone + Module;

    /// The table sets it wants, each of which is a view of the fields: one that the tasks share, unless it says more.
    fn views(&self, _n_tasks: usize) -> Vec<ViewRole> {
        vec![ViewRole::Shared]
    }

    /// Why these settings cannot work for `input`, in words for the author of the run file.
    fn check(&self, _input: &Input) -> Result<(), String> {
        Ok(())
    }

    /// Settings that between them turn every switch, for the tests that every backbone passes.
    fn variants() -> Vec<Self>
    where
        Self: Sized + Default,
    {
        vec![Self::default()]
    }

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

choice! {
    /// A backbone with its settings: `[backbone.<name>]` of a run file.
    BackboneConfig in BACKBONES of dyn AnySettings {
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
        stem => Stem: "tables and experts for all tasks and for each: all are read, a task trains its own and the shared",
        pepnet => Pepnet: "gates of domain fields on the embeddings, of personal fields on the towers' hidden units",
        adatt => Adatt: "levels of fusion units: each task mixes all experts and adds its own",
    }
}

impl BackboneConfig {
    /// See [`Settings::views`]. Of one task alone, whatever is its own is what all tasks share.
    pub fn views(&self, n_tasks: usize) -> Vec<ViewRole> {
        let views = self.settings().views(n_tasks);
        if n_tasks == 1 { vec![ViewRole::Shared; views.len()] } else { views }
    }

    /// See [`Settings::check`].
    pub fn check(&self, input: &Input) -> Result<(), String> {
        self.settings().check(input)
    }

    /// See [`Settings::gives_conditionals`].
    pub fn gives_conditionals(&self) -> bool {
        self.settings().gives_conditionals()
    }

    /// See [`Settings::needs_loss`].
    pub fn needs_loss(&self) -> Option<&'static str> {
        self.settings().needs_loss()
    }

    /// See [`Settings::init`].
    pub fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> AnyBackbone {
        self.settings().init(self.name(), input, stream, device)
    }
}

#[cfg(test)]
mod conformance;
