//! What validation sessions say of critics that learn, whatever the schedule: that they fit single rows, or nothing at all.

use indexmap::IndexMap;

use super::diagnose::TaskCriticSummary;
use crate::run::Run;

/// A range of Q below this tells no rows apart.
const FLAT: f64 = 1e-5;

/// A TD loss on validation sessions that has grown by this factor since it was best says that single rows are learnt.
const OVERFITTED: f64 = 2.0;

/// Watches the critics of every task on validation sessions.
#[derive(Default)]
pub(super) struct CriticHealth {
    tasks: IndexMap<String, TaskHealth>,
}

struct TaskHealth {
    /// Smallest and latest TD loss of the sessions that go on. Those that end are others in validation than in training, and
    /// more of them; nobody can know where a session will end, so their loss says little of what was learnt.
    td_loss: Option<[f64; 2]>,
    q_range: f64,
}

impl CriticHealth {
    /// Takes in a look at the critics.
    pub(super) fn update(&mut self, tasks: &IndexMap<String, TaskCriticSummary>) {
        for (name, task) in tasks {
            self.record(name, task.evaluation.cut.td_loss, task.q_range);
        }
    }

    fn record(&mut self, name: &str, td_loss: Option<f64>, q_range: f64) {
        let health = self.tasks.entry(name.to_owned()).or_insert(TaskHealth { td_loss: None, q_range });
        health.q_range = q_range;
        if let Some(loss) = td_loss {
            let best = health.td_loss.map_or(loss, |[best, _]| best.min(loss));
            health.td_loss = Some([best, loss]);
        }
    }

    /// Says what is wrong at the end.
    pub(super) fn finish(&self, run: &mut Run<'_>) {
        self.complaints().for_each(|complaint| run.warn(complaint));
    }

    fn complaints(&self) -> impl Iterator<Item = String> {
        let overfitted = self.tasks.iter().filter_map(|(name, task)| {
            let [best, last] = task.td_loss?;
            (last > OVERFITTED * best).then(|| {
                format!(
                    "the critic of task `{name}` fits single training rows: its TD loss on validation sessions that go on was \
                     {best:.3} and is {last:.3} now; train it for fewer steps, or make it smaller"
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

    #[test]
    fn a_loss_that_has_doubled_and_a_range_that_has_gone_are_reported() {
        let mut health = CriticHealth::default();
        for (click, buy) in [(2.0, 1.0), (1.0, 0.5), (2.5, 0.9)] {
            health.record("click", Some(click), 3.0);
            health.record("buy", Some(buy), 1e-7);
        }
        health.record("cart", None, 1.0);
        let complaints: Vec<String> = health.complaints().collect();
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(
            complaints[0].contains("`click` fits single training rows")
                && complaints[0].contains("1.000 and is 2.500")
        );
        assert!(complaints[1].contains("`buy` has collapsed"));
    }
}
