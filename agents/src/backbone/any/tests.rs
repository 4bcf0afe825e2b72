use burn::module::{Module, list_param_ids};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Backbone, BackboneConfig, Input, Settings, mmoe};
use crate::layer::uniform;
use crate::loss::task_bce;
use crate::parameter::{NamedTensors, collect, host, restore};
use crate::pass::Pass;
use crate::stream::{Stream, Streams};

/// MMoE as another crate would bring it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Foreign {
    of: mmoe::Config,
    note: Option<String>,
}

impl Settings for Foreign {
    type Model = mmoe::Model;

    fn check(&self, input: &Input) -> Result<(), String> {
        self.of.check(input)
    }

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> mmoe::Model {
        self.of.init(input, stream, device)
    }
}

const SETTINGS: &str = r#"{"n_experts":2,"bottom":[8],"tower":[4],"dropout":0.2}"#;

fn foreign() -> BackboneConfig {
    super::super::register::<Foreign>("foreign_mmoe", "MMoE from elsewhere");
    serde_json::from_str(&format!(r#"{{"foreign_mmoe":{{"of":{SETTINGS}}}}}"#)).unwrap()
}

fn built_in() -> BackboneConfig {
    serde_json::from_str(&format!(r#"{{"mmoe":{SETTINGS}}}"#)).unwrap()
}

/// Losses of five steps of Adam, and the parameters after them.
fn trained(config: &BackboneConfig) -> (Vec<f32>, NamedTensors) {
    let input = Input::unnamed(3, 4, &[None, Some(0)]);
    let device = Device::default();
    let mut model = config.init(&input, &mut Streams::new(1).named("init"), &device.clone().autodiff());
    let view = uniform([16, 3, 4], 1.0, &mut Streams::new(1).named("x"), &device).val();
    let labels = Tensor::ones([16, 2], &device);
    let (mut masks, mut optimizer) = (Streams::new(1).named("dropout"), AdamConfig::new().init());
    let losses = (0..5).map(|_| {
        let predictions = model.forward(std::slice::from_ref(&view), &mut Pass::training(&mut masks));
        let loss = task_bce(predictions.probabilities, &labels).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(1e-2, model.clone(), gradients);
        host(loss)[0]
    });
    let losses = losses.collect();
    let mut parameters = NamedTensors::new();
    collect(&model, "network", &mut parameters);
    (losses, parameters)
}

#[test]
fn a_backbone_of_another_crate_trains_as_a_built_in_one() {
    let (losses, parameters) = trained(&foreign());
    let (expected, expected_parameters) = trained(&built_in());
    assert_eq!(losses, expected);
    assert!(losses[4] < losses[0], "{losses:?}");
    let names: Vec<&String> = parameters.keys().collect();
    assert!(names.iter().all(|name| name.starts_with("network.ForeignMmoe.")), "{names:?}");
    assert!(parameters.values().eq(expected_parameters.values()));
}

#[test]
fn its_parameters_are_kept_and_known_to_be_shared() {
    let input = Input::unnamed(3, 4, &[None, Some(0)]);
    let init =
        |seed| foreign().init(&input, &mut Streams::new(seed).named("init"), &Device::default().autodiff());
    let (source, other) = (init(1), init(2));
    let mut saved = NamedTensors::new();
    collect(&source, "network", &mut saved);
    let restored = restore(other, "network", &saved).unwrap();
    let mut again = NamedTensors::new();
    collect(&restored, "network", &mut again);
    assert_eq!(again, saved);
    assert!(restored.shared().iter().all(|id| list_param_ids(&restored).contains(id)));
    assert!(!restored.shared().is_empty());
    assert_eq!(restored.valid().num_params(), restored.num_params());
}

#[test]
fn a_run_file_says_all_of_it_and_its_mistakes_are_found() {
    let config = foreign();
    assert_eq!(config.name(), "foreign_mmoe");
    assert!(BackboneConfig::summaries().contains(&("foreign_mmoe", "MMoE from elsewhere")));
    let written = serde_json::to_string(&config).unwrap();
    assert!(written.contains("n_experts") && !written.contains("null"), "{written}");
    assert_eq!(serde_json::from_str::<BackboneConfig>(&written).unwrap(), config);
    let error = |text: &str| serde_json::from_str::<BackboneConfig>(text).unwrap_err().to_string();
    assert!(error(r#"{"foreign_mmoe":{"off":{}}}"#).contains("unknown field `off`"));
    assert!(error(r#"{"foreign_mmo":{}}"#).contains("`foreign_mmoe`"), "all names are listed");
    let twelve = Input::unnamed(12, 4, &[None]);
    let none: BackboneConfig = serde_json::from_str(r#"{"foreign_mmoe":{"of":{"n_experts":0}}}"#).unwrap();
    assert!(none.check(&twelve).unwrap_err().contains("n_experts"));
}

/// Settings with one of the built-in choices in them, and a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wrapping {
    of: BackboneConfig,
    #[serde(default)]
    layers: Vec<Foreign>,
}

impl Settings for Wrapping {
    type Model = mmoe::Model;

    fn init(&self, input: &Input, stream: &mut Stream, device: &Device) -> mmoe::Model {
        mmoe::Config::default().init(input, stream, device)
    }
}

#[test]
fn settings_may_hold_a_choice_of_their_own_sort() {
    foreign();
    super::super::register::<Wrapping>("wrapping", "another backbone inside");
    let text = r#"{"wrapping":{"of":{"foreign_mmoe":{}},"layers":[{}]}}"#;
    let config: BackboneConfig = serde_json::from_str(text).unwrap();
    let written = serde_json::to_string(&config).unwrap();
    assert!(written.contains("layers") && !written.contains("null"), "{written}");
    assert_eq!(serde_json::from_str::<BackboneConfig>(&written).unwrap(), config);
}

#[test]
fn a_name_stands_for_one_thing_and_a_refusal_harms_nobody() {
    let again = || super::super::register::<Foreign>("foreign_mmoe", "the same again");
    foreign();
    again();
    let other = std::panic::catch_unwind(|| super::super::register::<Wrapping>("foreign_mmoe", "another"));
    assert!(other.is_err());
    for name in ["", "Éa", "a.b", "1a", "A"] {
        assert!(std::panic::catch_unwind(|| super::super::register::<Foreign>(name, "")).is_err(), "{name}");
    }
    again();
    assert_eq!(foreign().name(), "foreign_mmoe");
}

#[test]
#[should_panic(expected = "`mmoe` is built in")]
fn a_name_that_is_built_in_stays_so() {
    super::super::register::<Foreign>("mmoe", "another one");
}
