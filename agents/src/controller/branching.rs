//! An episode with branches: from one place several actions are tried, all are learnt from, one is gone on with.

use rand::RngExt;
use rmtl_envs::{BlockEnvironment, BlockStep};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::agent::{Agent, AgentUpdate};
use super::steered::LogWeights;
use crate::stream::Stream;

/// How an episode branches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Branching {
    /// Actions tried from every place.
    pub branches: u32,
    /// Who chooses the one that is gone on with.
    pub chooser: Chooser,
}

/// Who chooses among branches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Chooser {
    /// The policy's action is gone on with, but with this probability the one paid best.
    Policy {
        /// Of going on with the best.
        best: f64,
    },
    /// The action paid best; the candidates are random ones and the one that changes nothing. Nothing is learnt.
    Greedy,
    /// A random action; nothing is learnt.
    Random,
}

/// What a control of the whole method takes from the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Placebo {
    /// The agent sees states of other moments.
    ShuffledState,
    /// The agent is paid rewards of other moments.
    ShuffledReward,
}

/// Exchanges what the agent is told for what was true at a random moment before.
#[derive(Debug)]
pub struct Shuffle {
    placebo: Placebo,
    stream: Stream,
    seen: Vec<Vec<f32>>,
}

impl Shuffle {
    /// One that has seen nothing.
    pub fn new(placebo: Placebo, stream: Stream) -> Self {
        Self { placebo, stream, seen: Vec::new() }
    }

    fn exchange(&mut self, what: Placebo, values: Vec<f32>) -> Vec<f32> {
        if what != self.placebo {
            return values;
        }
        self.seen.push(values);
        self.seen[self.stream.random_range(0..self.seen.len())].clone()
    }
}

/// What is said of a block that was gone on with.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// From 0.
    pub index: u32,
    /// `[task, feature]` before it.
    pub state: Vec<f32>,
    /// `[task]`
    pub action: Vec<f32>,
    /// What it was paid, `[task]`.
    pub rewards: Vec<f32>,
    /// The last update of the agent after it.
    pub update: Option<AgentUpdate>,
}

/// How a training stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The objective, the larger the better.
    pub objective: f64,
    /// l, one per task.
    pub log_weights: LogWeights,
}

/// The blocks of a training, and how it stood after each.
pub type Lineage = Vec<(Block, Standing)>;

/// What a method without an agent is told where this is the truth.
pub(super) fn as_told(shuffle: &mut Option<Shuffle>, value: f64) -> f64 {
    match shuffle {
        Some(shuffle) => f64::from(shuffle.exchange(Placebo::ShuffledReward, vec![value as f32])[0]),
        None => value,
    }
}

/// One episode of `environment`, which must be at its beginning; `told` hears of every block. Gives the mean over tasks of
/// the rewards of the blocks that were gone on with, summed.
///
/// # Errors
/// The environment's.
pub fn episode<E: BlockEnvironment>(
    environment: &mut E,
    agent: &mut Agent,
    branching: Branching,
    shuffle: &mut Option<Shuffle>,
    draws: &mut Stream,
    mut told: impl FnMut(&E, &Block),
) -> Result<f64, E::Error> {
    let mut total = 0.0;
    let mut exchange = |what: Placebo, values: Vec<f32>| match shuffle.as_mut() {
        Some(shuffle) => shuffle.exchange(what, values),
        None => values,
    };
    let mut state = exchange(Placebo::ShuffledState, environment.state().to_vec());
    for index in 0.. {
        let candidates = candidates(agent, branching, &state);
        let here = (candidates.len() > 1).then(|| environment.snapshot());
        let mut chosen: Option<(f64, Tried, Option<E::Snapshot>)> = None;
        let goes_on_with_best = match branching.chooser {
            Chooser::Policy { best } => draws.random::<f64>() < best,
            Chooser::Greedy => true,
            Chooser::Random => false,
        };
        for action in candidates {
            if let (Some(here), Some(_)) = (&here, &chosen) {
                environment.restore(here);
            }
            let BlockStep { rewards, terminated } = environment.step(&action)?;
            let paid = mean(&rewards);
            let next = exchange(Placebo::ShuffledState, environment.state().to_vec());
            if matches!(branching.chooser, Chooser::Policy { .. }) {
                let told = exchange(Placebo::ShuffledReward, rewards.clone());
                agent.remember(&state, &action, &told, &next, terminated);
            }
            let is_better = chosen.as_ref().is_none_or(|(best, ..)| goes_on_with_best && paid > *best);
            if is_better {
                let after = here.is_some().then(|| environment.snapshot());
                chosen = Some((paid, Tried { action, rewards, next, terminated }, after));
            }
        }
        let Some((paid, tried, after)) = chosen else { break };
        if let Some(after) = after {
            environment.restore(&after);
        }
        total += paid;
        let learns = matches!(branching.chooser, Chooser::Policy { .. });
        let mut update = None;
        for _ in 0..if learns { branching.branches } else { 0 } {
            update = agent.learn();
        }
        let before = std::mem::replace(&mut state, tried.next);
        told(
            environment,
            &Block { index, state: before, action: tried.action, rewards: tried.rewards, update },
        );
        if tried.terminated {
            break;
        }
    }
    Ok(total)
}

/// A branch.
struct Tried {
    action: Vec<f32>,
    rewards: Vec<f32>,
    next: Vec<f32>,
    terminated: bool,
}

/// The actions to try, that which is gone on with unless another is better first.
fn candidates(agent: &mut Agent, branching: Branching, state: &[f32]) -> Vec<Vec<f32>> {
    let first = match branching.chooser {
        Chooser::Policy { .. } => agent.explore(state, 1.0),
        Chooser::Greedy => vec![0.0; agent.n_tasks()],
        Chooser::Random => return vec![agent.random()],
    };
    // Far from one another, so that the critics see what actions do; half of them around the policy.
    let further = |index: u32| match branching.chooser {
        Chooser::Policy { .. } if index.is_multiple_of(2) => agent.explore(state, 2.0),
        _ => agent.random(),
    };
    let rest: Vec<Vec<f32>> = (1..branching.branches).map(further).collect();
    std::iter::once(first).chain(rest).collect()
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64
}
