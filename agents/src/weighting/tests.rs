use super::*;
use burn::tensor::Device;

/// Inner products of `[task, parameter]`.
fn gram(gradients: &[[f64; 3]]) -> Gram {
    let product = |a: &[f64; 3], b: &[f64; 3]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let values = gradients.iter().flat_map(|a| gradients.iter().map(move |b| product(a, b))).collect();
    Gram::new(gradients.len(), values)
}

#[test]
fn gradient_weightings_stay_finite_whatever_the_gradients() {
    let (a, b) = ([1.0, 2.0, -1.0], [0.5, -1.0, 3.0]);
    let scaled = |g: [f64; 3], scale: f64| g.map(|value| value * scale);
    let sum: [f64; 3] = std::array::from_fn(|index| 0.5 * a[index] + 0.7 * b[index]);
    let cases: [&[[f64; 3]]; 9] = [
        &[a, [0.0; 3]],
        &[[0.0; 3], [0.0; 3]],
        &[a, a],
        &[a, scaled(a, -1.0)],
        &[a, scaled(a, 3.0)],
        &[a, scaled(a, -1e-3)],
        &[a, b, sum],
        &[scaled(a, 1e-8), scaled(b, 1e-8)],
        &[a],
    ];
    let device = Device::default();
    for name in ["imtl", "gradnorm", "pcgrad", "gradvac", "mgda", "cagrad", "aligned_mtl", "nash_mtl"] {
        let config: WeightingConfig = serde_json::from_str(&format!("{{\"{name}\":{{}}}}")).unwrap();
        for gradients in cases {
            let n_tasks = gradients.len();
            let mut weighting = config.init(n_tasks, Streams::new(1).named("weighting"));
            for _ in 0..3 {
                let losses = Tensor::full([2, n_tasks], 0.5, &device);
                let input = WeightingInput { losses, q_values: None, gram: Some(gram(gradients)) };
                let weights = host(weighting.weights(&input));
                // Nash's weights scale with the inverse of the gradients.
                let bound = if name == "nash_mtl" { 1e9 } else { 1e6 };
                assert!(
                    weights.iter().all(|weight| weight.abs() < bound),
                    "{name} {gradients:?}: {weights:?}"
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
    assert_eq!(host(weighting.weights(&input)), [0.5, 0.5]);
}
