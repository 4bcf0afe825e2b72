//! The ring the replay is kept in.

use rand::RngExt;
use ringbuf::HeapRb;
use ringbuf::traits::Observer;
use rmtl_envs::Row;

use crate::stream::Stream;

/// What the agent did in a state. Labels, reward, next state and whether the session ends are read from the log:
/// the reward has a closed form in the action, and the next state does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition<'a> {
    /// The state.
    pub row: Row,
    /// `[task]`: the action, one prediction per task.
    pub action: &'a [f32],
}

/// What is said where there is nothing to draw.
pub(super) const EMPTY: &str = "sampling from an empty replay buffer: collect transitions first";

/// The last `capacity` transitions, in a ring of rows and a flat ring of actions: `4 + 4K` bytes each for `K` tasks,
/// without an allocation per transition. Memory is committed as the buffer fills.
pub(super) struct ReplayBuffer {
    rows: HeapRb<Row>,
    /// `K` consecutive values per transition. Values enter and leave `K` at a time and the capacity is a multiple of
    /// `K`, so an action never straddles the ring's end.
    actions: HeapRb<f32>,
    n_tasks: usize,
}

impl ReplayBuffer {
    /// An empty buffer for `capacity` transitions of `n_tasks` tasks.
    pub(super) fn new(capacity: usize, n_tasks: usize) -> Self {
        assert!(capacity > 0, "a replay buffer holds at least one transition");
        assert!(n_tasks > 0, "an action has at least one task");
        let n_actions = capacity.checked_mul(n_tasks).expect("capacity · tasks fits the address space");
        Self { rows: HeapRb::new(capacity), actions: HeapRb::new(n_actions), n_tasks }
    }

    /// Adds a transition, in place of the oldest one if the buffer is full.
    pub(super) fn push(&mut self, transition: Transition<'_>) {
        let found = transition.action.len();
        assert_eq!(found, self.n_tasks, "tasks of the action, and of the buffer");
        self.rows.push_overwrite(transition.row);
        self.actions.push_slice_overwrite(transition.action);
    }

    /// Number of transitions held.
    pub(super) fn len(&self) -> usize {
        self.rows.occupied_len()
    }

    /// Whether it holds none.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Number of transitions it can hold.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.rows.capacity().get()
    }

    /// Number of tasks of an action.
    pub(super) fn n_tasks(&self) -> usize {
        self.n_tasks
    }

    /// The transition at `index`, 0 being the oldest one held; exclusive because the ring hands out its slices so.
    pub(super) fn get(&mut self, index: usize) -> Transition<'_> {
        assert!(index < self.len(), "transition {index} of {}", self.len());
        let n_tasks = self.n_tasks;
        let row = *element(self.rows.as_slices(), index, 1).first().expect("one row");
        Transition { row, action: element(self.actions.as_slices(), index, n_tasks) }
    }

    /// Appends `batch_size` transitions drawn uniformly and WITH replacement, in O(batch). The buffer stays as it is.
    ///
    /// # Panics
    /// If the buffer is empty.
    pub(super) fn sample(
        &mut self,
        batch_size: usize,
        stream: &mut Stream,
        rows: &mut Vec<Row>,
        actions: &mut Vec<f32>,
    ) {
        let n_transitions = self.len();
        assert!(n_transitions > 0, "{EMPTY}");
        let (all_rows, all_actions) = (self.rows.as_slices(), self.actions.as_slices());
        for _ in 0..batch_size {
            let index = stream.random_range(0..n_transitions);
            rows.extend_from_slice(element(all_rows, index, 1));
            actions.extend_from_slice(element(all_actions, index, self.n_tasks));
        }
    }
}

