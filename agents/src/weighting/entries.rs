//! The entries of the tasks' gradients, for weightings that need more of them than inner products.

use super::Gram;
use crate::embedding::inner_product;

/// Every task's gradient on the parameters that the tasks share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskGradients {
    /// The same parameters in the same order in every batch: dense ones, then tables.
    pub parameters: Vec<ParameterGradients>,
}

/// Every task's gradient on one parameter: a dense one is one row of all its entries, a table has the rows of the
/// batch.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterGradients {
    /// Rows of the parameter.
    pub n_rows: usize,
    /// The rows that are here, ascending and distinct. The gradient of all others is zero.
    pub rows: Vec<u32>,
    /// Entries of a row.
    pub width: usize,
    /// By task, `[row, width]` in the order of `rows`.
    pub tasks: Vec<Vec<f32>>,
}

impl TaskGradients {
    /// Multiplies every task's gradient by its factor.
    pub fn scale(&mut self, factors: &[f64]) {
        for parameter in &mut self.parameters {
            for (values, &factor) in parameter.tasks.iter_mut().zip(factors) {
                values.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
            }
        }
    }

    /// Inner products of `n_tasks` gradients.
    pub fn gram(&self, n_tasks: usize) -> Gram {
        let of_pair = |index: usize| {
            let products = self.parameters.iter().map(|parameter| {
                inner_product(&parameter.tasks[index / n_tasks], &parameter.tasks[index % n_tasks])
            });
            products.sum()
        };
        Gram::new(n_tasks, (0..n_tasks * n_tasks).map(of_pair).collect())
    }
}

/// A number per task and entry of the shared parameters that outlives a batch, 0 at first: as many times the memory
/// of the tables as there are tasks. Rows that are not in a batch keep theirs.
#[derive(Debug, Default)]
pub(super) struct EntryState {
    /// By parameter and task, `[row, width]`.
    values: Vec<Vec<Vec<f32>>>,
}

impl EntryState {
    /// Calls `update(task, state, gradient)` for every task and entry of a batch.
    pub(super) fn update(
        &mut self,
        gradients: &mut TaskGradients,
        mut update: impl FnMut(usize, &mut f32, &mut f32),
    ) {
        if self.values.is_empty() {
            let zeros = |of: &ParameterGradients| vec![vec![0.0; of.n_rows * of.width]; of.tasks.len()];
            self.values = gradients.parameters.iter().map(zeros).collect();
        }
        assert_eq!(
            self.values.len(),
            gradients.parameters.len(),
            "parameters of the first batch, and of this"
        );
        for (states, parameter) in self.values.iter_mut().zip(&mut gradients.parameters) {
            let width = parameter.width;
            for (task, (state, values)) in states.iter_mut().zip(&mut parameter.tasks).enumerate() {
                for (&row, values) in parameter.rows.iter().zip(values.chunks_exact_mut(width)) {
                    let state = &mut state[row as usize * width..][..width];
                    state.iter_mut().zip(values).for_each(|(state, value)| update(task, state, value));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dense parameter of two entries, and these rows of a table of three rows with one.
    fn gradients(rows: &[u32]) -> TaskGradients {
        let of = |n_rows, rows: &[u32], width, tasks: Vec<Vec<f32>>| ParameterGradients {
            n_rows,
            rows: rows.to_vec(),
            width,
            tasks,
        };
        let by_row = |sign: f32| rows.iter().map(|&row| sign * (1.0 + row as f32)).collect();
        let dense = of(1, &[0], 2, vec![vec![1.0, 2.0], vec![3.0, -1.0]]);
        TaskGradients { parameters: vec![dense, of(3, rows, 1, vec![by_row(1.0), by_row(-1.0)])] }
    }

    #[test]
    fn inner_products_and_scales_by_hand() {
        let mut gradients = gradients(&[0, 2]);
        // (1, 2, 1, 3) and (3, −1, −1, −3).
        assert_eq!(gradients.gram(2), Gram::new(2, vec![15.0, -9.0, -9.0, 20.0]));
        gradients.scale(&[2.0, 0.0]);
        assert_eq!(gradients.gram(2), Gram::new(2, vec![60.0, 0.0, 0.0, 0.0]));
    }

    #[test]
    fn a_row_keeps_its_state_while_it_is_not_in_the_batch() {
        let mut state = EntryState::default();
        for rows in [&[0, 2][..], &[1], &[2]] {
            state.update(&mut gradients(rows), |_, sum, gradient| *sum += *gradient);
        }
        let expected = [[vec![3.0, 6.0], vec![9.0, -3.0]], [vec![1.0, 2.0, 6.0], vec![-1.0, -2.0, -6.0]]];
        assert_eq!(state.values, expected);
    }
}
