//! How far Q is from what is usual for rows like this one.

use serde::{Deserialize, Serialize};

/// Share of what is remembered that is left after a batch: critics may learn on, and what they said a few hundred
/// batches ago is forgotten.
const MEMORY: f64 = 0.99;

/// Deviations below this are rounding.
const LEAST_DEVIATION: f64 = 1e-9;

/// Running means of Q by the stage of a row's session, and the deviation from them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Advantage {
    n_tasks: usize,
    /// By stage: rows, and the sum of their Q by task.
    stages: Vec<(f64, Vec<f64>)>,
    rows: f64,
    /// By task, Σ (V̄ − Q)².
    squares: Vec<f64>,
}

impl Advantage {
    pub(super) fn new(n_tasks: usize) -> Self {
        Self { n_tasks, stages: Vec::new(), rows: 0.0, squares: vec![0.0; n_tasks] }
    }

    /// `(V̄ − Q) / σ`, `[batch, task]` as `q_values`; 0 where Q does not vary. The batch counts in V̄ and σ, so that there are
    /// some from the first batch on.
    pub(super) fn of(&mut self, q_values: &[f32], stages: &[u8]) -> Vec<f64> {
        let n_tasks = self.n_tasks;
        let stage = |row: usize| stages.get(row).map_or(0, |&stage| usize::from(stage));
        let rows = || q_values.chunks_exact(n_tasks).enumerate();
        for (n, sums) in &mut self.stages {
            *n *= MEMORY;
            sums.iter_mut().for_each(|sum| *sum *= MEMORY);
        }
        for (row, q) in rows() {
            let stage = stage(row);
            if self.stages.len() <= stage {
                self.stages.resize(stage + 1, (0.0, vec![0.0; n_tasks]));
            }
            let (n, sums) = &mut self.stages[stage];
            *n += 1.0;
            sums.iter_mut().zip(q).for_each(|(sum, &q)| *sum += f64::from(q));
        }
        let mut advantages = Vec::with_capacity(q_values.len());
        for (row, q) in rows() {
            let (n, sums) = &self.stages[stage(row)];
            advantages.extend(sums.iter().zip(q).map(|(sum, &q)| sum / n - f64::from(q)));
        }
        self.rows = MEMORY * self.rows + (q_values.len() / n_tasks) as f64;
        self.squares.iter_mut().for_each(|squares| *squares *= MEMORY);
        for row in advantages.chunks_exact(n_tasks) {
            self.squares.iter_mut().zip(row).for_each(|(squares, advantage)| *squares += advantage.powi(2));
        }
        let deviations: Vec<f64> =
            self.squares.iter().map(|squares| (squares / self.rows.max(1.0)).sqrt()).collect();
        for row in advantages.chunks_exact_mut(n_tasks) {
            row.iter_mut().zip(&deviations).for_each(|(advantage, &deviation)| {
                *advantage = if deviation > LEAST_DEVIATION { *advantage / deviation } else { 0.0 };
            });
        }
        advantages
    }
}
