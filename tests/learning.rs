//! Learning on the synthetic log, between chance and the oracle, with a negative control.

use crate::workbench::{DATASET, RUN, Workbench};

const LARGER: &str = "n_users = 400, n_items = 150, n_sessions = 3000";
const TRAINING: [&str; 4] = [
    "weighting.equal={}",
    "encoder.dim=16",
    "optimizer.learning_rate=0.003",
    "optimizer.embedding_learning_rate=0.003",
];

fn aucs(dataset: &str, set: &[&str]) -> (Vec<f64>, Vec<f64>) {
    let dataset = dataset.replace("n_users = 200, n_items = 80, n_sessions = 700", LARGER);
    let bench = Workbench::with(&dataset, RUN);
    let report = bench.train("run", &[&TRAINING[..], set].concat());
    let of = |block: &rmtl::output::report::TaskBlock| block.values().map(|task| task.auc.unwrap()).collect();
    (of(&report.actors.tasks), of(report.actors.oracle.as_ref().unwrap()))
}

#[test]
fn a_trained_actor_lies_between_chance_and_the_oracle() {
    for numeric in ["encoder.numeric=linear", "encoder.numeric=log_round"] {
        let (actor, oracle) = aucs(DATASET, &[numeric]);
        for (actor, oracle) in actor.iter().zip(&oracle) {
            assert!(*actor > 0.6 && actor < oracle, "{numeric}: AUC {actor}, oracle {oracle}");
        }
    }
}

#[test]
fn negative_control_features_of_another_row_teach_nothing() {
    // Every row gets the features of a row drawn without regard to it.
    let shuffled = DATASET.replace(
        "SELECT * FROM log",
        "WITH a AS (SELECT *, row_number() OVER (ORDER BY time, session, position) AS n FROM log), \
         b AS (SELECT user, user_group, item, category, position, quality, \
         row_number() OVER (ORDER BY sin(time * 12.9898 + session)) AS n FROM log) \
         SELECT a.session, a.time, a.click, a.cart, a.buy, a.p_click, a.p_cart, a.p_buy, a.hour, a.price, \
         b.user, b.user_group, b.item, b.category, b.position, b.quality FROM a JOIN b ON a.n = b.n",
    );
    assert_ne!(shuffled, DATASET);
    let (actor, oracle) = aucs(&shuffled, &[]);
    assert!(actor[0] < 0.55, "AUC {} of features that know nothing", actor[0]);
    assert!(oracle[0] > 0.6, "the oracle still knows: {}", oracle[0]);
}

/// Click's AUC and logloss of an actor that has never seen a label: it follows critics, which have.
fn led_by_critics(n_updates: u32, seed: u32) -> (f64, f64) {
    let dataset = DATASET.replace("n_users = 200, n_items = 80, n_sessions = 700", LARGER);
    let bench = Workbench::with(&dataset, RUN);
    let schedule = format!(
        "schedule.two_stage={{pretrain={{max_epochs=1}}, collect={{policy=\"uniform\"}}, \
         critics={{max_steps={n_updates}, patience=100}}, \
         weighted={{start_from=\"scratch\", max_epochs=12, patience=6, evaluations_per_epoch=1, equal_budget=false}}}}"
    );
    let seed = format!("seed={seed}");
    let agent = [
        "weighting.constant={weights=[0.0, 0.0, 0.0]}",
        // The base rates are the labels'.
        "bias_init=zero",
        "losses.policy_gradient={}",
        "replay.resample_actions=true",
        "critic.gamma=0.0",
        "critic.learning_rate=0.003",
        "critic.embedding_learning_rate=0.003",
        &schedule,
        &seed,
    ];
    let report = bench.train("run", &[&TRAINING[1..], &agent].concat());
    let click = &report.actors.tasks["click"];
    (click.auc.unwrap(), click.logloss.unwrap())
}

#[test]
fn an_actor_without_labels_learns_from_critics_that_have_learnt() {
    for seed in [1, 2] {
        let (auc, logloss) = led_by_critics(1500, seed);
        assert!(auc > 0.62 && logloss < 0.65, "seed {seed}: AUC {auc}, logloss {logloss}");
    }
}

#[test]
fn negative_control_critics_that_know_nothing_teach_nothing() {
    let (auc, logloss) = led_by_critics(1, 1);
    assert!(auc < 0.59 && logloss > 1.0, "AUC {auc}, logloss {logloss}");
}
