//! Backbones and loss terms against the numbers of independent PyTorch scripts, see `tests/golden/README.md` in the
//! repository's root.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;
use std::path::PathBuf;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rmtl_agents::backbone::{AnyBackbone, Backbone, BackboneConfig, Input, Predictions};
use rmtl_agents::interaction::{Cross, Interaction, InteractionConfig};
use rmtl_agents::loss::{AgentInput, LossesConfig, TaskFacts};
use rmtl_agents::parameter::{NamedTensor, NamedTensors, OptimizerConfig, collect, host, restore};
use rmtl_agents::pass::Pass;
use rmtl_agents::stream::Streams;
use rmtl_agents::weighting::{
    Gram, LossWeighting, ParameterGradients, Signal, TaskGradients, WeightingConfig, WeightingInput, weigh,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Values of a tensor, row-major.
#[derive(Clone, Debug, Deserialize)]
struct Golden {
    shape: Vec<usize>,
    values: Vec<f32>,
}

#[derive(Deserialize)]
struct BackboneCase {
    backbone: BackboneConfig,
    #[serde(default)]
    interaction: InteractionConfig,
    losses: LossesConfig,
    parents: Vec<Option<usize>>,
    n_fields: usize,
    dim: usize,
    views: Vec<Golden>,
    labels: Golden,
    weights: BTreeMap<String, Golden>,
    /// Dropout masks in the order of the forward pass; none in evaluation.
    #[serde(default)]
    masks: Vec<Golden>,
    probabilities: Golden,
    conditional: Option<Golden>,
    imputed: Option<Golden>,
    loss: f32,
    gradients: BTreeMap<String, Golden>,
    view_gradients: Vec<Golden>,
    after_adam: BTreeMap<String, Golden>,
}

#[derive(Deserialize)]
struct LossCase {
    losses: LossesConfig,
    parents: Vec<Option<usize>>,
    positive_rates: Vec<f64>,
    probabilities: Golden,
    conditional: Option<Golden>,
    imputed: Option<Golden>,
    fields: Vec<Golden>,
    labels: Golden,
    agent: Option<GoldenAgent>,
    value: f32,
    gradients: LossGradients,
}

/// A critic with the values −(a p² + b p), and a pretrained actor.
#[derive(Deserialize)]
struct GoldenAgent {
    a: Golden,
    b: Golden,
    pretrained: Golden,
}

impl GoldenAgent {
    fn input(&self, probabilities: &Tensor<2>, device: &Device) -> AgentInput {
        let [a, b, pretrained] =
            [&self.a, &self.b, &self.pretrained].map(|golden| golden.tensor::<2>(device));
        let q_values = (a * probabilities.clone().square() + b * probabilities.clone()).neg();
        AgentInput { q_values, pretrained: Some(pretrained) }
    }
}

#[derive(Deserialize)]
struct LossGradients {
    probabilities: Option<Golden>,
    conditional: Option<Golden>,
    imputed: Option<Golden>,
    fields: Option<Vec<Golden>>,
}

#[derive(Deserialize)]
struct WeightingCase {
    weighting: WeightingConfig,
    epochs: Vec<Vec<WeightingStep>>,
}

#[derive(Deserialize)]
struct WeightingStep {
    losses: Vec<f64>,
    gram: Option<Vec<Vec<f64>>>,
    losses_after: Option<Vec<f64>>,
    weights: Vec<f32>,
    gradients: Option<Entries>,
    combined: Option<Combined>,
    drawn: Option<Drawn>,
}

/// Every task's gradient, entry by entry.
#[derive(Deserialize)]
struct Entries {
    dense: Vec<Vec<f32>>,
    n_rows: usize,
    rows: Vec<u32>,
    table: Vec<Vec<f32>>,
}

impl Entries {
    fn gradients(&self) -> TaskGradients {
        let width = self.table[0].len() / self.rows.len();
        let dense = ParameterGradients {
            n_rows: 1,
            rows: vec![0],
            width: self.dense[0].len(),
            tasks: self.dense.clone(),
        };
        let rows = self.rows.clone();
        let table = ParameterGradients { n_rows: self.n_rows, rows, width, tasks: self.table.clone() };
        TaskGradients { parameters: vec![dense, table] }
    }
}

/// The combined gradient.
#[derive(Deserialize)]
struct Combined {
    dense: Vec<f32>,
    table: Vec<f32>,
}

/// What an entry of the combined gradient is for a share of the draws, and for the others.
#[derive(Deserialize)]
struct Drawn {
    share: Vec<f64>,
    positive: Vec<f32>,
    negative: Vec<f32>,
}

/// `Σ w_k g_k`, dense entries and those of the table.
fn combined(gradients: &TaskGradients, weights: &[f32]) -> Vec<f32> {
    let of_parameter = |parameter: &ParameterGradients| {
        let entry = |at: usize| parameter.tasks.iter().zip(weights).map(|(g, w)| w * g[at]).sum::<f32>();
        (0..parameter.tasks[0].len()).map(entry).collect::<Vec<f32>>()
    };
    gradients.parameters.iter().flat_map(of_parameter).collect()
}

/// Every entry has one of its two values, at the share of draws that is its own.
fn assert_drawn(weighting: &mut dyn LossWeighting, step: &WeightingStep, drawn: &Drawn, at: impl Debug) {
    let entries = step.gradients.as_ref().unwrap();
    let n_draws = 1000;
    let mut n_positive = vec![0.0; drawn.share.len()];
    for _ in 0..n_draws {
        let mut gradients = entries.gradients();
        weighting.adjust(&step.losses, &mut gradients);
        for (index, found) in combined(&gradients, &step.weights).into_iter().enumerate() {
            let is = |expected: f32| (found - expected).abs() <= 1e-6 + 1e-5 * expected.abs();
            assert!(is(drawn.positive[index]) || is(drawn.negative[index]), "{at:?} entry {index}: {found}");
            n_positive[index] += f64::from(u8::from(is(drawn.positive[index])));
        }
    }
    for (n_positive, share) in n_positive.into_iter().zip(&drawn.share) {
        // Five standard errors.
        let error = 5.0 * (share * (1.0 - share) / f64::from(n_draws)).sqrt();
        assert!(
            (n_positive / f64::from(n_draws) - share).abs() <= error + 1e-12,
            "{at:?}: {n_positive} {share}"
        );
    }
}

/// What an actor has between its tables and its predictions.
#[derive(Module, Debug)]
struct Network {
    /// One per view.
    interaction: Vec<Interaction>,
    backbone: AnyBackbone,
}

impl Network {
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        let views = views.iter().zip(&self.interaction);
        let seen: Vec<_> = views.map(|(view, interaction)| interaction.forward(view.clone())).collect();
        self.backbone.forward(&seen, pass)
    }
}

