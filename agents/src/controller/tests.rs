//! A training in miniature of which the best policy is known, and controls in which nothing can be learnt.

use std::convert::Infallible;

use rmtl_envs::{BlockEnvironment, BlockStep, check_blocks};

use super::*;
use crate::parameter::ParameterError;
use crate::stream::Streams;

const N_BLOCKS: u32 = 6;

/// Of two branches each.
const EPISODES: u32 = 80;

/// A common and a rare task with log weights −y and y. A block is paid −(y − target)², the target −½ in the first half of
/// the training and ½ in the second: common first, rare late. Doing nothing is paid −¼ a block.
struct Toy {
    targets: [f32; 2],
    block: u32,
    y: f32,
    /// Paid so far.
    total: f32,
    state: Vec<f32>,
}

impl Toy {
    fn new() -> Self {
        Self::with_targets([-0.5, 0.5])
    }

    /// With other targets for the halves of the training.
    fn with_targets(targets: [f32; 2]) -> Self {
        let mut toy = Self { targets, block: 0, y: 0.0, total: 0.0, state: Vec::new() };
        toy.look();
        toy
    }

    fn look(&mut self) {
        let progress = 2.0 * self.block as f32 / N_BLOCKS as f32 - 1.0;
        let of_task = |log_weight: f32, base_rate: f32| {
            let mut features = vec![0.0; FEATURES.len()];
            features[8] = log_weight / 2.0;
            features[9] = base_rate;
            features[10] = progress;
            features
        };
        self.state = [of_task(-self.y, -0.2), of_task(self.y, -1.0)].concat();
    }

    fn standing(&self) -> Standing {
        let y = f64::from(self.y);
        Standing { objective: f64::from(self.total), log_weights: vec![-y, y] }
    }
}

impl BlockEnvironment for Toy {
    type Error = Infallible;
    type Snapshot = (u32, f32, f32);

    fn n_tasks(&self) -> usize {
        2
    }

    fn n_features(&self) -> usize {
        FEATURES.len()
    }

    fn n_steps(&self) -> u32 {
        N_BLOCKS
    }

    fn reset(&mut self, _: u64) -> Result<(), Infallible> {
        *self = Self::with_targets(self.targets);
        Ok(())
    }

    fn state(&self) -> &[f32] {
        &self.state
    }

    fn step(&mut self, actions: &[f32]) -> Result<BlockStep, Infallible> {
        let target = self.targets[usize::from(self.block >= N_BLOCKS / 2)];
        self.y = (self.y + actions[1]).clamp(-2.0, 2.0);
        self.block += 1;
        self.look();
        let reward = -(self.y - target).powi(2);
        self.total += reward;
        Ok(BlockStep { rewards: vec![reward; 2], terminated: self.block == N_BLOCKS })
    }

    fn snapshot(&self) -> (u32, f32, f32) {
        (self.block, self.y, self.total)
    }

    fn restore(&mut self, snapshot: &(u32, f32, f32)) {
        (self.block, self.y, self.total) = *snapshot;
        self.look();
    }
}

/// What a policy is paid in a whole episode.
fn paid(act: impl Fn(&[f32]) -> Vec<f32>) -> f32 {
    let mut toy = Toy::new();
    (0..N_BLOCKS).map(|_| toy.step(&act(&toy.state)).unwrap_or_else(|never| match never {}).rewards[0]).sum()
}

fn config() -> AgentConfig {
    AgentConfig {
        learning_rate: 2e-3,
        critic_learning_rate: 4e-3,
        gamma: 0.9,
        tau: 0.02,
        updates: 2,
        smoothing: 0.1,
        smoothing_clip: 0.2,
        ..AgentConfig::default()
    }
}

/// The policy after so many episodes of two branches each.
fn learnt(kind: AgentKind, placebo: Option<Placebo>, episodes: u32) -> Policy {
    let streams = Streams::new(3);
    let mut agent = Agent::new(kind, config(), 2, &streams);
    let mut toy = Toy::new();
    let mut shuffle = placebo.map(|placebo| Shuffle::new(placebo, streams.named("placebo")));
    let mut draws = streams.named("branches");
    let branching = Branching { branches: 2, chooser: Chooser::Policy { best: 0.0 } };
    for _ in 0..episodes {
        let Ok(()) = toy.reset(0);
        let Ok(_) = episode(&mut toy, &mut agent, branching, &mut shuffle, &mut draws, |_, _| {});
    }
    agent.policy(N_BLOCKS, 1.0, 2.0)
}

/// Of doing nothing, −¼ in each of six blocks.
const NOTHING: f32 = -1.5;

