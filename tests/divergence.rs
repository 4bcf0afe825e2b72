//! A training that goes wrong late: the best parameters are kept, not the last.

use std::fs;

use rmtl_agents::stream::Stream;
use rmtl_agents::weighting::{self, LossWeighting, Settings, WeightingInput, Weights};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::workbench::{DATASET, RUN, Workbench, curve};

/// Weights 1 for some epochs, then -1, which climbs the losses, then no numbers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct TurnsBad {
    good_epochs: u32,
    worse_epochs: u32,
}

impl Default for TurnsBad {
    fn default() -> Self {
        Self { good_epochs: 2, worse_epochs: 2 }
    }
}

struct Turning {
    settings: TurnsBad,
    epochs: u32,
}

impl Settings for TurnsBad {
    fn init(&self, _n_tasks: usize, _stream: Stream) -> Box<dyn LossWeighting> {
        Box::new(Turning { settings: self.clone(), epochs: 0 })
    }
}

impl LossWeighting for Turning {
    fn weights(&mut self, input: &WeightingInput) -> Weights {
        let TurnsBad { good_epochs, worse_epochs } = self.settings;
        let weight = match self.epochs {
            epochs if epochs < good_epochs => 1.0,
            epochs if epochs < good_epochs.saturating_add(worse_epochs) => -1.0,
            _ => f64::NAN,
        };
        Weights::PerTask(vec![weight; input.n_tasks()])
    }

    fn end_epoch(&mut self, _mean_losses: &[f64]) {
        self.epochs += 1;
    }
}

const EPOCHS: &str = "schedule.two_stage.pretrain={max_epochs=5, patience=9, evaluations_per_epoch=1}";

#[test]
fn the_best_model_is_kept_after_a_late_divergence() {
    weighting::register::<TurnsBad>("turns_bad", "good, then worse, then no number");
    let bench = Workbench::with(DATASET, RUN);
    // The same training that gets worse and never diverges: what it keeps is known to be its best.
    bench.train("worse", &["weighting.turns_bad.worse_epochs=99", EPOCHS]);
    let message = bench.try_train("diverged", &["weighting.turns_bad={}", EPOCHS]).unwrap_err().to_string();
    assert!(message.contains("pretrain, step") && message.contains("the loss is NaN"), "{message}");
    assert!(message.contains("last_good.safetensors"), "{message}");

    let means = |run: &str| -> Vec<f64> {
        let of_tasks = ["click", "cart", "buy"]
            .map(|task| curve(&bench, run, &format!("pretrain/validation_auc/{task}")));
        (0..of_tasks[0].len()).map(|at| of_tasks.iter().map(|task| task[at].1).sum::<f64>() / 3.0).collect()
    };
    let (worse, diverged) = (means("worse"), means("diverged"));
    assert_eq!((worse.len(), diverged.len()), (5, 4), "the fifth epoch has no validation");
    assert_eq!(worse[..4], diverged[..], "the same training up to there");
    let best = worse.iter().copied().fold(f64::MIN, f64::max);
    assert!(best > diverged[3] + 0.01, "the last validated parameters are not the best: {worse:?}");
    let model = |name: &str| fs::read(bench.path(name)).unwrap();
    assert!(model("worse/model/actor.safetensors") == model("diverged/model/last_good.safetensors"));
    assert!(!bench.path("diverged/report.json").exists());
}
