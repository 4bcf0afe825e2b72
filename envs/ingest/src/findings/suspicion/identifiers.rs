//! What the values of a categorical field tell of a label, tried on rows that did not say so.

use std::ops::Range;

use rmtl_envs::{PADDING, Row, Sessions};

use super::numbers::missing_where;
use super::outcome::Training;
use super::rank::auc;
use super::sample::{Sample, half};
use super::{Evidence, MIN_OUTCOMES, TELLING_AUC};

/// Rows per id, and positives per id and task, in each half of the sessions.
pub(super) struct Identifiers {
    slots: Range<usize>,
    null_id: Option<u32>,
    n_tasks: usize,
    /// `[half][id][1 + task]`, the rows first.
    counts: [Vec<u32>; 2],
    /// `[half][1 + task]`.
    totals: [Vec<u64>; 2],
}

impl Identifiers {
    pub(super) fn count(
        training: &Training<'_>,
        slots: Range<usize>,
        n_ids: u32,
        null_id: Option<u32>,
    ) -> Self {
        let table = training.table;
        let width = 1 + table.n_tasks();
        let mut counts = [(); 2].map(|()| vec![0_u32; n_ids as usize * width]);
        let mut totals = [(); 2].map(|()| vec![0_u64; width]);
        for (session, range) in Sessions::of(table).iter().enumerate() {
            let (counts, totals) = (&mut counts[half(session)], &mut totals[half(session)]);
            for row in range.map(Row) {
                let one =
                    || std::iter::once(1).chain((0..width - 1).map(move |task| training.outcome(row, task)));
                totals.iter_mut().zip(one()).for_each(|(total, one)| *total += u64::from(one));
                for &id in table.categorical(row)[slots.clone()].iter().filter(|&&id| id != PADDING) {
                    let of_id = &mut counts[id as usize * width..][..width];
                    of_id.iter_mut().zip(one()).for_each(|(n, one)| *n = n.saturating_add(u32::from(one)));
                }
            }
        }
        Self { slots, null_id, n_tasks: table.n_tasks(), counts, totals }
    }

    /// Number of ids that training rows have.
    pub(super) fn n_distinct(&self) -> usize {
        (0..self.n_ids()).filter(|&id| self.rows(id) > 0).count()
    }

    /// Whether no row has an id of a value's own.
    pub(super) fn only_unknown(&self) -> bool {
        (1..self.n_ids()).all(|id| self.rows(id) == 0)
    }

    pub(super) fn evidence(&self, training: &Training<'_>, sample: &Sample, task: usize) -> Option<Evidence> {
        let [rows, ones] = [0, 1 + task].map(|column| self.totals[0][column] + self.totals[1][column]);
        let zeros = rows - ones;
        if zeros.min(ones) < MIN_OUTCOMES {
            return None;
        }
        if let Some(null_id) = self.null_id {
            let [null_zeros, null_ones] = self.outcomes(null_id as usize, task);
            if let Some(label) = missing_where([(null_zeros, zeros), (null_ones, ones)]) {
                return Some(Evidence::MissingWhere(label));
            }
        }
        if self.slots.len() == 1 && self.is_copy(task) {
            return Some(Evidence::Copy);
        }
        let auc = self.cross_fitted_auc(training, sample, task)?;
        (auc >= TELLING_AUC).then_some(Evidence::Value { auc })
    }

    /// Whether each outcome has one id, and each its own.
    fn is_copy(&self, task: usize) -> bool {
        let outcomes = || (0..self.n_ids()).map(|id| self.outcomes(id, task));
        let n_ids_of = |label: usize| outcomes().filter(|outcomes| outcomes[label] > 0).count();
        let n_mixed = outcomes().filter(|outcomes| outcomes.iter().all(|&rows| rows > 0)).count();
        n_mixed == 0 && n_ids_of(0) == 1 && n_ids_of(1) == 1
    }

    /// The smaller of two AUCs: rates of one half of the sessions rank the rows of the other. An id whose rows all lie in one
    /// session tells the other half nothing, so that a number per row is not taken for a label.
    fn cross_fitted_auc(&self, training: &Training<'_>, sample: &Sample, task: usize) -> Option<f64> {
        let mut least = f64::INFINITY;
        for fitted in 0..2 {
            let base = self.totals[fitted][1 + task] as f64 / self.totals[fitted][0] as f64;
            if !(base > 0.0 && base < 1.0) {
                return None;
            }
            let others = sample.rows.iter().filter(|(_, half)| *half != fitted);
            let score = |row: Row| -> f64 {
                let ids =
                    training.table.categorical(row)[self.slots.clone()].iter().filter(|&&id| id != PADDING);
                ids.map(|&id| self.log_odds(fitted, id as usize, task, base)).sum()
            };
            let mut rows: Vec<(f32, u8)> =
                others.map(|&(row, _)| (score(row) as f32, training.outcome(row, task))).collect();
            least = least.min(auc(&mut rows)?);
        }
        Some(least)
    }

    /// Log odds of label 1 among the rows with `id`, above those of all rows; an id without rows has 0. One row at the base rate
    /// is added, so that no odds are infinite. Summed over a list's values they are a naive Bayes estimate.
    fn log_odds(&self, half: usize, id: usize, task: usize, base: f64) -> f64 {
        let [rows, ones] = [0, 1 + task].map(|column| f64::from(self.counts[half][self.place(id) + column]));
        let rate = (ones + base) / (rows + 1.0);
        (rate / (1.0 - rate)).ln() - (base / (1.0 - base)).ln()
    }

    fn n_ids(&self) -> usize {
        self.counts[0].len() / (1 + self.n_tasks)
    }

    fn place(&self, id: usize) -> usize {
        id * (1 + self.n_tasks)
    }

    fn rows(&self, id: usize) -> u64 {
        self.counts.iter().map(|counts| u64::from(counts[self.place(id)])).sum()
    }

    /// Rows of an id by label.
    fn outcomes(&self, id: usize, task: usize) -> [u64; 2] {
        let ones = self.counts.iter().map(|counts| u64::from(counts[self.place(id) + 1 + task])).sum();
        [self.rows(id) - ones, ones]
    }
}
