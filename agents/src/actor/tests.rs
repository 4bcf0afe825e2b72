use super::*;
use crate::backbone::esmm;
use crate::backbone::shared_bottom;
use crate::input::BatchReader;
use crate::loss::{FloorRows, LossesConfig, TaskFacts, counterfactual, dependence};
use crate::parameter::host;
use crate::pass::Pass;
use crate::weighting::Settings as _;
use crate::weighting::{Gram, LossWeighting, Signal, WeightingInput, Weights, equal, famo};
use rmtl_envs::{LogTable, Row, RowValues, SessionEnd};

mod annealing;
mod at_floor;
mod course;
mod frozen;
mod gradients;
mod interaction;
mod moments;
mod rows_and_tasks;
mod update;
mod views;

/// Weights given from outside.
struct Given(Tensor<2>);

impl LossWeighting for Given {
    fn weights(&mut self, _input: &WeightingInput) -> Weights {
        Weights::PerRow(self.0.clone())
    }
}

fn schema() -> Schema {
    Schema::of_ids(&[("user", 3)], &[("click", None), ("buy", Some("click"))])
}

fn table(schema: &Schema) -> LogTable {
    let row = |id: &'static u32, labels: &'static [u8], time| RowValues {
        categorical: std::slice::from_ref(id),
        labels,
        time,
        end: SessionEnd::Terminated,
        ..RowValues::default()
    };
    LogTable::from_rows(schema, [row(&1, &[1, 0], 0), row(&2, &[0, 0], 1)])
}

fn actor(schema: &Schema) -> Actor {
    actor_with(schema, OptimizerConfig::default())
}

fn actor_with(schema: &Schema, optimizer: OptimizerConfig) -> Actor {
    let backbone = shared_bottom::Config { bottom: vec![4], tower: vec![3], dropout: 0.0 };
    let config = ActorConfig {
        backbone: BackboneConfig::SharedBottom(backbone),
        encoder: EncoderConfig { dim: 2, ..EncoderConfig::default() },
        interaction: InteractionConfig::default(),
        optimizer,
        base_rates: None,
    };
    Actor::new(&config, schema, &Streams::new(2), &Device::default())
}

