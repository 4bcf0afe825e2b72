//! AUC of scores.

/// Probability that a row with label 1 has the higher score than one with label 0, ties counting one half; none where either is
/// missing. Orders `rows` by score.
///
/// # Shapes
/// - rows: `[row]` of (score, label)
pub(crate) fn auc(rows: &mut [(f32, u8)]) -> Option<f64> {
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    // Pairs counted twice, so that ties stay whole numbers.
    let (mut pairs, mut positives, mut negatives) = (0_u128, 0_u64, 0_u64);
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let ones = tied.iter().map(|row| u64::from(row.1)).sum::<u64>();
        let zeros = tied.len() as u64 - ones;
        pairs += u128::from(ones) * u128::from(2 * negatives + zeros);
        (positives, negatives) = (positives + ones, negatives + zeros);
    }
    let all = 2.0 * positives as f64 * negatives as f64;
    (all > 0.0).then(|| pairs as f64 / all)
}

#[cfg(test)]
mod tests {
    use super::auc;

    #[test]
    fn pairs_counted_by_hand() {
        // Ones at 4 and 2, zeros at 3, 2, 1: 4 wins three, 2 loses one, ties one, wins one: 4.5 of 6.
        assert_eq!(auc(&mut [(4.0, 1), (3.0, 0), (2.0, 1), (2.0, 0), (1.0, 0)]), Some(0.75));
        assert_eq!(auc(&mut [(1.0, 0), (2.0, 1), (-3.0, 0)]), Some(1.0));
        assert_eq!(auc(&mut [(1.0, 1), (2.0, 0)]), Some(0.0));
        // 0 and −0 are one value.
        assert_eq!(auc(&mut [(0.0, 1), (-0.0, 0)]), Some(0.5));
        assert_eq!(auc(&mut [(1.0, 1), (2.0, 1)]), None);
        assert_eq!(auc(&mut []), None);
    }
}
