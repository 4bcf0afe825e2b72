//! Filling the replay: the frozen actor walks every training session once.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, Normal};
use rmtl_agents::actor::Actor;
use rmtl_agents::replay::{ReplayBuffer, Transition};
use rmtl_agents::stream::Stream;
use rmtl_agents::transition::FrozenPolicy;
use rmtl_envs::{EnvironmentConfig, SessionEnv, Sessions, Split};

use super::evaluate::Evaluator;
use crate::config::{CollectionPolicy, TwoStage};
use crate::error::Result;
use crate::log::tags::{self, Phase};
use crate::run::{PhaseClock, Run};

/// What the critics learn from.
pub struct Collected {
    /// The transitions.
    pub replay: ReplayBuffer,
    /// π for every training row: the frozen actor is evaluated once.
    pub policy: FrozenPolicy,
    /// Estimated mean return of every task, where the critics start.
    pub mean_returns: Vec<f32>,
}

/// Walks the training sessions and keeps every transition whose next state may be seen.
pub fn collect(run: &mut Run<'_>, actor: &Actor, schedule: &TwoStage) -> Result<Collected> {
    let phase = Phase::Collect;
    let table = &run.dataset.train;
    let n_tasks = run.schema().n_tasks();
    let mut progress = run.console.progress(phase.name(), table.n_rows() as u64);
    let mut clock = PhaseClock::start();
    let evaluator = Evaluator::new(run.reader(Split::Train), run.schema().parents());
    let policy = FrozenPolicy::new(evaluator.predict(actor), n_tasks);

    let sessions = Sessions::of(table);
    let mut order: Vec<u32> = (0..sessions.len() as u32).collect();
    order.shuffle(&mut run.streams.named("collect/order"));
    let mut stream = run.streams.named("collect/actions");
    let config = &schedule.collect;
    let mut environment = SessionEnv::new(
        table,
        &sessions,
        EnvironmentConfig { n_lanes: config.n_lanes, reward: schedule.reward, max_session_rows: None },
    );
    environment.reset(order);
    let capacity = config.capacity.min(table.n_rows());
    let mut replay = ReplayBuffer::new(capacity, n_tasks);
    let mut tally = Tally { rewards: vec![0.0; n_tasks], transitions: 0, ends: 0 };
    let mut actions = Vec::new();
    let mut step = 0;
    while !environment.rows().is_empty() {
        run.interrupt.check(phase, step)?;
        step += 1;
        actions.clear();
        for &row in environment.rows() {
            actions.extend_from_slice(policy.action(row));
        }
        explore(&config.policy, &mut actions, &mut stream);
        let walked = environment.step(&actions);
        for (lane, action) in actions.chunks_exact(n_tasks).enumerate() {
            // Cut by the split: the next state belongs to other people's rows.
            if walked.terminated[lane] || walked.next[lane].is_some() {
                replay.push(Transition { row: walked.rows[lane], action });
                tally.hear(&walked.rewards[lane * n_tasks..][..n_tasks], walked.terminated[lane]);
            }
        }
        clock.advance(walked.rows.len());
        progress.advance(walked.rows.len() as u64);
    }
    progress.message(format!("{} transitions, {} sessions", tally.transitions, sessions.len()));
    progress.finish();
    run.logger.per_task(tags::reward_mean, phase, step, tally.mean_rewards());
    run.finish_phase(phase, clock, step);
    let mean_returns = tally.mean_returns(run.config.critic.gamma);
    Ok(Collected { replay, policy, mean_returns })
}

/// Turns the policy's actions into those that are taken.
pub(super) fn explore(policy: &CollectionPolicy, actions: &mut [f32], stream: &mut Stream) {
    match policy {
        CollectionPolicy::Uniform => actions.iter_mut().for_each(|action| *action = stream.random()),
        CollectionPolicy::ActorNoise { standard_deviation } => {
            let noise =
                Normal::new(0.0, *standard_deviation as f32).expect("checked: finite and not negative");
            actions.iter_mut().for_each(|action| *action = (*action + noise.sample(stream)).clamp(0.0, 1.0));
        }
    }
}

/// What the walk gave.
struct Tally {
    rewards: Vec<f64>,
    transitions: u64,
    ends: u64,
}

impl Tally {
    fn hear(&mut self, rewards: &[f32], terminated: bool) {
        for (sum, reward) in self.rewards.iter_mut().zip(rewards) {
            *sum += f64::from(*reward);
        }
        self.transitions += 1;
        self.ends += u64::from(terminated);
    }

    fn mean_rewards(&self) -> impl Iterator<Item = f64> + '_ {
        self.rewards.iter().map(|sum| sum / self.transitions.max(1) as f64)
    }

    /// `r̄ / (1 − γ (1 − p))` with p the share of transitions that end a session: the return of a session whose
    /// rewards and ends are independent of the state.
    fn mean_returns(&self, gamma: f64) -> Vec<f32> {
        let ends = self.ends as f64 / self.transitions.max(1) as f64;
        // γ = 1 without a single end has no finite return; a horizon of 1,000 rows will do for a start.
        let horizon = (1.0 - gamma * (1.0 - ends)).max(1e-3);
        self.mean_rewards().map(|reward| (reward / horizon) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmtl_agents::stream::Streams;

    #[test]
    fn mean_returns_by_hand() {
        let mut tally = Tally { rewards: vec![0.0; 2], transitions: 0, ends: 0 };
        for (rewards, end) in
            [([-1.0, -0.2], false), ([-0.5, -0.1], false), ([-0.2, 0.0], false), ([-0.3, -0.1], true)]
        {
            tally.hear(&rewards, end);
        }
        // r̄ = −0.5 and −0.1, p = 1/4: 1 − 0.8 · 0.75 = 0.4
        let found = tally.mean_returns(0.8);
        assert!((found[0] + 1.25).abs() < 1e-6 && (found[1] + 0.25).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn explored_actions_stay_probabilities() {
        let mut stream = Streams::new(1).named("actions");
        for policy in [CollectionPolicy::Uniform, CollectionPolicy::ActorNoise { standard_deviation: 0.5 }] {
            let mut actions = vec![0.9; 1000];
            explore(&policy, &mut actions, &mut stream);
            assert!(actions.iter().all(|action| (0.0..=1.0).contains(action)), "{policy:?}");
            assert!(actions.iter().any(|action| *action != 0.9), "{policy:?}");
        }
        let mut still = vec![0.25; 4];
        explore(&CollectionPolicy::ActorNoise { standard_deviation: 0.0 }, &mut still, &mut stream);
        assert_eq!(still, [0.25; 4]);
    }
}
