//! What fields do with one another below any backbone.

use super::*;
use crate::backbone::FieldKind;
use crate::interaction::Cross;

const CROSS: InteractionConfig = InteractionConfig::Cross(Cross { n_layers: 2, rank: None });
const LOW_RANK: InteractionConfig = InteractionConfig::Cross(Cross { n_layers: 3, rank: Some(2) });

/// The two users of [`super::schema`], with a numeric column beside them.
fn schema() -> Schema {
    let numeric = rmtl_envs::NumericField { name: "price".into(), mean: 0.0, standard_deviation: 1.0 };
    Schema { numeric: vec![numeric], ..super::schema() }
}

fn actor(backbone: &BackboneConfig, interaction: InteractionConfig) -> Actor {
    let config = ActorConfig {
        backbone: backbone.clone(),
        encoder: EncoderConfig { dim: 4, ..EncoderConfig::default() },
        interaction,
        optimizer: OptimizerConfig::default(),
        base_rates: None,
    };
    config.backbone.check(&config.input(&schema())).unwrap();
    Actor::new(&config, &schema(), &Streams::new(2), &Device::default())
}

fn states() -> StateBatch {
    StateBatch::new(vec![1, 2], vec![0.5, -1.5], 2)
}

/// Trains on both rows; labels (1, 0) and (0, 0).
fn train(actor: &mut Actor, weighting: &mut dyn LossWeighting, losses: &LossesConfig) -> ActorStep {
    let losses = losses.bind(TaskFacts {
        losses: Default::default(),
        parents: schema().parents(),
        positive_rates: vec![0.5; 2],
    });
    let labels = Tensor::from_floats([[1.0, 0.0], [0.0, 0.0]], &Device::default());
    let states = states();
    let batch = ActorBatch { states: &states, labels, counts: None, critic: None, pretrained: None };
    actor.step(batch, weighting, &losses, &mut Pass::evaluation(), true)
}

fn of_interaction(actor: &Actor) -> NamedTensors {
    actor.weights().into_iter().filter(|(name, _)| name.starts_with("network.interaction.")).collect()
}

#[test]
fn every_backbone_trains_on_every_interaction_in_every_view() {
    for backbone in BackboneConfig::all() {
        let n_views = backbone.views(2).len();
        for (interaction, tensors_a_view) in
            [(InteractionConfig::None, 0), (InteractionConfig::Fm, 0), (CROSS, 4), (LOW_RANK, 9)]
        {
            let name = backbone.name();
            let mut actor = actor(&backbone, interaction).with_target(0.5).with_average(0.5);
            let before = of_interaction(&actor);
            assert_eq!(before.len(), n_views * tensors_a_view, "{name} {interaction:?}");
            let start = host(actor.predict(&states()));
            let losses = LossesConfig::of(backbone.needs_loss());
            let mut equal = equal::Config::default().init(2, Streams::new(1).named("weighting"));
            train(&mut actor, equal.as_mut(), &losses);
            for (tensor, after) in of_interaction(&actor) {
                assert_ne!(after, before[&tensor], "{name} {interaction:?}: {tensor}");
            }
            let trained = host(actor.predict(&states()));
            assert_ne!(trained, start, "{name} {interaction:?}");
            assert_eq!(host(actor.predict_target(&states())), start, "{name} {interaction:?}");
            let loaded = self::actor(&backbone, interaction).load(&actor.weights()).unwrap();
            assert_eq!(host(loaded.predict(&states())), trained, "{name} {interaction:?}");
        }
    }
}

#[test]
fn nothing_else_is_drawn_differently_because_of_it() {
    for backbone in BackboneConfig::all() {
        let plain = actor(&backbone, InteractionConfig::None).weights();
        assert!(plain.keys().all(|name| !name.contains("interaction")), "{}", backbone.name());
        // Crossed fields have the shape of fields, so that all the rest can be compared.
        let mut crossed = actor(&backbone, CROSS).weights();
        crossed.retain(|name, _| !name.starts_with("network.interaction."));
        assert_eq!(crossed, plain, "{}", backbone.name());
    }
}

#[test]
fn parameters_are_counted() {
    let count = |name: &str, interaction| {
        let backbone: BackboneConfig = serde_json::from_str(&format!(r#"{{"{name}":{{}}}}"#)).unwrap();
        actor(&backbone, interaction).n_dense_parameters()
    };
    // Two fields of 4: the user and the price.
    for (name, n_views) in [("shared_bottom", 1), ("single_task", 2), ("stem", 3)] {
        let plain = count(name, InteractionConfig::None);
        assert_eq!(count(name, CROSS), plain + n_views * 2 * (8 * 8 + 8), "{name}");
        assert_eq!(count(name, LOW_RANK), plain + n_views * 3 * (2 * 8 * 2 + 8), "{name}");
    }
    // A bottom's first layer of 512 reads 4 numbers more.
    let plain = count("shared_bottom", InteractionConfig::None);
    assert_eq!(count("shared_bottom", InteractionConfig::Fm), plain + 4 * 512);
}

#[test]
fn the_pooled_field_stands_behind_the_numeric_one() {
    let config = ActorConfig {
        backbone: BackboneConfig::all().remove(0),
        encoder: EncoderConfig { dim: 4, ..EncoderConfig::default() },
        interaction: InteractionConfig::Fm,
        optimizer: OptimizerConfig::default(),
        base_rates: None,
    };
    let input = config.input(&schema());
    let fields: Vec<_> = input.fields.iter().map(|field| (field.name.as_str(), field.kind)).collect();
    assert_eq!(
        fields,
        [
            ("user", FieldKind::Categorical),
            ("numeric", FieldKind::Numeric),
            ("interaction", FieldKind::Interaction)
        ]
    );
    assert_eq!(input.field("personal_fields", "interaction"), Ok(2));
}

#[test]
fn weights_of_gradients_act_on_the_cross_layers_of_shared_views_alone() {
    // ESMM shares its one view, `single_task` none: weights of zero still the one and leave the other.
    for (name, learns) in [("esmm", false), ("single_task", true)] {
        let backbone: BackboneConfig = serde_json::from_str(&format!(r#"{{"{name}":{{}}}}"#)).unwrap();
        let mut actor = actor(&backbone, CROSS);
        let before = of_interaction(&actor);
        train(&mut actor, &mut OnGradients([0.0, 0.0], None), &LossesConfig::default());
        for (tensor, after) in of_interaction(&actor) {
            assert_eq!(after != before[&tensor], learns, "{name}: {tensor}");
        }
    }
    // Of STEM's views the first is shared.
    let backbone: BackboneConfig = serde_json::from_str(r#"{"stem":{}}"#).unwrap();
    let mut actor = actor(&backbone, CROSS);
    let before = of_interaction(&actor);
    train(&mut actor, &mut OnGradients([0.0, 0.0], None), &LossesConfig::default());
    for (tensor, after) in of_interaction(&actor) {
        let is_shared = tensor.starts_with("network.interaction.0.");
        assert_eq!(after == before[&tensor], is_shared, "{tensor}");
    }
}