#[test]
fn the_toy_keeps_the_contract_and_is_worth_what_it_should() {
    check_blocks(&mut Toy::new(), 1).expect("it keeps the contract");
    assert!((paid(|_| vec![0.0, 0.0]) - NOTHING).abs() < 1e-6);
    let best = |state: &[f32]| {
        let y = 2.0 * state[FEATURES.len() + 8];
        let target = if state[10] < -1e-3 { -0.5 } else { 0.5 };
        vec![y - target, target - y]
    };
    assert!(paid(best).abs() < 1e-6);
}

#[test]
fn td3_finds_nearly_the_best_policy() {
    let policy = learnt(AgentKind::Td3, None, EPISODES);
    let found = paid(|state| policy.act(state));
    println!("td3 is paid {found:.3}, doing nothing {NOTHING}");
    assert!(found > 0.2 * NOTHING, "{found}");
}

#[test]
fn negative_control_paid_shuffled_rewards_it_finds_nothing() {
    let policy = learnt(AgentKind::Td3, Some(Placebo::ShuffledReward), EPISODES);
    let found = paid(|state| policy.act(state));
    println!("paid shuffled rewards: {found:.3}");
    assert!(found < 0.6 * NOTHING, "{found}");
}

#[test]
fn ddpg_learns_too() {
    let policy = learnt(AgentKind::Ddpg, None, EPISODES);
    let found = paid(|state| policy.act(state));
    println!("ddpg is paid {found:.3}");
    assert!(found > 0.3 * NOTHING, "{found}");
}

#[test]
fn greedy_branching_goes_on_with_what_was_paid_best() {
    let streams = Streams::new(5);
    let mut agent = Agent::new(AgentKind::Td3, config(), 2, &streams);
    let mut draws = streams.named("branches");
    let mut total = |branches, chooser| {
        let mut toy = Toy::new();
        let Ok(paid) = episode(
            &mut toy,
            &mut agent,
            Branching { branches, chooser },
            &mut None,
            &mut draws,
            |_, block| assert!(block.update.is_none(), "nothing is learnt"),
        );
        assert_eq!(toy.block, N_BLOCKS);
        paid
    };
    // With nothing to choose from the action is none; with more, none is worse.
    assert!((total(1, Chooser::Greedy) - f64::from(NOTHING)).abs() < 1e-6);
    assert!(total(16, Chooser::Greedy) > 0.3 * f64::from(NOTHING));
    assert!(total(1, Chooser::Random) < 0.0);
}

/// What is left to chance is averaged over so many repetitions.
const REPETITIONS: u64 = 20;

fn mean_over_repetitions(paid: impl Fn(&Streams) -> f64) -> f32 {
    let total: f64 = (0..REPETITIONS).map(|seed| paid(&Streams::new(seed))).sum();
    (total / REPETITIONS as f64) as f32
}

