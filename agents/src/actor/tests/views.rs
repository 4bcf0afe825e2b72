//! Gradients of a backbone with tables that the tasks share and tables of their own.

use burn::module::Module;
use burn::nn::Linear;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::backbone::heads::flatten;
use crate::backbone::{Settings as _, register};
use crate::layer::linear;
use crate::stream::Stream;

/// A logit per task from the shared view and one from the task's own; large logits cost `penalty · mean x²`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct OwnAndShared {
    penalty: f64,
}

#[derive(Module, Debug)]
struct Model {
    shared: Linear,
    own: Vec<Linear>,
    #[module(skip)]
    penalty: f64,
}

impl crate::backbone::Settings for OwnAndShared {
    type Model = Model;

    fn views(&self, n_tasks: usize) -> Vec<ViewRole> {
        std::iter::once(ViewRole::Shared).chain((0..n_tasks).map(ViewRole::Task)).collect()
    }

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> Model {
        let mut layer = |width| linear(input.width(), width, stream, device);
        let shared = layer(input.n_tasks());
        Model { shared, own: (0..input.n_tasks()).map(|_| layer(1)).collect(), penalty: self.penalty }
    }
}

impl Backbone for Model {
    fn forward(&self, views: &[Tensor<3>], _pass: &mut Pass<'_>) -> Predictions {
        let own = self.own.iter().zip(&views[1..]).map(|(layer, view)| layer.forward(flatten(view)));
        let logits = self.shared.forward(flatten(&views[0])) + Tensor::cat(own.collect(), 1);
        let mut predictions = Predictions::independent(logits.clone());
        if self.penalty > 0.0 {
            predictions.auxiliary.push(("large_logits", logits.square().mean() * self.penalty));
        }
        predictions
    }
}

/// One step with these weights of the gradients: what happened, and the inner products that were looked at.
fn step(penalty: f64, weights: [f32; 2]) -> (ActorStep, Gram) {
    register::<OwnAndShared>("own_and_shared", "tables of both kinds");
    let schema = schema();
    let config = ActorConfig {
        backbone: serde_json::from_str(&format!(r#"{{"own_and_shared":{{"penalty":{penalty}}}}}"#)).unwrap(),
        encoder: EncoderConfig { dim: 2, ..EncoderConfig::default() },
        interaction: InteractionConfig::default(),
        optimizer: OptimizerConfig::default(),
        base_rates: None,
    };
    let mut actor = Actor::new(&config, &schema, &Streams::new(2), &Device::default());
    let mut weighting = OnGradients(weights, None);
    let done = trained(&mut actor, &mut weighting, &LossesConfig::default());
    (done, weighting.1.unwrap())
}

#[test]
fn weights_act_on_shared_tables_and_leave_a_tasks_own_alone() {
    let squared_norm = |weights| step(0.0, weights).0.embedding_gradient_norm.powi(2);
    let own = squared_norm([0.0, 0.0]);
    assert!(own > 1e-6, "the tasks' own tables learn whatever the weights: {own}");
    for weights in [[1.0, 1.0], [1.0, 0.0], [0.0, 2.0], [2.0, -3.0]] {
        let (_, gram) = step(0.0, weights);
        let of: Vec<f64> = weights.map(f64::from).into();
        // Of the shared tables alone: no layer is declared shared.
        let shared = gram.product(&of, &of);
        let found = squared_norm(weights);
        assert!(
            shared > 1e-8 && (found - shared - own).abs() < 1e-6 * found,
            "{weights:?}: {found}, {shared}, {own}"
        );
    }
}

#[test]
fn an_auxiliary_loss_counts_once_and_whatever_the_weights() {
    let (without, with, twice) = (step(0.0, [0.0, 0.0]).0, step(0.5, [0.0, 0.0]).0, step(1.0, [0.0, 0.0]).0);
    assert_eq!(without.terms, []);
    let [(name, value)] = with.terms[..] else { panic!("{:?}", with.terms) };
    assert_eq!(name, "large_logits");
    assert!((twice.terms[0].1 - 2.0 * value).abs() < 1e-6 && value > 0.0, "{:?}", twice.terms);
    assert!((with.loss - value).abs() < 1e-6, "the tasks weigh nothing: {}", with.loss);
    assert!(with.embedding_gradient_norm != without.embedding_gradient_norm);
    // The inner products are those of the tasks' losses.
    let product = |penalty| step(penalty, [1.0, 1.0]).1.product(&[1.0, 0.0], &[0.0, 1.0]);
    assert_eq!(product(0.0), product(0.5));
}

#[test]
fn one_task_alone_shares_all_its_tables() {
    let single: BackboneConfig = serde_json::from_str(r#"{"single_task":{}}"#).unwrap();
    assert_eq!(single.views(1), [ViewRole::Shared]);
    assert_eq!(single.views(2), [ViewRole::Task(0), ViewRole::Task(1)]);
    assert_eq!(OwnAndShared::default().views(1), [ViewRole::Shared, ViewRole::Task(0)]);
}