/// Every case of a folder with its name: those that the script has listed, no fewer and no more.
fn cases<T: DeserializeOwned>(folder: &str) -> Vec<(String, T)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(folder);
    let listed = std::fs::read_to_string(folder.with_extension("txt")).unwrap();
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let case = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, case)
    };
    let cases: Vec<(String, T)> = paths.into_iter().map(read).collect();
    let names: Vec<&str> = cases.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, listed.lines().collect::<Vec<_>>(), "{}: found, and as listed", folder.display());
    cases
}

/// The numbers of tasks of the cases of `what` must be 2 and 3, whatever else there is.
fn assert_numbers_of_tasks(what: &str, found: impl Iterator<Item = usize>) {
    let found: BTreeSet<usize> = found.collect();
    assert!(found.is_superset(&BTreeSet::from([2, 3])), "{what} has golden numbers for {found:?} tasks");
}

impl Golden {
    fn tensor<const D: usize>(&self, device: &Device) -> Tensor<D> {
        Tensor::from_data(TensorData::new(self.values.clone(), self.shape.clone()), device)
    }

    /// |Δ| ≤ 1e-6 + 1e-5 · |x| wherever `counts`.
    fn assert_close(&self, found: &[f32], counts: impl Fn(usize) -> bool, what: impl Debug) {
        assert_eq!(self.values.len(), found.len(), "{what:?}");
        for (index, (&expected, &found)) in self.values.iter().zip(found).enumerate() {
            let close = (found - expected).abs() <= 1e-6 + 1e-5 * expected.abs();
            assert!(close || !counts(index), "{what:?}[{index}]: expected {expected}, found {found}");
        }
    }

