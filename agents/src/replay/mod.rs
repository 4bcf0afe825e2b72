//! Replay: transitions kept, and drawn uniformly or by priority.

mod prioritized;
mod ring;
mod sum_tree;
mod td_batch;
#[cfg(test)]
mod tests;

use rmtl_envs::Row;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stream::Stream;
use prioritized::Priorities;

pub use prioritized::PrioritizedConfig;
pub use ring::Transition;
pub(crate) use ring::element;
pub use td_batch::{TransitionRule, Transitions};

use ring::ReplayBuffer;

/// `[replay]` of a run file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReplayConfig {
    /// Transitions kept. When there are more, the oldest are overwritten: mind that long sessions end last.
    pub capacity: usize,
    /// Whether a transition's action is drawn anew at every sampling, as it was while collecting. The reward is known for
    /// any action, so this trains the critics on more actions than were taken; not in the papers.
    pub resample_actions: bool,
    /// What becomes of the last row of a session that may go on beyond the split.
    pub cut_rows: CutRows,
    /// Draws by priority; absent = uniform draws.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prioritized: Option<PrioritizedConfig>,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self { capacity: 2_000_000, resample_actions: false, cut_rows: CutRows::default(), prioritized: None }
    }
}

/// What becomes of the last row of a session that may go on beyond the split, where its next state must not be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CutRows {
    /// It is replayed, and its own state stands for the next one: `r + γ Q̃(s, π̃(s))`.
    #[default]
    Bootstrap,
    /// It gives no transition. Critics are then asked for the value of states that no update ever moves.
    LeaveOut,
}

impl ReplayConfig {
    /// Why these settings cannot work, in words for the author of the run file.
    pub fn check(&self) -> Result<(), String> {
        if self.capacity == 0 {
            return Err("`capacity` must be at least 1; found 0".into());
        }
        let Some(prioritized) = self.prioritized else {
            return Ok(());
        };
        if self.resample_actions {
            return Err("`prioritized` and `resample_actions` exclude one another: the priority of a transition is the \
                        error of the action it was last seen with, and a redrawn action has another; remove one of them"
                .into());
        }
        prioritized.check()
    }
}

/// Transitions drawn for one update.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransitionBatch {
    /// `[batch]`: the states.
    pub rows: Vec<Row>,
    /// `[batch, task]`: the actions.
    pub actions: Vec<f32>,
    /// `[batch]`: how much every row's error counts; empty = all alike.
    pub importance: Vec<f32>,
    pub(crate) slots: Vec<usize>,
}

impl TransitionBatch {
    fn clear(&mut self) {
        self.rows.clear();
        self.actions.clear();
        self.importance.clear();
        self.slots.clear();
    }
}

/// A ring of transitions and the way they are drawn.
pub struct Replay {
    ring: ReplayBuffer,
    priorities: Option<Priorities>,
}

impl Replay {
    /// An empty one for transitions of `n_tasks` tasks, its capacity at most `most`.
    pub fn new(config: &ReplayConfig, most: usize, n_tasks: usize) -> Self {
        let capacity = config.capacity.min(most).max(1);
        let priorities = config.prioritized.map(|prioritized| Priorities::new(prioritized, capacity));
        Self { ring: ReplayBuffer::new(capacity, n_tasks), priorities }
    }

    /// Adds a transition, in place of the oldest one if the ring is full.
    pub fn push(&mut self, transition: Transition<'_>) {
        self.ring.push(transition);
        if let Some(priorities) = &mut self.priorities {
            priorities.push();
        }
    }

    /// Number of transitions held.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Replaces `batch` by `batch_size` transitions drawn WITH replacement, uniformly in O(batch) or by priority in
    /// O(batch · log n). `progress` in [0, 1] is the share of the planned updates that lies behind.
    ///
    /// # Panics
    /// If it is empty.
    pub fn sample(
        &mut self,
        batch_size: usize,
        progress: f64,
        stream: &mut Stream,
        batch: &mut TransitionBatch,
    ) {
        batch.clear();
        let Some(priorities) = &self.priorities else {
            return self.ring.sample(batch_size, stream, &mut batch.rows, &mut batch.actions);
        };
        assert!(!self.ring.is_empty(), "{}", ring::EMPTY);
        priorities.sample(batch_size, progress, stream, &mut batch.slots, &mut batch.importance);
        for &slot in &batch.slots {
            let transition = self.ring.get(priorities.index(slot));
            batch.rows.push(transition.row);
            batch.actions.extend_from_slice(transition.action);
        }
    }

    /// Hears δ `[batch, task]` of the batch drawn last. Nothing to do where draws are uniform.
    pub fn update(&mut self, batch: &TransitionBatch, td_errors: &[f32]) {
        let Some(priorities) = &mut self.priorities else {
            return;
        };
        let n_tasks = self.ring.n_tasks();
        let mean =
            |errors: &[f32]| errors.iter().map(|error| f64::from(error.abs())).sum::<f64>() / n_tasks as f64;
        priorities.update(&batch.slots, td_errors.chunks_exact(n_tasks).map(mean));
    }
}
