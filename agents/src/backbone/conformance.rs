//! What every backbone of the registry must do, over one, two and three tasks.

mod parameters;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData, Tolerance};
use rand::RngExt;

use super::{AnyBackbone, Backbone, BackboneConfig, Input, Predictions};
use crate::layer::uniform;
use crate::loss::{LossesConfig, TaskFacts, TaskLosses};
use crate::parameter::{NamedTensors, collect, host, n_parameters, restore};
use crate::pass::Pass;
use crate::stream::{Stream, Streams};

const BATCH: usize = 16;
const STEPS: usize = 200;

/// Chains of two and three tasks, a tree, a forest, and one task alone.
fn inputs() -> [Input; 5] {
    let input = |n_fields, parents: &[Option<usize>]| Input::unnamed(n_fields, 6, parents);
    [
        input(4, &[None, Some(0)]),
        input(4, &[None, Some(0), Some(1)]),
        input(4, &[None, Some(0), Some(0)]),
        input(2, &[None, None, Some(1)]),
        input(3, &[None]),
    ]
}

/// Whether a backbone takes this input: what works along a chain refuses one task alone, and nothing else is refused.
fn takes(config: &BackboneConfig, input: &Input) -> bool {
    match config.check(input) {
        Ok(()) => true,
        Err(message) => {
            assert!(input.n_tasks() == 1 && message.contains("along the task chain"), "{message}");
            false
        }
    }
}

/// The sum of the task losses, and the terms without which the backbone is another one.
fn loss(config: &BackboneConfig, input: &Input, predictions: &Predictions, labels: &Tensor<2>) -> Tensor<1> {
    let losses = LossesConfig::of(config.needs_loss());
    let tasks = TaskFacts {
        losses: Default::default(),
        parents: input.parents.clone(),
        positive_rates: vec![0.5; input.n_tasks()],
    };
    let losses = losses.bind(tasks);
    let bce = losses.of_tasks(predictions, labels, None);
    let terms = losses.values(predictions, labels, &bce, &[], None);
    terms.into_iter().fold(bce.mean_dim(0).sum(), |sum, (_, term)| sum + term)
}

fn for_every_backbone(check: impl Fn(&BackboneConfig, &Input)) {
    for config in BackboneConfig::variants() {
        for input in inputs().iter().filter(|input| takes(&config, input)) {
            check(&config, input);
        }
    }
}

fn init(config: &BackboneConfig, input: &Input, seed: u64) -> AnyBackbone {
    config.init(input, &mut Streams::new(seed).named("init"), &Device::default().autodiff())
}

