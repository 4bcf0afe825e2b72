//! Logs with planted labels.
//!
//! The sessions, users and items are the synthetic log's; the labels are planted by the dataset's query: a task likes a row
//! when its own hidden score, `user part + item part`, passes noise.

/// Uniform in [0, 1), the same for equal arguments.
pub(crate) fn hash(argument: &str) -> String {
    format!("(sin({argument}) * 43758.5453 - floor(sin({argument}) * 43758.5453))")
}

/// The arguments of a score's user and item part.
pub(crate) type Score = [&'static str; 2];

pub(crate) const FIRST_SCORE: Score = [r#""user" * 12.9898 + 1"#, "item * 78.233 + 2"];
/// It has nothing in common with the first.
pub(crate) const OTHER_SCORE: Score = [r#""user" * 39.346 + 3"#, "item * 11.135 + 4"];

/// Arguments of draws that differ from row to row.
pub(crate) const NOISE: [&str; 3] = [
    "(time % 1000003) * 0.37 + session * 1.591 + position",
    "(time % 1000003) * 0.73 + session * 3.139 + position",
    "(time % 1000003) * 0.9 + session * 3.87 + position",
];

/// Whether the score, which has mean 1, passes `threshold` after noise that is `width` wide.
pub(crate) fn likes([user, item]: Score, threshold: f64, width: f64, noise: &str) -> String {
    let (user, item, noise) = (hash(user), hash(item), hash(noise));
    format!("({user} + {item}) + {width} * ({noise} - 0.5) > {threshold}")
}

/// The synthetic log with the tasks `a` and `b`, conditions in SQL.
pub(crate) fn dataset(a: &str, b: &str, n_sessions: u32) -> String {
    format!(
        r#"
name = "planted"
query = """SELECT session, time, "user", item, CAST({a} AS INT) AS a, CAST({b} AS INT) AS b FROM log"""
session = {{ key = "session", gap = 3_600_000 }}
time = "time"
categorical = ["user", "item"]
tasks = [{{ name = "a", label = "a" }}, {{ name = "b", label = "b" }}]
tables.log = {{ synthetic = {{ seed = 3, n_users = 150, n_items = 100, n_sessions = {n_sessions} }} }}
"#
    )
}

/// Supervised training of a representation that is one unit wide.
pub(crate) const ONE_UNIT: &str = r#"
batch_size = 512
[data]
dataset = "dataset.toml"
[encoder]
dim = 8
[backbone.shared_bottom]
bottom = [1]
tower = [16]
dropout = 0.0
[weighting.equal]
[optimizer]
learning_rate = 0.005
embedding_learning_rate = 0.005
[schedule.two_stage.pretrain]
max_epochs = 30
patience = 4
"#;
