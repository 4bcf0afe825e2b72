//! From sampled `(row, action)` pairs to the tensors of a TD update.

use burn::tensor::Tensor;
use rmtl_envs::{Rewards, Row, Trajectory};

use super::TransitionBatch;
use crate::input::{BatchReader, StateBatch};
use crate::policy::{Policy, Smoothing};
use crate::stream::Stream;

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
    /// How much every row's error counts, `[batch, 1]`; where draws are not uniform.
    pub importance: Option<Tensor<2>>,
    /// The fold of every row; empty where critics learn from all.
    pub folds: Vec<u8>,
}

/// How transitions are read from the log.
#[derive(Clone, Debug)]
pub struct TransitionRule {
    /// The rewards of actions.
    pub rewards: Rewards,
    /// Discount γ.
    pub gamma: f64,
    /// Rows n of a session whose rewards are added up before the critic is asked. The replayed action is taken in the first,
    /// the policy's own in those after it. A session's end, or the split, makes the sum shorter.
    pub n_steps: u32,
    /// Noise on the policy's action in the next state.
    pub smoothing: Option<Smoothing>,
}

impl TransitionRule {
    /// Reads label, reward, next state and terminal flag of every sampled pair from the table. `noise` is for smoothing.
    ///
    /// Where a session may go on beyond the split, the last row's own state stands for the unseen next one.
    pub fn read(
        &self,
        reader: &BatchReader<'_>,
        sampled: &TransitionBatch,
        policy: &mut dyn Policy,
        noise: &mut Stream,
    ) -> Transitions {
        let n = sampled.rows.len();
        let n_tasks = reader.table.n_tasks();
        let gamma = self.gamma as f32;
        let trajectories: Vec<Trajectory> =
            sampled.rows.iter().map(|&row| Trajectory::new(reader.table, row, self.n_steps)).collect();
        // Where the session is over its last row stands in, and counts nothing.
        let next_rows: Vec<Row> =
            trajectories.iter().map(|trajectory| trajectory.bootstrap.unwrap_or(trajectory.last())).collect();
        // The rows after the first and the one the critic is asked in, row by row: the policy is asked once.
        let ahead: Vec<Row> = trajectories
            .iter()
            .zip(&next_rows)
            .flat_map(|(trajectory, &next)| trajectory.rows().skip(1).chain([next]))
            .collect();
        let ahead = policy.actions(reader, &ahead);
        let mut ahead = ahead.chunks_exact(n_tasks);
        let mut rewards = vec![0.0; n * n_tasks];
        let mut next_actions = Vec::with_capacity(n * n_tasks);
        for ((trajectory, replayed), sums) in trajectories
            .iter()
            .zip(sampled.actions.chunks_exact(n_tasks))
            .zip(rewards.chunks_exact_mut(n_tasks))
        {
            let mut action = replayed;
            for (row, discount) in trajectory.discounted_rows(gamma) {
                for (sum, reward) in sums.iter_mut().zip(self.rewards.of_row(reader.table, row, action)) {
                    *sum += discount * reward;
                }
                action = ahead.next().expect("an action for every row ahead");
            }
            next_actions.extend_from_slice(action);
        }
        if let Some(smoothing) = &self.smoothing {
            smoothing.smooth(&mut next_actions, noise);
        }
        let discounts = trajectories.iter().map(|trajectory| trajectory.bootstrap_discount(gamma)).collect();
        let weighted = !sampled.importance.is_empty();
        Transitions {
            states: reader.states(&sampled.rows),
            next_states: reader.states(&next_rows),
            actions: reader.tensor(sampled.actions.clone(), n, n_tasks),
            next_actions: reader.tensor(next_actions, n, n_tasks),
            rewards: reader.tensor(rewards, n, n_tasks),
            discounts: reader.tensor(discounts, n, 1),
            importance: weighted.then(|| reader.tensor(sampled.importance.clone(), n, 1)),
            folds: Vec::new(),
        }
    }
}
