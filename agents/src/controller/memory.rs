//! Transitions of small vectors, in a ring.

use rand::RngExt;
use ringbuf::HeapRb;
use ringbuf::traits::Observer;

use crate::replay::element;
use crate::stream::Stream;

/// What happened in one block.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BlockTransition<'a> {
    /// `[task, feature]`
    pub(super) state: &'a [f32],
    /// `[task]`
    pub(super) action: &'a [f32],
    /// `[task]`
    pub(super) rewards: &'a [f32],
    /// `[task, feature]`
    pub(super) next: &'a [f32],
    pub(super) terminated: bool,
}

/// Transitions drawn for one update, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct BlockBatch {
    pub(super) states: Vec<f32>,
    pub(super) actions: Vec<f32>,
    pub(super) rewards: Vec<f32>,
    pub(super) next: Vec<f32>,
    /// `[batch]`: 0 where the episode is over.
    pub(super) continues: Vec<f32>,
}

/// The last transitions, side by side in one ring of numbers: each enters and leaves whole, and the capacity is a multiple
/// of its width.
pub(super) struct BlockMemory {
    ring: HeapRb<f32>,
    n_tasks: usize,
    n_features: usize,
}

impl BlockMemory {
    pub(super) fn new(capacity: usize, n_tasks: usize, n_features: usize) -> Self {
        let width = Self::width_of(n_tasks, n_features);
        Self { ring: HeapRb::new(capacity * width), n_tasks, n_features }
    }

    fn width_of(n_tasks: usize, n_features: usize) -> usize {
        2 * n_tasks * n_features + 2 * n_tasks + 1
    }

    fn width(&self) -> usize {
        Self::width_of(self.n_tasks, self.n_features)
    }

    pub(super) fn len(&self) -> usize {
        self.ring.occupied_len() / self.width()
    }

    /// Adds a transition, in place of the oldest one if it is full.
    pub(super) fn push(&mut self, transition: &BlockTransition<'_>) {
        let BlockTransition { state, action, rewards, next, terminated } = transition;
        let continues = [if *terminated { 0.0 } else { 1.0 }];
        let whole = [state, action, rewards, next, &continues[..]].concat();
        assert_eq!(whole.len(), self.width(), "numbers of a transition of {} tasks", self.n_tasks);
        self.ring.push_slice_overwrite(&whole);
    }

    /// `batch_size` transitions drawn uniformly, with replacement.
    pub(super) fn sample(&mut self, batch_size: usize, stream: &mut Stream) -> BlockBatch {
        let (n, width, n_tasks) = (self.len(), self.width(), self.n_tasks);
        let n_state = n_tasks * self.n_features;
        let mut batch = BlockBatch::default();
        let slices = self.ring.as_slices();
        for _ in 0..batch_size {
            let whole = element(slices, stream.random_range(0..n), width);
            let (state, rest) = whole.split_at(n_state);
            let (action, rest) = rest.split_at(n_tasks);
            let (rewards, rest) = rest.split_at(n_tasks);
            let (next, continues) = rest.split_at(n_state);
            batch.states.extend_from_slice(state);
            batch.actions.extend_from_slice(action);
            batch.rewards.extend_from_slice(rewards);
            batch.next.extend_from_slice(next);
            batch.continues.extend_from_slice(continues);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Streams;

    #[test]
    fn a_full_ring_overwrites_the_oldest_and_keeps_transitions_whole() {
        let mut memory = BlockMemory::new(3, 2, 1);
        for step in 0..5 {
            let x = step as f32;
            let terminated = step == 4;
            memory.push(&BlockTransition {
                state: &[x, x + 0.1],
                action: &[x + 0.2, -x - 0.2],
                rewards: &[x + 0.3, x + 0.4],
                next: &[x + 0.5, x + 0.6],
                terminated,
            });
        }
        assert_eq!(memory.len(), 3);
        let batch = memory.sample(100, &mut Streams::new(1).named("replay"));
        let mut seen = std::collections::BTreeSet::new();
        for index in 0..100 {
            let x = batch.states[2 * index];
            seen.insert(x as i32);
            assert_eq!(batch.actions[2 * index], x + 0.2);
            assert_eq!(batch.rewards[2 * index + 1], x + 0.4);
            assert_eq!(batch.next[2 * index + 1], x + 0.6);
            assert_eq!(batch.continues[index], if x == 4.0 { 0.0 } else { 1.0 });
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [2, 3, 4]);
    }
}
