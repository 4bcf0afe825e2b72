use burn::tensor::Device;

use super::*;
use crate::controller::{Agent, AgentConfig, AgentKind, BlockState};
use crate::progress::Progress;
use crate::stream::Streams;
use crate::weighting::{
    Gram, Normalize, WeightBounds, constant, controller, imtl, weigh, weigh_rows_and_tasks,
};

fn input(q_values: &[[f32; 2]], stages: &[u8]) -> WeightingInput {
    let data: Vec<f32> = q_values.concat();
    let values = Tensor::from_data(TensorData::new(data, [q_values.len(), 2]), &Device::default());
    let losses = values.ones_like();
    WeightingInput { losses, q_values: Some(QValues { values, stages: stages.into() }), gram: None }
}

fn init(config: &Config) -> Box<dyn LossWeighting> {
    config.check().unwrap();
    config.init(2, Streams::new(3).named("weighting"))
}

fn total(weighting: &mut dyn LossWeighting, q_values: &[[f32; 2]], stages: &[u8]) -> Vec<f32> {
    host(weigh_rows_and_tasks(weighting, &input(q_values, stages)))
}

fn weights(config: &Config, q_values: &[[f32; 2]]) -> Vec<f32> {
    total(init(config).as_mut(), q_values, &[])
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let is_close = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-5);
    assert!(is_close, "{found:?}, expected {expected:?}");
}

const Q: [[f32; 2]; 2] = [[-1.0, -0.5], [0.0, -2.5]];

#[test]
fn weights_by_hand() {
    let of = |granularity| weights(&Config { lambda: 0.5, granularity, ..Config::default() }, &Q);
    assert_eq!(of(Granularity::Sample), [1.5, 1.25, 1.0, 2.25]);
    assert_eq!(of(Granularity::Task), [1.25, 1.75, 1.25, 1.75]);
    assert_eq!(of(Granularity::Batch), [1.5, 1.5, 1.5, 1.5]);
}

#[test]
fn a_negative_lambda_turns_the_preference_round() {
    let config = Config { lambda: -0.5, ..Config::default() };
    assert_eq!(weights(&config, &Q), [0.5, 0.75, 1.0, -0.25]);
    assert!(Config { lambda: f64::NAN, ..Config::default() }.check().is_err());
}

fn advantage(lambda: f64) -> Config {
    Config { form: Form::Advantage, lambda, ..Config::default() }
}

#[test]
fn advantages_by_hand_have_mean_one_per_task_and_no_scale() {
    // Deviations of one σ to either side, whatever the task's scale.
    close(&weights(&advantage(0.5), &Q), &[1.5, 0.5, 0.5, 1.5]);
    close(&weights(&advantage(-0.5), &Q), &[0.5, 1.5, 1.5, 0.5]);
    close(&weights(&advantage(0.0), &Q), &[1.0; 4]);
    // Values −4, −1, −1, −1, −1, −1, −1, −1, −1, −1: V̄ = −1.3, σ = 0.9, advantages 3 and nine times −1/3.
    let one_bad: Vec<[f32; 2]> =
        (0..10).map(|row| if row == 0 { [-4.0, -1.0] } else { [-1.0, -1.0] }).collect();
    let found = weights(&Config { clip: Some([0.9, 2.0]), ..advantage(1.0) }, &one_bad);
    // 4 is cut to 2 and 2/3 raised to 0.9: mean (2 + 9 · 0.9) / 10 = 1.01. The second task's Q does not vary.
    close(&found[..4], &[2.0 / 1.01, 1.0, 0.9 / 1.01, 1.0]);
}

#[test]
fn rows_are_compared_with_those_as_far_into_their_session() {
    // First rows have much before them and a low Q; what differs within a stage is alike in both.
    let q = [[-9.0, -1.0], [-7.0, -1.0], [-2.0, -1.0], [0.0, -1.0]];
    let of = |stages: &[u8]| total(init(&advantage(0.5)).as_mut(), &q, stages);
    close(&of(&[0, 0, 3, 3]), &[1.5, 1.0, 0.5, 1.0, 1.5, 1.0, 0.5, 1.0]);
    // Without stages the length of the session is all that shows: mean −4.5, σ² = (4.5² + 2.5² + 2.5² + 4.5²) / 4.
    let sigma = 13.25_f32.sqrt();
    let first_task: Vec<f32> = of(&[]).iter().step_by(2).copied().collect();
    close(&first_task, &[4.5, 2.5, -2.5, -4.5].map(|advantage: f32| 1.0 + 0.5 * advantage / sigma));
}

