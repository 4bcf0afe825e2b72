//! Target network of an embedding table, averaged lazily and exactly.

use super::lookup::Lookup;
use super::rows::{Block, update_rows};
use super::table::EmbeddingTable;

/// Polyak average of an [`EmbeddingTable`]: `target ← τ·online + (1−τ)·target` at every soft update.
///
/// While a row of the online table stays as it is, `n` soft updates of it are
/// `target ← online + (1−τ)ⁿ (target − online)`. So a soft update only counts, and a row catches up with all it has
/// missed in one go when it must: before its online row is WRITTEN ([`before_write`](Self::before_write)) and before
/// it is READ ([`read`](Self::read)). That is exact as long as every write is announced, and no step ever
/// costs O(vocabulary). Weights, [`clock`](Self::clock) and [`row_clocks`](Self::row_clocks) make a checkpoint.
#[derive(Clone, Debug)]
pub struct TargetTable {
    table: EmbeddingTable,
    tau: f64,
    clock: u32,
    row_clocks: Vec<u32>,
    distinct_rows: Vec<u32>,
}

impl TargetTable {
    /// A copy of `online` that follows it with rate `tau` in `[0, 1]`.
    pub fn new(online: &EmbeddingTable, tau: f64) -> Self {
        assert!((0.0..=1.0).contains(&tau), "tau in [0, 1], found {tau}");
        let row_clocks = vec![0; online.n_rows()];
        Self { table: online.clone(), tau, clock: 0, row_clocks, distinct_rows: Vec::new() }
    }

    /// One soft update of every row, in O(1).
    pub fn soft_update(&mut self) {
        self.clock = self.clock.checked_add(1).expect("at most u32::MAX soft updates");
    }

    /// Must be called before `rows` (ascending and distinct) of the `online` table change.
    pub fn before_write(&mut self, online: &EmbeddingTable, rows: &[u32]) {
        self.catch_up(online, rows);
    }

    /// The target's embedded batch, see [`EmbeddingTable::lookup`].
    ///
    /// # Shapes
    /// - output: `[batch, field, dim]`
    pub fn read(&mut self, online: &EmbeddingTable, lookup: &Lookup) -> Vec<f32> {
        let mut rows = std::mem::take(&mut self.distinct_rows);
        lookup.distinct_rows(&mut rows);
        self.catch_up(online, &rows);
        self.distinct_rows = rows;
        self.table.lookup(lookup)
    }

    /// Brings every row up to date, so that [`table`](Self::table) is the average as defined. O(vocabulary).
    pub fn catch_up_all(&mut self, online: &EmbeddingTable) {
        let rows: Vec<u32> = (0..).take(self.table.n_rows()).collect();
        self.catch_up(online, &rows);
    }

    /// The rows as they are: a row is [`clock`](Self::clock) minus its [row clock](Self::row_clocks) updates behind.
    pub fn table(&self) -> &EmbeddingTable {
        &self.table
    }

    /// Number of soft updates so far.
    pub fn clock(&self) -> u32 {
        self.clock
    }

    /// `[rows]`: how many soft updates each row has seen.
    pub fn row_clocks(&self) -> &[u32] {
        &self.row_clocks
    }

    /// Takes up from a checkpoint: rows of shape `[rows, dim]` as [`table`](Self::table) had them, and their clocks.
    pub fn load(&mut self, weights: &[f32], clock: u32, row_clocks: Vec<u32>) {
        assert_eq!(weights.len(), self.table.n_parameters(), "weights found, and expected");
        assert_eq!(row_clocks.len(), self.table.n_rows(), "row clocks found, and expected");
        assert!(row_clocks.iter().all(|row_clock| *row_clock <= clock), "no row is ahead of clock {clock}");
        self.table.weights_mut().copy_from_slice(weights);
        (self.clock, self.row_clocks) = (clock, row_clocks);
    }

