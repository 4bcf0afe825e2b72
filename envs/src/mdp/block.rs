//! Environments whose state is a vector per task and whose step is a block of work: what they promise, and the check of it.
//!
//! [`SessionEnv`](super::environment::SessionEnv) walks rows of a log, and its contract is told from the table. Here
//! nothing but the environment itself knows what follows, so the contract is what can be seen from outside: shapes,
//! finite numbers, the length of an episode, and that the same actions from the same place lead to the same place.

use std::fmt;

/// A training, or anything else, that is acted on block by block and can be taken back to where it was.
pub trait BlockEnvironment {
    /// Why it cannot go on.
    type Error: std::error::Error;
    /// Everything that what follows depends on.
    type Snapshot;

    /// Tasks K.
    fn n_tasks(&self) -> usize;
    /// Numbers that describe a task.
    fn n_features(&self) -> usize;
    /// Steps of an episode.
    fn n_steps(&self) -> u32;
    /// Begins the episode of this seed.
    fn reset(&mut self, seed: u64) -> Result<(), Self::Error>;
    /// The state: `[task, feature]`, row-major.
    fn state(&self) -> &[f32];
    /// Acts for one block: `[task]`, numbers in [−1, 1] whose mean is 0.
    ///
    /// # Panics
    /// If the episode is over.
    fn step(&mut self, actions: &[f32]) -> Result<BlockStep, Self::Error>;
    /// Where it is.
    fn snapshot(&self) -> Self::Snapshot;
    /// Goes back to where it was.
    fn restore(&mut self, snapshot: &Self::Snapshot);
}

/// What a block brought.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockStep {
    /// What each task's action was paid: `[task]`.
    pub rewards: Vec<f32>,
    /// Whether the episode is over. The share of it that is done belongs to the state, so nothing is worth anything after.
    pub terminated: bool,
}

/// The first point at which an environment broke its contract.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("step {step}: {rule}: {message}")]
pub struct BlockViolation {
    /// What was broken.
    pub rule: BlockRule,
    /// Steps taken before.
    pub step: u32,
    /// Expected and found.
    pub message: String,
}

/// The parts of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockRule {
    /// No step fails.
    Works,
    /// A state has a number per task and feature, all finite; a step a finite reward per task.
    Shape,
    /// An episode is over after as many steps as it says.
    Length,
    /// Taken back, the same action leads to the same reward and state.
    Snapshot,
    /// The same seed and actions are the same episode.
    Repeats,
}

impl fmt::Display for BlockRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Works => "works",
            Self::Shape => "shape",
            Self::Length => "length of the episode",
            Self::Snapshot => "snapshot",
            Self::Repeats => "repeats itself",
        })
    }
}

/// Walks the episode of `seed` twice, each block tried once more from its snapshot after another action, and checks every
/// step against the contract. Gives the sum of all rewards.
///
/// # Errors
/// The first violation.
pub fn check_blocks<E: BlockEnvironment>(environment: &mut E, seed: u64) -> Result<f64, BlockViolation> {
    let first = walk(environment, seed, true)?;
    let again = walk(environment, seed, false)?;
    if first != again {
        let message = format!("expected {first:?}, found {again:?}");
        return Err(BlockViolation { rule: BlockRule::Repeats, step: environment.n_steps(), message });
    }
    Ok(first.iter().flat_map(|(step, _)| &step.rewards).map(|&reward| f64::from(reward)).sum())
}

type Walk = Vec<(BlockStep, Vec<f32>)>;

