//! Gradients that are looked at without a step.

use super::*;

/// Remembers the inner products it is shown.
struct Seen(Option<Gram>);

impl LossWeighting for Seen {
    fn signal(&self) -> Signal {
        Signal::Gradients
    }

    fn weights(&mut self, input: &WeightingInput) -> Weights {
        self.0 = input.gram.clone();
        Weights::PerTask(vec![1.0; input.n_tasks()])
    }
}

#[test]
fn what_is_looked_at_is_what_a_weighting_is_shown_and_nothing_moves() {
    let schema = schema();
    let table = table(&schema);
    let reader = BatchReader::new(&table, &schema, &Device::default());
    let rows = [Row(0), Row(1)];
    let losses = LossesConfig::default().bind(TaskFacts {
        losses: Default::default(),
        parents: schema.parents(),
        positive_rates: vec![0.5; 2],
    });
    let mut actor = actor(&schema);
    let before = actor.weights();
    let looked_at = actor.gram(&reader.states(&rows), &reader.labels(&rows), &losses);
    assert_eq!(actor.weights(), before);
    let mut untouched = super::actor(&schema);
    // Without dropout the masks of a training step are none.
    let mut shown = Seen(None);
    trained(&mut actor, &mut shown, &LossesConfig::default());
    assert_eq!(Some(looked_at), shown.0);
    trained(&mut untouched, &mut Seen(None), &LossesConfig::default());
    assert_eq!(actor.weights(), untouched.weights(), "the step after it is the same");
}
