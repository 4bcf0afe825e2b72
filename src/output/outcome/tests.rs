//! Sentences about blocks whose numbers are written here, and a difference whose error is known.

use rmtl_agents::stream::Streams;

use super::*;

fn block(metrics: &[(Option<f64>, Option<f64>)]) -> TaskBlock {
    let of = |(index, &(auc, logloss)): (usize, &(Option<f64>, Option<f64>))| {
        let metrics = TaskMetrics {
            auc,
            logloss,
            s_logloss: None,
            gauc: None,
            gauc_skipped_sessions: 0,
            conditional_auc: None,
            pcoc: None,
            ne: None,
            ece: None,
            calibration: Vec::new(),
            number: None,
            positives: 1,
            rows: 2,
        };
        (format!("task{index}"), metrics)
    };
    metrics.iter().enumerate().map(of).collect()
}

fn comparison(tasks: TaskBlock, equal_budget: Option<TaskBlock>, baseline: Option<TaskBlock>) -> Comparison {
    Comparison { tasks, equal_budget, baseline, oracle: None }
}

fn measured(difference: f64, margin: f64) -> BothSources {
    let interval = [difference - margin, difference + margin];
    BothSources { difference, seed_error: None, session_error: margin / 1.96, interval }
}

fn sentence(weighting: &str, actors: &Comparison, difference: Option<BothSources>) -> String {
    Outcome { weighting, actors, difference: difference.as_ref() }.sentence()
}

/// Mean AUC .81 and logloss .31 against .80 and .30.
fn compared() -> Comparison {
    let tried = block(&[(Some(0.82), Some(0.4)), (Some(0.80), Some(0.22))]);
    let base = block(&[(Some(0.80), Some(0.4)), (Some(0.80), Some(0.20))]);
    comparison(tried, Some(base), Some(block(&[(Some(0.7), Some(0.5)), (Some(0.7), Some(0.5))])))
}

#[test]
fn both_directions_are_told_against_the_equal_budget() {
    let said = sentence("critic", &compared(), Some(measured(0.01, 0.004)));
    let start = "critic weights: mean AUC 0.8100 against 0.8000 of equal weights";
    assert!(said.starts_with(start), "{said}");
    assert!(said.contains("mean logloss 0.3100 against 0.3000, where lower is better."), "{said}");
    assert!(
        said.contains("under 0.0040 tells nothing") && said.contains("this one is larger, but"),
        "{said}"
    );
    assert!(!said.contains("0.7000"), "the equal budget is the fairer base: {said}");
    for word in ["better.", "wins", "improves"] {
        assert!(!said.replace("lower is better.", "").contains(word), "one run decides nothing: {said}");
    }
}

#[test]
fn a_difference_within_the_margin_tells_nothing_on_either_side() {
    for difference in [0.003, -0.003] {
        let said = sentence("critic", &compared(), Some(measured(difference, 0.004)));
        assert!(said.contains("tells nothing") && said.contains(": this one does not."), "{said}");
    }
    let worse = sentence("critic", &compared(), Some(measured(-0.01, 0.004)));
    assert!(worse.contains("this one is larger, but another seed"), "{worse}");
    let alike = sentence("critic", &compared(), Some(measured(0.0, 0.0)));
    assert!(alike.contains("equally well") && !alike.contains("0.0000 tells"), "{alike}");
    let unknown = sentence("critic", &compared(), None);
    assert!(unknown.contains("is not known") && !unknown.contains("under"), "{unknown}");
}

#[test]
fn against_the_pretrained_actor_the_other_length_is_named() {
    let actors = Comparison { equal_budget: None, ..compared() };
    let said = sentence("critic", &actors, None);
    assert!(
        said.contains("against 0.7000 of the pretrained actor") && said.contains("a length of its own"),
        "{said}"
    );
    assert!(sentence("equal", &actors, None).starts_with("equal weights with the agent's losses: "));
}

#[test]
fn a_run_by_itself_says_what_was_reached_and_where_to_look() {
    let alone = comparison(block(&[(Some(0.9), Some(0.1)), (Some(0.7), Some(0.2))]), None, None);
    let said = sentence("uw", &alone, None);
    assert!(
        said.starts_with("uw weights: mean AUC 0.8000, mean logloss 0.1500 on the test split."),
        "{said}"
    );
    assert!(said.contains("`rmtl compare`") && said.contains("`tensorboard --logdir`"), "{said}");
}

#[test]
fn undefined_metrics_are_not_averaged_away() {
    let tried = block(&[(Some(0.9), Some(0.1)), (None, Some(0.3))]);
    let alone = sentence("uw", &comparison(tried.clone(), None, None), None);
    assert!(alone.starts_with("uw weights: mean logloss 0.2000"), "{alone}");
    let base = block(&[(Some(0.9), Some(0.1)), (Some(0.8), Some(0.1))]);
    let said = sentence("critic", &comparison(tried, Some(base), None), None);
    assert!(said.starts_with("critic weights: mean logloss 0.2000 against 0.1000"), "{said}");
    assert!(said.contains("where lower is better (a task has no AUC"), "{said}");
    let nothing = comparison(block(&[(None, None)]), None, None);
    assert!(sentence("uw", &nothing, None).starts_with("uw weights: neither AUC nor logloss"));
}

#[test]
fn a_difference_is_of_the_mean_auc_and_its_error_of_the_sessions() {
    // 50 sessions of two rows, a positive and a negative, two tasks. The tried actor ranks task 0 perfectly; the base ties
    // all its rows. On task 1 both tie everything. AUC 1 and ½ against ½ and ½.
    let labels: Vec<u8> = [1, 1, 0, 0].repeat(50);
    let tried: Vec<f32> = [0.9, 0.5, 0.1, 0.5].repeat(50);
    let base = vec![0.5; 200];
    let sessions: Vec<Range<u32>> = (0..50).map(|session| 2 * session..2 * session + 2).collect();
    let rows = Rows { labels: &labels, sessions: &sessions, n_tasks: 2 };
    let mut stream = Streams::new(1).named("bootstrap");
    let found = difference(rows, &tried, &base, &mut stream).unwrap();
    assert!((found.difference - 0.25).abs() < 1e-12, "{found:?}");
    // Whatever sessions are drawn, the ranking is perfect.
    assert!(found.session_error < 1e-9 && found.seed_error.is_none(), "{found:?}");
    // Half of the sessions the wrong way round: now it matters which are drawn.
    let mixed: Vec<f32> = [0.9, 0.5, 0.1, 0.5, 0.1, 0.5, 0.9, 0.5].repeat(25);
    let found = difference(rows, &mixed, &base, &mut stream).unwrap();
    assert!(found.difference.abs() < 1e-12 && found.session_error > 0.01, "{found:?}");
    let one_class = vec![1; 200];
    assert_eq!(difference(Rows { labels: &one_class, ..rows }, &tried, &base, &mut stream), None);
}
