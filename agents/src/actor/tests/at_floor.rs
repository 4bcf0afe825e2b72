//! Rows below the floors of loss terms are counted in the steps alone that are asked for them.

use std::sync::atomic::{AtomicUsize, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::loss::{AtFloor, LossInput, LossTerm, Losses, Setting, register};

static COUNTS: AtomicUsize = AtomicUsize::new(0);

/// Says how often somebody has asked for its rows.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Counting {}

impl LossTerm for Counting {
    fn value(&self, input: &LossInput<'_>) -> Tensor<1> {
        input.losses.clone().mean() * 0.5
    }

    fn at_floor(&self, input: &LossInput<'_>) -> Vec<AtFloor> {
        COUNTS.fetch_add(1, Ordering::SeqCst);
        let probability = input.predictions.probabilities.clone().narrow(1, 0, 1);
        vec![AtFloor::new(0, probability, 0.99, input.labels.clone().narrow(1, 0, 1).ones_like())]
    }

    fn check(&self, _setting: &Setting<'_>) -> Result<(), String> {
        Ok(())
    }
}

fn asked(weighting: &mut dyn LossWeighting, losses: &Losses, with_diagnostics: bool) -> (usize, ActorStep) {
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
    let before = COUNTS.load(Ordering::SeqCst);
    let done =
        esmm_actor(&schema, 0.0).step(batch, weighting, losses, &mut Pass::evaluation(), with_diagnostics);
    (COUNTS.load(Ordering::SeqCst) - before, done)
}

#[test]
fn only_steps_that_are_logged_ask_for_rows_below_a_floor() {
    register::<Counting>("counting", "says how often somebody has asked");
    let config: LossesConfig = serde_json::from_str("{\"counting\": {}}").unwrap();
    let losses = config.bind(TaskFacts {
        losses: Default::default(),
        parents: schema().parents(),
        positive_rates: vec![0.5; 2],
    });
    let mut equal = equal::Config::default().init(2, Streams::new(1).named("weighting"));
    let mut on_gradients = OnGradients([1.0, 1.0], None);
    for weighting in [equal.as_mut(), &mut on_gradients] {
        let (n, unlogged) = asked(weighting, &losses, false);
        assert_eq!((n, unlogged.at_floor.len()), (0, 0));
        let (n, logged) = asked(weighting, &losses, true);
        let expected = [FloorRows { term: "counting", task: 0, rows: 2.0, of: 2.0 }];
        assert_eq!((n, logged.at_floor.as_slice()), (1, &expected[..]));
        assert_eq!(logged.loss, unlogged.loss, "and nothing else depends on it");
    }
}