/// Element `index`, `width` values wide, of a ring given as its two contiguous halves.
pub(crate) fn element<'a, T>((older, newer): (&'a [T], &'a [T]), index: usize, width: usize) -> &'a [T] {
    let start = index * width;
    match start.checked_sub(older.len()) {
        None => &older[start..][..width],
        Some(start) => &newer[start..][..width],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Streams;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    /// Two tasks; the action tells the row, so that a pair torn apart shows.
    fn action(row: u32) -> [f32; 2] {
        [row as f32, -(row as f32)]
    }

    fn filled(capacity: usize, rows: std::ops::Range<u32>) -> ReplayBuffer {
        let mut buffer = ReplayBuffer::new(capacity, 2);
        rows.for_each(|row| buffer.push(Transition { row: Row(row), action: &action(row) }));
        buffer
    }

    fn rows(buffer: &mut ReplayBuffer) -> Vec<u32> {
        (0..buffer.len()).map(|index| buffer.get(index).row.0).collect()
    }

    fn draw(buffer: &mut ReplayBuffer, batch_size: usize, stream: &mut Stream) -> (Vec<Row>, Vec<f32>) {
        let (mut rows, mut actions) = (Vec::new(), Vec::new());
        buffer.sample(batch_size, stream, &mut rows, &mut actions);
        (rows, actions)
    }

    /// Pearson's statistic of `draws` against the uniform distribution over `cells`.
    fn chi_square(draws: impl ExactSizeIterator<Item = u32>, cells: std::ops::Range<u32>) -> f64 {
        let expected = draws.len() as f64 / cells.len() as f64;
        let mut counts = vec![0_u32; cells.len()];
        draws.for_each(|draw| counts[(draw - cells.start) as usize] += 1);
        counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
    }

    #[test]
    fn a_full_buffer_overwrites_the_oldest() {
        let mut buffer = filled(3, 0..2);
        assert_eq!((rows(&mut buffer), buffer.len(), buffer.capacity()), (vec![0, 1], 2, 3));
        buffer = filled(3, 0..5);
        assert_eq!((rows(&mut buffer), buffer.len(), buffer.capacity()), (vec![2, 3, 4], 3, 3));
        assert_eq!(buffer.get(1), Transition { row: Row(3), action: &[3.0, -3.0] });
    }

    #[test]
    fn capacity_one_keeps_the_newest() {
        let mut buffer = filled(1, 0..7);
        assert_eq!(rows(&mut buffer), [6]);
        let (rows, actions) = draw(&mut buffer, 3, &mut Streams::new(1).named("replay"));
        assert_eq!(rows, [Row(6); 3]);
        assert_eq!(actions, [6.0, -6.0, 6.0, -6.0, 6.0, -6.0]);
    }

    #[test]
    fn sampling_keeps_pairs_together_and_the_buffer_as_it_was() {
        let mut buffer = filled(10, 0..14);
        let before = rows(&mut buffer);
        let (drawn, actions) = draw(&mut buffer, 500, &mut Streams::new(1).named("replay"));
        assert_eq!((drawn.len(), actions.len()), (500, 1_000));
        for (row, values) in drawn.iter().zip(actions.chunks(2)) {
            assert!((4..14).contains(&row.0));
            assert_eq!(values, action(row.0));
        }
        assert_eq!(rows(&mut buffer), before);
    }

    #[test]
    fn the_same_stream_draws_the_same_batch() {
        let draw = |seed| draw(&mut filled(100, 0..100), 20, &mut Streams::new(seed).named("replay"));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn draws_are_uniform_over_the_ring() {
        // 49 degrees of freedom: 93.7 is passed once in 10,000 by uniform draws.
        const LIMIT: f64 = 93.7;
        let mut buffer = filled(50, 0..70);
        let (rows, _) = draw(&mut buffer, 50_000, &mut Streams::new(1).named("replay"));
        let uniform = chi_square(rows.iter().map(|row| row.0), 20..70);
        assert!(uniform < LIMIT, "chi-square {uniform}");
        // Negative control: draws that forget one transition of the fifty.
        let forgetful = chi_square(rows.iter().map(|row| row.0.max(21)), 20..70);
        assert!(forgetful > LIMIT, "chi-square {forgetful}");
    }

    #[test]
    #[should_panic(expected = "sampling from an empty replay buffer")]
    fn sampling_an_empty_buffer_panics() {
        draw(&mut ReplayBuffer::new(5, 2), 1, &mut Streams::new(1).named("replay"));
    }

    #[test]
    #[should_panic(expected = "tasks of the action, and of the buffer")]
    fn an_action_of_another_number_of_tasks_panics() {
        ReplayBuffer::new(5, 2).push(Transition { row: Row(0), action: &[0.5; 3] });
    }

    proptest! {
        #[test]
        fn it_is_a_bounded_queue(capacity in 1_usize..9, n_tasks in 1_usize..5, pushed in prop::collection::vec(any::<u32>(), 0..40)) {
            let mut buffer = ReplayBuffer::new(capacity, n_tasks);
            let mut model = VecDeque::new();
            for (i, row) in pushed.into_iter().enumerate() {
                let action: Vec<f32> = (0..n_tasks).map(|task| (i * n_tasks + task) as f32).collect();
                buffer.push(Transition { row: Row(row), action: &action });
                model.push_back((row, action));
                if model.len() > capacity {
                    model.pop_front();
                }
                prop_assert_eq!(buffer.len(), model.len());
                for (index, (row, action)) in model.iter().enumerate() {
                    prop_assert_eq!(buffer.get(index), Transition { row: Row(*row), action });
                }
            }
            prop_assert_eq!(buffer.is_empty(), model.is_empty());
        }
    }
}
