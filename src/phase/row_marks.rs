//! What critics and weightings know of the training rows beside their states: folds, and how far sessions have come.

use std::collections::HashMap;

use rand::RngExt;
use rmtl_agents::critic::RowMarks;
use rmtl_agents::stream::Stream;
use rmtl_envs::{LogTable, Row, Sessions};

use crate::run::Run;
use crate::streams::CRITICS;

/// The marks of every training row. Drawn from a stream of its own, the folds are the same in all phases.
pub(crate) struct TrainingMarks {
    /// Empty where critics learn from all rows.
    folds: Vec<u8>,
    stages: Vec<u8>,
}

impl TrainingMarks {
    pub(super) fn of(run: &Run<'_>) -> Self {
        let table = &run.dataset.train;
        let stream = run.streams.named(&format!("{CRITICS}/folds"));
        Self { folds: folds(table, run.key_slot(), run.config.critic.folds, stream), stages: stages(table) }
    }

    /// Those of `rows`.
    pub(super) fn read(&self, rows: &[Row]) -> RowMarks {
        let read = |of: &[u8]| match of.is_empty() {
            true => Vec::new(),
            false => rows.iter().map(|row| of[row.0 as usize]).collect(),
        };
        RowMarks { folds: read(&self.folds), stages: read(&self.stages) }
    }
}

/// A fold per row: one for all rows of a session's key (a user), or where the ids do not hold it, for those of a session.
fn folds(table: &LogTable, key_slot: Option<usize>, n_folds: u32, mut stream: Stream) -> Vec<u8> {
    if n_folds == 1 {
        return Vec::new();
    }
    let mut of_key = HashMap::new();
    let mut folds = Vec::with_capacity(table.n_rows());
    for session in Sessions::of(table).iter() {
        let key = key_slot.map_or(session.start, |slot| table.categorical(Row(session.start))[slot]);
        let fold = *of_key.entry(key).or_insert_with(|| stream.random_range(0..n_folds) as u8);
        folds.resize(folds.len() + session.len(), fold);
    }
    folds
}

/// How many rows of its session are before a row: 0, 1, 2 to 3, 4 to 7 and so on up to 127, and more.
fn stages(table: &LogTable) -> Vec<u8> {
    let before = Sessions::of(table);
    before.iter().flat_map(|session| (0..session.len()).map(stage)).collect()
}

fn stage(n_before: usize) -> u8 {
    (n_before + 1).ilog2().min(7) as u8
}

#[cfg(test)]
mod tests {
    use rmtl_agents::stream::Streams;
    use rmtl_envs::{RowValues, Schema, SessionEnd};

    use super::*;

    /// 40 users with two sessions of two and three rows each.
    fn table() -> LogTable {
        let schema = Schema::of_ids(&[("user", 41)], &[("click", None)]);
        let ids: Vec<u32> = (1..=40).collect();
        let lengths = ids.iter().flat_map(|id| [(id, 2), (id, 3)]);
        let rows = lengths.flat_map(|(id, n)| (0..n).map(move |index| (id, index + 1 == n)));
        let row = |((id, is_last), time)| RowValues {
            categorical: std::slice::from_ref(id),
            labels: &[0],
            time,
            end: if is_last { SessionEnd::Terminated } else { SessionEnd::Continues },
            ..RowValues::default()
        };
        LogTable::from_rows(&schema, rows.zip(0..).map(row))
    }

    #[test]
    fn a_fold_is_of_users_or_else_of_sessions() {
        let table = table();
        let of = |slot, n| folds(&table, slot, n, Streams::new(1).named("critics/folds"));
        let by_user = of(Some(0), 2);
        assert_eq!(by_user.len(), 200);
        assert!(by_user.chunks(5).all(|user| user.iter().all(|fold| *fold == user[0])));
        let first = by_user.chunks(5).filter(|user| user[0] == 0).count();
        assert!((10..=30).contains(&first), "{first} of 40 users");
        assert_eq!(by_user, of(Some(0), 2), "the same in every phase");
        let by_session = of(None, 2);
        assert!(by_session.chunks(5).all(|user| user[0] == user[1] && user[2] == user[4]));
        assert!(by_session.chunks(5).any(|user| user[0] != user[2]), "sessions of one user may be apart");
        assert!(of(Some(0), 1).is_empty());
    }

    #[test]
    fn stages_by_hand() {
        assert_eq!(stages(&table())[..5], [0, 1, 0, 1, 1]);
        assert_eq!([0, 1, 2, 3, 6, 7, 126, 127, 100_000].map(stage), [0, 1, 1, 2, 2, 3, 6, 7, 7]);
        let marks = TrainingMarks { folds: Vec::new(), stages: stages(&table()) };
        let read = marks.read(&[Row(4), Row(0)]);
        assert_eq!((read.folds, read.stages), (vec![], vec![1, 0]));
    }
}
