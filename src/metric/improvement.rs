//! How much better one AUC is than another.

/// RelaImpr, `(auc − ½) / (base − ½) − 1`: the improvement relative to what the base model knows beyond a
/// coin. `None` when the base knows nothing (`base ≤ ½`), for then the ratio says nothing.
///
/// BPCM, equation 14; after Yan et al., "Coupled Group Lasso for Web-Scale CTR Prediction", 2014.
pub fn rela_impr(auc: f64, base: f64) -> Option<f64> {
    let improvement = (auc - 0.5) / (base - 0.5) - 1.0;
    (base > 0.5 && improvement.is_finite()).then_some(improvement)
}

/// Gain, `auc / base − 1`; APEM, table 3. `None` when the base is not positive.
pub fn gain(auc: f64, base: f64) -> Option<f64> {
    let gain = auc / base - 1.0;
    (base > 0.0 && gain.is_finite()).then_some(gain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rela_impr_by_hand() {
        assert_eq!(rela_impr(0.875, 0.75), Some(0.5));
        assert_eq!(rela_impr(0.625, 0.75), Some(-0.5));
    }

    #[test]
    fn gain_reproduces_a_row_of_apem_table_3() {
        let gain = gain(0.6436, 0.6011).expect("defined");
        assert!((gain - 0.0707).abs() < 5e-5, "{gain}");
    }

    #[test]
    fn undefined_against_a_base_that_knows_nothing() {
        for base in [0.5, 0.4, f64::NAN] {
            assert_eq!(rela_impr(0.7, base), None, "{base}");
        }
        assert_eq!(gain(0.7, 0.0), None);
        assert_eq!(gain(f64::NAN, 0.7), None);
    }
}