#[test]
fn what_is_usual_is_remembered_from_batch_to_batch() {
    let mut weighting = init(&advantage(0.5));
    let mut of = |q: f32| total(weighting.as_mut(), &[[q, q]], &[])[0];
    // The mean of one row is 1 whatever its weight.
    assert_eq!((of(-1.0), of(-3.0)), (1.0, 1.0));
    let mut known = Advantage::new(1);
    assert_eq!(known.of(&[-1.0], &[]), [0.0]);
    // V̄ = −(0.99 + 3) / 1.99, and half of what is known has deviation 0.
    let mean = -(0.99 + 3.0) / 1.99;
    let expected = (mean + 3.0) / ((mean + 3.0_f64).powi(2) / 1.99).sqrt();
    assert!((known.of(&[-3.0], &[])[0] - expected).abs() < 1e-12);
}

#[test]
fn the_placebo_gives_every_row_the_weights_of_another_one() {
    let q_values: Vec<[f32; 2]> = (0..50).map(|row| [-row as f32, -2.0 * row as f32]).collect();
    let config = Config { lambda: 1.0, placebo: Some(Placebo::Permute), ..Config::default() };
    let found = weights(&config, &q_values);
    let mut sources = Vec::new();
    for (row, weights) in found.chunks_exact(2).enumerate() {
        let source = weights[0] - 1.0;
        assert_ne!(source, row as f32, "no row keeps its own");
        assert_eq!(weights[1] - 1.0, 2.0 * source, "one row for all tasks");
        sources.push(source as u32);
    }
    sources.sort_unstable();
    assert_eq!(sources, (0..50).collect::<Vec<_>>(), "the batch has the same weights as before");
    assert_eq!(weights(&config, &[[-1.0, -2.0]]), [2.0, 3.0], "a batch of one row has no other row");
}

#[test]
fn random_weights_are_drawn_from_those_of_the_task() {
    let q_values: Vec<[f32; 2]> = (0..500).map(|row| [-row as f32, -1000.0 - row as f32]).collect();
    let config = Config { lambda: 1.0, placebo: Some(Placebo::Random), ..Config::default() };
    let found = weights(&config, &q_values);
    let drawn: Vec<[f32; 2]> = found.chunks_exact(2).map(|row| [row[0] - 1.0, row[1] - 1001.0]).collect();
    assert!(drawn.iter().flatten().all(|source| (0.0..500.0).contains(source)), "each from its own task");
    let count = |of: &dyn Fn(usize, &[f32; 2]) -> bool| {
        drawn.iter().enumerate().filter(|(row, sources)| of(*row, sources)).count()
    };
    assert!(count(&|row, sources| sources[0] == row as f32) < 10, "rows do not keep their own");
    assert!(count(&|_, sources| sources[0] == sources[1]) < 10, "and tasks are drawn by themselves");
    let mean = drawn.iter().map(|row| row[0]).sum::<f32>() / 500.0;
    // Five standard errors of the mean of uniform draws, 500 / √12 / √500 = 6.5 each.
    assert!((mean - 249.5).abs() < 33.0, "{mean}");
    // Of advantages the mean stays 1.
    let found = weights(&Config { placebo: Some(Placebo::Random), ..advantage(0.5) }, &q_values);
    assert!((found.iter().sum::<f32>() / 1000.0 - 1.0).abs() < 1e-4);
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let task = Config { granularity: Granularity::Task, ..advantage(0.5) };
    assert!(task.check().unwrap_err().contains("`granularity"));
    let clip = |form, clip| Config { form, clip: Some(clip), ..Config::default() }.check();
    assert!(clip(Form::Linear, [0.5, 2.0]).unwrap_err().contains("`[weights] clip`"));
    assert!(clip(Form::Advantage, [0.0, 2.0]).is_ok());
    assert!(clip(Form::Advantage, [1.5, 2.0]).unwrap_err().contains("[1.5, 2]"));
    let twice =
        Config { tasks: Some(Box::new(WeightingConfig::Critic(Config::default()))), ..Config::default() };
    assert!(twice.check().unwrap_err().contains("`critic` weighs rows"));
}

