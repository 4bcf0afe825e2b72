//! From sampled `(row, action)` pairs to the tensors of a TD update.

use burn::tensor::Tensor;
use rand_distr::{Distribution, Normal};
use rmtl_envs::{Rewards, Row, Trajectory};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::{BatchReader, StateBatch};
use crate::replay::TransitionBatch;
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
}

/// What acts in the states that follow a transition.
pub trait Policy {
    /// Its actions in `rows`, `[row, task]` row-major.
    fn actions(&mut self, reader: &BatchReader<'_>, rows: &[Row]) -> Vec<f32>;
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

    /// The actions for `rows`, `[batch, task]`.
    pub fn tensor(&self, reader: &BatchReader<'_>, rows: &[Row]) -> Tensor<2> {
        let actions = rows.iter().flat_map(|&row| self.action(row)).copied().collect();
        reader.tensor(actions, rows.len(), self.n_tasks)
    }
}

impl Policy for FrozenPolicy {
    fn actions(&mut self, _: &BatchReader<'_>, rows: &[Row]) -> Vec<f32> {
        rows.iter().flat_map(|&row| self.action(row)).copied().collect()
    }
}

/// Target-policy smoothing (TD3: Fujimoto et al., ICML 2018, equation 14): a target is that of the actions around the
/// policy's, `clip(π̃(s') + clip(ε, −c, c), 0, 1)`, ε normal. TD3's values, 0.2 and 0.5, are for actions in [−1, 1];
/// the defaults are the same shares of [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings, such as {}")]
pub struct Smoothing {
    /// Standard deviation of ε.
    pub standard_deviation: f64,
    /// Largest |ε|, c.
    pub clip: f64,
}

impl Default for Smoothing {
    fn default() -> Self {
        Self { standard_deviation: 0.1, clip: 0.25 }
    }
}

impl Smoothing {
    /// Why these settings cannot work, in words for the author of the run file.
    pub fn check(&self) -> Result<(), String> {
        for (key, value) in [("standard_deviation", self.standard_deviation), ("clip", self.clip)] {
            if !(0.0..=1e6).contains(&value) {
                return Err(format!("`smoothing.{key}` must be a number from 0 to 1e6; found {value}"));
            }
        }
        Ok(())
    }

    fn smooth(&self, actions: &mut [f32], noise: &mut Stream) {
        let clip = self.clip as f32;
        let normal = Normal::new(0.0, self.standard_deviation as f32).expect("checked: finite, not negative");
        for action in actions {
            *action = (*action + normal.sample(noise).clamp(-clip, clip)).clamp(0.0, 1.0);
        }
    }
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
        }
    }
}
