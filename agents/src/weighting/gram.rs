//! Inner products of the tasks' gradients: all that gradient-based weightings use of the gradients.
//!
//! Whatever they do, the result is a linear combination of the tasks' gradients, so norms, angles and projections
//! follow from the K × K inner products, however many parameters there are.

/// `⟨g_i, g_j⟩` of K gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Gram {
    n: usize,
    values: Vec<f64>,
}

impl Gram {
    /// From `[K, K]`, row-major and symmetric.
    pub fn new(n: usize, values: Vec<f64>) -> Self {
        assert_eq!(values.len(), n * n, "a Gram matrix is square");
        Self { n, values }
    }

    /// Number of gradients K.
    pub fn n(&self) -> usize {
        self.n
    }

    /// `⟨g_i, g_j⟩`
    pub fn at(&self, i: usize, j: usize) -> f64 {
        self.values[i * self.n + j]
    }

    /// `‖g_i‖`, never 0, so that it can be divided by.
    pub fn norm(&self, i: usize) -> f64 {
        self.at(i, i).max(f64::MIN_POSITIVE).sqrt()
    }

    /// Whether a task has (next to) no gradient here, so that angles and ratios mean nothing.
    pub fn is_degenerate(&self) -> bool {
        let squares = || (0..self.n).map(|i| self.at(i, i));
        let largest = squares().fold(0.0, f64::max);
        // Also where they are no numbers.
        !squares().all(|square| square > 1e-12 * largest && square < f64::INFINITY)
    }

    /// `⟨g_i, Σ_j w_j g_j⟩` for every i.
    pub fn times(&self, w: &[f64]) -> Vec<f64> {
        (0..self.n).map(|i| (0..self.n).map(|j| self.at(i, j) * w[j]).sum()).collect()
    }

    /// `⟨Σ v_i g_i, Σ w_j g_j⟩`
    pub fn product(&self, v: &[f64], w: &[f64]) -> f64 {
        dot(v, &self.times(w))
    }
}

/// `Σ v_i w_i`
pub(super) fn dot(v: &[f64], w: &[f64]) -> f64 {
    v.iter().zip(w).map(|(v, w)| v * w).sum()
}

/// x of `A x = b` by elimination with pivots; nothing where A is singular or close to it. `rows` are A beside b.
pub(super) fn solve(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let n = rows.len();
    let largest =
        rows.iter().flat_map(|row| &row[..n]).fold(0.0, |largest: f64, value| largest.max(value.abs()));
    for column in 0..n {
        let pivot = (column..n).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))?;
        rows.swap(column, pivot);
        let head = rows[column].clone();
        if head[column].abs() <= SINGULAR * largest {
            return None;
        }
        for (_, row) in rows.iter_mut().enumerate().filter(|(index, _)| *index != column) {
            let factor = row[column] / head[column];
            row.iter_mut().zip(&head).for_each(|(value, head)| *value -= factor * head);
        }
    }
    let x: Vec<f64> = rows.iter().enumerate().map(|(index, row)| row[n] / row[index]).collect();
    x.iter().all(|value| value.is_finite()).then_some(x)
}

/// Pivots this small against the largest entry are rounding: gradients are computed in single precision.
const SINGULAR: f64 = 1e-7;

/// Eigenvalues and eigenvectors (rows) of a symmetric matrix, by Jacobi's rotations.
pub(super) fn eigen(gram: &Gram) -> Vec<(f64, Vec<f64>)> {
    let n = gram.n;
    let mut a: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| gram.at(i, j)).collect()).collect();
    let mut v: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..100 {
        let mut rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q].abs() <= 1e-15 * (a[p][p].abs() + a[q][q].abs()) {
                    continue;
                }
                rotated = true;
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for row in &mut a {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
                for k in 0..n {
                    (a[p][k], a[q][k]) = (c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]);
                    (v[p][k], v[q][k]) = (c * v[p][k] - s * v[q][k], s * v[p][k] + c * v[q][k]);
                }
            }
        }
        if !rotated {
            break;
        }
    }
    v.into_iter().enumerate().map(|(i, vector)| (a[i][i], vector)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_by_hand() {
        assert_eq!(solve(vec![vec![0.0, 2.0, 4.0], vec![1.0, 1.0, 5.0]]), Some(vec![3.0, 2.0]));
        assert_eq!(
            solve(vec![vec![1.0, 3.0, 1.0], vec![3.0, 9.0 + 1e-9, 1.0]]),
            None,
            "singular but for rounding"
        );
    }

    #[test]
    fn eigenvectors_by_hand() {
        let mut found = eigen(&Gram::new(2, vec![2.0, 1.0, 1.0, 2.0]));
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!((found[0].0 - 1.0).abs() < 1e-12 && (found[1].0 - 3.0).abs() < 1e-12);
        assert!(
            (found[1].1[0] - found[1].1[1]).abs() < 1e-12 && (found[0].1[0] + found[0].1[1]).abs() < 1e-12
        );
    }
}
