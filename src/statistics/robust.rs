//! Many datasets or tasks in one number, as rliable has them (Agarwal et al., NeurIPS 2021,
//! <https://arxiv.org/abs/2108.13264>).

/// Mean of the middle half of the values, the values at its borders counted in part.
pub fn interquartile_mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let (low, high) = (n / 4.0, 3.0 * n / 4.0);
    let within = |index: usize| ((index + 1) as f64).min(high) - (index as f64).max(low);
    let sum: f64 = values.iter().enumerate().map(|(index, value)| value * within(index).max(0.0)).sum();
    Some(sum / (high - low))
}

/// Mean rank of every arm over rows of scores (`[dataset][arm]`, higher is better): 1 is the best, ties share theirs.
/// Nothing where a score is no number.
pub fn mean_ranks(scores: &[Vec<f64>]) -> Option<Vec<f64>> {
    if scores.iter().flatten().any(|score| !score.is_finite()) {
        return None;
    }
    let n_arms = scores.first().map_or(0, Vec::len);
    let rank = |row: &[f64], arm: usize| {
        let better = row.iter().filter(|score| **score > row[arm]).count() as f64;
        let tied = row.iter().filter(|score| **score == row[arm]).count() as f64;
        better + (tied + 1.0) / 2.0
    };
    let mean = |arm| scores.iter().map(|row| rank(row, arm)).sum::<f64>() / scores.len() as f64;
    Some((0..n_arms).map(mean).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_half_by_hand() {
        assert_eq!(interquartile_mean(&[100.0, 2.0, 3.0, -100.0]), Some(2.5));
        // Of three values 1.5 are in the middle: a quarter of each outer one, and the second.
        let found = interquartile_mean(&[0.0, 1.0, 5.0]).unwrap();
        assert!((found - (0.25 * 0.0 + 1.0 + 0.25 * 5.0) / 1.5).abs() < 1e-12, "{found}");
        assert_eq!(interquartile_mean(&[7.0]), Some(7.0));
        assert_eq!(interquartile_mean(&[]), None);
    }

    #[test]
    fn ranks_by_hand() {
        assert_eq!(mean_ranks(&[vec![0.9, 0.8, 0.8], vec![0.1, 0.2, 0.3]]), Some(vec![2.0, 2.25, 1.75]));
        assert_eq!(mean_ranks(&[vec![0.9, f64::NAN]]), None);
        assert_eq!(mean_ranks(&[]), Some(vec![]));
    }
}