/// What the winner of a population of 16 was truly paid.
fn bred(streams: &Streams, placebo: Option<Placebo>) -> f64 {
    let mut toy = Toy::new();
    let mut shuffle = placebo.map(|placebo| Shuffle::new(placebo, streams.named("placebo")));
    let mut draws = streams.named("population");
    let Ok(found) = population(&mut toy, 16, &mut shuffle, &mut draws, Toy::standing);
    assert_eq!((found.objectives.len(), found.lineage.len()), (16, N_BLOCKS as usize));
    let last = &found.lineage[N_BLOCKS as usize - 1].1;
    // The lineage is one training: replayed, its actions lead to where it ended.
    let Ok(()) = toy.reset(0);
    for (block, standing) in &found.lineage {
        let Ok(step) = toy.step(&block.action);
        assert_eq!((&step.rewards, &toy.standing()), (&block.rewards, standing));
    }
    if placebo.is_none() {
        assert_eq!(found.score, found.objectives.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        assert_eq!(found.score, last.objective);
    }
    last.objective
}

#[test]
fn a_population_finds_a_schedule() {
    let found = mean_over_repetitions(|streams| bred(streams, None));
    println!("winners of populations are paid {found:.3}, doing nothing {NOTHING}");
    assert!(found > 0.6 * NOTHING, "{found}");
}

#[test]
fn negative_control_told_shuffled_objectives_a_population_finds_none() {
    let found = mean_over_repetitions(|streams| bred(streams, Some(Placebo::ShuffledReward)));
    println!("winners by shuffled objectives: {found:.3}");
    assert!(found < NOTHING, "{found}");
}

/// What the last of 40 trainings is paid in which a bandit chooses.
fn played(streams: &Streams, targets: [f32; 2], placebo: Option<Placebo>) -> f64 {
    let mut toy = Toy::with_targets(targets);
    let mut shuffle = placebo.map(|placebo| Shuffle::new(placebo, streams.named("placebo")));
    let mut bandit = Bandit::new(2, 1.0, 2.0, 0.98, streams.named("bandit"));
    for _ in 0..40 {
        let Ok(()) = toy.reset(0);
        let Ok(lineage) = bandit.play(&mut toy, &mut shuffle, Toy::standing);
        assert_eq!(lineage.len(), N_BLOCKS as usize);
        assert!(lineage.iter().all(|(_, standing)| bandit.arms().contains(&standing.log_weights)));
    }
    f64::from(toy.total)
}

#[test]
fn a_bandit_finds_the_weights_that_are_always_best() {
    let found = mean_over_repetitions(|streams| played(streams, [0.5, 0.5], None));
    println!("a bandit is paid {found:.3}, doing nothing {NOTHING}");
    assert!(found > 0.3 * NOTHING, "{found}");
}

#[test]
fn negative_controls_a_bandit_finds_nothing_in_shuffled_rewards_and_without_a_state_no_turn() {
    let shuffled =
        mean_over_repetitions(|streams| played(streams, [0.5, 0.5], Some(Placebo::ShuffledReward)));
    println!("told shuffled rewards: {shuffled:.3}");
    assert!(shuffled < NOTHING, "{shuffled}");
    let turning = mean_over_repetitions(|streams| played(streams, [-0.5, 0.5], None));
    println!("where the best weights turn: {turning:.3}");
    assert!(turning < 0.9 * NOTHING, "{turning}");
}

#[test]
fn actions_have_mean_zero_and_stay_within_one_for_any_number_of_tasks() {
    let streams = Streams::new(7);
    for n_tasks in [1, 2, 3, 7] {
        let mut agent = Agent::new(AgentKind::Td3, AgentConfig { warmup: 0, ..config() }, n_tasks, &streams);
        let state: Vec<f32> = (0..n_tasks * FEATURES.len()).map(|i| (i as f32 * 0.37).sin()).collect();
        for action in [agent.random(), agent.explore(&state, 3.0), agent.policy(10, 1.0, 4.0).act(&state)] {
            assert_eq!(action.len(), n_tasks);
            assert!(action.iter().sum::<f32>().abs() < 1e-5, "{action:?}");
            assert!(action.iter().all(|a| a.abs() <= 1.0 + 1e-6), "{action:?}");
        }
    }
}

#[test]
fn a_policy_does_not_care_for_the_order_or_the_number_of_tasks() {
    let agent = Agent::new(AgentKind::Td3, config(), 2, &Streams::new(7));
    let policy = agent.policy(10, 1.0, 4.0);
    let state: Vec<f32> = (0..3 * FEATURES.len()).map(|i| (i as f32 * 0.37).sin()).collect();
    let mut turned = state.clone();
    turned.rotate_left(FEATURES.len());
    let (action, turned) = (policy.act(&state), policy.act(&turned));
    for task in 0..3 {
        assert!((action[(task + 1) % 3] - turned[task]).abs() < 1e-6, "{action:?} {turned:?}");
    }
}

#[test]
fn a_policy_comes_back_from_its_file_as_it_was() {
    let agent = Agent::new(AgentKind::Td3, config(), 2, &Streams::new(7));
    let policy = agent.policy(10, 0.5, 4.0);
    let again = Policy::read(&policy.header(), &policy.parameters()).expect("it was written by this version");
    assert_eq!(again.settings(), policy.settings());
    let state = Toy::new().state;
    assert_eq!(again.act(&state), policy.act(&state));
}

#[test]
fn a_file_of_something_else_is_refused_with_the_reason() {
    let agent = Agent::new(AgentKind::Td3, config(), 2, &Streams::new(7));
    let policy = agent.policy(10, 0.5, 4.0);
    let parameters = policy.parameters();
    let refused = |header: &str| Policy::read(header, &parameters).expect_err("it is none").to_string();
    let header = policy.header();
    assert!(refused("{}").contains("missing field `version`"), "{}", refused("{}"));
    let later = refused(&header.replace("\"version\":1", "\"version\":7"));
    assert!(later.contains("format 7") && later.contains("reads format 1"), "{later}");
    let blind = refused(&header.replace("train_loss_slope", "moon_phase"));
    assert!(blind.contains("moon_phase") && blind.contains("learn it again"), "{blind}");
    let unbounded = refused(&header.replace("\"bound\":0.5", "\"bound\":-1.0"));
    assert!(unbounded.contains("`bound`") && unbounded.contains("-1"), "{unbounded}");
    let mut parameters = parameters.clone();
    parameters.clear();
    let missing = Policy::read(&header, &parameters).expect_err("nothing is in it");
    assert!(matches!(missing, PolicyError::Parameters(ParameterError::Missing { .. })), "{missing}");
}

#[test]
fn blocks_end_as_often_as_asked_and_the_last_with_the_training() {
    let blocks = Blocks { n: 10, control_share: 0.1 };
    let ends: Vec<u64> = (1..=335).filter(|&step| blocks.end_at(step, 335)).collect();
    assert_eq!((ends.len(), ends[0], ends[9]), (10, 34, 335));
}