    /// Of a gradient that may be absent where it is zero.
    fn assert_gradient<const D: usize>(&self, leaf: &Tensor<D>, gradients: &Gradients, what: impl Debug) {
        let found = leaf.grad(gradients).map_or_else(|| vec![0.0; self.values.len()], host);
        self.assert_close(&found, |_| true, what);
    }
}

/// The gradient of every parameter by its name in the golden files.
fn gradients_of(model: &Network, gradients: &Gradients) -> NamedTensors {
    struct Visitor<'a>(Vec<String>, &'a Gradients, NamedTensors);
    impl ModuleVisitor for Visitor<'_> {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.0.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = param.val().grad(self.1) {
                let tensor = NamedTensor { shape: gradient.dims().to_vec(), values: host(gradient) };
                self.2.insert(self.0.join("."), tensor);
            }
        }
    }
    let mut visitor = Visitor(Vec::new(), gradients, NamedTensors::new());
    model.visit(&mut visitor);
    visitor.2.into_iter().map(|(path, tensor)| (golden_name(&path), tensor)).collect()
}

/// A backbone's parameters are called by their paths below its own name, those of an interaction by the whole path.
fn golden_name(path: &str) -> String {
    match path.strip_prefix("backbone.") {
        Some(path) => path.split_once('.').unwrap().1.to_owned(),
        None => path.to_owned(),
    }
}

/// Every parameter by its path, and its name in the golden files.
fn parameters_of(model: &Network) -> Vec<(String, String, NamedTensor)> {
    let mut tensors = NamedTensors::new();
    collect(model, "network", &mut tensors);
    let named = |(path, tensor): (String, NamedTensor)| {
        let name = golden_name(path.split_once('.').unwrap().1);
        (path, name, tensor)
    };
    tensors.into_iter().map(named).collect()
}

