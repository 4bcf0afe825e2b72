//! An actor in another process goes on as this one would.

use super::*;
use crate::embedding::SparseOptimizerConfig;
use crate::parameter::{DenseOptimizer, Moments};

/// Another actor with the same parameters, as a process that reads them has it.
fn read_again(actor: &Actor, other: Actor) -> Actor {
    other.load(&actor.weights()).unwrap().at(actor.course())
}

fn steps(actor: &mut Actor, n: usize) {
    for index in 0..n {
        let weight = 1.0 + index as f32;
        step(actor, [[weight, 0.5], [1.0, weight]], &LossesConfig::default());
    }
}

#[test]
fn optimisers_go_on_where_they_were_in_another_actor() {
    let schema = schema();
    let adam = DenseOptimizer::default();
    let decayed = DenseOptimizer::AdamW { beta_1: 0.9, beta_2: 0.99, weight_decay: 0.1 };
    let cases = [
        (adam, Moments::Weighted),
        (decayed, Moments::Unweighted),
        (adam, Moments::PerTask),
        (DenseOptimizer::Adagrad, Moments::Weighted),
        (DenseOptimizer::Sgd { momentum: 0.9 }, Moments::Weighted),
        (DenseOptimizer::Sgd { momentum: 0.0 }, Moments::Weighted),
    ];
    for (method, moments) in cases {
        let optimizer =
            OptimizerConfig { method, moments, learning_rate: 0.05, ..OptimizerConfig::default() };
        let mut actor = actor_with(&schema, optimizer);
        steps(&mut actor, 3);
        let state = actor.optimizer_state().unwrap();
        let again = read_again(&actor, actor_with(&schema, optimizer));
        let mut forgetful = again.clone();
        let mut again = again.with_optimizer_state(state.clone()).unwrap();
        assert_eq!(again.optimizer_state().unwrap().tables, state.tables, "{method:?} {moments:?}");
        assert_eq!(again.course(), actor.course());
        for actor in [&mut actor, &mut again, &mut forgetful] {
            steps(actor, 2);
        }
        assert_eq!(again.weights(), actor.weights(), "{method:?} {moments:?}");
        // The control: what is not taken over is missed, if only in the tables, which have Adam.
        assert_ne!(forgetful.weights(), actor.weights(), "{method:?} {moments:?}");
    }
}

#[test]
fn what_other_optimisers_remember_is_refused() {
    let schema = schema();
    let mut actor = actor(&schema);
    steps(&mut actor, 1);
    let state = actor.optimizer_state().unwrap();
    let refused = |actor: Actor, state: OptimizerState| {
        let Err(error) = actor.with_optimizer_state(state) else { panic!("it was taken over") };
        error.to_string()
    };
    let per_task = OptimizerConfig { moments: Moments::PerTask, ..OptimizerConfig::default() };
    let message = refused(actor_with(&schema, per_task), state.clone());
    assert!(message.contains("[1]") && message.contains("[2]"), "{message}");
    let adagrad = SparseOptimizerConfig::RowWiseAdagrad { epsilon: 1e-10 };
    let mut other = actor.clone();
    other.encoder.views[0].optimizer = crate::embedding::SparseOptimizer::new(adagrad, 3, 2);
    let message = refused(other, state.clone());
    assert!(message.contains("another rule"), "{message}");
    let fewer = OptimizerState { ids: state.ids[1..].to_vec(), ..state };
    assert!(refused(actor, fewer).contains("parameters"));
}

#[test]
fn an_average_goes_on_where_it_was_lazy_rows_included() {
    let schema = schema();
    let mut actor = actor(&schema).with_average(0.9);
    steps(&mut actor, 3);
    let (state, average) = (actor.optimizer_state().unwrap(), actor.average_state().unwrap());
    assert_eq!(average.tables[0].clock, 3);
    // The row of no batch never catches up by itself.
    assert!(average.tables[0].row_clocks.contains(&0), "{average:?}");
    let again = read_again(&actor, super::actor(&schema)).with_average(0.9);
    let mut without = again.clone().with_optimizer_state(state.clone()).unwrap();
    let mut again = again.with_optimizer_state(state).unwrap().with_average_state(average).unwrap();
    for actor in [&mut actor, &mut again, &mut without] {
        steps(actor, 2);
    }
    assert_eq!(again.averaged().weights(), actor.averaged().weights());
    assert_ne!(without.averaged().weights(), actor.averaged().weights(), "the control");
    assert!(super::actor(&schema).with_average_state(actor.average_state().unwrap()).is_err());
}

#[test]
fn batches_that_have_made_no_step_are_known() {
    let mut actor = actor_with(&schema(), OptimizerConfig { accumulate: 2, ..OptimizerConfig::default() });
    let mut collecting = Vec::new();
    for _ in 0..4 {
        steps(&mut actor, 1);
        collecting.push(actor.is_collecting());
    }
    assert_eq!(collecting, [true, false, true, false]);
}
