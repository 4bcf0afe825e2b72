use burn::module::Param;

use super::*;
use crate::parameter::{host, n_parameters};
use crate::stream::Streams;

fn read(text: &str) -> Result<InteractionConfig, serde_json::Error> {
    serde_json::from_str(text)
}

fn init(config: InteractionConfig, width: usize) -> Interaction {
    config.init(width, &mut Streams::new(1).named("init"), &Device::default().autodiff())
}

#[test]
fn the_pooled_field_is_the_sum_over_pairs_and_its_gradient_the_sum_of_the_others() {
    let device = Device::default().autodiff();
    let fields = Tensor::<3>::from_floats([[[1.0, 2.0], [3.0, 4.0], [5.0, -6.0]]], &device).require_grad();
    let seen = init(InteractionConfig::Fm, 6).forward(fields.clone());
    assert_eq!(seen.dims(), [1, 4, 2]);
    // 1·3 + 1·5 + 3·5 and 2·4 − 2·6 − 4·6
    assert_eq!(host(seen.clone()), [1.0, 2.0, 3.0, 4.0, 5.0, -6.0, 23.0, -28.0]);
    let gradients = seen.narrow(1, 3, 1).sum().backward();
    assert_eq!(host(fields.grad(&gradients).unwrap()), [8.0, -2.0, 6.0, -4.0, 4.0, 6.0]);
}

#[test]
fn cross_layers_by_hand() {
    let device = Device::default();
    let config = |rank| InteractionConfig::Cross(Cross { n_layers: 2, rank });
    let param = |values: [[f32; 2]; 2]| Param::from_tensor(Tensor::from_floats(values, &device));
    let mut interaction = init(config(None), 2);
    // y₁ = x₁ + 2 x₂ + 1 and y₂ = 3 x₁ − 1 in both layers.
    for layer in &mut interaction.layers {
        layer.linear.weight = param([[1.0, 3.0], [2.0, 0.0]]);
        layer.linear.bias = Some(Param::from_tensor(Tensor::from_floats([1.0, -1.0], &device)));
    }
    let fields = Tensor::<3>::from_floats([[[2.0], [3.0]]], &device);
    // Layer 1: (2, 3) ⊙ (9, 5) + (2, 3) = (20, 18); layer 2: (2, 3) ⊙ (57, 59) + (20, 18).
    let seen = interaction.forward(fields.clone());
    assert_eq!((seen.dims(), host(seen)), ([1, 2, 1], vec![134.0, 195.0]));

    let mut interaction = init(config(Some(1)), 2);
    // Vᵀ x = x₁ − x₂, U = (2, 1).
    for layer in &mut interaction.layers {
        let reduction = layer.reduction.as_mut().unwrap();
        reduction.weight = Param::from_tensor(Tensor::from_floats([[1.0], [-1.0]], &device));
        layer.linear.weight = Param::from_tensor(Tensor::from_floats([[2.0, 1.0]], &device));
        layer.linear.bias = Some(Param::from_tensor(Tensor::from_floats([0.0, 4.0], &device)));
    }
    // Layer 1: (2, 3) ⊙ (−2, 3) + (2, 3) = (−2, 12); layer 2: (2, 3) ⊙ (−28, −10) + (−2, 12).
    assert_eq!(host(interaction.forward(fields)), [-58.0, -18.0]);
}

#[test]
fn without_one_the_fields_are_as_they_were() {
    let fields = Tensor::<3>::from_floats([[[1.0, 2.0], [3.0, 4.0]]], &Device::default());
    let seen = init(InteractionConfig::None, 4).forward(fields.clone());
    assert_eq!(seen.into_data(), fields.into_data());
}

#[test]
fn parameter_counts_match_the_derivation() {
    let count = |config| n_parameters(&init(config, 24));
    assert_eq!(count(InteractionConfig::None), 0);
    assert_eq!(count(InteractionConfig::Fm), 0);
    assert_eq!(count(InteractionConfig::Cross(Cross { n_layers: 3, rank: None })), 3 * (24 * 24 + 24));
    assert_eq!(count(InteractionConfig::Cross(Cross { n_layers: 3, rank: Some(5) })), 3 * (2 * 24 * 5 + 24));
}

#[test]
fn the_pooled_field_has_a_name_and_a_kind_and_crossed_fields_keep_theirs() {
    let input = Input::unnamed(2, 4, &[None]);
    let seen = InteractionConfig::Fm.seen(input.clone());
    assert_eq!((seen.n_fields(), seen.width()), (3, 12));
    assert_eq!(seen.fields[2], InputField { name: "interaction".into(), kind: FieldKind::Interaction });
    assert_eq!(seen.fields[..2], input.fields[..]);
    for same in [InteractionConfig::None, InteractionConfig::Cross(Cross::default())] {
        assert_eq!(same.seen(input.clone()), input);
    }
}

#[test]
fn names_and_tables_are_read_and_written() {
    let cross = |n_layers, rank| InteractionConfig::Cross(Cross { n_layers, rank });
    for (text, config) in [
        (r#""none""#, InteractionConfig::None),
        (r#""fm""#, InteractionConfig::Fm),
        (r#""cross""#, cross(2, None)),
        (r#"{"cross":{}}"#, cross(2, None)),
        (r#"{"cross":{"n_layers":3,"rank":8}}"#, cross(3, Some(8))),
    ] {
        assert_eq!(read(text).unwrap(), config);
        assert_eq!(read(&serde_json::to_string(&config).unwrap()).unwrap(), config);
    }
    for (text, word) in [
        (r#""dcn""#, "fm"),
        (r#"{"cross":{"layers":3}}"#, "n_layers"),
        ("3", "cross"),
        (r#"{"fm":{}}"#, "fm"),
    ] {
        let message = read(text).unwrap_err().to_string();
        assert!(message.contains(word), "{text}: {message}");
    }
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let check = |n_layers, rank| InteractionConfig::Cross(Cross { n_layers, rank }).check(24);
    assert_eq!(check(1, None), Ok(()));
    assert_eq!(check(2, Some(24)), Ok(()));
    assert!(check(0, None).unwrap_err().contains("n_layers"));
    for rank in [0, 25] {
        let message = check(1, Some(rank)).unwrap_err();
        assert!(message.contains("from 1 to 24") && message.contains(&format!("found {rank}")), "{message}");
    }
}
