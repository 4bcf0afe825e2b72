//! What TensorBoard's own package reads from a run.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::workbench::{Workbench, curve};

#[test]
fn tensorboard_reads_curves_descriptions_layout_and_settings() {
    let Some(python) = python() else {
        println!("skipped: no python3 with the package tensorboard here");
        return;
    };
    let bench = Workbench::new();
    bench.train("run", &["log.every=1"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/read_events.py");
    let folder = bench.path("run/tensorboard/critic-seed-5");
    let output = Command::new(python).arg(script).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();

    // A curve that changes has the values of metrics.jsonl, one that never does has one point.
    let loss = curve(&bench, "run", "weighted/loss/click");
    let points = read["scalars"]["weighted/loss/click"].as_array().unwrap();
    let point =
        |index: usize| (points[index][0].as_u64().unwrap(), points[index][1].as_f64().unwrap() as f32);
    let (first, last) = (loss[0], loss[loss.len() - 1]);
    assert_eq!(point(0), (first.0, first.1 as f32));
    assert_eq!(point(points.len() - 1), (last.0, last.1 as f32));
    assert_eq!(read["scalars"]["pretrain/weight_mean/click"], serde_json::json!([[1, 1.0]]));
    assert!(curve(&bench, "run", "pretrain/weight_mean/click").len() > 1);

    assert_eq!(read["descriptions"]["weighted/learning_rate/actor_dense"], "Learning rate.");
    for (chart, quantity) in
        [("Task weights", "weight_mean"), ("TD error", "td_error_abs"), ("Q", "q_mean"), ("Loss", "loss")]
    {
        let tags = read["charts"][chart].as_array().unwrap();
        let has = |task: &str| {
            tags.iter().any(|tag| tag.as_str().unwrap().ends_with(&format!("/{quantity}/{task}")))
        };
        assert!(["click", "cart", "buy"].into_iter().all(has), "{chart}: {tags:?}");
        assert!(
            tags.iter().all(|tag| tag.as_str().unwrap().contains(&format!("/{quantity}/"))),
            "{chart}: {tags:?}"
        );
    }
    assert_eq!(
        (&read["hparams"]["seed"], &read["hparams"]["weighting.name"]),
        (&5.0.into(), &"critic".into())
    );
    assert_eq!(read["hparams"]["optimizer.learning_rate"], 0.005);
}

/// A python that has the package.
fn python() -> Option<String> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let has = Command::new(&python).args(["-c", "import tensorboard"]).output();
    has.is_ok_and(|output| output.status.success()).then_some(python)
}