fn times(tasks: WeightingConfig) -> Config {
    Config { lambda: 0.5, tasks: Some(Box::new(tasks)), ..Config::default() }
}

#[test]
fn a_weighting_of_tasks_multiplies_the_weights_of_rows() {
    let config = times(WeightingConfig::Constant(constant::Config { weights: vec![2.0, 0.5] }));
    close(&weights(&config, &Q), &[3.0, 0.625, 2.0, 1.125]);
    // Bounds are those of rows: means 1.25 and 1.75.
    let bounds = WeightBounds { normalize: Normalize::BatchMean, clip: None };
    let mut bounded = bounds.around(init(&config));
    close(&total(bounded.as_mut(), &Q, &[]), &[2.0 * 1.2, 0.5 * 1.25 / 1.75, 2.0 * 0.8, 0.5 * 2.25 / 1.75]);
}

#[test]
fn a_weighting_of_gradients_is_asked_for_tasks_after_the_rows_have_been_weighed() {
    let config = times(WeightingConfig::Imtl(imtl::Config::default()));
    let mut weighting = init(&config);
    assert!(weighting.asks_critics() && weighting.weighs_rows());
    assert_eq!(weighting.signal(), Signal::Gradients);
    assert!(WeightingConfig::Critic(config).asks_critics());
    let mut input = input(&Q, &[]);
    close(&host(weighting.row_weights(&input).unwrap()), &[1.5, 1.25, 1.0, 2.25]);
    // Orthogonal gradients of lengths 1 and 3.
    input.gram = Some(Gram::new(2, vec![1.0, 0.0, 0.0, 9.0]));
    input.q_values = None;
    close(&host(input.of_rows(weigh(weighting.as_mut(), &input))), &[0.75, 0.25, 0.75, 0.25]);
}

#[test]
fn a_controller_of_tasks_hears_of_steps_and_blocks_and_gets_its_policy() {
    let ln_2 = std::f64::consts::LN_2;
    let of = |tasks| times(WeightingConfig::Controller(tasks));
    let schedule = Some(vec![vec![0.0, 0.0], vec![-ln_2, ln_2]]);
    let mut scheduled = init(&of(controller::Config { schedule, ..controller::Config::default() }));
    for (step, [first, second]) in [(1, [1.0, 1.0]), (2, [0.5, 2.0])] {
        scheduled.begin_step(Progress { step, planned_steps: 2 });
        let expected = [1.5 * first, 1.25 * second, first, 2.25 * second];
        close(&total(scheduled.as_mut(), &Q, &[]), &expected);
    }

    let config = of(controller::Config { policy: Some("there".into()), ..controller::Config::default() });
    assert_eq!(config.policy(), Some(Path::new("there")));
    let moved = config.with_policy(Path::new("here")).expect("it has a policy");
    assert_eq!((moved.policy(), moved.name()), (Some(Path::new("here")), "critic"));
    assert!(Config::default().with_policy(Path::new("here")).is_none());
    let mut learnt = WeightBounds { clip: Some([0.0, 9.0]), ..WeightBounds::default() }.around(init(&config));
    assert!(learnt.blocks().is_none(), "there is no policy yet");
    let agent = Agent::new(AgentKind::Td3, AgentConfig::default(), 2, &Streams::new(1));
    learnt.take_policy(agent.policy(8, 0.5, 3.0));
    assert_eq!(learnt.blocks().map(|blocks| blocks.n), Some(8));
    let before = total(learnt.as_mut(), &Q, &[]);
    close(&before, &[1.5, 1.25, 1.0, 2.25]);
    learnt.end_block(&BlockState {
        progress: 0.0,
        train_losses: None,
        control_losses: vec![0.9, 1.0],
        control_aucs: vec![0.7, 0.6],
        gram: None,
        base_rates: vec![0.3, 0.01],
    });
    assert_ne!(total(learnt.as_mut(), &Q, &[]), before, "it acts");
}