fn step(actor: &mut Actor, weights: [[f32; 2]; 2], losses: &LossesConfig) -> ActorStep {
    let schema = schema();
    let losses = losses.bind(TaskFacts {
        losses: Default::default(),
        parents: schema.parents(),
        positive_rates: vec![0.5; 2],
    });
    let table = table(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let rows = [Row(0), Row(1)];
    let batch = ActorBatch {
        counts: None,
        states: &reader.states(&rows),
        labels: reader.labels(&rows),
        critic: None,
        pretrained: None,
    };
    let mut weights = Given(Tensor::from_floats(weights, &Device::default()));
    actor.step(batch, &mut weights, &losses, &mut Pass::evaluation(), true)
}

fn predictions(actor: &Actor) -> Vec<f64> {
    let schema = schema();
    let table = table(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    host(actor.predict(&reader.states(&[Row(0), Row(1)]))).into_iter().map(f64::from).collect()
}

#[test]
fn the_loss_is_a_sum_over_tasks_of_weighted_means_over_rows_plus_the_terms() {
    let mut actor = actor(&schema());
    let p = predictions(&actor);
    // Labels (1, 0) and (0, 0).
    let bce = [-p[0].ln(), -(1.0 - p[1]).ln(), -(1.0 - p[2]).ln(), -(1.0 - p[3]).ln()];
    let gaps = [(p[0] - p[1]) - 1.0, p[2] - p[3]];
    let term = 0.5 * (gaps[0].powi(2) + gaps[1].powi(2)) / 2.0;
    let dependence = dependence::Config { sigma: dependence::Sigma::All(0.5), ..Default::default() };
    let losses = LossesConfig { dependence: Some(dependence), ..Default::default() };
    let done = step(&mut actor, [[2.0, 3.0], [4.0, 5.0]], &losses);
    let close =
        |found: f64, expected: f64| assert!((found - expected).abs() < 1e-5, "{found} against {expected}");
    close(done.task_losses[0], (bce[0] + bce[2]) / 2.0);
    close(done.task_losses[1], (bce[1] + bce[3]) / 2.0);
    close(done.weighted_losses[0], (2.0 * bce[0] + 4.0 * bce[2]) / 2.0);
    close(done.weighted_losses[1], (3.0 * bce[1] + 5.0 * bce[3]) / 2.0);
    close(done.terms[0].1, term);
    close(done.loss, done.weighted_losses[0] + done.weighted_losses[1] + term);
}

#[test]
fn weights_scale_gradients_and_rows_of_weight_zero_stay_put() {
    let schema = schema();
    let once = step(&mut actor(&schema), [[1.0, 1.0], [1.0, 1.0]], &LossesConfig::default());
    let thrice = step(&mut actor(&schema), [[3.0, 3.0], [3.0, 3.0]], &LossesConfig::default());
    let ratio = thrice.dense_gradient_norm.unwrap() / once.dense_gradient_norm.unwrap();
    assert!((ratio - 3.0).abs() < 1e-4, "{ratio}");
    assert!((thrice.embedding_gradient_norm / once.embedding_gradient_norm - 3.0).abs() < 1e-4);

    let mut actor = actor(&schema);
    let before = actor.encoder().views[0].table.weights().to_vec();
    step(&mut actor, [[1.0, 1.0], [0.0, 0.0]], &LossesConfig::default());
    let after = actor.encoder().views[0].table.weights();
    assert_ne!(before[2..4], after[2..4], "row 1, weight 1");
    assert_eq!(before[4..6], after[4..6], "row 2, weight 0");
    assert_eq!(before[..2], after[..2], "row 0 is not in the batch");
}

#[test]
fn saved_weights_give_the_same_predictions() {
    let schema = schema();
    let mut trained = actor(&schema);
    step(&mut trained, [[1.0, 1.0], [1.0, 1.0]], &LossesConfig::default());
    let loaded = actor(&schema).load(&trained.weights()).unwrap();
    assert_eq!(predictions(&loaded), predictions(&trained));
    assert_ne!(predictions(&loaded), predictions(&actor(&schema)));
}

/// Weights given from outside for the tasks' gradients; remembers their inner products.
struct OnGradients([f32; 2], Option<Gram>);

impl LossWeighting for OnGradients {
    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        self.1.clone_from(&input.gram);
        Weights::PerTask(self.0.map(f64::from).into())
    }
}

fn esmm_actor(schema: &Schema, dropout: f64) -> Actor {
    let backbone = esmm::Config { bottom: vec![4], tower: vec![3], dropout };
    let config = ActorConfig {
        backbone: BackboneConfig::Esmm(backbone),
        encoder: EncoderConfig { dim: 2, ..EncoderConfig::default() },
        interaction: InteractionConfig::default(),
        optimizer: OptimizerConfig::default(),
        base_rates: None,
    };
    Actor::new(&config, schema, &Streams::new(2), &Device::default())
}

fn trained(actor: &mut Actor, weighting: &mut dyn LossWeighting, losses: &LossesConfig) -> ActorStep {
    let schema = schema();
    let table = table(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let rows = [Row(0), Row(1)];
    let batch = ActorBatch {
        counts: None,
        states: &reader.states(&rows),
        labels: reader.labels(&rows),
        critic: None,
        pretrained: None,
    };
    let losses = losses.bind(TaskFacts {
        losses: Default::default(),
        parents: schema.parents(),
        positive_rates: vec![0.5; 2],
    });
    let mut masks = Streams::new(4).named("dropout");
    actor.step(batch, weighting, &losses, &mut Pass::training(&mut masks), true)
}

#[test]
fn gradients_task_by_task_see_the_same_masks_and_sum_to_the_gradient_of_the_sum() {
    let schema = schema();
    let dependence = dependence::Config::default();
    let losses = LossesConfig { dependence: Some(dependence), ..Default::default() };
    let (mut at_once, mut by_task) = (esmm_actor(&schema, 0.5), esmm_actor(&schema, 0.5));
    let mut equal = equal::Config::default().init(2, Streams::new(1).named("weighting"));
    let expected = trained(&mut at_once, equal.as_mut(), &losses);
    let found = trained(&mut by_task, &mut OnGradients([1.0, 1.0], None), &losses);
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} against {b}");
    close(found.loss, expected.loss);
    close(found.embedding_gradient_norm, expected.embedding_gradient_norm);
    close(found.dense_gradient_norm.unwrap(), expected.dense_gradient_norm.unwrap());
    predictions(&at_once).into_iter().zip(predictions(&by_task)).for_each(|(a, b)| close(a, b));
}

#[test]
fn rows_below_a_floor_are_counted_with_one_backward_pass_and_with_one_per_task() {
    let schema = schema();
    // Both rows' click probabilities are near ½.
    for (floor, rows) in [(0.99, 2.0), (0.05, 0.0)] {
        let term = counterfactual::Config { propensity_floor: floor, ..Default::default() };
        let losses = LossesConfig { counterfactual: Some(term), ..Default::default() };
        let mut equal = equal::Config::default().init(2, Streams::new(1).named("weighting"));
        let mut on_gradients = OnGradients([1.0, 1.0], None);
        for weighting in [equal.as_mut(), &mut on_gradients] {
            let done = trained(&mut esmm_actor(&schema, 0.0), weighting, &losses);
            assert_eq!(done.at_floor, [FloorRows { term: "counterfactual", task: 1, rows, of: 2.0 }]);
        }
    }
}

#[test]
fn weights_of_gradients_act_on_what_is_shared_and_the_inner_products_are_those_of_it() {
    // ESMM declares the tables alone.
    let schema = schema();
    let step = |weights: [f32; 2]| {
        let mut weighting = OnGradients(weights, None);
        let done = trained(&mut esmm_actor(&schema, 0.0), &mut weighting, &LossesConfig::default());
        (done, weighting.1.unwrap())
    };
    let (plain, gram) = step([1.0, 1.0]);
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} against {b}");
    for weights in [[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [2.0, -3.0]] {
        let (done, _) = step(weights);
        let of: Vec<f64> = weights.map(f64::from).into();
        close(done.embedding_gradient_norm, gram.product(&of, &of).sqrt());
        close(done.dense_gradient_norm.unwrap(), plain.dense_gradient_norm.unwrap());
    }
}

#[test]
fn famo_is_updated_with_the_losses_of_its_batch_after_the_step() {
    struct Recording(Box<dyn LossWeighting>, Vec<f64>);
    impl LossWeighting for Recording {
        fn weights(&mut self, input: &WeightingInput) -> Weights {
            self.0.weights(input)
        }
        fn needs_update(&self) -> bool {
            self.0.needs_update()
        }
        fn update(&mut self, mean_losses: &[f64]) {
            self.1 = mean_losses.to_vec();
        }
    }
    let schema = schema();
    let mut actor = esmm_actor(&schema, 0.0);
    let famo = famo::Config::default().init(2, Streams::new(1).named("weighting"));
    let mut recording = Recording(famo, Vec::new());
    let before = trained(&mut actor, &mut recording, &LossesConfig::default()).task_losses;
    let p = predictions(&actor);
    // Labels (1, 0) and (0, 0).
    let expected = [-p[0].ln() - (1.0 - p[2]).ln(), -(1.0 - p[1]).ln() - (1.0 - p[3]).ln()];
    for task in 0..2 {
        assert!((recording.1[task] - expected[task] / 2.0).abs() < 1e-6, "{:?}", recording.1);
        assert_ne!(recording.1[task], before[task]);
    }
}

#[test]
fn the_target_follows_by_tau_with_soft_updates_alone_tables_included() {
    let schema = schema();
    let table = table(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let states = reader.states(&[Row(0), Row(1)]);
    let none = LossesConfig::default();
    for tau in [0.25, 1.0] {
        let mut actor = actor(&schema).with_target(tau);
        let start = host(actor.predict(&states));
        assert_eq!(host(actor.predict_target(&states)), start, "the target starts as the actor");
        for _ in 0..3 {
            step(&mut actor, [[1.0; 2]; 2], &none);
        }
        assert_eq!(host(actor.predict_target(&states)), start, "no soft update yet");
        actor.soft_update();
        let (online, target) = (host(actor.predict(&states)), host(actor.predict_target(&states)));
        assert_ne!(online, start);
        if tau == 1.0 {
            assert_eq!(target, online);
        } else {
            assert!(target != online && target != start);
            (0..100).for_each(|_| actor.soft_update());
            let far = host(actor.predict_target(&states));
            assert!(far.iter().zip(&online).all(|(a, b)| (a - b).abs() < 1e-6), "{far:?}, {online:?}");
        }
    }
}

#[test]
fn table_rows_catch_up_with_the_target_before_they_change() {
    let schema = schema();
    let table = table(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let states = reader.states(&[Row(0), Row(1)]);
    let losses = LossesConfig::default().bind(TaskFacts {
        losses: Default::default(),
        parents: schema.parents(),
        positive_rates: vec![0.5; 2],
    });
    let stream = || Streams::new(1).named("weighting");
    // One backward pass, and one per task.
    let mut equal = equal::Config::default().init(2, stream());
    let mut pcgrad = crate::weighting::pcgrad::Config::default().init(2, stream());
    for weighting in [&mut equal, &mut pcgrad] {
        let mut actor = actor(&schema).with_target(1.0);
        let mut step = |actor: &mut Actor| {
            let labels = reader.labels(&[Row(0), Row(1)]);
            let batch = ActorBatch { states: &states, labels, counts: None, critic: None, pretrained: None };
            actor.step(batch, weighting.as_mut(), &losses, &mut Pass::evaluation(), false);
        };
        step(&mut actor);
        actor.soft_update();
        let expected = host(actor.predict(&states));
        // Nobody has read the target since: its rows are due when the next step writes the online ones.
        step(&mut actor);
        assert_ne!(host(actor.predict(&states)), expected);
        assert_eq!(host(actor.predict_target(&states)), expected);
    }
}

/// One update on the rows given.
fn step_on(actor: &mut Actor, rows: &[Row]) {
    let schema = schema();
    let table = table(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let losses = LossesConfig::default().bind(TaskFacts {
        losses: Default::default(),
        parents: schema.parents(),
        positive_rates: vec![0.5; 2],
    });
    let batch = ActorBatch {
        counts: None,
        states: &reader.states(rows),
        labels: reader.labels(rows),
        critic: None,
        pretrained: None,
    };
    let mut equal = equal::Config::default().init(2, Streams::new(1).named("weighting"));
    actor.step(batch, equal.as_mut(), &losses, &mut Pass::evaluation(), false);
}

#[test]
fn the_average_is_that_of_all_parameters_over_all_steps_beside_a_target_or_not() {
    let decay = 0.75;
    let mut plain = actor(&schema());
    let mut averaged = actor(&schema()).with_average(decay);
    let mut both = actor(&schema()).with_target(0.3).with_average(decay);
    assert_eq!(averaged.averaged().weights(), plain.weights(), "it starts at the parameters");
    let mut expected = plain.weights();
    // Row 1 of the table lies idle for two steps, so that its average has to catch up.
    for rows in [&[Row(0), Row(1)][..], &[Row(1)], &[Row(1)], &[Row(0)], &[Row(0), Row(1)], &[Row(1)]] {
        for actor in [&mut plain, &mut averaged, &mut both] {
            step_on(actor, rows);
        }
        both.soft_update();
        for (name, online) in plain.weights() {
            let average = expected.get_mut(&name).unwrap();
            for (average, online) in average.values.iter_mut().zip(online.values) {
                *average = (decay * f64::from(*average) + (1.0 - decay) * f64::from(online)) as f32;
            }
        }
        for actor in [&averaged, &both] {
            for (name, found) in actor.averaged().weights() {
                for (found, expected) in found.values.iter().zip(&expected[&name].values) {
                    assert!((found - expected).abs() < 1e-6, "{name}: {found} against {expected}");
                }
            }
        }
    }
    assert_eq!(averaged.weights(), plain.weights(), "the training is not touched");
    assert_eq!(both.weights(), plain.weights());
    assert_ne!(expected, plain.weights());
    assert_eq!(plain.averaged().weights(), plain.weights(), "without an average it is the actor itself");
    let snapshot = averaged.averaged();
    assert!(!snapshot.has_average());
    assert_eq!(
        host(snapshot.predict(&states_of_both())),
        host(averaged.averaged().predict(&states_of_both()))
    );
}

fn states_of_both() -> crate::input::StateBatch {
    let schema = schema();
    let table = table(&schema);
    BatchReader::new(&table, &schema, &Device::default()).states(&[Row(0), Row(1)])
}
