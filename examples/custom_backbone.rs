//! A backbone of your own: a network, its settings, and a call that makes it known. From then on run files name it, run
//! folders write it down, and it trains under every schedule and weighting.
//!
//! `cargo run --release --no-default-features --features flex --example custom_backbone`

use std::error::Error;
use std::path::Path;

use burn::module::{Module, ParamId, list_param_ids};
use burn::nn::Linear;
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor};
use rmtl::config::{Override, RunFile};
use rmtl::launch;
use rmtl_agents::backbone::heads::flatten;
use rmtl_agents::backbone::{self, Backbone, Input, Predictions, Settings};
use rmtl_agents::layer::linear;
use rmtl_agents::pass::Pass;
use rmtl_agents::stream::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[backbone.field_gate]`: every field counts as much as a gate says, then one hidden layer and a logit per task.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct FieldGate {
    /// Width of the hidden layer.
    width: usize,
    /// Strength of a penalty on open gates.
    sparsity: f64,
}

impl Default for FieldGate {
    fn default() -> Self {
        Self { width: 64, sparsity: 0.01 }
    }
}

impl Settings for FieldGate {
    type Model = Model;

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> Model {
        Model {
            gate: linear(input.width(), input.n_fields(), stream, device),
            hidden: linear(input.width(), self.width, stream, device),
            output: linear(self.width, input.n_tasks(), stream, device),
            sparsity: self.sparsity,
        }
    }
}

#[derive(Module, Debug)]
struct Model {
    gate: Linear,
    hidden: Linear,
    output: Linear,
    #[module(skip)]
    sparsity: f64,
}

impl Backbone for Model {
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        let fields = &views[0]; // [batch, field, dim]
        let gate: Tensor<2> = sigmoid(self.gate.forward(flatten(fields))); // [batch, field]
        let gated = flatten(&(fields.clone() * gate.clone().unsqueeze_dim(2)));
        let hidden = pass.dropout(relu(self.hidden.forward(gated)), 0.1);
        let mut predictions = Predictions::independent(self.output.forward(hidden));
        predictions.auxiliary.push(("open_gates", gate.mean() * self.sparsity));
        predictions
    }

    fn shared(&self) -> Vec<ParamId> {
        [&self.gate, &self.hidden].into_iter().flat_map(list_param_ids).collect()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    backbone::register::<FieldGate>("field_gate", "a gate per field, one hidden layer");
    let short = ["schedule.two_stage.pretrain.max_epochs=2", "schedule.two_stage.critics.max_steps=50"];
    for weighting in ["weighting.critic.lambda=0.7", "weighting.imtl={}"] {
        let set = short.into_iter().chain(["backbone.field_gate.width=32", weighting]);
        let set = set.map(str::parse).collect::<Result<Vec<Override>, _>>()?;
        let config = RunFile::read(Path::new("configs/quickstart.toml"), &set)?;
        let out = tempfile::tempdir()?;
        let report = launch::train_into(&out.path().join("run"), &config)?;
        println!("{}", report.actors.to_table(&report.weighting));
    }
    Ok(())
}
