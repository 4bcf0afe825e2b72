//! What every backbone of the registry must do, over two and three tasks.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData, Tolerance};
use rand::RngExt;

use super::{AnyBackbone, Backbone, BackboneConfig, Input};
use crate::encoder::host;
use crate::layer::uniform;
use crate::loss::task_bce;
use crate::pass::Pass;
use crate::stream::{Stream, Streams};
use crate::weights::{NamedTensors, collect, restore};

const BATCH: usize = 16;

fn inputs() -> [Input; 2] {
    let chain = |n_tasks: usize| (0..n_tasks).map(|task| task.checked_sub(1)).collect();
    [2, 3].map(|n_tasks| Input { n_fields: 4, dim: 6, parents: chain(n_tasks) })
}

fn for_every_backbone(check: impl Fn(&BackboneConfig, &Input)) {
    for config in BackboneConfig::all() {
        for input in inputs() {
            config.check(&input).unwrap();
            check(&config, &input);
        }
    }
}

fn init(config: &BackboneConfig, input: &Input, seed: u64) -> AnyBackbone {
    config.init(input, &mut Streams::new(seed).named("init"), &Device::default().autodiff())
}

fn views(config: &BackboneConfig, input: &Input, stream: &mut Stream) -> Vec<Tensor<3>> {
    let shape = [BATCH, input.n_fields, input.dim];
    let view = |_| uniform(shape, 1.0, stream, &Device::default()).val();
    (0..config.n_views(input.n_tasks())).map(view).collect()
}

fn evaluate(model: &AnyBackbone, views: &[Tensor<3>]) -> Vec<f32> {
    host(model.valid().forward(views, &mut Pass::evaluation()).probabilities)
}

#[test]
fn gives_a_probability_per_row_and_task() {
    for_every_backbone(|config, input| {
        let views = views(config, input, &mut Streams::new(1).named("x"));
        let found = init(config, input, 1).valid().forward(&views, &mut Pass::evaluation()).probabilities;
        assert_eq!(found.dims(), [BATCH, input.n_tasks()], "{}", config.name());
        assert!(host(found).iter().all(|&p| p > 0.0 && p < 1.0), "{}", config.name());
    });
}

#[test]
fn same_seed_same_bytes_and_another_seed_others() {
    for_every_backbone(|config, input| {
        let views = views(config, input, &mut Streams::new(1).named("x"));
        let of_seed = |seed| evaluate(&init(config, input, seed), &views);
        assert_eq!(of_seed(1), of_seed(1), "{}", config.name());
        assert_ne!(of_seed(1), of_seed(2), "{}", config.name());
    });
}

#[test]
fn rows_do_not_see_one_another() {
    for_every_backbone(|config, input| {
        let mut stream = Streams::new(1).named("x");
        let (a, b) = (views(config, input, &mut stream), views(config, input, &mut stream));
        // Row 0 of `a` beside the other rows of `b`.
        let mixed: Vec<_> = a
            .iter()
            .zip(&b)
            .map(|(a, b)| Tensor::cat(vec![a.clone().narrow(0, 0, 1), b.clone().narrow(0, 1, BATCH - 1)], 0))
            .collect();
        let model = init(config, input, 1);
        let n = input.n_tasks();
        let (alone, beside) = (evaluate(&model, &a), evaluate(&model, &mixed));
        for (x, y) in alone[..n].iter().zip(&beside[..n]) {
            assert!((x - y).abs() < 1e-6, "{}: {x} against {y}", config.name());
        }
        assert_ne!(alone[n..], beside[n..]);
    });
}

#[test]
fn every_parameter_gets_a_gradient() {
    struct Untouched<'a>(&'a burn::tensor::Gradients, usize);
    impl ModuleVisitor for Untouched<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = param.val().grad(self.0).map(|gradient| host(gradient.abs().sum())[0]);
            self.1 += usize::from(gradient.is_none_or(|sum| sum == 0.0 || !sum.is_finite()));
        }
    }
    for_every_backbone(|config, input| {
        let model = init(config, input, 1);
        let views = views(config, input, &mut Streams::new(1).named("x"));
        let labels = Tensor::ones([BATCH, input.n_tasks()], &Device::default());
        let p = model.forward(&views, &mut Pass::evaluation()).probabilities;
        let gradients = task_bce(p, &labels).sum().backward();
        let mut untouched = Untouched(&gradients, 0);
        model.visit(&mut untouched);
        assert_eq!(untouched.1, 0, "{}: parameters without a gradient", config.name());
    });
}

#[test]
fn parameters_survive_a_round_trip() {
    for_every_backbone(|config, input| {
        let views = views(config, input, &mut Streams::new(1).named("x"));
        let source = init(config, input, 1);
        let mut saved = NamedTensors::new();
        collect(&source, "network", &mut saved);
        let restored = restore(init(config, input, 2), "network", &saved).unwrap();
        assert_eq!(evaluate(&source, &views), evaluate(&restored, &views), "{}", config.name());
    });
}

