//! How precisely an AUC can be measured.

/// Standard error of an AUC of `auc` measured on `positives` and `negatives` independent rows, after Hanley and McNeil (*The
/// meaning and use of the area under a receiver operating characteristic (ROC) curve*, Radiology 143, 1982):
///
/// `√((A (1 − A) + (P − 1)(Q₁ − A²) + (N − 1)(Q₂ − A²)) / (P N))`, `Q₁ = A / (2 − A)`, `Q₂ = 2 A² / (1 + A)`.
///
/// At `A = ½` it is the exact error of a ranking without any skill, `√((P + N + 1) / (12 P N))`. Rows of one session depend on
/// one another, so the true error is rather larger. Infinite where either class is missing.
pub fn auc_standard_error(auc: f64, positives: u64, negatives: u64) -> f64 {
    if positives == 0 || negatives == 0 {
        return f64::INFINITY;
    }
    let (p, n) = (positives as f64, negatives as f64);
    let square = auc * auc;
    let two_positives = auc / (2.0 - auc) - square;
    let two_negatives = 2.0 * square / (1.0 + auc) - square;
    let variance = (auc * (1.0 - auc) + (p - 1.0) * two_positives + (n - 1.0) * two_negatives) / (p * n);
    variance.max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::auc_standard_error;

    #[test]
    fn standard_errors_by_hand() {
        // A = ½: Q₁ = Q₂ = ⅓. One row each: ¼. Two positives, one negative: (¼ + 1/12) / 2 = 1/6.
        assert!((auc_standard_error(0.5, 1, 1) - 0.5).abs() < 1e-12);
        assert!((auc_standard_error(0.5, 2, 1) - (1.0_f64 / 6.0).sqrt()).abs() < 1e-12);
        // A = 0.8, 2 and 3 rows: (0.16 + (2/3 − 0.64) + 2 (1.28/1.8 − 0.64)) / 6.
        let variance: f64 = (0.16 + (2.0 / 3.0 - 0.64) + 2.0 * (1.28 / 1.8 - 0.64)) / 6.0;
        assert!((auc_standard_error(0.8, 2, 3) - variance.sqrt()).abs() < 1e-12);
        // Many negatives: √((Q₂ − A²) / P) = √(0.08647 / 11) remains.
        assert!((auc_standard_error(0.7, 11, 1_000_000) - 0.0887).abs() < 5e-5);
        assert!(auc_standard_error(0.7, 1_100, 1_000_000) < 0.009);
    }

    #[test]
    fn without_skill_it_is_that_of_the_rank_sum() {
        for (p, n) in [(3_u64, 7_u64), (20, 20), (1, 500)] {
            let exact = ((p + n + 1) as f64 / (12 * p * n) as f64).sqrt();
            assert!((auc_standard_error(0.5, p, n) - exact).abs() < 1e-12, "{p} and {n}");
        }
    }

    #[test]
    fn one_class_measures_nothing_and_a_perfect_ranking_has_no_error() {
        assert_eq!(auc_standard_error(0.7, 0, 10), f64::INFINITY);
        assert_eq!(auc_standard_error(0.7, 10, 0), f64::INFINITY);
        assert_eq!(auc_standard_error(1.0, 5, 5), 0.0);
    }
}