/// The case's model with the case's weights; both have the same parameters.
fn model(name: &str, case: &BackboneCase, device: &Device) -> Network {
    let fields = Input::unnamed(case.n_fields, case.dim, &case.parents);
    let (width, input) = (fields.width(), case.interaction.seen(fields));
    case.interaction.check(width).unwrap_or_else(|error| panic!("{name}: {error}"));
    case.backbone.check(&input).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut stream = Streams::new(1).named("init");
    let model = Network {
        interaction: case.views.iter().map(|_| case.interaction.init(width, &mut stream, device)).collect(),
        backbone: case.backbone.init(&input, &mut stream, device),
    };
    let parameters = parameters_of(&model);
    let mut names: Vec<&String> = parameters.iter().map(|(_, name, _)| name).collect();
    names.sort();
    assert!(names.into_iter().eq(case.weights.keys()), "{name}");
    let weights = parameters.into_iter().map(|(path, name, _)| {
        let Golden { shape, values } = case.weights[&name].clone();
        (path, NamedTensor { shape, values })
    });
    restore(model, "network", &weights.collect()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_backbone_matches_pytorch() {
    let cases = cases::<BackboneCase>("backbones");
    for config in BackboneConfig::all() {
        let of_config = cases.iter().filter(|(_, case)| case.backbone.name() == config.name());
        assert_numbers_of_tasks(config.name(), of_config.map(|(_, case)| case.parents.len()));
        let has_masks = |(_, case): &(String, BackboneCase)| {
            case.backbone.name() == config.name() && !case.masks.is_empty()
        };
        assert!(cases.iter().any(has_masks), "{} has golden numbers with dropout", config.name());
    }
    cases.iter().for_each(|(name, case)| check_backbone(name, case));
}

#[test]
fn every_interaction_matches_pytorch_below_two_backbones() {
    let cases = cases::<BackboneCase>("interactions");
    let backbones = |is: fn(InteractionConfig) -> bool| {
        let cases = cases.iter().filter(|(_, case)| is(case.interaction));
        cases.map(|(_, case)| case.backbone.name()).collect::<BTreeSet<_>>().len()
    };
    assert!(backbones(|of| of == InteractionConfig::Fm) >= 2);
    assert!(backbones(|of| matches!(of, InteractionConfig::Cross(Cross { rank: None, .. }))) >= 2);
    assert!(backbones(|of| matches!(of, InteractionConfig::Cross(Cross { rank: Some(_), .. }))) >= 2);
    cases.iter().for_each(|(name, case)| check_backbone(name, case));
}

fn check_backbone(name: &str, case: &BackboneCase) {
    let device = Device::default().autodiff();
    let model = model(name, case, &device);
    let views: Vec<Tensor<3>> = case.views.iter().map(|view| view.tensor(&device).require_grad()).collect();
    let labels: Tensor<2> = case.labels.tensor(&Device::default());
    let mut masks: VecDeque<Vec<f32>> = case.masks.iter().map(|mask| mask.values.clone()).collect();
    let mut pass = if masks.is_empty() { Pass::evaluation() } else { Pass::given(&mut masks) };
    let predictions = model.forward(&views, &mut pass);
    assert!(masks.is_empty(), "{name}: {} masks are left", masks.len());
    case.probabilities.assert_close(
        &host(predictions.probabilities.clone()),
        |_| true,
        (name, "probabilities"),
    );
    let given = [
        ("conditional", &case.conditional, &predictions.conditional),
        ("imputed", &case.imputed, &predictions.imputed),
    ];
    for (what, golden, found) in given {
        assert_eq!(golden.is_some(), found.is_some(), "{name}: {what}");
        if let (Some(golden), Some(found)) = (golden, found) {
            golden.assert_close(&host(found.clone()), |_| true, (name, what));
        }
    }

    let tasks = TaskFacts {
        losses: Default::default(),
        parents: case.parents.clone(),
        positive_rates: vec![0.5; case.parents.len()],
    };
    let terms = case.losses.bind(tasks);
    let losses = terms.of_tasks(&predictions, &labels, None);
    let terms = terms.values(&predictions, &labels, &losses, &views, None);
    let bce = losses.mean_dim(0).sum();
    let loss = terms.into_iter().fold(bce, |sum, (_, term)| sum + term);
    let expected = Golden { shape: vec![1], values: vec![case.loss] };
    expected.assert_close(&host(loss.clone()), |_| true, (name, "loss"));

    let gradients = loss.backward();
    let found = gradients_of(&model, &gradients);
    assert_eq!(found.len(), case.gradients.len(), "{name}: parameters with a gradient");
    for (parameter, golden) in &case.gradients {
        golden.assert_close(&found[parameter].values, |_| true, (name, "gradient of", parameter));
    }
    assert_eq!(views.len(), case.view_gradients.len(), "{name}");
    for (view, golden) in views.iter().zip(&case.view_gradients) {
        golden.assert_gradient(view, &gradients, (name, "gradient of a view"));
    }

    let gradients = GradientsParams::from_grads(gradients, &model);
    let optimizer = OptimizerConfig::default();
    let stepped = optimizer.init().step(optimizer.learning_rate, model, gradients);
    let found: BTreeMap<String, NamedTensor> =
        parameters_of(&stepped).into_iter().map(|(_, name, tensor)| (name, tensor)).collect();
    assert!(case.after_adam.keys().eq(case.gradients.keys()), "{name}");
    for (parameter, golden) in &case.after_adam {
        let gradient = &case.gradients[parameter].values;
        let counts = |index: usize| gradient[index].abs() > 1e-6;
        golden.assert_close(&found[parameter].values, counts, (name, "after Adam:", parameter));
    }
}

#[test]
fn every_loss_term_matches_pytorch() {
    let device = Device::default().autodiff();
    let cases = cases::<LossCase>("losses");
    for (term, _) in LossesConfig::summaries() {
        let of_term = cases.iter().filter(|(_, case)| case.losses.terms()[0].0 == term);
        assert_numbers_of_tasks(term, of_term.map(|(_, case)| case.parents.len()));
    }
    for (name, case) in cases {
        let leaf = |golden: &Golden| golden.tensor::<2>(&device).require_grad();
        let predictions = Predictions {
            conditional: case.conditional.as_ref().map(leaf),
            imputed: case.imputed.as_ref().map(leaf),
            ..Predictions::from(leaf(&case.probabilities))
        };
        let fields: Vec<Tensor<3>> =
            case.fields.iter().map(|view| view.tensor(&device).require_grad()).collect();
        let labels = case.labels.tensor(&Device::default());
        let tasks = TaskFacts {
            losses: Default::default(),
            parents: case.parents.clone(),
            positive_rates: case.positive_rates.clone(),
        };
        let terms = case.losses.bind(tasks);
        let losses = terms.of_tasks(&predictions, &labels, None);
        let agent =
            case.agent.as_ref().map(|agent| agent.input(&predictions.probabilities, &Device::default()));
        let (_, value) = terms.values(&predictions, &labels, &losses, &fields, agent.as_ref()).remove(0);
        let expected = Golden { shape: vec![1], values: vec![case.value] };
        expected.assert_close(&host(value.clone()), |_| true, (&name, "value"));

        let gradients = value.backward();
        let inputs = [
            (Some(predictions.probabilities), &case.gradients.probabilities),
            (predictions.conditional, &case.gradients.conditional),
            (predictions.imputed, &case.gradients.imputed),
        ];
        for (input, golden) in inputs {
            let gradient = input.and_then(|input| input.grad(&gradients)).map(host);
            match golden {
                Some(golden) => golden.assert_close(&gradient.unwrap(), |_| true, (&name, "gradient")),
                None => {
                    assert!(gradient.is_none_or(|values| values.iter().all(|&value| value == 0.0)), "{name}")
                }
            }
        }
        let n_gradients = case.gradients.fields.as_ref().map_or(fields.len(), Vec::len);
        assert_eq!(fields.len(), n_gradients, "{name}");
        for (view, golden) in fields.iter().zip(case.gradients.fields.iter().flatten()) {
            golden.assert_gradient(view, &gradients, (&name, "gradient of a view"));
        }
    }
}

#[test]
fn every_weighting_matches_numpy() {
    let cases = cases::<WeightingCase>("weightings");
    for (weighting, _) in WeightingConfig::summaries() {
        // These are tested by hand, and by what they draw.
        if ["critic", "equal", "rlw", "controller"].contains(&weighting) {
            continue;
        }
        let of_weighting = cases.iter().filter(|(_, case)| case.weighting.name() == weighting);
        assert_numbers_of_tasks(weighting, of_weighting.map(|(_, case)| case.epochs[0][0].losses.len()));
    }
    for (name, case) in cases {
        let n_tasks = case.epochs[0][0].losses.len();
        case.weighting.check().and_then(|()| case.weighting.check_tasks(n_tasks)).unwrap();
        let mut weighting = case.weighting.init(n_tasks, Streams::new(1).named("weighting"));
        for (epoch, steps) in case.epochs.iter().enumerate() {
            let mut means = vec![0.0; n_tasks];
            for (index, step) in steps.iter().enumerate() {
                let losses: Vec<f32> = step.losses.iter().map(|&loss| loss as f32).collect();
                let losses = Tensor::from_data(TensorData::new(losses, [1, n_tasks]), &Device::default());
                let gram = step.gram.as_ref().map(|rows| Gram::new(n_tasks, rows.concat()));
                assert_eq!(gram.is_some(), weighting.signal() == Signal::Gradients, "{name}");
                assert_eq!(step.gradients.is_some(), weighting.signal() == Signal::Entries, "{name}");
                let mut gradients = step.gradients.as_ref().map(Entries::gradients);
                if let Some(gradients) = &mut gradients {
                    weighting.adjust(&step.losses, gradients);
                }
                let input = WeightingInput { losses, q_values: None, gram };
                let expected = Golden { shape: vec![n_tasks], values: step.weights.clone() };
                let found = host(input.of_rows(weigh(weighting.as_mut(), &input)));
                expected.assert_close(&found, |_| true, (&name, "epoch", epoch, "step", index));
                if let (Some(expected), Some(gradients)) = (&step.combined, &gradients) {
                    let values = [&expected.dense[..], &expected.table].concat();
                    let expected = Golden { shape: vec![values.len()], values };
                    let found = combined(gradients, &found);
                    expected.assert_close(&found, |_| true, (&name, "combined", epoch, "step", index));
                }
                if let Some(drawn) = &step.drawn {
                    assert_drawn(weighting.as_mut(), step, drawn, (&name, epoch, index));
                }
                assert_eq!(
                    step.combined.is_some() || step.drawn.is_some(),
                    step.gradients.is_some(),
                    "{name}: a combined gradient where there are gradients"
                );
                assert_eq!(step.losses_after.is_some(), weighting.needs_update(), "{name}");
                if let Some(losses) = &step.losses_after {
                    weighting.update(losses);
                }
                let share = steps.len() as f64;
                means.iter_mut().zip(&step.losses).for_each(|(mean, loss)| *mean += loss / share);
            }
            weighting.end_epoch(&means);
        }
    }
}