#[test]
fn settings_survive_a_round_trip_and_refuse_unknown_keys() {
    for config in BackboneConfig::all() {
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<BackboneConfig>(&json).unwrap(), config);
        let typo = json.replacen(":{", ":{\"drpout\":0.1,", 1);
        let error = serde_json::from_str::<BackboneConfig>(&typo).unwrap_err().to_string();
        assert!(error.contains("drpout"), "{}: {error}", config.name());
    }
}

#[test]
fn one_batch_can_be_overfitted() {
    use burn::optim::{AdamConfig, GradientsParams};
    for_every_backbone(|config, input| {
        let mut stream = Streams::new(1).named("x");
        let views = views(config, input, &mut stream);
        let mut labels = Vec::new();
        for _ in 0..BATCH {
            // Cumulative along the chain, so that chained backbones can fit them too.
            let mut alive = true;
            for _ in 0..input.n_tasks() {
                alive &= stream.random::<f32>() < 0.6;
                labels.push(f32::from(u8::from(alive)));
            }
        }
        let labels = TensorData::new(labels, [BATCH, input.n_tasks()]);
        let labels = Tensor::from_data(labels, &Device::default());
        let mut model = init(config, input, 1);
        let mut optimizer = AdamConfig::new().init();
        let mut loss = f32::INFINITY;
        for _ in 0..120 {
            let p = model.forward(&views, &mut Pass::evaluation()).probabilities;
            let value = task_bce(p, &labels).mean();
            loss = host(value.clone())[0];
            let gradients = GradientsParams::from_grads(value.backward(), &model);
            model = optimizer.step(3e-3, model, gradients);
        }
        assert!(loss < 0.02, "{}: loss {loss} after 120 steps on one batch", config.name());
    });
}

#[test]
fn dropout_acts_in_training_alone() {
    for_every_backbone(|config, input| {
        let views = views(config, input, &mut Streams::new(1).named("x"));
        let model = init(config, input, 1).valid();
        let mut masks = Streams::new(1).named("dropout");
        let training = model.forward(&views, &mut Pass::training(&mut masks)).probabilities;
        assert_ne!(host(training), evaluate(&model, &views), "{}", config.name());
    });
}

#[test]
fn chained_backbones_are_cumulative() {
    let input = &inputs()[1];
    let config = BackboneConfig::Esmm(Default::default());
    let views = views(&config, input, &mut Streams::new(1).named("x"));
    for row in evaluate(&init(&config, input, 1), &views).chunks_exact(3) {
        assert!(row[0] > row[1] && row[1] > row[2], "{row:?}");
    }
    let independent = Input { parents: vec![None, None], ..input.clone() };
    assert!(config.check(&independent).unwrap_err().contains("after"));
}

/// Dense parameters with 7 categorical fields and one numeric column, whose projection counts 2 · dim.
#[test]
fn parameter_counts_match_the_reference() {
    let input = |dim| Input { n_fields: 8, dim, parents: vec![None, Some(0)] };
    let count = |config: BackboneConfig, dim| init(&config, &input(dim), 1).num_params() + 2 * dim;
    assert_eq!(count(BackboneConfig::SharedBottom(Default::default()), 128), 738_818);
    assert_eq!(count(BackboneConfig::Esmm(Default::default()), 128), 1_394_946);
    assert_eq!(count(BackboneConfig::Mmoe(Default::default()), 128), 5_348_114);
    let four = super::mmoe::Config { n_experts: 4, ..Default::default() };
    assert_eq!(count(BackboneConfig::SharedBottom(Default::default()), 16), 279_842);
    assert_eq!(count(BackboneConfig::Esmm(Default::default()), 16), 477_218);
    assert_eq!(count(BackboneConfig::Mmoe(four), 16), 873_002);
}

#[test]
fn mmoe_by_hand_mixes_experts_with_its_gates() {
    // With one expert every gate is 1, so MMoE is a shared bottom with the expert's parameters.
    let input = &inputs()[0];
    let one = BackboneConfig::Mmoe(super::mmoe::Config { n_experts: 1, ..Default::default() });
    let views = views(&one, input, &mut Streams::new(1).named("x"));
    let mmoe = init(&one, input, 1);
    let before = evaluate(&mmoe, &views);
    let mut saved = NamedTensors::new();
    collect(&mmoe, "network", &mut saved);
    for (name, tensor) in &mut saved {
        if name.contains("gates") {
            tensor.values.iter_mut().for_each(|value| *value = 3.0 * *value + 1.0);
        }
    }
    let after = evaluate(&restore(mmoe, "network", &saved).unwrap(), &views);
    let data = |values: Vec<f32>| TensorData::new(values, [BATCH, 2]);
    data(before).assert_approx_eq::<f32>(&data(after), Tolerance::default());
}
