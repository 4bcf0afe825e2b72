//! Small quadratic problems, with as many unknowns as there are tasks.

use super::Gram;
use super::gram::{dot, eigen, solve};

/// The point of `v ≥ 0, Σ v = sum` that is nearest to `point`: every number lowered alike, none below 0.
pub(super) fn project_to_simplex(point: &[f64], sum: f64) -> Vec<f64> {
    let mut sorted = point.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let mut excess = -sum;
    let mut lowered = 0.0;
    for (index, value) in sorted.iter().enumerate() {
        excess += value;
        let threshold = excess / (index + 1) as f64;
        if *value >= threshold {
            lowered = threshold;
        }
    }
    point.iter().map(|value| (value - lowered).max(0.0)).collect()
}

/// The shortest x that comes closest to `A x = b`, A symmetric. Components of A that are rounding in single precision
/// against the largest are left out, so that a singular A has an answer, too.
pub(super) fn solve_symmetric(a: &Gram, b: &[f64]) -> Vec<f64> {
    let components = eigen(a);
    let largest = components.iter().map(|(value, _)| value.abs()).fold(0.0, f64::max);
    let rounding = a.n() as f64 * f64::from(f32::EPSILON) * largest;
    let mut x = vec![0.0; a.n()];
    for (value, vector) in components.iter().filter(|(value, _)| value.abs() > rounding) {
        let share = dot(vector, b) / value;
        x.iter_mut().zip(vector).for_each(|(x, v)| *x += share * v);
    }
    x
}

/// v where `‖Σ v_k g_k‖` is smallest over `v ≥ least`, by the active set method of Lawson and Hanson.
pub(super) fn shortest_above(gram: &Gram, least: &[f64]) -> Vec<f64> {
    let level = |free: &[usize]| {
        let bound: Vec<f64> = (0..gram.n()).map(|k| if free.contains(&k) { 0.0 } else { least[k] }).collect();
        let pull = gram.times(&bound);
        let row = |&i: &usize| cosines(gram, i, free).chain([-pull[i] / gram.norm(i)]).collect();
        let lengths = solve(free.iter().map(row).collect())?;
        Some(with_lengths(gram, bound, free, &lengths))
    };
    active_set(gram, (least.to_vec(), Vec::new()), least, |_| 0.0, level)
}

/// v where `‖Σ v_k g_k‖` is smallest over `v ≥ 0, Σ v = 1`, by Wolfe's method: among the convex combinations of some
/// gradients, and of more as long as one of them makes it shorter.
pub(super) fn shortest_on_simplex(gram: &Gram) -> Vec<f64> {
    let n = gram.n();
    let shortest = (0..n).min_by(|&a, &b| gram.norm(a).total_cmp(&gram.norm(b))).unwrap_or(0);
    let start: Vec<f64> = (0..n).map(|k| f64::from(u8::from(k == shortest))).collect();
    let level = |free: &[usize]| {
        // In units of the shortest gradient, which makes the last row as large as the others.
        let unit = |i: usize| gram.norm(shortest) / gram.norm(i);
        let row = |&i: &usize| cosines(gram, i, free).chain([unit(i), 0.0]).collect();
        let sum = free.iter().map(|&j| unit(j)).chain([0.0, gram.norm(shortest)]).collect();
        let lengths = solve(free.iter().map(row).chain([sum]).collect())?;
        Some(with_lengths(gram, vec![0.0; n], free, &lengths))
    };
    active_set(gram, (start, vec![shortest]), &vec![0.0; n], |v| gram.product(v, v), level)
}

/// Numbers `v ≥ least` are freed from their bounds one by one, those with the steepest slope below that of the free
/// ones first; those that would go below are bound again. `level` is where the free numbers have no slope left,
/// nothing where that is open.
fn active_set(
    gram: &Gram,
    (mut v, mut free): (Vec<f64>, Vec<usize>),
    least: &[f64],
    slope_of_free: impl Fn(&[f64]) -> f64,
    level: impl Fn(&[usize]) -> Option<Vec<f64>>,
) -> Vec<f64> {
    let n = gram.n();
    // Every round but those lost to rounding makes the combination shorter, so that no set of free numbers comes twice.
    for _ in 0..10 * (n + 1) {
        // Against the terms that the slopes are sums of, so that rounding is told from slopes.
        let length: f64 = v.iter().enumerate().map(|(k, v)| v.abs() * gram.norm(k)).sum();
        let slopes = gram.times(&v);
        let of_free = slope_of_free(&v);
        let excess = |k: usize| (slopes[k] - of_free) / (gram.norm(k) * length);
        let steepest = |a: &usize, b: &usize| excess(*a).total_cmp(&excess(*b));
        match (0..n).filter(|k| !free.contains(k)).min_by(steepest) {
            Some(next) if excess(next) < -1e-12 => free.push(next),
            _ => break,
        }
        while let Some(target) = level(&free) {
            // How far towards the target until a number reaches its bound.
            let room = |k: usize| match free.contains(&k) && target[k] < least[k] {
                true => (v[k] - least[k]) / (v[k] - target[k]),
                false => 1.0,
            };
            let share = (0..n).map(room).fold(1.0, f64::min);
            let bound: Vec<usize> = (0..n).filter(|&k| share < 1.0 && room(k) <= share).collect();
            v.iter_mut().zip(&target).for_each(|(v, target)| *v += share * (target - *v));
            bound.iter().for_each(|&k| v[k] = least[k]);
            free.retain(|k| !bound.contains(k));
            if bound.is_empty() {
                break;
            }
        }
    }
    v
}

