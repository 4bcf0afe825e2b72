//! What the Q values of an update say: that critics have died or diverged.

use rmtl_agents::critic::{CriticStep, DEAD_Q};
use rmtl_envs::{Row, SessionEnd, Sessions};

use crate::run::Run;

/// Watches the Q values of every update.
pub(crate) struct UpdateHealth {
    share: f64,
    /// Smallest return there can be; −∞ where there is no bound.
    lowest: Vec<f64>,
    /// Smallest reward there can be.
    worst: Vec<f64>,
    tasks: Vec<String>,
    /// Per task, what is wrong in the latest update.
    now: Vec<Option<String>>,
    /// Per task, whether somebody has been told.
    told: Vec<bool>,
}

impl UpdateHealth {
    pub(crate) fn new(run: &Run<'_>) -> Self {
        let table = &run.dataset.train;
        let sessions = Sessions::of(table);
        let longest = sessions.iter().map(|rows| rows.len()).max().unwrap_or(0);
        // A cut row bootstraps from its own state: a session without end.
        let is_cut = sessions.iter().any(|rows| table.end(Row(rows.end - 1)) == SessionEnd::Cut);
        let longest = if is_cut { f64::INFINITY } else { longest as f64 };
        let rewards = run.rewards();
        let worst: Vec<f64> =
            (0..run.schema().n_tasks()).map(|task| f64::from(rewards.worst(task))).collect();
        let gamma = run.config.critic.gamma;
        let tasks: Vec<String> = run.schema().tasks.iter().map(|task| task.name.clone()).collect();
        Self {
            share: run.config.critic.alarm_share,
            lowest: worst.iter().map(|&worst| lowest_return(worst, gamma, longest)).collect(),
            worst,
            now: vec![None; tasks.len()],
            told: vec![false; tasks.len()],
            tasks,
        }
    }

    /// Takes in an update; tells people of what is new.
    pub(crate) fn update(&mut self, run: &Run<'_>, step: u64, done: &CriticStep) {
        let outside = self.outside_shares(done);
        for (task, name) in self.tasks.iter().enumerate() {
            let dead = done.tasks[task].dead_share;
            self.now[task] = if dead > self.share {
                Some(format!(
                    "the critic of task `{name}` is dead: {:.0} % of its Q values lie within {DEAD_Q} of 0, so they say \
                     nothing of their rows; use `critic.output = \"neg_softplus\"` or a lower `critic.learning_rate`",
                    100.0 * dead
                ))
            } else if outside[task] > self.share {
                Some(format!(
                    "the critic of task `{name}` has diverged: {:.0} % of its Q values lie outside [{:.1}, 0], where every \
                     return is; use a lower `critic.learning_rate`, a lower `critic.tau` or `critic.twins = true`",
                    100.0 * outside[task],
                    self.lowest[task]
                ))
            } else {
                None
            };
            if let Some(message) = &self.now[task]
                && !std::mem::replace(&mut self.told[task], true)
            {
                run.observer.warn(&format!("step {step}: {message}"));
            }
        }
    }

    /// What is wrong in the latest update.
    pub(crate) fn now(&self) -> impl Iterator<Item = &str> {
        self.now.iter().flatten().map(String::as_str)
    }

    /// Per task, the share of Q values that no return can have: more than a tenth below the smallest, or above 0 by more than
    /// a tenth of the worst reward, however long sessions are.
    pub(crate) fn outside_shares(&self, done: &CriticStep) -> Vec<f64> {
        let n_tasks = self.tasks.len();
        let share = |task: usize| {
            let (low, high) = (1.1 * self.lowest[task], -0.1 * self.worst[task]);
            let is_outside = |q: &&f32| !(low..=high).contains(&f64::from(**q));
            let n_outside = done.q_values.iter().skip(task).step_by(n_tasks).filter(is_outside).count();
            (n_outside * n_tasks) as f64 / done.q_values.len().max(1) as f64
        };
        (0..n_tasks).map(share).collect()
    }
}

/// `r_min (1 + γ + … + γ^(L − 1))` for a longest session of L rows.
fn lowest_return(worst_reward: f64, gamma: f64, longest: f64) -> f64 {
    if gamma < 1.0 {
        worst_reward * (1.0 - gamma.powf(longest)) / (1.0 - gamma)
    } else {
        worst_reward * longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowest_returns_by_hand() {
        assert_eq!(lowest_return(-2.0, 0.5, 3.0), -3.5);
        assert_eq!(lowest_return(-2.0, 1.0, 3.0), -6.0);
        assert_eq!(lowest_return(-2.0, 0.0, 3.0), -2.0);
        assert_eq!(lowest_return(-2.0, 0.5, f64::INFINITY), -4.0);
        assert_eq!(lowest_return(-2.0, 1.0, f64::INFINITY), f64::NEG_INFINITY);
    }

    #[test]
    fn shares_outside_of_what_returns_can_be() {
        let health = UpdateHealth {
            share: 0.5,
            lowest: vec![-10.0; 2],
            worst: vec![-8.0; 2],
            tasks: vec!["a".into(), "b".into()],
            now: vec![],
            told: vec![],
        };
        // Task a: −5 and −11 are possible but for rounding, −12 and 0.9 are not; task b is fine.
        let q_values = vec![-5.0, -1.0, -11.0, 0.7, -12.0, -1.0, 0.9, -1.0];
        let done = CriticStep {
            loss: 0.0,
            tasks: vec![],
            td_errors: vec![],
            q_values,
            dense_gradient_norm: None,
            embedding_gradient_norm: 0.0,
        };
        assert_eq!(health.outside_shares(&done), [0.5, 0.0]);
    }
}
