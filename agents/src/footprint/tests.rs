use burn::tensor::Device;
use rmtl_envs::{CategoricalField, NumericField, Task};

use super::*;
use crate::actor::{Actor, ActorConfig};
use crate::backbone::{BackboneConfig, shared_bottom};
use crate::critic::{Critic, CriticConfig};
use crate::interaction::{Cross, InteractionConfig};
use crate::parameter::NamedTensors;
use crate::stream::Streams;

fn schema() -> Schema {
    let task = |name: &str, after: Option<&str>| Task {
        name: name.into(),
        after: after.map(Into::into),
        number: None,
    };
    Schema {
        categorical: vec![CategoricalField { name: "user".into(), vocabulary_size: 3, n_values: 1 }],
        numeric: vec![NumericField { name: "price".into(), mean: 0.0, standard_deviation: 1.0 }],
        tasks: vec![task("click", None), task("buy", Some("click"))],
    }
}

fn config(backbone: BackboneConfig, interaction: InteractionConfig) -> ActorConfig {
    let encoder = EncoderConfig { dim: 4, ..EncoderConfig::default() };
    ActorConfig {
        backbone,
        encoder,
        interaction,
        optimizer: Default::default(),
        base_rates: Some(vec![0.5, 0.1]),
    }
}

fn bytes(tensors: NamedTensors, of: &str) -> u64 {
    let tensors = tensors.into_iter().filter(|(name, _)| name.starts_with(of));
    tensors.map(|(_, tensor)| bytes_of(&[tensor.values.len()])).sum()
}

#[test]
fn what_is_measured_is_what_actors_and_critics_have() {
    let (schema, device) = (schema(), Device::default());
    for backbone in BackboneConfig::all() {
        for interaction in
            [InteractionConfig::None, InteractionConfig::Fm, InteractionConfig::Cross(Cross::default())]
        {
            let config = config(backbone.clone(), interaction);
            let actor = Actor::new(&config, &schema, &Streams::new(1), &device);
            let name = backbone.name();
            let network = config.network_footprint(&schema, &device);
            assert_eq!(network.weights, bytes(actor.weights(), "network"), "{name} {interaction:?}");
            assert!(network.outputs > 0, "{name}");
            let tables = TableFootprint::new(&schema, &config.encoder, backbone.views(2).len());
            assert_eq!(tables.weights, bytes(actor.weights(), "embedding"), "{name}");

            let critic = CriticConfig { dim: Some(6), ..CriticConfig::default() };
            let encoder =
                critic.encoder(config.encoder.numeric, &config.encoder.logarithms, config.encoder.dim);
            let network = critic.network_footprint(&schema, &encoder, &device);
            let critic =
                Critic::new(&critic, &schema, actor.encoder(), &[-1.0, -1.0], &Streams::new(1), &device);
            assert_eq!(network.weights, bytes(critic.weights(), "network"));
            assert_eq!(
                TableFootprint::new(&schema, &encoder, 1).weights,
                bytes(critic.weights(), "embedding")
            );
        }
    }
}

#[test]
fn nothing_is_held_of_what_is_measured_and_what_follows_has_values() {
    // 2²⁸ · 2²⁸ numbers.
    let wide = shared_bottom::Config { bottom: vec![1 << 28; 2], ..Default::default() };
    let schema = schema();
    let wide = config(BackboneConfig::SharedBottom(wide), InteractionConfig::None);
    wide.backbone.check(&wide.input(&schema)).unwrap();
    let found = wide.network_footprint(&schema, &Device::default());
    assert!(found.weights >= 1 << 58 && found.outputs >= 2 << 30, "{found:?}");
    let drawn = crate::layer::linear(2, 2, &mut Streams::new(1).named("init"), &Device::default());
    assert!(drawn.weight.is_initialized());
}

#[test]
fn outputs_are_those_of_matrices_alone() {
    let small = shared_bottom::Config { bottom: vec![5], tower: vec![3], ..Default::default() };
    let small = config(BackboneConfig::SharedBottom(small), InteractionConfig::None);
    // The price projected to 4, a bottom of 5, two towers 3 – 1.
    let outputs = small.network_footprint(&schema(), &Device::default()).outputs;
    assert_eq!(outputs, 4 * (4 + 5 + 2 * (3 + 1)));
}

#[test]
fn tables_and_rows_by_hand() {
    let encoder = EncoderConfig { dim: 5, ..EncoderConfig::default() };
    let tables = TableFootprint::new(&schema(), &encoder, 2);
    assert_eq!(tables, TableFootprint { weights: 120, state: 240, clocks: 24 });
    assert_eq!((tables.snapshot(), tables.follower()), (360, 144));
    assert_eq!(bytes_per_row(&schema(), &encoder, 2), 16 + 3 * 2 * 5 * 4);
}