/// Cosines of a gradient with others. Pivots of a system of these say how dependent the gradients are, whatever their
/// lengths.
fn cosines(gram: &Gram, i: usize, others: &[usize]) -> impl Iterator<Item = f64> {
    others.iter().map(move |&j| gram.at(i, j) / (gram.norm(i) * gram.norm(j)))
}

/// `v` with the numbers that give the free gradients these lengths.
fn with_lengths(gram: &Gram, mut v: Vec<f64>, free: &[usize], lengths: &[f64]) -> Vec<f64> {
    free.iter().zip(lengths).for_each(|(&k, length)| v[k] = length / gram.norm(k));
    v
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_point_of_a_simplex_by_hand() {
        assert_eq!(project_to_simplex(&[0.5, 0.5], 1.0), [0.5, 0.5]);
        // Half of the excess of 0.5 from each.
        assert_eq!(project_to_simplex(&[1.0, 0.5], 1.0), [0.75, 0.25]);
        assert_eq!(project_to_simplex(&[3.0, 0.5, -7.0], 1.0), [1.0, 0.0, 0.0]);
        assert_eq!(project_to_simplex(&[0.0, 0.0], 0.5), [0.25, 0.25]);
        assert_eq!(project_to_simplex(&[0.3, 0.1], 0.0), [0.0, 0.0]);
    }

    #[test]
    fn symmetric_systems_by_hand() {
        let solved = |matrix: [f64; 4], b: [f64; 2]| solve_symmetric(&Gram::new(2, matrix.into()), &b);
        for (found, expected) in [
            // Indefinite, and singular: x + y = 2 is met by (1, 1) and longer ones.
            (solved([0.0, 2.0, 2.0, 0.0], [4.0, 6.0]), [3.0, 2.0]),
            (solved([1.0, 1.0, 1.0, 1.0], [2.0, 2.0]), [1.0, 1.0]),
        ] {
            assert!(found.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-12), "{found:?} {expected:?}");
        }
    }

    #[test]
    fn the_shortest_combination_above_bounds_by_hand() {
        let shortest =
            |matrix: [f64; 4], least: [f64; 2]| shortest_above(&Gram::new(2, matrix.into()), &least);
        // Agreeing gradients stay at their bounds; of opposed ones the second rises until nothing is left: ½ − 2 · ¼ = 0.
        assert_eq!(shortest([1.0, 0.5, 0.5, 1.0], [0.5, 0.0]), [0.5, 0.0]);
        assert_eq!(shortest([1.0, -2.0, -2.0, 4.0], [0.5, 0.0]), [0.5, 0.25]);
        // Both bounds hold against a minimum at 0.
        assert_eq!(shortest([1.0, -0.5, -0.5, 1.0], [1.0, 1.0]), [1.0, 1.0]);
    }

    #[test]
    fn the_shortest_convex_combination_by_hand() {
        for scale in [1e-12, 1.0, 1e6] {
            let shortest = |matrix: [f64; 4]| {
                shortest_on_simplex(&Gram::new(2, matrix.map(|value| scale * value).into()))
            };
            // (4 − 1) / (2 + 4 − 2) of the first; the first alone is shortest where the angle is small.
            let inside = shortest([2.0, 1.0, 1.0, 4.0]);
            assert!((inside[0] - 0.75).abs() < 1e-9, "{inside:?}");
            assert_eq!(shortest([1.0, 1.5, 1.5, 4.0]), [1.0, 0.0]);
            // Opposed: nothing is left of a third of the longer.
            let opposed = shortest([1.0, -2.0, -2.0, 4.0]);
            assert!((opposed[0] - 2.0 / 3.0).abs() < 1e-9, "{opposed:?}");
        }
    }
}
