//! Loss weights by what is known of a row: where critics know something that they should not, it shows here.

use indexmap::IndexMap;
use rmtl_envs::{LogTable, OUT_OF_VOCABULARY, Row, SessionEnd, Sessions};

use crate::log::tags::{self, Phase};
use crate::metric::POSITIONS;
use crate::run::Run;

/// Mean weights, by task and segment.
pub type WeightsBySegment = IndexMap<String, IndexMap<String, f64>>;

/// The training rows by segment, and the weights that rows of each have been given.
pub(crate) struct Segments {
    names: Vec<String>,
    /// Per row, the segments it belongs to: positions in `names`.
    of_row: Vec<[u8; N_GROUPINGS]>,
    /// Sum and number of the weights logged so far, `[task][segment]`.
    totals: Vec<Vec<(f64, u64)>>,
}

/// A row has its place in the session, the session's end, and whether the session's key is known.
const N_GROUPINGS: usize = 3;

const TERMINATED: u8 = POSITIONS.len() as u8;
const KNOWN: u8 = TERMINATED + 2;

impl Segments {
    /// The segments of the rows of `table`. `key_slot` is where the ids hold the session's key (the user), if they do.
    pub(crate) fn new(table: &LogTable, key_slot: Option<usize>) -> Self {
        let mut names: Vec<String> = POSITIONS.iter().map(|(name, _)| format!("position_{name}")).collect();
        names.extend(["terminated", "cut"].map(String::from));
        names.extend(key_slot.iter().flat_map(|_| ["known_key", "unknown_key"]).map(String::from));
        let mut of_row = Vec::with_capacity(table.n_rows());
        for session in Sessions::of(table).iter() {
            let is_cut = table.end(Row(session.end - 1)) == SessionEnd::Cut;
            for (index, row) in session.enumerate() {
                let begun = POSITIONS.partition_point(|&(_, first)| first <= index + 1);
                let unknown =
                    key_slot.is_some_and(|slot| table.categorical(Row(row))[slot] == OUT_OF_VOCABULARY);
                of_row.push([begun as u8 - 1, TERMINATED + u8::from(is_cut), KNOWN + u8::from(unknown)]);
            }
        }
        let totals = vec![vec![(0.0, 0); names.len()]; table.n_tasks()];
        Self { names, of_row, totals }
    }

    /// Logs the mean weights `[row, task]` of each segment's rows in a batch, and keeps them for the report.
    pub(crate) fn log(
        &mut self,
        run: &mut Run<'_>,
        (phase, step): (Phase, u64),
        rows: &[Row],
        weights: &[f32],
    ) {
        let found = self.add(rows, weights);
        for (task, segments) in run.schema().tasks.iter().zip(found) {
            for (name, (sum, n)) in self.names.iter().zip(segments).filter(|(_, (_, n))| *n > 0) {
                let tag = tags::weight_mean_by_segment(phase, &task.name, name);
                run.logger.scalar(&tag, step, sum / n as f64);
            }
        }
    }

    /// Sum and number of the weights of a batch, `[task][segment]`.
    fn add(&mut self, rows: &[Row], weights: &[f32]) -> Vec<Vec<(f64, u64)>> {
        let n_tasks = self.totals.len();
        let mut found = vec![vec![(0.0, 0); self.names.len()]; n_tasks];
        for (row, weights) in rows.iter().zip(weights.chunks_exact(n_tasks)) {
            for (segments, &weight) in found.iter_mut().zip(weights) {
                for &segment in &self.of_row[row.0 as usize] {
                    if let Some((sum, n)) = segments.get_mut(usize::from(segment)) {
                        *sum += f64::from(weight);
                        *n += 1;
                    }
                }
            }
        }
        for (totals, found) in self.totals.iter_mut().flatten().zip(found.iter().flatten()) {
            totals.0 += found.0;
            totals.1 += found.1;
        }
        found
    }

    /// Sum and number of the weights logged so far.
    pub(crate) fn totals(&self) -> &[Vec<(f64, u64)>] {
        &self.totals
    }

    /// The same segments with the weights that were logged before.
    pub(crate) fn with_totals(self, totals: Vec<Vec<(f64, u64)>>) -> Self {
        Self { totals, ..self }
    }

    /// The means over all logged steps.
    pub(crate) fn means(&self, tasks: impl Iterator<Item = String>) -> WeightsBySegment {
        let of_task = |totals: &Vec<(f64, u64)>| {
            let segments = self.names.iter().zip(totals).filter(|(_, (_, n))| *n > 0);
            segments.map(|(name, &(sum, n))| (name.clone(), sum / n as f64)).collect()
        };
        tasks.zip(self.totals.iter().map(of_task)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmtl_envs::{RowValues, Schema};

    #[test]
    fn means_by_hand() {
        let schema = Schema::of_ids(&[("item", 4), ("user", 4)], &[("click", None), ("buy", None)]);
        use SessionEnd::{Continues, Cut, Terminated};
        // A known user whose session ends after two rows, an unknown one whose session of one row is cut.
        let rows = [([1, 2], Continues), ([0, 2], Terminated), ([1, 0], Cut)];
        let values = rows.iter().map(|(ids, end)| RowValues {
            categorical: ids,
            labels: &[0, 0],
            end: *end,
            ..RowValues::default()
        });
        let table = LogTable::from_rows(&schema, values);
        let means = |key_slot| {
            let mut segments = Segments::new(&table, key_slot);
            segments.add(&[Row(2), Row(0)], &[8.0, 1.0, 2.0, 1.0]);
            segments.add(&[Row(1)], &[4.0, 1.0]);
            segments.means(["click", "buy"].map(String::from).into_iter())
        };
        let of = |found: &WeightsBySegment| -> Vec<(String, f64)> {
            found["click"].iter().map(|(name, mean)| (name.clone(), *mean)).collect()
        };
        let expected = [
            ("position_1", 5.0),
            ("position_2-5", 4.0),
            ("terminated", 3.0),
            ("cut", 8.0),
            ("known_key", 3.0),
            ("unknown_key", 8.0),
        ];
        assert_eq!(of(&means(Some(1))), expected.map(|(name, mean)| (name.to_owned(), mean)));
        assert_eq!(
            of(&means(None)),
            expected[..4].iter().map(|(name, mean)| ((*name).into(), *mean)).collect::<Vec<_>>()
        );
        assert!(means(Some(1))["buy"].values().all(|mean| *mean == 1.0));
    }
}
