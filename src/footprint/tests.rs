use rmtl_agents::embedding::SparseOptimizerConfig;
use rmtl_envs::{CategoricalField, NumericField, Task};

use super::*;

/// Fields of 10 and 6 ids, the second with up to 3 of them, a numeric column and two tasks.
fn schema() -> Schema {
    let field = |name: &str, vocabulary_size, n_values| CategoricalField {
        name: name.into(),
        vocabulary_size,
        n_values,
    };
    let task = |name: &str| Task { name: name.into(), after: None, number: None };
    Schema {
        categorical: vec![field("item", 10, 1), field("tags", 6, 3)],
        numeric: vec![NumericField { name: "price".into(), mean: 0.0, standard_deviation: 1.0 }],
        tasks: vec![task("click"), task("like")],
    }
}

fn config(more: &str) -> RunFile {
    let text = format!(
        "batch_size = 100\n{more}\n[data]\ndataset = \"d.toml\"\n[encoder]\ndim = 4\n\
         [backbone.shared_bottom]\nbottom = [5]\ntower = [3]\n"
    );
    toml::from_str(&text).unwrap()
}

/// Bytes of every demand of `config` over 50 training rows.
fn sizes(config: &RunFile) -> Vec<u64> {
    config.check(&schema()).unwrap();
    let device = Device::default();
    let all = tables(config, &schema()).into_iter().chain(rows(config, &schema(), Some(50))).chain(networks(
        config,
        &schema(),
        Some(50),
        &device,
    ));
    all.map(|demand| demand.bytes).collect()
}

/// `Linear(1 → 4)` of the price, a bottom of 3 fields · 4 → 5, towers 5 → 3 → 1.
const ACTOR: u64 = (4 + 4) + (12 * 5 + 5) + 2 * (5 * 3 + 3 + 3 + 1);
const ACTOR_OUTPUTS: u64 = 4 + 5 + 2 * (3 + 1);
/// Ids of four slots, resolved (8 bytes) and sorted (8 bytes); two embeddings of 4, three times.
const ROW: u64 = 4 * (4 + 4 + 8) + 3 * 2 * 4 * 4;

#[test]
fn a_supervised_run_by_hand() {
    // The actor that trains, the best one and the next best: table, two moments of Adam.
    let tables = 3 * (16 * 4 * 4 * 3);
    let network = (3 * 3 + 1) * ACTOR * 4;
    let equal = config("weighting.equal = {}");
    assert_eq!(sizes(&equal), [tables, 50 * ROW, network, 50 * 3 * ACTOR_OUTPUTS * 4]);

    // Row-wise Adagrad keeps one number a row, SGD none; the gradients of two tasks and of the terms are there at once.
    let mut lean = config("weighting.pcgrad = {}\noptimizer.method = { sgd = {} }");
    lean.encoder.optimizer = SparseOptimizerConfig::RowWiseAdagrad { epsilon: 1e-10 };
    assert_eq!(sizes(&lean)[0], 3 * (16 * 4 * 4 + 16 * 4));
    assert_eq!(sizes(&lean)[2], (3 + 3) * ACTOR * 4);

    // Moments of both tasks, and their gradients before and after they are weighed.
    let per_task = config("weighting.equal = {}\noptimizer.moments = \"per_task\"");
    assert_eq!(sizes(&per_task)[0], 3 * (16 * 4 * 4 * (1 + 2 * 2)));
    assert_eq!(sizes(&per_task)[2], (3 * (1 + 2 * 2) + 5) * ACTOR * 4);
    // What MoCo tracks of every entry, task by task.
    let moco = config("weighting.moco = {}");
    assert_eq!(sizes(&moco)[0], tables + 2 * 16 * 4 * 4);
    assert_eq!(sizes(&moco)[2], (3 * 3 + 3 + 2) * ACTOR * 4);
    // An average follows, with a clock for every row; a view per task has tables and rows of its own.
    let averaged = config("weighting.equal = {}\nema = 0.9");
    assert_eq!(sizes(&averaged)[0], tables + 16 * 4 * 4 + 16 * 4);
    assert_eq!(sizes(&averaged)[2], network + ACTOR * 4);
    let text = "[backbone.single_task]\nbottom = [5]\ntower = [3]";
    let RunFile { backbone, .. } =
        toml::from_str(&format!("[data]\ndataset = \"d.toml\"\n[weighting.equal]\n{text}")).unwrap();
    let single = RunFile { backbone, ..equal };
    assert_eq!(sizes(&single)[..2], [2 * tables, 50 * (ROW + 3 * 2 * 4 * 4)]);
}