fn walk<E: BlockEnvironment>(
    environment: &mut E,
    seed: u64,
    with_branches: bool,
) -> Result<Walk, BlockViolation> {
    let n_tasks = environment.n_tasks();
    let n_steps = environment.n_steps();
    if let Err(error) = environment.reset(seed) {
        return Err(BlockViolation { rule: BlockRule::Works, step: 0, message: error.to_string() });
    }
    let mut walk = Walk::new();
    for step in 0..n_steps {
        check_state(environment, step)?;
        let action = varied(step, n_tasks);
        let before = environment.snapshot();
        let broken = |rule, message| BlockViolation { rule, step, message };
        let act = |environment: &mut E, action: &[f32]| match environment.step(action) {
            Ok(done) => Ok((done, environment.state().to_vec())),
            Err(error) => Err(broken(BlockRule::Works, error.to_string())),
        };
        let (done, state) = act(environment, &action)?;
        if with_branches {
            environment.restore(&before);
            act(environment, &varied(step + 1, n_tasks))?;
            environment.restore(&before);
            let again = act(environment, &action)?;
            if again != (done.clone(), state.clone()) {
                let message = format!("expected {done:?} {state:?}, found {again:?}");
                return Err(broken(BlockRule::Snapshot, message));
            }
        }
        if done.rewards.len() != n_tasks || !done.rewards.iter().all(|reward| reward.is_finite()) {
            let message = format!("expected {n_tasks} finite rewards, found {:?}", done.rewards);
            return Err(broken(BlockRule::Shape, message));
        }
        if done.terminated != (step + 1 == n_steps) {
            let message = format!("expected the end after {n_steps} steps, found {}", done.terminated);
            return Err(broken(BlockRule::Length, message));
        }
        walk.push((done, state));
    }
    check_state(environment, n_steps)?;
    Ok(walk)
}

fn check_state<E: BlockEnvironment>(environment: &E, step: u32) -> Result<(), BlockViolation> {
    let (state, expected) = (environment.state(), environment.n_tasks() * environment.n_features());
    if state.len() == expected && state.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    let message = format!("expected {expected} finite numbers, found {state:?}");
    Err(BlockViolation { rule: BlockRule::Shape, step, message })
}

/// Actions of mean 0 that differ from step to step; the first ones do nothing.
fn varied(step: u32, n_tasks: usize) -> Vec<f32> {
    let draw =
        |task: usize| ((step as f32 * 0.618_034 * (task + 1) as f32).fract() - 0.5) * step.min(1) as f32;
    let mut actions: Vec<f32> = (0..n_tasks).map(draw).collect();
    let mean = actions.iter().sum::<f32>() / n_tasks as f32;
    actions.iter_mut().for_each(|action| *action -= mean);
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds up what it is told; forgets `forgets` of it when taken back.
    struct Sum {
        state: [f32; 2],
        total: f32,
        steps: f32,
        restores: f32,
        length: f32,
        forgets: f32,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("never")]
    struct Never;

    impl BlockEnvironment for Sum {
        type Error = Never;
        type Snapshot = (f32, f32);

        fn n_tasks(&self) -> usize {
            2
        }
        fn n_features(&self) -> usize {
            1
        }
        fn n_steps(&self) -> u32 {
            3
        }
        fn reset(&mut self, _: u64) -> Result<(), Never> {
            (self.total, self.steps) = (0.0, 0.0);
            Ok(())
        }
        fn state(&self) -> &[f32] {
            &self.state
        }
        fn step(&mut self, actions: &[f32]) -> Result<BlockStep, Never> {
            self.total += actions[0];
            self.steps += 1.0;
            let rewards = vec![self.total + self.forgets * self.restores, 0.0];
            Ok(BlockStep { rewards, terminated: self.steps == self.length })
        }
        fn snapshot(&self) -> (f32, f32) {
            (self.total, self.steps)
        }
        fn restore(&mut self, snapshot: &(f32, f32)) {
            (self.total, self.steps) = *snapshot;
            self.restores += 1.0;
        }
    }

    fn checked(length: f32, forgets: f32) -> Result<f64, BlockRule> {
        let mut environment = Sum { state: [0.5; 2], total: 0.0, steps: 0.0, restores: 0.0, length, forgets };
        check_blocks(&mut environment, 1).map_err(|violation| violation.rule)
    }

    #[test]
    fn what_keeps_the_contract_passes_and_what_does_not_is_named() {
        assert!(checked(3.0, 0.0).is_ok());
        assert_eq!(checked(2.0, 0.0), Err(BlockRule::Length));
        assert_eq!(checked(3.0, 1.0), Err(BlockRule::Snapshot));
    }
}
