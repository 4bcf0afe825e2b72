//! From sampled `(row, action)` pairs to the tensors of a TD update.

use burn::tensor::Tensor;
use rand_distr::{Distribution, Normal};
use rmtl_envs::{Reward, Row, SessionEnd};
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug)]
pub struct TransitionRule {
    /// The reward of an action.
    pub reward: Reward,
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
    /// # Panics
    /// If a row's session goes on in another split: its next state must not be seen, so it is never replayed.
    pub fn read(
        &self,
        reader: &BatchReader<'_>,
        sampled: &TransitionBatch,
        policy: &mut dyn Policy,
        noise: &mut Stream,
    ) -> Transitions {
        let n = sampled.rows.len();
        let n_tasks = reader.table.n_tasks();
        let paths: Vec<Path> = sampled.rows.iter().map(|&row| self.path(reader, row)).collect();
        // The rows after the first and the one the critic is asked in, path by path: the policy is asked once.
        let ahead: Vec<Row> = paths.iter().flat_map(Path::ahead).collect();
        let ahead = policy.actions(reader, &ahead);
        let mut ahead = ahead.chunks_exact(n_tasks);
        let mut discounts = Vec::with_capacity(n);
        let mut rewards = Vec::with_capacity(n * n_tasks);
        let mut next_actions = Vec::with_capacity(n * n_tasks);
        for (path, action) in paths.iter().zip(sampled.actions.chunks_exact(n_tasks)) {
            let start = rewards.len();
            rewards.extend(self.reward_of(reader, path.first, action));
            let mut discount = self.gamma as f32;
            for (row, action) in path.between().zip(&mut ahead) {
                let further = self.reward_of(reader, row, action);
                rewards[start..].iter_mut().zip(further).for_each(|(sum, reward)| *sum += discount * reward);
                discount *= self.gamma as f32;
            }
            next_actions.extend_from_slice(ahead.next().expect("an action for every row ahead"));
            discounts.push(if path.terminated { 0.0 } else { discount });
        }
        if let Some(smoothing) = &self.smoothing {
            smoothing.smooth(&mut next_actions, noise);
        }
        let next_rows: Vec<Row> = paths.iter().map(|path| path.next).collect();
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

    /// The rows whose rewards count, and where the critic is asked.
    fn path(&self, reader: &BatchReader<'_>, first: Row) -> Path {
        let end = |row| reader.table.end(row);
        let mut last = first;
        for _ in 1..self.n_steps {
            // A row that is cut by the split has a reward but no next state: it is where the critic is asked.
            let next = Row(last.0 + 1);
            if end(last) != SessionEnd::Continues || end(next) == SessionEnd::Cut {
                break;
            }
            last = next;
        }
        match end(last) {
            SessionEnd::Continues => Path { first, last, next: Row(last.0 + 1), terminated: false },
            SessionEnd::Terminated => Path { first, last, next: last, terminated: true },
            SessionEnd::Cut => panic!("row {} is cut by the split and must not be in the replay", last.0),
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

/// The rows of one transition.
struct Path {
    first: Row,
    /// The last whose reward counts.
    last: Row,
    /// Where the critic is asked; `last` stands in where the session has ended.
    next: Row,
    terminated: bool,
}

impl Path {
    /// The rows after the first whose rewards count.
    fn between(&self) -> impl Iterator<Item = Row> + use<> {
        (self.first.0 + 1..=self.last.0).map(Row)
    }

    fn ahead(&self) -> impl Iterator<Item = Row> + use<> {
        self.between().chain([self.next])
    }
}
