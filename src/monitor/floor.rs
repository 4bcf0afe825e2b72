//! Rows that loss terms weigh less than their equations say, since a probability lies below the term's floor.

use std::collections::BTreeMap;

use rmtl_agents::loss::FloorRows;

use crate::log::tags::{self, Phase};
use crate::run::Run;

/// Share of the rows above which an equation is that of the floor.
const NOTABLE_SHARE: f64 = 0.5;

/// Counts the rows of a phase's logged steps, by term and task.
#[derive(Default)]
pub(crate) struct FloorShares(BTreeMap<(String, usize), [f64; 2]>);

impl FloorShares {
    /// Logs and counts the rows of a batch.
    pub(crate) fn log(&mut self, run: &mut Run<'_>, (phase, step): (Phase, u64), found: &[FloorRows]) {
        self.count(found);
        for of in found.iter().filter(|of| of.of > 0.0) {
            let tag = tags::floor_share(phase, of.term, &run.schema().tasks[of.task].name);
            run.logger.scalar(&tag, step, of.rows / of.of);
        }
    }

    fn count(&mut self, found: &[FloorRows]) {
        for of in found {
            let [rows, all] = self.0.entry((of.term.to_owned(), of.task)).or_default();
            *rows += of.rows;
            *all += of.of;
        }
    }

    /// What was counted, by term and task.
    pub(crate) fn state(&self) -> Vec<(String, usize, [f64; 2])> {
        self.0.iter().map(|((term, task), counts)| (term.clone(), *task, *counts)).collect()
    }

    /// Counts that go on from those.
    pub(crate) fn of(state: Vec<(String, usize, [f64; 2])>) -> Self {
        Self(state.into_iter().map(|(term, task, counts)| ((term, task), counts)).collect())
    }

    /// Terms and tasks with more than half of their rows below the floor, and the share.
    fn notable(&self) -> impl Iterator<Item = (&str, usize, f64)> {
        let shares =
            self.0.iter().map(|((term, task), [rows, of])| (term.as_str(), *task, rows / of.max(1.0)));
        shares.filter(|(_, _, share)| *share > NOTABLE_SHARE)
    }

    /// Warns of them.
    pub(crate) fn report(&self, run: &mut Run<'_>, phase: Phase) {
        for (term, task, share) in self.notable() {
            let name = &run.schema().tasks[task].name;
            run.warn(format!(
                "`{}`: {:.0} % of the rows that `losses.{term}` looks at for task `{name}` have a probability below its \
                 floor, so those of them that it weighs weigh less than the equation says; set the floor below the rate of \
                 what is rare, or remove the term",
                phase.name(),
                100.0 * share,
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_all_rows_by_term_and_task_and_a_half_is_not_notable() {
        let of = |term, task, rows| FloorRows { term, task, rows, of: 4.0 };
        let mut shares = FloorShares::default();
        shares.count(&[of("dependence", 1, 4.0), of("dependence", 2, 4.0), of("counterfactual", 1, 2.0)]);
        shares.count(&[of("dependence", 1, 3.0), of("dependence", 2, 0.0), of("counterfactual", 1, 2.0)]);
        shares.count(&[FloorRows { of: 0.0, ..of("dependence", 3, 0.0) }]);
        assert_eq!(shares.notable().collect::<Vec<_>>(), [("dependence", 1, 0.875)]);
    }
}
