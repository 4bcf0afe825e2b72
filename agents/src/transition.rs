//! From sampled `(row, action)` pairs to the tensors of a TD update.

use burn::tensor::Tensor;
use rmtl_envs::{Reward, Row, SessionEnd};

use crate::batch::{BatchReader, StateBatch};
use crate::replay::TransitionBatch;

/// A batch of transitions `(s, a, r, s', π̃(s'))`.
#[derive(Clone, Debug)]
pub struct Transitions {
    /// s.
    pub states: StateBatch,
    /// s', n rows on; where the session has ended, a stand-in that `discounts` mask.
    pub next_states: StateBatch,
    /// a, `[batch, task]`.
    pub actions: Tensor<2>,
    /// π̃(s'), `[batch, task]`.
    pub next_actions: Tensor<2>,
    /// `Σ_{i<n} γⁱ r_i`, `[batch, task]`.
    pub rewards: Tensor<2>,
    /// `γⁿ (1 − terminated)`, `[batch, 1]`.
    pub discounts: Tensor<2>,
}

/// The actions of a policy for every row of a split, `[row, task]`. A frozen actor is evaluated once.
#[derive(Clone, Debug, PartialEq)]
pub struct FrozenPolicy {
    actions: Vec<f32>,
    n_tasks: usize,
}

impl FrozenPolicy {
    /// Actions `[row, task]`, row-major.
    pub fn new(actions: Vec<f32>, n_tasks: usize) -> Self {
        assert_eq!(actions.len() % n_tasks, 0, "{} actions are not whole rows of {n_tasks}", actions.len());
        Self { actions, n_tasks }
    }

    /// The action for `row`, one value per task.
    pub fn action(&self, row: Row) -> &[f32] {
        &self.actions[row.0 as usize * self.n_tasks..][..self.n_tasks]
    }

    /// All actions, `[row, task]`.
    pub fn actions(&self) -> &[f32] {
        &self.actions
    }
}

/// How transitions are read from the log.
#[derive(Clone, Copy, Debug)]
pub struct TransitionRule {
    /// The reward of an action.
    pub reward: Reward,
    /// Discount γ.
    pub gamma: f64,
    /// Rows n of a session whose rewards are added up before the critic is asked. The replayed action is taken in the first,
    /// the policy's own in those after it. A session's end, or the split, makes the sum shorter.
    pub n_steps: u32,
}

impl TransitionRule {
    /// Reads label, reward, next state and terminal flag of every sampled pair from the table.
    ///
    /// # Panics
    /// If a row's session goes on in another split: its next state must not be seen, so it is never replayed.
    pub fn read(
        &self,
        reader: &BatchReader<'_>,
        sampled: &TransitionBatch,
        policy: &FrozenPolicy,
    ) -> Transitions {
        let n = sampled.rows.len();
        let n_tasks = policy.n_tasks;
        let mut next_rows = Vec::with_capacity(n);
        let mut discounts = Vec::with_capacity(n);
        let mut rewards = Vec::with_capacity(n * n_tasks);
        let mut next_actions = Vec::with_capacity(n * n_tasks);
        for (&row, action) in sampled.rows.iter().zip(sampled.actions.chunks_exact(n_tasks)) {
            let start = rewards.len();
            rewards.extend(self.reward_of(reader, row, action));
            let (mut last, mut discount) = (row, self.gamma as f32);
            for _ in 1..self.n_steps {
                // A row that is cut by the split has a reward but no next state: it is where the critic is asked.
                let next = Row(last.0 + 1);
                if reader.table.end(last) != SessionEnd::Continues
                    || reader.table.end(next) == SessionEnd::Cut
                {
                    break;
                }
                let further = self.reward_of(reader, next, policy.action(next));
                rewards[start..].iter_mut().zip(further).for_each(|(sum, reward)| *sum += discount * reward);
                discount *= self.gamma as f32;
                last = next;
            }
            let (next, discount) = match reader.table.end(last) {
                SessionEnd::Continues => (Row(last.0 + 1), discount),
                SessionEnd::Terminated => (last, 0.0),
                SessionEnd::Cut => panic!("row {} is cut by the split and must not be in the replay", last.0),
            };
            next_rows.push(next);
            discounts.push(discount);
            next_actions.extend_from_slice(policy.action(next));
        }
        Transitions {
            states: reader.states(&sampled.rows),
            next_states: reader.states(&next_rows),
            actions: reader.tensor(sampled.actions.clone(), n, n_tasks),
            next_actions: reader.tensor(next_actions, n, n_tasks),
            rewards: reader.tensor(rewards, n, n_tasks),
            discounts: reader.tensor(discounts, n, 1),
        }
    }

    /// Every task's reward for `action` in `row`.
    fn reward_of<'a>(
        &'a self,
        reader: &'a BatchReader<'_>,
        row: Row,
        action: &'a [f32],
    ) -> impl Iterator<Item = f32> + 'a {
        let labels = reader.table.labels(row);
        action.iter().zip(labels).map(|(&action, &label)| self.reward.value(action, label))
    }
}
