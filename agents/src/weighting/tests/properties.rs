//! What the weightings promise, for drawn gradients.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// `[task, parameter]`, two to four tasks with gradients of different lengths, none of which is close to a
/// combination of the others.
fn gradients() -> impl Strategy<Value = Vec<Vec<f64>>> {
    let of = |n_tasks: usize| vec((vec(-1.0..1.0_f64, 6), 0.1..10.0_f64), n_tasks);
    let scaled = |drawn: Vec<(Vec<f64>, f64)>| -> Vec<Vec<f64>> {
        drawn.into_iter().map(|(g, scale)| g.into_iter().map(|value| scale * value).collect()).collect()
    };
    (2..=4_usize).prop_flat_map(of).prop_map(scaled).prop_filter("almost dependent", |gradients| {
        let gram = gram(gradients);
        let n = gram.n();
        let cosine =
            |index: usize| gram.at(index / n, index % n) / (gram.norm(index / n) * gram.norm(index % n));
        let cosines = Gram::new(n, (0..n * n).map(cosine).collect());
        gram::eigen(&cosines).iter().all(|(value, _)| *value > 0.02)
    })
}

/// Weights of one step after another, every time with the same losses and gradients.
fn weights(config: &WeightingConfig, losses: &[f64], gradients: &[Vec<f64>], n_steps: usize) -> Vec<f64> {
    let n_tasks = losses.len();
    let mut weighting = config.init(n_tasks, Streams::new(1).named("weighting"));
    let mut last = Vec::new();
    for _ in 0..n_steps {
        let losses: Vec<f32> = losses.iter().map(|&loss| loss as f32).collect();
        let losses = Tensor::from_data(TensorData::new(losses, [1, n_tasks]), &Device::default());
        let input = WeightingInput { losses, q_values: None, gram: Some(gram(gradients)) };
        last = host(input.of_rows(weigh(weighting.as_mut(), &input))).into_iter().map(f64::from).collect();
    }
    last
}