    fn catch_up(&mut self, online: &EmbeddingTable, rows: &[u32]) {
        let Self { table, tau, clock, row_clocks, .. } = self;
        let (dim, clock, keep) = (table.dim(), *clock, 1.0 - *tau);
        assert_eq!(
            (online.n_rows(), online.dim()),
            (table.n_rows(), dim),
            "sizes of the online table, and of this one"
        );
        let blocks = (Block::new(table.weights_mut(), dim), Block::new(row_clocks, 1));
        update_rows(rows, blocks, &|index, (weights, row_clocks), row| {
            let n_missed = clock - row_clocks.row(row)[0];
            if n_missed == 0 {
                return;
            }
            row_clocks.row(row)[0] = clock;
            // In f64, so that catching up rounds once, however many updates were missed.
            let decay = keep.powi(i32::try_from(n_missed).unwrap_or(i32::MAX));
            let online = &online.weights()[rows[index] as usize * dim..][..dim];
            for (target, online) in weights.row(row).iter_mut().zip(online) {
                let online = f64::from(*online);
                *target = (online + decay * (f64::from(*target) - online)) as f32;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{schema, with_threads};
    use super::*;
    use crate::stream::Streams;
    use proptest::prelude::*;

    fn table(n_rows: u32, dim: usize) -> EmbeddingTable {
        EmbeddingTable::new(&schema(&[(n_rows, 1)]), dim, &mut Streams::new(1).named("init"))
    }

    /// What happens to a table and its target.
    #[derive(Clone, Debug)]
    enum Event {
        Write(u32, f32),
        SoftUpdate,
        Read(u32),
    }

    /// Largest difference of the rows read from the definition, row by row in f64; `announced`: with `before_write`.
    fn largest_error(tau: f64, events: &[Event], announced: bool) -> f64 {
        let mut online = table(4, 1);
        let mut target = TargetTable::new(&online, tau);
        let mut eager: Vec<f64> = online.weights().iter().copied().map(f64::from).collect();
        let mut largest = 0.0_f64;
        for event in events {
            match *event {
                Event::Write(row, value) => {
                    if announced {
                        target.before_write(&online, &[row]);
                    }
                    online.weights_mut()[row as usize] = value;
                }
                Event::SoftUpdate => {
                    target.soft_update();
                    for (eager, online) in eager.iter_mut().zip(online.weights()) {
                        *eager = tau * f64::from(*online) + (1.0 - tau) * *eager;
                    }
                }
                Event::Read(row) => {
                    let found = target.read(&online, &online.indices(&[row]))[0];
                    largest = largest.max((f64::from(found) - eager[row as usize]).abs());
                }
            }
        }
        target.catch_up_all(&online);
        for (found, expected) in target.table().weights().iter().zip(&eager) {
            largest = largest.max((f64::from(*found) - expected).abs());
        }
        largest
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0_u32..4, -1.0_f32..1.0).prop_map(|(row, value)| Event::Write(row, value)),
            Just(Event::SoftUpdate),
            Just(Event::SoftUpdate),
            (0_u32..4).prop_map(Event::Read),
        ]
    }

    proptest! {
        #[test]
        fn lazy_averaging_is_the_definition(tau in 0.0..=1.0, events in prop::collection::vec(event(), 0..80)) {
            let error = largest_error(tau, &events, true);
            prop_assert!(error < 1e-6, "off by {error}");
        }
    }

    #[test]
    fn an_unannounced_write_breaks_it() {
        let events = [Event::SoftUpdate, Event::Write(2, 1.0), Event::Read(2)];
        assert!(largest_error(0.2, &events, true) < 1e-7);
        assert!(largest_error(0.2, &events, false) > 0.1);
    }

    #[test]
    fn k_soft_updates_of_a_fixed_row_are_one_with_the_kth_power() {
        let mut online = table(2, 2);
        online.weights_mut().copy_from_slice(&[0.0, 0.0, 0.0, 0.0]);
        let mut target = TargetTable::new(&online, 0.2);
        online.weights_mut().copy_from_slice(&[1.0, -2.0, 3.0, 4.0]);
        (0..3).for_each(|_| target.soft_update());
        // 1 − 0.8³ = 0.488 of the way.
        assert_eq!(target.read(&online, &online.indices(&[1])), [1.464, 1.952]);
        assert_eq!((target.clock(), target.row_clocks()), (3, &[0, 3][..]));
        assert_eq!(target.table().weights()[..2], [0.0, 0.0], "a row nobody reads is left alone");
        target.catch_up_all(&online);
        assert_eq!(target.table().weights(), [0.488, -0.976, 1.464, 1.952]);
        assert_eq!(target.row_clocks(), [3, 3]);
    }

    #[test]
    fn the_extreme_rates_copy_at_once_and_never() {
        for (tau, expected) in [(1.0, 7.0), (0.0, 2.0)] {
            let mut online = table(1, 1);
            online.weights_mut()[0] = 2.0;
            let mut target = TargetTable::new(&online, tau);
            online.weights_mut()[0] = 7.0;
            assert_eq!(target.read(&online, &online.indices(&[0])), [2.0], "no soft update yet");
            target.soft_update();
            assert_eq!(target.read(&online, &online.indices(&[0])), [expected]);
        }
    }

    #[test]
    fn a_loaded_target_continues_as_if_never_interrupted() {
        let mut online = table(3, 2);
        let mut target = TargetTable::new(&online, 0.3);
        online.weights_mut().fill(1.0);
        target.soft_update();
        target.read(&online, &online.indices(&[1]));
        let mut resumed = TargetTable::new(&online, 0.3);
        resumed.load(target.table().weights(), target.clock(), target.row_clocks().to_vec());
        for table in [&mut target, &mut resumed] {
            table.soft_update();
            table.catch_up_all(&online);
        }
        assert_eq!(target.table().weights(), resumed.table().weights());
        assert_eq!(target.row_clocks(), resumed.row_clocks());
    }

    #[test]
    fn catching_up_has_the_same_bits_for_any_number_of_threads() {
        let mut online = table(700, 6);
        let start = TargetTable::new(&online, 0.01);
        online.weights_mut().iter_mut().enumerate().for_each(|(i, weight)| *weight += (i as f32).sin());
        let catch_up = || {
            let mut target = start.clone();
            (0..5).for_each(|_| target.soft_update());
            target.before_write(&online, &(0..700).step_by(2).collect::<Vec<_>>());
            (0..5).for_each(|_| target.soft_update());
            target.catch_up_all(&online);
            target.table().weights().to_vec()
        };
        let expected = with_threads(1, catch_up);
        assert!([2, 5].into_iter().all(|n_threads| with_threads(n_threads, catch_up) == expected));
    }
}
