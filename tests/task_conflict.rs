//! A planted conflict: two tasks that want different things of one narrow representation.
//!
//! The sessions, users and items are the synthetic log's; the labels are planted by the dataset's query. A task likes a
//! row when its own hidden score, `user part + item part`, passes a little noise. Every representation is ONE unit
//! wide, enough for one score. In the conflict the tasks' scores have nothing in common, so a shared bottom can
//! serve one of them only; backbones with experts serve both. In the control both tasks have the same score, so one
//! unit is enough for everyone: were the margin that of a larger network, it would be there too.

use crate::workbench::Workbench;

/// Uniform in [0, 1), the same for equal arguments.
fn hash(argument: &str) -> String {
    format!("(sin({argument}) * 43758.5453 - floor(sin({argument}) * 43758.5453))")
}

fn dataset(second_score: [&str; 2]) -> String {
    let label = |[user, item]: [&str; 2], noise: &str| {
        format!("CAST(2 * {} + 2 * {} - 1.5 > {} AS INT)", hash(user), hash(item), hash(noise))
    };
    let first = label(FIRST_SCORE, "(time % 1000003) * 0.37 + session * 1.7 + position");
    let second = label(second_score, "(time % 1000003) * 0.73 + session * 2.9 + position");
    format!(
        r#"
name = "planted"
query = """SELECT session, time, "user", item, {first} AS a, {second} AS b FROM log"""
session = "session"
time = "time"
categorical = ["user", "item"]
tasks = [{{ name = "a", label = "a" }}, {{ name = "b", label = "b" }}]
tables.log = {{ synthetic = {{ seed = 3, n_users = 150, n_items = 100, n_sessions = 3000 }} }}
"#
    )
}

const FIRST_SCORE: [&str; 2] = [r#""user" * 12.9898 + 1"#, "item * 78.233 + 2"];
const OTHER_SCORE: [&str; 2] = [r#""user" * 39.346 + 3"#, "item * 11.135 + 4"];

const RUN: &str = r#"
batch_size = 512
[data]
dataset = "dataset.toml"
[encoder]
dim = 8
[backbone.shared_bottom]
[weighting.equal]
[optimizer]
learning_rate = 0.005
embedding_learning_rate = 0.005
[schedule.two_stage.pretrain]
max_epochs = 30
patience = 4
"#;

const SHARED_BOTTOM: &str = "backbone.shared_bottom={bottom=[1], tower=[16], dropout=0.0}";
const MMOE: &str = "backbone.mmoe={n_experts=2, bottom=[1], tower=[16], dropout=0.0}";
const PLE: &str =
    "backbone.ple={n_specific_experts=1, n_shared_experts=1, levels=[[1]], tower=[16], dropout=0.0}";

/// Mean test AUC over tasks and two seeds, per backbone.
fn mean_aucs(dataset: &str) -> [f64; 3] {
    let bench = Workbench::with(dataset, RUN);
    [SHARED_BOTTOM, MMOE, PLE].map(|backbone| {
        let of_seed = |seed: u32| {
            let out = format!("{}-{seed}", &backbone[..14]);
            let report = bench.train(&out, &[backbone, &format!("seed={seed}")]);
            let aucs = report.actors.tasks.values().map(|task| task.auc.unwrap());
            aucs.sum::<f64>() / report.actors.tasks.len() as f64
        };
        (of_seed(1) + of_seed(2)) / 2.0
    })
}

#[test]
fn experts_serve_tasks_in_conflict_that_a_shared_bottom_cannot() {
    let [shared_bottom, mmoe, ple] = mean_aucs(&dataset(OTHER_SCORE));
    assert!(mmoe > shared_bottom + 0.08, "MMoE {mmoe}, shared bottom {shared_bottom}");
    assert!(ple > shared_bottom + 0.08, "PLE {ple}, shared bottom {shared_bottom}");
}

#[test]
fn negative_control_without_a_conflict_there_is_no_margin() {
    let [shared_bottom, mmoe, ple] = mean_aucs(&dataset(FIRST_SCORE));
    assert!(shared_bottom > 0.9, "the shared bottom serves both: {shared_bottom}");
    for (name, auc) in [("MMoE", mmoe), ("PLE", ple)] {
        assert!((auc - shared_bottom).abs() < 0.02, "{name} {auc}, shared bottom {shared_bottom}");
    }
}
