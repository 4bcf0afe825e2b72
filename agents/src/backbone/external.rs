//! Backbones of other crates, by name.

use std::sync::Arc;

use burn::tensor::Device;

use super::{AnyBackbone, BACKBONES, Input, Settings, ViewRole};
use crate::registry::Written;
use crate::stream::Stream;

/// Makes a backbone of another crate known to run files as `[backbone.<name>]`, to lists and to evaluation. Called before a
/// run file is read.
///
/// ```
/// # use burn::{module::Module, tensor::{Device, Tensor, activation::sigmoid}};
/// # use rmtl_agents::{backbone::{self, Backbone, Input, Predictions, Settings}, layer::GroupedMlp, pass::Pass, stream::Stream};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
/// #[serde(deny_unknown_fields, default)]
/// struct Linear {}
///
/// #[derive(Module, Debug)]
/// struct Model { layer: burn::nn::Linear }
///
/// impl Settings for Linear {
///     type Model = Model;
///     fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> Model {
///         Model { layer: rmtl_agents::layer::linear(input.width(), input.n_tasks(), stream, device) }
///     }
/// }
///
/// impl Backbone for Model {
///     fn forward(&self, views: &[Tensor<3>], _: &mut Pass<'_>) -> Predictions {
///         Predictions::independent(self.layer.forward(views[0].clone().flatten(1, 2)))
///     }
/// }
///
/// backbone::register::<Linear>("linear", "one layer");
/// ```
///
/// # Panics
/// If the name stands for something else already.
pub fn register<S: Settings + Written>(name: &'static str, summary: &'static str)
where
    S::Model: Sync + 'static,
{
    BACKBONES.register::<S>(name, summary, |settings| Arc::new(settings));
}

/// [`Settings`] of any backbone.
pub trait AnySettings: Send + Sync {
    /// See [`Settings::views`].
    fn views(&self, n_tasks: usize) -> Vec<ViewRole>;
    /// See [`Settings::check`].
    fn check(&self, input: &Input) -> Result<(), String>;
    /// See [`Settings::gives_conditionals`].
    fn gives_conditionals(&self) -> bool;
    /// See [`Settings::needs_loss`].
    fn needs_loss(&self) -> Option<&'static str>;
    /// See [`Settings::init`]; `name` becomes part of the names of its parameters.
    fn init(&self, name: &str, input: &Input, stream: &mut Stream, device: &Device) -> AnyBackbone;
}

impl<S: Settings + Send + Sync> AnySettings for S
where
    S::Model: Sync + 'static,
{
    fn views(&self, n_tasks: usize) -> Vec<ViewRole> {
        Settings::views(self, n_tasks)
    }

    fn check(&self, input: &Input) -> Result<(), String> {
        Settings::check(self, input)
    }

    fn gives_conditionals(&self) -> bool {
        Settings::gives_conditionals(self)
    }

    fn needs_loss(&self) -> Option<&'static str> {
        Settings::needs_loss(self)
    }

    fn init(&self, name: &str, input: &Input, stream: &mut Stream, device: &Device) -> AnyBackbone {
        AnyBackbone::named(name, Settings::init(self, input, stream, device))
    }
}
