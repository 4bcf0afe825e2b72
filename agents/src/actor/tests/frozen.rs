//! Tables that stay as they are.

use super::*;
use crate::parameter::Clip;

#[test]
fn frozen_tables_stay_and_all_else_is_trained() {
    let schema = schema();
    for clip in [None, Some(Clip::Norm(1e-3))] {
        for by_task in [false, true] {
            let moved = |is_frozen: bool| {
                let optimizer = OptimizerConfig { clip, ..OptimizerConfig::default() };
                let mut actor = actor_with(&schema, optimizer);
                if is_frozen {
                    actor = actor.with_frozen_tables();
                }
                let before = actor.weights();
                let done = match by_task {
                    true => trained(&mut actor, &mut OnGradients([1.0, 1.0], None), &LossesConfig::default()),
                    false => step(&mut actor, [[1.0; 2]; 2], &LossesConfig::default()),
                };
                assert!(done.embedding_gradient_norm > 0.0, "the gradient is there");
                let after = actor.weights();
                let has_moved = |start: &str| {
                    let mut of = before.keys().filter(|name| name.starts_with(start)).peekable();
                    assert!(of.peek().is_some(), "{start}");
                    of.any(|name| before[name].values != after[name].values)
                };
                (has_moved("embedding"), has_moved("network"))
            };
            assert_eq!(moved(true), (false, true), "{clip:?} {by_task}");
            assert_eq!(moved(false), (true, true), "{clip:?} {by_task}");
        }
    }
}
