//! A planted conflict: two tasks that want different things of one narrow representation.
//!
//! Labels are `planted`: a task likes a row when its own hidden score passes noise. Every representation is ONE unit
//! wide, enough for one score. In the conflict the tasks' scores have nothing in common, so a shared bottom can
//! serve one of them only; backbones with experts serve both. In the control both tasks have the same score, so one
//! unit is enough for everyone: were the margin that of a larger network, it would be there too.

use crate::planted::{FIRST_SCORE, NOISE, ONE_UNIT, OTHER_SCORE, Score, dataset, likes};
use crate::workbench::Workbench;

fn with_scores(score_of_b: Score) -> String {
    let a = likes(FIRST_SCORE, 1.0, 0.5, NOISE[0]);
    dataset(&a, &likes(score_of_b, 1.0, 0.5, NOISE[1]), 3000)
}

const SHARED_BOTTOM: &str = "backbone.shared_bottom={bottom=[1], tower=[16], dropout=0.0}";
const MMOE: &str = "backbone.mmoe={n_experts=2, bottom=[1], tower=[16], dropout=0.0}";
const PLE: &str =
    "backbone.ple={n_specific_experts=1, n_shared_experts=1, levels=[[1]], tower=[16], dropout=0.0}";

/// Mean test AUC over tasks and two seeds, per backbone.
fn mean_aucs(dataset: &str) -> [f64; 3] {
    let bench = Workbench::with(dataset, ONE_UNIT);
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
    let [shared_bottom, mmoe, ple] = mean_aucs(&with_scores(OTHER_SCORE));
    assert!(mmoe > shared_bottom + 0.08, "MMoE {mmoe}, shared bottom {shared_bottom}");
    assert!(ple > shared_bottom + 0.08, "PLE {ple}, shared bottom {shared_bottom}");
}

#[test]
fn negative_control_without_a_conflict_there_is_no_margin() {
    let [shared_bottom, mmoe, ple] = mean_aucs(&with_scores(FIRST_SCORE));
    assert!(shared_bottom > 0.9, "the shared bottom serves both: {shared_bottom}");
    for (name, auc) in [("MMoE", mmoe), ("PLE", ple)] {
        assert!((auc - shared_bottom).abs() < 0.02, "{name} {auc}, shared bottom {shared_bottom}");
    }
}
