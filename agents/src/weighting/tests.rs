use super::*;
use burn::tensor::Device;

mod properties;
mod states;

/// Inner products of `[task, parameter]`.
fn gram<G: AsRef<[f64]>>(gradients: &[G]) -> Gram {
    let product = |a: &G, b: &G| gram::dot(a.as_ref(), b.as_ref());
    let values = gradients.iter().flat_map(|a| gradients.iter().map(move |b| product(a, b))).collect();
    Gram::new(gradients.len(), values)
}

/// Every weighting that looks at gradients, in all its variants.
fn of_gradients() -> impl Iterator<Item = WeightingConfig> {
    WeightingConfig::variants().into_iter().filter(|config| config.signal() == Signal::Gradients)
}

#[test]
fn gradient_weightings_stay_finite_whatever_the_gradients() {
    let (a, b) = ([1.0, 2.0, -1.0], [0.5, -1.0, 3.0]);
    let scaled = |g: [f64; 3], scale: f64| g.map(|value| value * scale);
    let sum: [f64; 3] = std::array::from_fn(|index| 0.5 * a[index] + 0.7 * b[index]);
    let against: [f64; 3] = std::array::from_fn(|index| -a[index] - b[index]);
    let cases: [&[[f64; 3]]; 10] = [
        &[a, [0.0; 3]],
        &[[0.0; 3], [0.0; 3]],
        &[a, a],
        &[a, scaled(a, -1.0)],
        &[a, scaled(a, 3.0)],
        &[a, scaled(a, -1e-3)],
        &[a, b, sum],
        &[a, b, against],
        &[scaled(a, 1e-8), scaled(b, 1e-8)],
        &[a],
    ];
    let device = Device::default();
    for config in of_gradients() {
        for gradients in cases {
            let n_tasks = gradients.len();
            let mut weighting = config.init(n_tasks, Streams::new(1).named("weighting"));
            for _ in 0..3 {
                let losses = Tensor::full([2, n_tasks], 0.5, &device);
                let input = WeightingInput { losses, q_values: None, gram: Some(gram(gradients)) };
                let weights = host(input.of_rows(weigh(weighting.as_mut(), &input)));
                let bound = match config.name() {
                    // Weights that scale with the inverse of the gradients, and of their squares to the power of 2/3.
                    "nash_mtl" => 1e9,
                    "fairgrad" => 1e12,
                    _ => 1e6,
                };
                assert!(
                    weights.iter().all(|weight| weight.abs() < bound),
                    "{config:?} {gradients:?}: {weights:?}"
                );
            }
        }
    }
}

#[test]
fn dependent_gradients_are_weighted_equally_by_imtl() {
    let a = [1.0, 2.0, -1.0];
    let input = WeightingInput {
        losses: Tensor::full([1, 2], 0.5, &Device::default()),
        q_values: None,
        gram: Some(gram(&[a, a.map(|value| 3.0 * value)])),
    };
    let mut weighting = imtl::Config::default().init(2, Streams::new(1).named("weighting"));
    assert_eq!(host(input.of_rows(weigh(weighting.as_mut(), &input))), [0.5, 0.5]);
}

#[test]
fn weightings_of_entries_stay_finite_whatever_the_gradients() {
    let cases: [&[[f32; 2]]; 6] = [
        &[[1.0, 2.0], [0.0, 0.0]],
        &[[0.0, 0.0], [0.0, 0.0]],
        &[[1.0, 2.0], [-1.0, -2.0]],
        &[[1e-20, -1e-20], [1e-20, 1e-20]],
        &[[1e6, 1.0], [-1e6, 3.0], [1.0, 1e-6]],
        &[[1.0, -2.0]],
    ];
    let of_entries =
        WeightingConfig::variants().into_iter().filter(|config| config.signal() == Signal::Entries);
    let configs: Vec<WeightingConfig> = of_entries.collect();
    assert!(configs.len() >= 4);
    for config in configs {
        for gradients in cases {
            let n_tasks = gradients.len();
            let mut weighting = config.init(n_tasks, Streams::new(1).named("weighting"));
            for step in 0..5 {
                // A table of two rows of one entry; the second one comes and goes.
                let rows: Vec<u32> = if step % 2 == 0 { vec![0, 1] } else { vec![0] };
                let tasks = gradients.iter().map(|g| g[..rows.len()].to_vec()).collect();
                let table = ParameterGradients { n_rows: 2, rows, width: 1, tasks };
                let mut entries = TaskGradients { parameters: vec![table] };
                weighting.adjust(&vec![0.5; n_tasks], &mut entries);
                let losses = Tensor::full([2, n_tasks], 0.5, &Device::default());
                let input = WeightingInput { losses, q_values: None, gram: None };
                let weights = host(input.of_rows(weigh(weighting.as_mut(), &input)));
                let values = entries.parameters[0].tasks.concat();
                assert!(
                    weights.iter().chain(&values).all(|value| value.abs() < 1e7),
                    "{config:?} {gradients:?}: {weights:?} {values:?}"
                );
            }
        }
    }
}
