//! What a backbone anneals while its actor is trained.

use super::*;
use crate::backbone::apem;
use crate::interaction::InteractionConfig;

fn apem_actor(schema: &Schema) -> Actor {
    let backbone =
        apem::Config { n_layers: 1, n_inducing_points: 3, tower: vec![4], ..apem::Config::default() };
    let config = ActorConfig {
        backbone: BackboneConfig::Apem(backbone),
        interaction: InteractionConfig::None,
        encoder: EncoderConfig { dim: 2, ..EncoderConfig::default() },
        optimizer: OptimizerConfig::default(),
        base_rates: None,
    };
    Actor::new(&config, schema, &Streams::new(2), &Device::default())
}

/// γ after so many more steps.
fn gamma_after(actor: &mut Actor, n_steps: usize) -> f32 {
    (0..n_steps).for_each(|_| drop(step(actor, [[1.0, 1.0]; 2], &LossesConfig::default())));
    actor.annealed()[0].value
}

#[test]
fn annealing_goes_on_where_the_training_before_was_and_keeps_its_pace() {
    let schema = schema();
    let mut actor = apem_actor(&schema);
    assert_eq!(gamma_after(&mut actor, 2), 10.0, "nothing is planned");
    let mut actor = apem_actor(&schema);
    // Half of them are annealed.
    actor.plan(8);
    let close = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-2, "{found}, {expected}");
    close(gamma_after(&mut actor, 2), 5.0);
    let mut further = actor.without_followers().with_fresh_optimizers();
    further.plan(1000);
    close(gamma_after(&mut further, 1), 2.5);
    assert!(!further.is_annealed());
    assert_eq!(gamma_after(&mut further, 1), 1e-3);
    assert!(further.is_annealed() && !actor.is_annealed());

    // What is loaded keeps its γ until a plan of its own falls below.
    let mut loaded = apem_actor(&schema).load(&actor.weights()).unwrap();
    loaded.plan(20);
    close(gamma_after(&mut loaded, 4), 5.0);
    close(gamma_after(&mut loaded, 4), 2.0);
}

#[test]
fn an_average_has_the_annealed_value_of_the_actor() {
    let mut actor = apem_actor(&schema()).with_average(0.9);
    actor.plan(8);
    gamma_after(&mut actor, 4);
    assert!(actor.is_annealed() && actor.averaged().is_annealed());
}