/// `⟨g_k, Σ w g⟩`, over `‖g_k‖` times the length that the terms of the sum would have if they did not cancel out.
fn cosines_with_direction(gradients: &[Vec<f64>], w: &[f64]) -> Vec<f64> {
    let gram = gram(gradients);
    let length: f64 = w.iter().enumerate().map(|(k, w)| w.abs() * gram.norm(k)).sum();
    gram.times(w).iter().enumerate().map(|(k, product)| product / (gram.norm(k) * length)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_the_tasks_does_not_matter(gradients in gradients(), turn in 1..4_usize) {
        let mut losses = vec![0.3, 0.7, 0.2, 1.1];
        losses.truncate(gradients.len());
        let turned = |values: &[f64]| { let mut v = values.to_vec(); v.rotate_left(turn % values.len()); v };
        let mut turned_gradients = gradients.clone();
        turned_gradients.rotate_left(turn % gradients.len());
        // PCGrad and GradVac take the tasks in their order, as their documentation says.
        let ordered = ["pcgrad", "gradvac"];
        for config in of_gradients().filter(|config| !ordered.contains(&config.name())) {
            let expected = turned(&weights(&config, &losses, &gradients, 3));
            let found = weights(&config, &turned(&losses), &turned_gradients, 3);
            let size = expected.iter().fold(0.0, |size: f64, w| size.max(w.abs()));
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((found - expected).abs() < 1e-5 * size, "{config:?}: {found:?} {expected:?}");
            }
        }
    }

    #[test]
    fn upgrad_opposes_no_task(gradients in gradients()) {
        let losses = vec![0.5; gradients.len()];
        let config = WeightingConfig::Upgrad(upgrad::Config { regularization: 0.0 });
        let w = weights(&config, &losses, &gradients, 1);
        let exact = cosines_with_direction(&gradients, &w);
        prop_assert!(exact.iter().all(|&cosine| cosine > -1e-6), "{exact:?}");
        prop_assert!(w.iter().all(|&w| w >= 1.0 / gradients.len() as f64 - 1e-6), "{w:?}");
        // As much below 0 as the regularisation says, and rounding.
        let w = weights(&WeightingConfig::Upgrad(upgrad::Config::default()), &losses, &gradients, 1);
        let gram = gram(&gradients);
        let trace: f64 = (0..gram.n()).map(|k| gram.at(k, k)).sum();
        for (product, w) in gram.times(&w).iter().zip(&w) {
            prop_assert!(*product > -(1e-4 + 1e-6) * w * trace, "{product} {w}");
        }
    }

    #[test]
    fn pe_ltr_keeps_every_least_weight(gradients in gradients()) {
        let mut least = vec![0.05, 0.2, 0.1, 0.4];
        least.truncate(gradients.len());
        let config = WeightingConfig::PeLtr(pe_ltr::Config { least: Some(least.clone()) });
        let w = weights(&config, &least, &gradients, 1);
        prop_assert!(w.iter().zip(&least).all(|(w, least)| *w > least - 1e-6), "{w:?}");
        prop_assert!((w.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{w:?}");
        // Where no bound acts, both are the shortest combination.
        let losses = vec![0.5; gradients.len()];
        let shortest = weights(&WeightingConfig::Mgda(mgda::Config::default()), &losses, &gradients, 1);
        if shortest.iter().zip(&least).all(|(w, least)| w > least) {
            prop_assert!(w.iter().zip(&shortest).all(|(w, shortest)| (w - shortest).abs() < 1e-5), "{w:?} {shortest:?}");
        }
    }

    #[test]
    fn fairgrad_shares_progress_out_as_its_equation_says(gradients in gradients(), scale in -6..6_i32) {
        let gradients: Vec<Vec<f64>> =
            gradients.iter().map(|g| g.iter().map(|value| value * 10_f64.powi(scale)).collect()).collect();
        let gram = gram(&gradients);
        for alpha in [0.1, 0.5, 1.0, 2.0, 10.0] {
            let config = fairgrad::Config { alpha };
            let mut weighting = config.init(gradients.len(), Streams::new(1).named("weighting"));
            let losses = Tensor::full([1, gradients.len()], 0.5, &Device::default());
            let input = WeightingInput { losses, q_values: None, gram: Some(gram.clone()) };
            let w: Vec<f64> = host(input.of_rows(weigh(weighting.as_mut(), &input))).into_iter().map(f64::from).collect();
            for (k, product) in gram.times(&w).iter().enumerate() {
                // Rounding of single precision against the terms of the sum.
                let terms: f64 = (0..w.len()).map(|j| (gram.at(k, j) * w[j]).abs()).sum();
                let expected = w[k].powf(-1.0 / alpha);
                let error = (product - expected).abs();
                prop_assert!(error < 1e-6 * terms + 2e-6 * expected / alpha, "{alpha}: {product} {expected}");
            }
        }
        let losses = vec![0.5; gradients.len()];
        let fair = weights(&WeightingConfig::Fairgrad(fairgrad::Config { alpha: 1.0 }), &losses, &gradients, 1);
        let nash = weights(&WeightingConfig::NashMtl(nash_mtl::Config::default()), &losses, &gradients, 1);
        prop_assert!(fair.iter().zip(&nash).all(|(a, b)| (a - b).abs() < 1e-5 * b), "{fair:?} {nash:?}");
    }

    #[test]
    fn sdmgrad_and_modo_come_to_what_they_descend_to(gradients in gradients()) {
        let losses = vec![0.5; gradients.len()];
        let gram = gram(&gradients);
        let length = |w: &[f64]| gram.product(w, w).max(0.0).sqrt();
        let shortest = length(&weights(&WeightingConfig::Mgda(mgda::Config::default()), &losses, &gradients, 1));
        let longest = (0..gram.n()).map(|k| gram.norm(k)).fold(0.0, f64::max);
        let sdmgrad = sdmgrad::Config { lambda: 0.0, learning_rate: 0.05, steps: 1000 };
        let modo = modo::Config { learning_rate: 0.1 / longest.powi(2), decay: 0.0 };
        for (config, n_steps) in [(WeightingConfig::Sdmgrad(sdmgrad), 20), (WeightingConfig::Modo(modo), 5000)] {
            let w = weights(&config, &losses, &gradients, n_steps);
            prop_assert!((w.iter().sum::<f64>() - 1.0).abs() < 1e-6 && w.iter().all(|&w| w >= 0.0), "{w:?}");
            prop_assert!(length(&w) - shortest < 0.01 * longest, "{config:?}: {} {shortest}", length(&w));
        }
    }

    #[test]
    fn multibalance_does_not_care_how_long_a_gradient_is(gradients in gradients(), factor in 0.1..10.0_f64) {
        let losses = vec![0.5; gradients.len()];
        let config = WeightingConfig::Multibalance(multibalance::Config::default());
        let mut longer = gradients.clone();
        longer[0].iter_mut().for_each(|value| *value *= factor);
        let w = weights(&config, &losses, &gradients, 3);
        let v = weights(&config, &losses, &longer, 3);
        let shares = |w: &[f64], first: f64| -> Vec<f64> {
            let parts: Vec<f64> = w.iter().enumerate().map(|(k, w)| if k == 0 { first * w } else { *w }).collect();
            let sum: f64 = parts.iter().sum();
            parts.iter().map(|part| part / sum).collect()
        };
        for (w, v) in shares(&w, 1.0).iter().zip(shares(&v, factor)) {
            prop_assert!((w - v).abs() < 1e-5, "{w} {v}");
        }
    }

    #[test]
    fn gradcraft_frees_two_tasks_of_their_conflict_and_evens_out_the_others(gradients in gradients()) {
        let losses = vec![0.5; gradients.len()];
        let gram = gram(&gradients);
        let config = |epsilon| WeightingConfig::Gradcraft(gradcraft::Config { epsilon, ..Default::default() });
        let w = weights(&config(0.0), &losses, &gradients, 1);
        let n = gram.n();
        let is_free = (0..n * n).all(|index| gram.at(index / n, index % n) >= 0.0);
        if is_free {
            let lengths: Vec<f64> = w.iter().enumerate().map(|(k, w)| w * gram.norm(k)).collect();
            prop_assert!(lengths.iter().all(|length| (length / lengths[0] - 1.0).abs() < 1e-5), "{lengths:?}");
        } else if n == 2 {
            // Each is orthogonal to the other, so their sum has with each what it is long itself.
            let cosines = cosines_with_direction(&gradients, &w);
            prop_assert!(cosines.iter().all(|&cosine| cosine > 0.0), "{cosines:?}");
            prop_assert!((cosines[0] - cosines[1]).abs() < 1e-5, "{cosines:?}");
        }
    }
}