/// The critics' network: an action layer 1 → 4 per task, four fields of 4 → 7 (the action's part without a bias of its
/// own), towers 7 → 2 → 1, and the price.
const CRITIC: u64 = 2 * (4 + 4) + (16 * 7 + 7) + 2 * (7 * 2 + 2 + 2 + 1) + (4 + 4);

#[test]
fn critics_by_hand() {
    let critics = "weighting.critic = {}\ncritic = { bottom = [7], tower = [2] }\nreplay.capacity = 40";
    let table = 16 * 4 * 4;
    // Table, two moments, target and its clocks.
    let critic_tables = table * 4 + 16 * 4;
    let two_stage = sizes(&config(critics));
    assert_eq!(two_stage[0], 5 * 3 * table, "pretrained, start, training, best, next best");
    assert_eq!(two_stage[1], critic_tables);
    assert_eq!(two_stage[2], 50 * 3 * ROW, "the actor's row, the critics' state and next state");
    assert_eq!(two_stage[3], 40 * (4 + 2 * 4) + 50 * 2 * 4);
    assert_eq!(two_stage[4], (5 * 3 + 1) * ACTOR * 4);
    assert_eq!(two_stage[5], 5 * CRITIC * 4, "weights, gradients, two moments, target");
    assert_eq!(two_stage.len(), 7, "actor and critics learn in turn: the larger of their outputs");

    let twins = sizes(&config(&critics.replace("tower = [2]", "tower = [2], twins = true, dim = 8")));
    assert_eq!(twins[1], 2 * (2 * table * 4 + 16 * 4));
    let joint = sizes(&config(&format!("{critics}\nschedule.joint = {{}}")));
    assert_eq!(joint[0], 5 * 3 * table + table + 16 * 4, "the actor has a target as well");
    let scratch = "schedule.joint.training.start_from = \"scratch\"";
    assert_eq!(sizes(&config(&format!("{critics}\n{scratch}")))[0], 4 * 3 * table + table + 16 * 4);
}

#[test]
fn what_does_not_fit_is_refused_with_what_asks_for_it_and_which_key_to_lower() {
    let refused = |config: &RunFile, available| {
        let device = Device::default();
        within(Some(available), config, &schema(), Some(50), &device).unwrap_err().to_string()
    };
    let equal = config("weighting.equal = {}");
    let total = sizes(&equal).iter().sum::<u64>();
    let device = Device::default();
    assert_eq!(within(Some(total), &equal, &schema(), Some(50), &device), Ok(total));
    let message = refused(&equal, total - 1);
    for words in
        ["this run needs at least", "`encoder.dim`", "`item`, which has 10 ids", "`max_values` of `tags`"]
    {
        assert!(message.contains(words), "{words}: {message}");
    }

    let gigabyte = 1_000_000_000;
    let mut wide = config("weighting.critic = {}");
    wide.critic.bottom = vec![200_000_000];
    let message = refused(&wide, 64 * gigabyte);
    assert!(message.contains("64.0 GB are there") && message.contains("`critic.bottom`"), "{message}");
    // Sizes whose products are no numbers are no reason to multiply them.
    for dim in [200_000_000, usize::MAX / 2] {
        let mut large = config("weighting.equal = {}");
        large.encoder.dim = dim;
        let message = refused(&large, 64 * gigabyte);
        assert!(message.contains("lower `encoder.dim`") && !message.contains("[backbone"), "{message}");
    }
    let crossed = config("weighting.equal = {}\ninteraction = { cross = { n_layers = 3000 } }");
    assert!(refused(&crossed, 1_000_000).contains("`interaction.cross`"));
}

#[test]
fn what_lives_on_another_device_is_not_counted() {
    let equal = config("weighting.equal = {}");
    let elsewhere = RunFile { device: "cuda".into(), ..equal.clone() };
    let total = |config: &RunFile| within(None, config, &schema(), Some(50), &Device::default()).unwrap();
    assert_eq!(total(&equal) - total(&elsewhere), sizes(&equal)[2..].iter().sum::<u64>());
}
