//! Worlds in which loss weights that follow the training beat equal ones, and controls in which nothing can.
//!
//! Labels are `planted`: a task likes a row when its own hidden score passes noise. The tasks' scores have nothing in
//! common and the network is too narrow for both, so that equal weights give it to the task whose loss falls fastest. In
//! the controls both tasks have the same score and nothing else differs: what serves one serves the other, whatever the
//! weights.
//!
//! * **A rare task.** The representation is one unit. `a` is balanced, `b` is rare: its loss and its gradients are
//!   small, and the unit becomes `a`'s. In between lies a unit with which `b`, whose positives are far out, is told
//!   nearly perfectly and `a` well. Weights that make up for the sizes of losses (FAMO) or gradients (IMTL-G, MGDA)
//!   find it. Weights that merely change from step to step (RLW) do not.
//! * **A noisy task.** Users and items are one number each, which can hold both scores but not easily. Both tasks are
//!   balanced, a fifth of `b`'s labels is flipped: its loss stays large and its gradients weak, and equal weights leave
//!   it behind. The critics know from the pretrained actor that `b` costs more, so that `1 − λ Q` is larger for it;
//!   the same start, batches and budget with all weights 1 is the comparison.
//!
//! Constant weights, if one knew them, would do as well: what the methods have to find here is a ratio between tasks.

use rmtl::output::report::{Report, TaskBlock};

use crate::planted::{FIRST_SCORE, NOISE, ONE_UNIT, OTHER_SCORE, Score, dataset, hash, likes};
use crate::workbench::Workbench;

/// `a` is balanced, `b` likes 2 to 3 % of the rows.
fn with_a_rare_task(score_of_b: Score) -> String {
    let a = likes(FIRST_SCORE, 1.0, 0.6, NOISE[0]);
    let b = likes(score_of_b, 1.6838, 0.3, NOISE[1]);
    dataset(&a, &b, 8000)
}

/// Both are balanced, `b` is flipped in a fifth of the rows.
fn with_a_noisy_task(score_of_b: Score) -> String {
    let a = likes(FIRST_SCORE, 1.0, 0.1, NOISE[0]);
    let sharp = likes(score_of_b, 1.0, 0.1, NOISE[1]);
    let b = format!("(({sharp}) <> ({} < 0.2))", hash(NOISE[2]));
    dataset(&a, &b, 9000)
}

const ONE_NUMBER_EACH: &str = r#"
batch_size = 512
[data]
dataset = "dataset.toml"
[encoder]
dim = 1
[backbone.shared_bottom]
bottom = [16]
tower = [16]
dropout = 0.0
[weighting.critic]
lambda = 3.0
[optimizer]
learning_rate = 0.005
embedding_learning_rate = 0.005
[critic]
dim = 8
bottom = [16]
tower = [8]
learning_rate = 0.005
embedding_learning_rate = 0.005
[schedule.two_stage]
pretrain = { max_epochs = 30, patience = 4, evaluations_per_epoch = 1 }
critics = { max_steps = 400, window = 50 }
weighted = { max_epochs = 30, patience = 8, evaluations_per_epoch = 1, start_from = "scratch" }
"#;

fn mean_auc(tasks: &TaskBlock) -> f64 {
    tasks.values().map(|task| task.auc.unwrap()).sum::<f64>() / tasks.len() as f64
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

const BALANCING: [&str; 3] = ["famo", "imtl", "mgda"];

/// How much the mean test AUC exceeds that of equal weights, for each weighting a number per seed.
fn gains<const N: usize>(dataset: &str, weightings: [&str; N], seeds: &[u32]) -> [Vec<f64>; N] {
    let bench = Workbench::with(dataset, ONE_UNIT);
    let run = |weighting: &str, seed: u32| {
        let set = [format!("weighting.{weighting}={{}}"), format!("seed={seed}")];
        mean_auc(&bench.train(&format!("{weighting}-{seed}"), &[&set[0], &set[1]]).actors.tasks)
    };
    let equal: Vec<f64> = seeds.iter().map(|&seed| run("equal", seed)).collect();
    weightings.map(|weighting| {
        seeds.iter().zip(&equal).map(|(&seed, equal)| run(weighting, seed) - equal).collect()
    })
}

/// How much the mean test AUC exceeds that of the equal budget, per seed.
fn gains_of_critics(dataset: &str, seeds: &[u32]) -> Vec<f64> {
    let bench = Workbench::with(dataset, ONE_NUMBER_EACH);
    let gain =
        |report: Report| mean_auc(&report.actors.tasks) - mean_auc(&report.actors.equal_budget.unwrap());
    seeds.iter().map(|seed| gain(bench.train(&seed.to_string(), &[&format!("seed={seed}")]))).collect()
}

#[test]
fn balancing_weights_serve_a_rare_task_that_equal_ones_leave_out() {
    let [balancing @ .., random] =
        gains(&with_a_rare_task(OTHER_SCORE), ["famo", "imtl", "mgda", "rlw"], &[1, 2, 3, 4]);
    println!("gains in mean AUC: {BALANCING:?} {balancing:.3?}, rlw {random:.3?}");
    for (name, gains) in BALANCING.iter().zip(&balancing) {
        assert!(gains.iter().all(|&gain| gain > 0.03), "{name}: {gains:?}");
        assert!(mean(gains) > 0.05, "{name}: {gains:?}");
    }
    assert!(mean(&random) < 0.03, "weights that know nothing do not help: {random:?}");
}

#[test]
fn negative_control_balancing_weights_gain_nothing_where_the_tasks_agree() {
    let found = gains(&with_a_rare_task(FIRST_SCORE), BALANCING, &[1, 2]);
    println!("gains in mean AUC where the tasks agree: {BALANCING:?} {found:.3?}");
    for (name, gains) in BALANCING.iter().zip(&found) {
        assert!(gains.iter().all(|gain| gain.abs() < 0.01), "{name}: {gains:?}");
    }
}

#[test]
fn weights_of_critics_serve_a_noisy_task_that_equal_ones_leave_out() {
    let gains = gains_of_critics(&with_a_noisy_task(OTHER_SCORE), &[1, 2, 3]);
    println!("gains of the critics' weights in mean AUC: {gains:.3?}");
    // The control's are within .002.
    assert!(gains.iter().all(|&gain| gain > 0.01), "{gains:?}");
}

#[test]
fn negative_control_weights_of_critics_gain_nothing_where_the_tasks_agree() {
    let gains = gains_of_critics(&with_a_noisy_task(FIRST_SCORE), &[1, 2]);
    println!("gains of the critics' weights where the tasks agree: {gains:.3?}");
    assert!(gains.iter().all(|gain| gain.abs() < 0.01), "{gains:?}");
}