fn views(config: &BackboneConfig, input: &Input, stream: &mut Stream) -> Vec<Tensor<3>> {
    let shape = [BATCH, input.n_fields(), input.dim];
    let view = |_| uniform(shape, 1.0, stream, &Device::default()).val();
    config.views(input.n_tasks()).iter().map(view).collect()
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
fn logits_are_those_of_the_probabilities() {
    for_every_backbone(|config, input| {
        let views = views(config, input, &mut Streams::new(1).named("x"));
        let found = init(config, input, 1).valid().forward(&views, &mut Pass::evaluation());
        assert_eq!(found.conditional.is_some(), config.gives_conditionals(), "{}", config.name());
        let log_odds = host(found.log_odds(&input.parents).unwrap_or_else(|| panic!("{}", config.name())));
        for (p, log_odds) in host(found.probabilities).into_iter().zip(log_odds) {
            let expected = 1.0 / (1.0 + (-log_odds).exp());
            assert!((p - expected).abs() < 1e-6, "{}: {p}, by its logits {expected}", config.name());
        }
    });
}

#[test]
fn a_network_for_prediction_has_the_same_probabilities() {
    for_every_backbone(|config, input| {
        let views = views(config, input, &mut Streams::new(1).named("x"));
        let model = init(config, input, 1);
        let lean = model.valid().for_prediction().forward(&views, &mut Pass::evaluation());
        assert!(lean.imputed.is_none() && lean.diagnostics.is_empty(), "{}", config.name());
        assert_eq!(host(lean.probabilities), evaluate(&model, &views), "{}", config.name());
    });
}

#[test]
fn starts_at_the_base_rates_where_it_is_told_them_and_at_a_half_otherwise() {
    let rates = [0.3, 0.03, 0.003];
    for_every_backbone(|config, input| {
        let n_tasks = input.n_tasks();
        let views = views(config, input, &mut Streams::new(1).named("x"));
        let mean = |base_rates: Option<Vec<f64>>, task: usize| {
            let input = Input { base_rates, ..input.clone() };
            let found = evaluate(&init(config, &input, 1), &views);
            found.chunks_exact(n_tasks).map(|row| f64::from(row[task])).sum::<f64>() / BATCH as f64
        };
        for (task, rate) in rates[..n_tasks].iter().enumerate() {
            let (told, untold) = (mean(Some(rates[..n_tasks].to_vec()), task), mean(None, task));
            assert!(
                (rate / 2.0..=2.0 * rate).contains(&told),
                "{} task {task}: {told} for {rate}",
                config.name()
            );
            assert!(
                task == 0 || untold > 2.0 * rate,
                "{} task {task}: {untold} without being told",
                config.name()
            );
        }
    });
}

#[test]
fn base_rates_without_a_finite_logit_of_their_own_are_bounded() {
    let input = Input { base_rates: Some(vec![0.2, 0.2, 0.1]), ..inputs()[1].clone() };
    let logits = input.initial_logits(true).unwrap();
    for (found, expected) in logits.iter().zip([0.25_f32.ln(), 999.0_f32.ln(), 0.0]) {
        assert!((found - expected).abs() < 1e-3, "{logits:?}");
    }
    let marginal = input.initial_logits(false).unwrap();
    assert!((marginal[2] - (1.0_f32 / 9.0).ln()).abs() < 1e-5, "{marginal:?}");
}

#[test]
fn one_task_is_enough_for_all_but_those_that_work_along_a_chain() {
    let alone = &inputs()[4];
    let all = BackboneConfig::all();
    let refusing = all.iter().filter(|config| !takes(config, alone)).map(BackboneConfig::name);
    assert_eq!(refusing.collect::<Vec<_>>(), ["esmm", "escm2", "aitm", "bpcm"]);
    let without_transfer = super::bpcm::Config { bpc: false, ..Default::default() };
    assert!(takes(&BackboneConfig::Bpcm(without_transfer), alone));
}

#[test]
fn a_single_field_is_enough() {
    let input = Input::unnamed(1, 6, &inputs()[0].parents);
    for config in BackboneConfig::variants() {
        let views = views(&config, &input, &mut Streams::new(1).named("x"));
        let p = evaluate(&init(&config, &input, 1), &views);
        assert!(p.iter().all(|&p| p > 0.0 && p < 1.0), "{}", config.name());
    }
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
            if !param.val().is_require_grad() {
                return; // a buffer
            }
            let gradient = param.val().grad(self.0).map(|gradient| host(gradient.abs().sum())[0]);
            self.1 += usize::from(gradient.is_none_or(|sum| sum == 0.0 || !sum.is_finite()));
        }
    }
    for_every_backbone(|config, input| {
        let model = init(config, input, 1);
        let views = views(config, input, &mut Streams::new(1).named("x"));
        let labels = Tensor::ones([BATCH, input.n_tasks()], &Device::default());
        let predictions = model.forward(&views, &mut Pass::evaluation());
        let gradients = loss(config, input, &predictions, &labels).backward();
        let mut untouched = Untouched(&gradients, 0);
        model.visit(&mut untouched);
        assert_eq!(untouched.1, 0, "{}: parameters without a gradient", config.name());
    });
}

#[test]
fn every_task_reaches_what_a_backbone_declares_shared() {
    struct Unreached<'a>(&'a burn::tensor::Gradients, Vec<burn::module::ParamId>, usize);
    impl ModuleVisitor for Unreached<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.1.contains(&param.id) && param.val().is_require_grad() {
                let gradient = param.val().grad(self.0).map(|gradient| host(gradient.abs().sum())[0]);
                self.2 += usize::from(gradient.is_none_or(|sum| sum == 0.0));
            }
        }
    }
    for_every_backbone(|config, input| {
        let model = init(config, input, 1);
        let views = views(config, input, &mut Streams::new(1).named("x"));
        for task in 0..input.n_tasks() {
            let p = model.forward(&views, &mut Pass::evaluation()).probabilities;
            let gradients = p.narrow(1, task, 1).sum().backward();
            let mut unreached = Unreached(&gradients, model.shared(), 0);
            model.visit(&mut unreached);
            assert_eq!(unreached.2, 0, "{}, task {task}", config.name());
        }
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
    for config in BackboneConfig::variants() {
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
            let start = labels.len();
            for parent in &input.parents {
                let possible = parent.is_none_or(|parent| labels[start + parent] == 1.0);
                labels.push(f32::from(u8::from(possible && stream.random::<f32>() < 0.6)));
            }
        }
        let labels = TensorData::new(labels, [BATCH, input.n_tasks()]);
        let labels = Tensor::from_data(labels, &Device::default());
        let mut model = init(config, input, 1);
        let mut optimizer = AdamConfig::new().init();
        let mut best = f32::INFINITY;
        for _ in 0..STEPS {
            let predictions = model.forward(&views, &mut Pass::evaluation());
            let value = TaskLosses::default().of(&predictions, &input.parents, &labels, None).mean();
            best = best.min(host(value.clone())[0]);
            if best < 0.02 {
                return;
            }
            let gradients = GradientsParams::from_grads(value.backward(), &model);
            model = optimizer.step(3e-3, model, gradients);
        }
        panic!("{}: loss {best} after {STEPS} steps on one batch", config.name());
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
