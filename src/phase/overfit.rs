//! Critics that learn the training rows by heart.

use indexmap::IndexMap;

use super::diagnose::TaskCriticSummary;
use crate::run::Run;

/// Watches the validation TD loss of every task.
#[derive(Default)]
pub(super) struct Overfit {
    /// Per task: its name, the smallest and the latest loss.
    tasks: IndexMap<String, [f64; 2]>,
}

impl Overfit {
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
