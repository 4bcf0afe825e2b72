//! What validation sessions say of critics that learn, whatever the schedule: that they fit single rows, or nothing at all.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::monitor::diagnosis::TaskCriticSummary;

/// A range of Q below this tells no rows apart.
const FLAT: f64 = 1e-5;

/// A TD loss on validation sessions that has grown by this factor since it was best says that single rows are learnt.
const OVERFITTED: f64 = 2.0;

/// Growth below this share of the rewards' variance is small, whatever it is a multiple of.
const NOTABLE_GROWTH: f64 = 0.1;

/// A TD loss on fewer sessions is chance.
const LEAST_SESSIONS: u64 = 30;

/// Watches the critics of every task on validation sessions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SessionHealth {
    tasks: IndexMap<String, TaskHealth>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct TaskHealth {
    /// Smallest and latest TD loss of the sessions that go on. Those that end are others in validation than in training, and
    /// more of them; nobody can know where a session will end, so their loss says little of what was learnt.
    td_loss: Option<[f64; 2]>,
    /// The sessions it rests on.
    sessions: u64,
    reward_variance: f64,
    q_range: f64,
}

impl SessionHealth {
    /// Takes in a look at the critics.
    pub(crate) fn update(&mut self, tasks: &IndexMap<String, TaskCriticSummary>) {
        for (name, task) in tasks {
            self.record(name, task);
        }
    }

    fn record(&mut self, name: &str, task: &TaskCriticSummary) {
        let TaskCriticSummary { reward_variance, q_range, .. } = *task;
        let sessions = task.evaluation.cut.sessions;
        let health = TaskHealth { td_loss: None, sessions, reward_variance, q_range };
        let health = self.tasks.entry(name.to_owned()).or_insert(health);
        health.q_range = q_range;
        if let Some(loss) = task.evaluation.cut.td_loss {
            let best = health.td_loss.map_or(loss, |[best, _]| best.min(loss));
            health.td_loss = Some([best, loss]);
        }
    }

    /// What is wrong at the end.
    pub(super) fn complaints(&self) -> impl Iterator<Item = String> {
        let overfitted = self.tasks.iter().filter_map(|(name, task)| {
            let [best, last] = task.td_loss?;
            let is_notable = last > OVERFITTED * best && last - best > NOTABLE_GROWTH * task.reward_variance;
            (is_notable && task.sessions >= LEAST_SESSIONS).then(|| {
                format!(
                    "the critic of task `{name}` fits single training rows: its TD loss on the {} validation sessions that go on was \
                     {best:.3} and is {last:.3} now; train it for fewer steps, or make it smaller",
                    task.sessions
                )
            })
        });
        let flat = self.tasks.iter().filter(|(_, task)| task.q_range < FLAT).map(|(name, _)| {
            format!(
                "the critic of task `{name}` has collapsed: its Q is the same for every row of the validation sessions, so it \
                 tells none apart; use a lower `critic.learning_rate` or a larger critic"
            )
        });
        overfitted.chain(flat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::metric::{POSITIONS, QEvaluation, QMetrics};

    fn summary(td_loss: Option<f64>, q_range: f64, sessions: u64) -> TaskCriticSummary {
        let of = |sessions, td_loss| QMetrics {
            sessions,
            rows: sessions,
            return_sessions: 0,
            return_rows: 0,
            correlation: None,
            bias: None,
            td_loss,
            calibration: Vec::new(),
            errors: Vec::new(),
        };
        let evaluation = QEvaluation {
            terminated: of(0, None),
            cut: of(sessions, td_loss),
            td_error_by_label: [None; 2],
            td_error_by_position: [None; POSITIONS.len()],
        };
        TaskCriticSummary { evaluation, dead_share: 0.0, q_range, reward_variance: 1.0 }
    }

    #[test]
    fn a_loss_that_has_doubled_and_a_range_that_has_gone_are_reported() {
        let mut health = SessionHealth::default();
        for (click, buy) in [(2.0, 1.0), (1.0, 0.5), (2.5, 0.9)] {
            health.record("click", &summary(Some(click), 3.0, 40));
            health.record("buy", &summary(Some(buy), 1e-7, 40));
        }
        health.record("cart", &summary(None, 1.0, 0));
        let complaints: Vec<String> = health.complaints().collect();
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(
            complaints[0].contains("`click` fits single training rows")
                && complaints[0].contains("on the 40 validation sessions that go on was 1.000 and is 2.500")
        );
        assert!(complaints[1].contains("`buy` has collapsed"));
    }

    #[test]
    fn few_sessions_and_small_losses_say_nothing() {
        let mut health = SessionHealth::default();
        for loss in [0.01, 0.05] {
            health.record("small", &summary(Some(loss), 1.0, 1000));
            health.record("few", &summary(Some(100.0 * loss), 1.0, 29));
        }
        assert_eq!(health.complaints().count(), 0);
    }
}
