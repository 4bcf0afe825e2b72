//! Critics that learn the training rows by heart, or nothing at all.

use indexmap::IndexMap;

use super::diagnose::TaskCriticSummary;
use crate::run::Run;

/// A range of Q below this tells no rows apart.
const FLAT: f64 = 1e-5;

/// Watches the validation TD loss of every task.
#[derive(Default)]
pub(super) struct Doubts {
    /// Per task: its name, the smallest and the latest loss.
    tasks: IndexMap<String, [f64; 2]>,
}

/// Tells of the tasks whose Q is the same for every row.
pub(super) fn report_flat(run: &mut Run<'_>, tasks: &IndexMap<String, TaskCriticSummary>) {
    for (name, task) in tasks {
        if task.q_range < FLAT {
            run.warn(format!(
                "the critic of task `{name}` has collapsed: its Q is the same for every row of the validation sessions, so it \
                 tells none apart; use a lower `critic.learning_rate` or a larger critic"
            ));
        }
    }
}

impl Doubts {
    pub(super) fn hear(&mut self, tasks: &IndexMap<String, TaskCriticSummary>) {
        for (name, task) in tasks {
            let Some(loss) = task.metrics.td_loss else { continue };
            let [best, last] = self.tasks.entry(name.clone()).or_insert([loss; 2]);
            *best = best.min(loss);
            *last = loss;
        }
    }

    /// Tells of the tasks whose loss has doubled since it was best.
    pub(super) fn check_end(&self, run: &mut Run<'_>) {
        for (name, [best, last]) in &self.tasks {
            if *last > 2.0 * best {
                run.warn(format!(
                    "the critic of task `{name}` fits single training rows: its TD loss on validation sessions was {best:.3} \
                     and is {last:.3} now; use fewer `schedule.two_stage.critics.max_steps` or a smaller critic"
                ));
            }
        }
    }
}
