//! Inner products of the tasks' gradients: all that gradient-based weightings look at.
//!
//! Whatever they do, the result is a linear combination of the tasks' gradients, so norms, angles and projections follow
//! from the K × K inner products, however many parameters there are.

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

/// x of `A x = b` by elimination with pivots; nothing where A is singular. `rows` are A beside b.
pub(super) fn solve(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let n = rows.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))?;
        rows.swap(column, pivot);
        let head = rows[column].clone();
        if head[column].abs() < f64::MIN_POSITIVE {
            return None;
        }
        for (index, row) in rows.iter_mut().enumerate().filter(|(index, _)| *index != column) {
            let factor = row[column] / head[column];
            debug_assert_ne!(index, column);
            row.iter_mut().zip(&head).for_each(|(value, head)| *value -= factor * head);
        }
    }
    let x: Vec<f64> = rows.iter().enumerate().map(|(index, row)| row[n] / row[index]).collect();
    x.iter().all(|value| value.is_finite()).then_some(x)
}

/// The point of the simplex `w ≥ 0, Σ w = 1` where a convex function is smallest, by projected descent from its centre.
///
/// `evaluate` gives the function and its gradient.
pub(super) fn minimize_on_simplex(n: usize, evaluate: impl Fn(&[f64]) -> (f64, Vec<f64>)) -> Vec<f64> {
    let mut w = vec![1.0 / n as f64; n];
    let (mut value, mut gradient) = evaluate(&w);
    let mut rate = 1.0 / gradient.iter().fold(f64::MIN_POSITIVE, |largest, g| largest.max(g.abs()));
    for _ in 0..10_000 {
        let moved: Vec<f64> = w.iter().zip(&gradient).map(|(w, g)| w - rate * g).collect();
        let next = project_on_simplex(&moved);
        let step: Vec<f64> = next.iter().zip(&w).map(|(next, w)| next - w).collect();
        let length = dot(&step, &step);
        if length < 1e-26 {
            break;
        }
        let (next_value, next_gradient) = evaluate(&next);
        // Sufficient descent for this rate, up to rounding.
        if next_value <= value + dot(&gradient, &step) + length / (2.0 * rate) + 1e-15 * value.abs() {
            (w, value, gradient) = (next, next_value, next_gradient);
            rate *= 1.5;
        } else {
            rate *= 0.5;
        }
    }
    w
}

/// The nearest point of the simplex.
fn project_on_simplex(x: &[f64]) -> Vec<f64> {
    let mut sorted = x.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (mut sum, mut shift) = (0.0, 0.0);
    for (index, value) in sorted.iter().enumerate() {
        sum += value;
        let candidate = (sum - 1.0) / (index + 1) as f64;
        if value - candidate > 0.0 {
            shift = candidate;
        }
    }
    x.iter().map(|value| (value - shift).max(0.0)).collect()
}

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
